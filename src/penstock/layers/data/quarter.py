"""The data layer: how much of its own knowledge an enterprise can put before a model."""

from __future__ import annotations

import numpy as np

from penstock.bounds import bounded

Array = np.ndarray


def advance_readiness(readiness: Array, speed: Array, spending_ratio: Array) -> Array:
    """Readiness after a quarter: closes a part of the gap to one, faster with spending on data platforms.

    spending_ratio: spending on data platforms relative to the opening, (paths,).
    """
    pace = speed * 0.25 * bounded(spending_ratio, 0.2, 5.0) ** 0.5
    return readiness + pace * (1.0 - readiness)

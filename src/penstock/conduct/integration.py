"""Integration: make instead of buy, when the supplier's margin is worth the research and the wait."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

PROJECT_QUARTERS = 10.0
"""Time from the start of an own-chip project to volume (assumption, 8 to 14)."""
PROJECT_COST_USD_BN_PER_QUARTER = 0.25
"""Research for one chip generation: about 1 usd_bn a year with software (assumption, 0.5 to 2)."""
START_CHANCE = 0.15
"""Chance that a firm for which making is worth it starts in a quarter (assumption, 0.05 to 0.3)."""
SHIFT = 0.2
"""Share of the remaining bought accelerators that one successful generation replaces (assumption, 0.1 to 0.3)."""
MOST_OWN = 0.7


def worth_making(yearly_spending: Array, margin: Array, rate: Array) -> Array:
    """True where the margin saved on the shifted purchases pays for the project at the cost of capital.

    yearly_spending on accelerators, usd_bn; the saving is counted over four years after the wait.
    """
    wait = PROJECT_QUARTERS / 4.0
    saving = margin * SHIFT * yearly_spending * ((1.0 + rate) ** -wait) * 3.0
    cost = PROJECT_COST_USD_BN_PER_QUARTER * PROJECT_QUARTERS
    return saving > cost * (1.0 + rate)


def advance_projects(
    project: Array, own: Array, worth: Array, chance: Array, success: Array
) -> tuple[Array, Array, Array]:
    """Projects a quarter on: quarters left, share of own chips, and research paid, usd_bn a quarter.

    chance: one uniform number an owner and path, used for the start of a project and for its success.
    """
    running = project > 0.0
    left = np.where(running, project - 1.0, 0.0)
    done = running & (left <= 0.0)
    succeeded = done & (chance < success)
    own = np.where(succeeded, np.minimum(own + SHIFT * (1.0 - own), MOST_OWN), own)
    starts = ~running & worth & (chance < START_CHANCE) & (own < MOST_OWN)
    left = np.where(starts, PROJECT_QUARTERS, np.maximum(left, 0.0))
    return left, own, PROJECT_COST_USD_BN_PER_QUARTER * (left > 0.0)

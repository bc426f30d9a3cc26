"""Numbers as arrays of one path, and how properties of formulas are tried."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

Array = np.ndarray

properties = settings(max_examples=40, derandomize=True, deadline=None, database=None)
"""The same examples each time, and no clock: a slow machine fails nothing."""


def one(value: float) -> Array:
    """The number on one path, shape (1,)."""
    return np.array([float(value)])


def number(low: float, high: float) -> st.SearchStrategy[float]:
    """Any number between the two; none so near zero that a computer loses digits."""
    return st.floats(low, high, allow_subnormal=False)

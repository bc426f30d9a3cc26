"""Ratios of means over paths and their standard errors: what a paired change amounts to, relative to a level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

Z90 = 1.6448536269514722
"""Standard normal quantile of 0.95: an interval of 90 % reaches so many standard errors to each side."""


def ratio(numerators: Sequence[Array], denominators: Sequence[Array]) -> tuple[float, float]:
    """Product of the means of the numerators over that of the denominators, and its standard error.

    Each array holds one number a path, (paths,). The error is that of the delta method: the first-order influence of
    each path, so that what moves above and below the line together cancels (Cochran 1977, Sampling Techniques, ch. 6).
    NaN where a denominator is zero; the error is NaN with one path.
    """
    above = [float(x.mean()) for x in numerators]
    below = [float(x.mean()) for x in denominators]
    if any(value == 0.0 for value in below):
        return np.nan, np.nan
    value = float(np.prod(above) / np.prod(below))
    count = len(numerators[0])
    if count < 2:
        return value, np.nan
    influence = np.zeros(count)
    for number, x in enumerate(numerators):
        others = np.prod([mean for other, mean in enumerate(above) if other != number])
        influence += (x - above[number]) * others / np.prod(below)
    for x, mean in zip(denominators, below, strict=True):
        influence -= value * (x - mean) / mean
    return value, float(influence.std(ddof=1) / np.sqrt(count))


def interval(value: float, error: float) -> tuple[float, float]:
    """The 90 % interval of a mean with this standard error."""
    return value - Z90 * error, value + Z90 * error

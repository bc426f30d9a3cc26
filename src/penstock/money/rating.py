"""Ratings: the class that an agency gives, which follows distance to default late and in steps.

Classes are numbered from the best (0) to the worst. Arrays (firms, paths).
"""

from __future__ import annotations

import numpy as np

from penstock.money.kernels import _MAT, _MAT_IN
from penstock.passes import float64, inlined, kernel, void

Array = np.ndarray

MEMORY = 0.25
"""Weight of a quarter in the distance that an agency looks at: about a year (assumption, 0.15 to 0.5: agencies rate
through the cycle)."""
STEP = 0.3
"""Part of its distance at the opening that a firm loses or gains for each class (assumption, 0.2 to 0.4: mean distances
of neighbouring classes stand about so far apart)."""
SAFE = 6.0
"""Distance to default beyond which more of it says nothing (assumption, 5 to 8: a firm with little debt stands far from
default whatever its debt does)."""
NEAR_DEFAULT = 1.05
"""Distance to default below which an agency gives its lowest class: a chance of default of 15 % a year, half way
between the published rates of B and CCC (assumption, 0.9 to 1.4)."""
LATE_DOWN, LATE_UP = 1.0, 1.5
"""Classes by which the distance has to be off before a rating moves, down and up (assumption, 0.75 to 1.5 and 1 to 2:
agencies avoid moves that they would have to take back, and upgrade later than they cut)."""


@kernel(void(_MAT_IN, float64, _MAT))
def mark_grade(rating: Array, worst: float, grade: Array) -> None:
    """Set `grade` to 1 where a rating is of investment grade, whose `worst` class is given, else to 0."""
    for f in range(rating.shape[0]):
        for n in range(rating.shape[1]):
            grade[f, n] = 1.0 if rating[f, n] <= worst else 0.0


@inlined
def watch(seen: Array, distance: Array) -> Array:
    """The distance to default that an agency looks at after a quarter: an average that forgets in about a year."""
    return seen + MEMORY * (np.minimum(np.maximum(distance, -SAFE), SAFE) - seen)


@inlined
def rerate(rating: Array, opening: Array, seen: Array, seen_opening: Array, worst: float) -> Array:
    """Ratings after a quarter: at most one class worse or better.

    opening: the class at the opening, (firms, 1); seen, seen_opening: distances to default now and then.
    """
    lost = (seen_opening - seen) / (STEP * np.maximum(seen_opening, 1.0))
    off = lost - (rating - opening)
    moved = rating + 1.0 * (off > LATE_DOWN) - 1.0 * (off < -LATE_UP)
    # the lowest class says that default is near, not that a firm stands worse than it did
    lowest = worst - 1.0 * (seen >= NEAR_DEFAULT)
    return np.minimum(np.maximum(moved, 0.0), lowest)


@kernel(void(_MAT_IN, _MAT_IN, _MAT_IN, *[float64] * 3, *[_MAT] * 3))
def rate_anew(
    distance: Array,
    distance_opening: Array,
    opening: Array,
    worst: float,
    threshold: float,
    memory: float,
    seen: Array,
    rating: Array,
    fallen: Array,
) -> None:
    """Move what agencies see and the ratings that they give; `fallen` counts the quarters since one fell below
    `threshold` down from `memory`. `opening` and `distance_opening` are (firms, 1), all else (firms, paths).
    """
    for f in range(rating.shape[0]):
        for n in range(rating.shape[1]):
            before = rating[f, n]
            seen[f, n] = watch(seen[f, n], distance[f, n])
            then = min(distance_opening[f, 0], SAFE)
            after = rerate(before, opening[f, 0], seen[f, n], then, worst)
            rating[f, n] = after
            late = before <= threshold and after > threshold
            fallen[f, n] = memory if late else max(fallen[f, n] - 1.0, 0.0)

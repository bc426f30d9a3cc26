"""Ratings: the class that an agency gives, which follows distance to default late and in steps.

Classes are numbered from the best (0) to the worst. Arrays (firms, paths).
"""

from __future__ import annotations

import numpy as np

from penstock.bounds import bounded

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
LATE_DOWN, LATE_UP = 1.0, 1.5
"""Classes by which the distance has to be off before a rating moves, down and up (assumption, 0.75 to 1.5 and 1 to 2:
agencies avoid moves that they would have to take back, and upgrade later than they cut)."""


def watch(seen: Array, distance: Array) -> Array:
    """The distance to default that an agency looks at after a quarter: an average that forgets in about a year."""
    return seen + MEMORY * (bounded(distance, -SAFE, SAFE) - seen)


def rerate(rating: Array, opening: Array, seen: Array, seen_opening: Array, worst: int) -> Array:
    """Ratings after a quarter: at most one class worse or better.

    opening: the class at the opening, (firms, 1); seen, seen_opening: distances to default now and then.
    """
    lost = (seen_opening - seen) / (STEP * np.maximum(seen_opening, 1.0))
    off = lost - (rating - opening)
    moved = rating + np.where(off > LATE_DOWN, 1.0, np.where(off < -LATE_UP, -1.0, 0.0))
    return bounded(moved, 0.0, float(worst))

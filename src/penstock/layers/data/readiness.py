"""An enterprise's readiness: what of its knowledge a model can reach, what that unlocks, what it takes to get there.

Knowledge lies in systems that are joined or not, and in people's heads. A task is done only where all the pieces that
it needs are within reach, so that value falls faster than reach.
"""

from __future__ import annotations

from typing import Any

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.errors import UsageError
from penstock.layers.data.quarter import advance_readiness
from penstock.layers.refusing import positive, share

Array = np.ndarray

JOINED_SYSTEMS = (0.35, 0.55, 0.75)
"""Share of an enterprise's records in systems that are joined, end of 2025: low, central, high; assumption (F)."""

TACIT_SHARE = (0.20, 0.36, 0.50)
"""Share of knowledge that nobody wrote down: low, central, high; assumption (grade F)."""

PIECES_PER_TASK = (1.0, 2.0, 4.0)
"""Pieces of knowledge that a task needs at once: low, central, high; assumption (grade F)."""

QUARTER_PIECES = PIECES_PER_TASK[0]
"""Pieces of a task in the quarter: the low end, for the ceilings of demand were matched with it. More pieces make the
spending of enterprises start lower and rise for longer (at two, twice as far in ten years).
"""


def reach(joined: Array | float, tacit: Array | float, captured: Array | float = 0.0) -> Any:
    """Share of an enterprise's knowledge that a model can reach.

    Args:
        joined: share of written knowledge in joined systems.
        tacit: share of knowledge that is in heads; `captured`: share of that which was written down since.

    At the central assumptions this is the readiness with which the quarter opens (`opening_readiness`).
    """
    for name, value in (("joined", joined), ("tacit", tacit), ("captured", captured)):
        share(name, value)
    unwritten = np.asarray(tacit, dtype=float) * (1.0 - np.asarray(captured, dtype=float))
    return np.asarray(joined, dtype=float) * (1.0 - unwritten)


def opening_readiness() -> float:
    """Readiness with which the quarter opens: the reach at the central assumptions."""
    return float(reach(JOINED_SYSTEMS[1], TACIT_SHARE[1]))


def ceiling_factor(readiness: Array, opening: float, lever: Array | float = 1.0) -> Array:
    """Factor on what enterprises can use: value unlocked at their readiness over that at the opening.

    Tasks of the quarter need `QUARTER_PIECES`. Out of bounds is cut: a lever may ask for more than all.
    """
    reached = bounded(readiness * lever, 0.01, 1.0)
    return np.asarray(reached**QUARTER_PIECES / opening**QUARTER_PIECES)


def value_unlocked(readiness: Array | float, pieces: Array | float = PIECES_PER_TASK[1]) -> Any:
    """Share of the value of AI that an enterprise realises when tasks need `pieces` of knowledge: `reach^pieces`.

    Kremer (1993), Quarterly Journal of Economics 108: what needs all of its parts is worth their product.
    """
    share("readiness", readiness)
    positive("pieces", pieces)
    return np.asarray(readiness, dtype=float) ** np.asarray(pieces, dtype=float)


def readiness_after(
    readiness: Array | float, speed: Array | float, spending_ratio: Array | float, quarters: int
) -> Any:
    """Readiness after some quarters of a constant spending on data platforms, relative to that of the opening.

    The law of the quarter, applied again and again.
    """
    share("readiness", readiness)
    if quarters < 0 or quarters != int(quarters):
        raise UsageError(f"quarters: found {quarters:g}; expected a whole number of at least 0")
    now = np.asarray(readiness, dtype=float)
    for _ in range(int(quarters)):
        now = advance_readiness(now, np.asarray(speed, dtype=float), np.asarray(spending_ratio, dtype=float))
    return now


def spending_for(readiness: Array | float, target: Array | float, years: Array | float, speed: Array | float) -> Any:
    """Spending on data platforms, over that of the opening, that brings readiness to a target in some years.

    The inverse of the law of the quarter, without its bounds of 0.2 and 5.
    """
    share("readiness", readiness)
    share("target", target)
    positive("years", years)
    positive("speed", speed)
    if np.any(np.asarray(target) < np.asarray(readiness)) or np.any(np.asarray(target) >= 1.0):
        raise UsageError(
            f"target: found {np.max(target):g}; expected from the readiness {np.min(readiness):g} to below 1"
        )
    left = (1.0 - np.asarray(target, dtype=float)) / (1.0 - np.asarray(readiness, dtype=float))
    pace = 1.0 - left ** (1.0 / (4.0 * np.asarray(years, dtype=float)))
    return (pace / (0.25 * np.asarray(speed, dtype=float))) ** 2


def platform_spending_usd_bn(
    ai_spending_usd_bn: Array | float, readiness: Array | float, opening_ratio: Array | float, opening: Array | float
) -> Any:
    """Spending on data platforms that goes with enterprises' spending on AI: more where more is left to join.

    `AI spending x opening ratio x (1 - readiness) / (1 - opening readiness)`.
    """
    share("readiness", readiness)
    share("opening", opening)
    if np.any(np.asarray(opening) >= 1.0):
        raise UsageError(f"opening: found {np.max(opening):g}; expected below 1")
    gap = (1.0 - np.asarray(readiness, dtype=float)) / (1.0 - np.asarray(opening, dtype=float))
    return np.asarray(ai_spending_usd_bn, dtype=float) * opening_ratio * gap

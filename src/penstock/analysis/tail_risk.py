"""Expected loss, value at risk and expected shortfall of simulated losses, their errors and their parts.

Losses are positive, one a path, all paths equally likely. Sources: Acerbi and Tasche (2002), "On the coherence of
expected shortfall", Journal of Banking and Finance 26, for the estimator of expected shortfall; Maritz and Jarrett
(1978), JASA 73, for the error of an order statistic; Manistre and Hancock (2005), North American Actuarial Journal 9,
for the error of expected shortfall; Tasche (1999) for the parts (Euler's rule).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

LEVELS = (0.95, 0.99)
INTERVAL = 0.95
"""Level of the intervals of a value at risk."""

LEAST_IN_TAIL = 2.0
"""Losses that must lie beyond a level for a spread to be told."""

RESAMPLES = 200
RESAMPLING_SEED = 20251231
"""The errors of the parts are the same for the same losses."""
NUMBERS_AT_ONCE = 4_000_000
"""Bounds the memory of a resampling."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its standard error; `low` to `high` holds it at 95 %, `high` infinite where paths are too few."""

    value: float
    se: float
    low: float
    high: float


def expected_loss(losses: Array) -> Estimate:
    """Mean over paths, its standard error and normal interval."""
    mean = float(losses.mean())
    error = float(losses.std(ddof=1) / math.sqrt(len(losses))) if len(losses) > 1 else math.nan
    return Estimate(mean, error, mean - 1.96 * error, mean + 1.96 * error)


def rank_of(paths: int, level: float) -> int:
    """Rank, from 1, of the loss that at least a share `level` of the paths does not exceed."""
    # 0.95 x 20 is 19, whatever the last bit of the product says
    return min(max(math.ceil(round(paths * level, 9)), 1), paths)


def value_at_risk(losses: Array, level: float) -> Estimate:
    """The smallest loss that at least a share `level` of the paths does not exceed: an order statistic.

    The standard error is that of Maritz and Jarrett, which is the bootstrap's in its limit; the interval takes the
    order statistics that hold the quantile at 95 % whatever the distribution.
    """
    # not `scipy.stats.binom`, which takes a second to load
    from scipy.special import bdtr, betainc

    ordered, count = np.sort(losses), len(losses)
    rank = rank_of(count, level)
    steps = betainc(float(rank), float(count - rank + 1), np.arange(count + 1) / count)
    weights = np.diff(steps)
    centre = ordered[rank - 1]
    # second moment about the estimate: no digits are lost when losses are large
    first, second = float(weights @ (ordered - centre)), float(weights @ (ordered - centre) ** 2)
    outside = (1.0 - INTERVAL) / 2.0
    below = bdtr(np.arange(count + 1, dtype=float), count, level)
    low = int(np.searchsorted(below, outside))
    high = int(np.searchsorted(below, 1.0 - outside)) + 1
    return Estimate(
        float(centre),
        math.sqrt(max(second - first**2, 0.0)) if count > 1 else math.nan,
        float(ordered[max(low, 1) - 1]),
        float(ordered[high - 1]) if high <= count else math.inf,
    )


def tail_weights(losses: Array, level: float) -> Array:
    """Weight of each path in the worst `1 - level` of all, (paths,), sum 1.

    Paths whose loss is the value at risk share what the worse ones leave, so that the order of paths is irrelevant.
    """
    count = len(losses)
    tail = count * (1.0 - level)
    limit = np.sort(losses)[rank_of(count, level) - 1]
    above, equal = losses > limit, losses == limit
    weights = above / tail + equal * max(tail - float(above.sum()), 0.0) / (tail * float(equal.sum()))
    return np.asarray(weights / weights.sum())


def expected_shortfall(losses: Array, level: float) -> Estimate:
    """Mean loss of the worst `1 - level` of all paths, its standard error and normal interval.

    Fewer than two paths in the tail tell nothing of the error, which is then NaN.
    """
    value = float(tail_weights(losses, level) @ losses)
    limit = np.sort(losses)[rank_of(len(losses), level) - 1]
    beyond = np.maximum(losses - limit, 0.0)
    spread = beyond.std(ddof=1) if len(losses) * (1.0 - level) >= LEAST_IN_TAIL else math.nan
    error = float(spread / ((1.0 - level) * math.sqrt(len(losses))))
    return Estimate(value, error, value - 1.96 * error, value + 1.96 * error)


@dataclass(frozen=True)
class Parts:
    """Contributions of parts whose losses add to the whole, (parts,) each."""

    expected: Array
    expected_se: Array
    shortfall: dict[float, Array]
    """level -> contribution to expected shortfall; they add to it"""
    shortfall_se: dict[float, Array]


def contributions(parts: Array, levels: tuple[float, ...] = LEVELS) -> Parts:
    """What each part adds to expected loss and to expected shortfall; `parts` is (parts, paths).

    A part's contribution to expected shortfall is its mean loss over the worst paths of the whole (Euler's rule), so
    contributions add up exactly. Standard errors by bootstrap over paths, RESAMPLES times, the worst paths chosen
    anew each time.
    """
    total = parts.sum(axis=0)
    shortfall = {level: parts @ tail_weights(total, level) for level in levels}
    expected_se, shortfall_se = _resampled(parts, total, levels)
    return Parts(parts.mean(axis=1), expected_se, shortfall, shortfall_se)


def _resampled(parts: Array, total: Array, levels: tuple[float, ...]) -> tuple[Array, dict[float, Array]]:
    """Standard deviations of the contributions over resampled paths."""
    rows, count = parts.shape
    if count < 2 or rows == 0:
        unknown = np.full(rows, math.nan)
        return unknown, dict.fromkeys(levels, unknown)
    worst_first = np.argsort(-total, kind="stable")
    ordered = parts[:, worst_first]
    generator = np.random.Generator(np.random.Philox(RESAMPLING_SEED))
    means: list[Array] = []
    tails: dict[float, list[Array]] = {level: [] for level in levels}
    batch = max(1, NUMBERS_AT_ONCE // count)
    for start in range(0, RESAMPLES, batch):
        size = min(batch, RESAMPLES - start)
        drawn = generator.multinomial(count, np.full(count, 1.0 / count), size=size).astype(float)
        before = np.cumsum(drawn, axis=1) - drawn
        means.append(ordered @ drawn.T / count)
        for level in levels:
            tail = count * (1.0 - level)
            taken = np.clip(tail - before, 0.0, drawn)
            tails[level].append(ordered @ taken.T / tail)

    def error(samples: list[Array]) -> Array:
        return np.asarray(np.concatenate(samples, axis=1).std(axis=1, ddof=1))

    return error(means), {level: error(tails[level]) for level in levels}

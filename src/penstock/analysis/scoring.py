"""Scores of forecasts: coverage and width of intervals, and the continuous ranked probability score (CRPS).

Forecasts and outcomes stand in logarithms: an error of 10 % counts the same for a small and a large series, and a
width is a ratio of the ends of an interval. CRPS of an ensemble is E|X - y| - E|X - X'| / 2, of a normal forecast the
closed form (Gneiting and Raftery 2007, Strictly Proper Scoring Rules, Prediction, and Estimation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

Array = np.ndarray

LEVELS = (0.5, 0.8, 0.95)
"""Central intervals whose coverage is told."""
WIDTH_LEVEL = 0.8
"""Interval whose width is compared with an opponent's."""


@dataclass(frozen=True)
class Score:
    """Score of one forecast of one number, in logs."""

    covered: tuple[bool, ...]
    """by level of LEVELS"""
    width: float
    """of the interval of WIDTH_LEVEL"""
    crps: float
    median: float


def crps_sample(sample: Array, outcome: float) -> float:
    """CRPS of an ensemble whose members count equally: the mean distance to the outcome less half the mean distance
    between two members."""
    ordered = np.sort(np.asarray(sample, dtype=float))
    count = len(ordered)
    weights = 2.0 * np.arange(1, count + 1) - count - 1.0
    spread = float((weights * ordered).sum()) / count**2
    return float(np.abs(ordered - outcome).mean()) - spread


def crps_normal(mean: float, deviation: float, outcome: float) -> float:
    """CRPS of a normal forecast, closed form; the absolute error where the deviation is zero."""
    if deviation <= 0.0:
        return abs(outcome - mean)
    z = (outcome - mean) / deviation
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return float(deviation * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * density - 1.0 / np.sqrt(np.pi)))


def score_sample(sample: Array, outcome: float) -> Score:
    """Score of an ensemble (paths,) of logs against the log of what came."""
    ends = [np.quantile(sample, [0.5 - level / 2.0, 0.5 + level / 2.0]) for level in LEVELS]
    low, high = ends[LEVELS.index(WIDTH_LEVEL)]
    covered = tuple(bool(a <= outcome <= b) for a, b in ends)
    return Score(covered, float(high - low), crps_sample(sample, outcome), float(np.median(sample)))


def score_normal(mean: float, deviation: float, outcome: float) -> Score:
    """Score of a normal forecast of a log."""
    reach = [float(ndtri(0.5 + level / 2.0)) * deviation for level in LEVELS]
    covered = tuple(abs(outcome - mean) <= r for r in reach)
    return Score(covered, 2.0 * reach[LEVELS.index(WIDTH_LEVEL)], crps_normal(mean, deviation, outcome), mean)


def coverage(scores: Sequence[Score]) -> tuple[float, ...]:
    """Share of outcomes inside each interval of LEVELS."""
    return tuple(float(np.mean([score.covered[k] for score in scores])) for k in range(len(LEVELS)))


def mean_width(scores: Sequence[Score]) -> float:
    """Mean width of the interval of WIDTH_LEVEL, in logs."""
    return float(np.mean([score.width for score in scores]))


def mean_crps(scores: Sequence[Score]) -> float:
    """Mean CRPS, in logs."""
    return float(np.mean([score.crps for score in scores]))

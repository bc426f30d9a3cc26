"""Gain of the loop valuation -> cost of capital -> investment -> revenue -> valuation, from paired turns of it.

The loop is opened where valuations are seen: demand, the cost of capital and access to capital see valuations that
are given, and what the economy then makes of valuations is read. The gain is the relative change that comes back over
the relative change that went in: the return ratio of a feedback loop (Bode 1945, Network Analysis and Feedback
Amplifier Design, ch. 4). A gain G below one lets a lasting push to valuations end as 1 / (1 - G) of itself; at one or
above it feeds itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.analysis.ratios import ratio

Array = np.ndarray[Any, np.dtype[np.float64]]

LINKS = (
    ("valuation to cost of capital", "points_per_percent"),
    ("cost of capital to investment", "percent_per_point"),
    ("investment to revenue", "percent_per_percent"),
    ("revenue to valuation", "percent_per_percent"),
)
"""The four links and their units; multiplied they are the gain."""


@dataclass(frozen=True)
class Turn:
    """One turn of the loop, each (firms, paths)."""

    seen: Array
    """valuations that were seen, usd_bn, mean of the turn"""
    cost: Array
    """cost of capital per year, mean of the turn"""
    investment: Array
    """capital spending of the turn, usd_bn"""
    revenue: Array
    """revenue of the last quarter, usd_bn"""
    value: Array
    """valuations at the end, usd_bn"""


@dataclass(frozen=True)
class Gain:
    """A loop gain with its standard error, its four links, and each firm's part."""

    total: float
    error: float
    links: tuple[tuple[float, float], ...]
    """value and standard error of each of LINKS; NaN behind a link that nothing passes"""
    firm: Array
    """(firms,) change of a firm's valuation in percent for one percent of all valuations"""
    firm_error: Array
    part: Array
    """(firms,) what each firm adds to the total; they add up to it"""
    cost_points: Array
    """(firms,) change of the cost of capital in percentage points for one percent"""
    investment_percent: Array
    revenue_percent: Array


def loop_gain(up: Turn, base: Turn, down: Turn, weight: Array) -> Gain:
    """Gain of a loop from the turns after a small push up, none, and the same push down.

    weight (firms,): shares that add up to one and weigh the firms' costs of capital. Changes are half the difference
    of up and down, so that what is bent in the loop cancels to the second order.
    """
    halves = [0.5 * (getattr(up, name) - getattr(down, name)) for name in ("seen", "cost", "investment", "revenue")]
    value_half = 0.5 * (up.value - down.value)
    seen_half, cost_half, investment_half, revenue_half = halves
    pushed, level = seen_half.sum(axis=0), base.seen.sum(axis=0)
    cost = weight @ cost_half
    invested, investment = investment_half.sum(axis=0), base.investment.sum(axis=0)
    earned, revenue = revenue_half.sum(axis=0), base.revenue.sum(axis=0)
    valued, value = value_half.sum(axis=0), base.value.sum(axis=0)
    total, error = ratio([valued, level], [value, pushed])
    links = (
        ratio([cost, level], [pushed]),
        ratio([invested], [investment, cost]),
        ratio([earned, investment], [revenue, invested]),
        ratio([valued, revenue], [value, earned]),
    )
    firms = [ratio([row, level], [own, pushed]) for row, own in zip(value_half, base.value, strict=True)]
    push = _relative(pushed.mean(), level.mean())
    return Gain(
        total=total,
        error=error,
        links=links,
        firm=np.array([first for first, _ in firms]),
        firm_error=np.array([second for _, second in firms]),
        part=_relative(value_half.mean(axis=1) / value.mean(), push),
        cost_points=_relative(cost_half.mean(axis=1), push),
        investment_percent=_relative(_relative(investment_half.mean(axis=1), base.investment.mean(axis=1)), push),
        revenue_percent=_relative(_relative(revenue_half.mean(axis=1), base.revenue.mean(axis=1)), push),
    )


def amplification(gain: float) -> float:
    """What a lasting push to valuations ends as, in multiples of itself: 1 / (1 - G); endless at one or above."""
    return 1.0 / (1.0 - gain) if gain < 1.0 else float("inf")


def _relative(change: Any, level: Any) -> Any:
    """Change over level; zero where the level is."""
    return np.divide(change, level, out=np.zeros_like(np.asarray(change * 1.0)), where=np.asarray(level) != 0.0)

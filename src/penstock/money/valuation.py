"""Valuation: what a firm is worth from what it is expected to earn, and how far that is from default.

Valuation in a network of claims has its own modules and is offered here: `debtrank` (`distress.py`) and `neva`
(`network_value.py`).

Arrays (firms, paths), usd_bn; earnings per year. Stakes in other firms are added by the caller.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from penstock.bounds import bounded

if TYPE_CHECKING:
    from penstock.money.distress import DebtRank, debtrank
    from penstock.money.network_value import Valuation, neva

# loaded when first asked for: a simulation needs none of their sparse solvers
_HOMES = {
    "DebtRank": "penstock.money.distress",
    "Valuation": "penstock.money.network_value",
    "debtrank": "penstock.money.distress",
    "neva": "penstock.money.network_value",
}

__all__ = [
    "DebtRank",
    "Valuation",
    "debtrank",
    "default_probability",
    "distance_to_default",
    "earnings_power",
    "growth_premium",
    "neva",
    "operating_value",
    "premium_left",
    "spread",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


Array = np.ndarray

LEAST_MARGIN = 0.08
"""Earnings power of a firm that earns less: this share of its revenue (assumption, 0.05 to 0.12).

A firm that loses money today is valued on the margin that its business could have.
"""
FLOOR = 0.01
"""Value of the option on a failed firm, share of its yearly revenue (assumption, 0.005 to 0.05)."""


ASSET_RETURN = 0.06
"""Earnings over plant of a firm whose plant does not earn yet (assumption, 0.04 to 0.1: yields of data-centre
projects).
"""


def earnings_power(ebitda_yearly: Array, revenue_yearly: Array, plant: Array) -> Array:
    """Yearly earnings that a value rests on: those of today, or what sales and plant should bring."""
    return np.maximum(np.maximum(ebitda_yearly, LEAST_MARGIN * revenue_yearly), ASSET_RETURN * plant)


def growth_premium(scale: Array, mature: Array) -> Array:
    """Log of the part of an opening multiple that pays for growth above the mature rate; 0 where there is none.

    scale: value of operations over earnings power at the opening; mature: the multiple of a firm that grows with
    the economy. A multiple below it is a judgement on the firm, not on growth, and stays.
    """
    return np.log(np.maximum(scale / mature, 1.0))


def premium_left(years: float, horizon_years: Array) -> Array:
    """Share of the growth premium that is still to come after `years`.

    Excess growth that falls linearly to zero over the horizon leaves `(1 - t/N)^2` of its sum at `t`: the growth
    path of the H-model (Fuller and Hsia 1984, Financial Analysts Journal 40(5)), here in logs.
    """
    return np.maximum(1.0 - years / horizon_years, 0.0) ** 2


def operating_value(power: Array, scale: Array, mood_factor: Array, discount: Array) -> Array:
    """Value of operations: earnings times a multiple, times sentiment, at today's cost of capital.

    scale: the opening multiple less the growth that should have come by now; discount: what a change of the cost
    of capital since the opening leaves.
    """
    return scale * power * mood_factor * discount


def distance_to_default(value: Array, debt: Array, volatility: Array) -> Array:
    """Distance to default over a year in standard deviations, from equity value and its volatility.

    Asset value is equity plus debt, asset volatility equity volatility times their ratio (Merton 1974, J. Finance 29;
    the firm-value proxy of Bharath and Shumway 2008, Rev. Financ. Stud. 21, without iteration).
    """
    assets = value + debt
    sigma = np.maximum(volatility * value / np.maximum(assets, 1e-9), 0.04)
    return (np.log(np.maximum(assets, 1e-9) / np.maximum(debt, 1e-6)) - 0.5 * sigma**2) / sigma


def default_probability(distance: Array) -> Array:
    """One-year default probability of a distance to default."""
    return ndtr(-distance)


def spread(base: Array, distance: Array, distance_opening: Array) -> Array:
    """Spread over the risk-free rate per year: the rating's, moved by the change of distance to default.

    A distance shorter by one standard deviation costs 42 % more (assumption, 25 to 60 %; the slope of spreads over
    rating classes against their distances).
    """
    move = bounded(distance_opening - distance, -2.0, 7.0)
    return np.minimum(base * np.exp(0.35 * move), 0.25)

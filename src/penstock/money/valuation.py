"""Valuation: what a firm is worth from what it is expected to earn, and how far that is from default.

Valuation in a network of claims has its own modules and is offered here: `debtrank` (`distress.py`) and `neva`
(`network_value.py`).

Arrays (firms, paths), usd_bn; earnings per year. Stakes in other firms are added by the caller.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.money.kernels import _IDX_IN, _MAT, _MAT_IN, _VEC_IN
from penstock.passes import float64, inlined, kernel, void

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


@inlined
def earnings_power(ebitda_yearly: Array, revenue_yearly: Array, plant: Array) -> Array:
    """Yearly earnings that a value rests on: those of today, or what sales and plant should bring."""
    return np.maximum(np.maximum(ebitda_yearly, LEAST_MARGIN * revenue_yearly), ASSET_RETURN * plant)


def growth_premium(scale: Array, mature: Array) -> Array:
    """Log of the part of an opening multiple that pays for growth above the mature rate; 0 where there is none.

    scale: value of operations over earnings power at the opening; mature: the multiple of a firm that grows with
    the economy. A multiple below it is a judgement on the firm, not on growth, and stays.
    """
    return np.log(np.maximum(scale / mature, 1.0))


@inlined
def premium_left(years: float, horizon_years: Array) -> Array:
    """Share of the growth premium that is still to come after `years`.

    Excess growth that falls linearly to zero over the horizon leaves `(1 - t/N)^2` of its sum at `t`: the growth
    path of the H-model (Fuller and Hsia 1984, Financial Analysts Journal 40(5)), here in logs.
    """
    return np.maximum(1.0 - years / horizon_years, 0.0) ** 2


@inlined
def operating_value(power: Array, scale: Array, mood_factor: Array, discount: Array) -> Array:
    """Value of operations: earnings times a multiple, times sentiment, at today's cost of capital.

    scale: the opening multiple less the growth that should have come by now; discount: what a change of the cost
    of capital since the opening leaves.
    """
    return scale * power * mood_factor * discount


GONE_VALUE, RESTRUCTURED_VALUE = 0.001, 0.3
"""Value of a firm that is wound up or restructured over that of a sound one (assumptions, 0 to 0.01 and 0.1 to 0.5)."""
LARGEST_FALL, LARGEST_RISE = 0.45, 2.0
"""Value after a quarter over value before, of a firm that does not fail (assumptions, 0.3 to 0.6 and 1.5 to 3)."""


@kernel(
    void(*[_MAT_IN] * 13, _IDX_IN, _MAT_IN, _VEC_IN, float64, float64, _MAT),
)
def equity_values(
    ebitda: Array,
    revenue: Array,
    equipment: Array,
    buildings: Array,
    construction: Array,
    scale: Array,
    growth_left: Array,
    cash: Array,
    stakes: Array,
    debt: Array,
    shift: Array,
    stage: Array,
    last: Array,
    group: Array,
    mood: Array,
    discount: Array,
    restructured: float,
    gone: float,
    out: Array,
) -> None:
    """Set `out` to values of equity: operations, cash and stakes less debt and what the opening leaves out (`shift`).

    Never below the option on a failed firm. Values move at most by a factor of two a quarter, but fall freely with
    failure: from the stages `restructured` and `gone` on. All (firms, paths), usd_bn, `ebitda` and `revenue` of a
    quarter, but `scale` and `shift`, (firms, 1); `mood` (groups, paths) is that of the firm's `group`; `cash` and
    `stakes` may have more rows.
    """
    for f in range(last.shape[0]):
        g = group[f]
        for n in range(last.shape[1]):
            plant = equipment[f, n] + buildings[f, n] + construction[f, n]
            power = earnings_power(4.0 * ebitda[f, n], 4.0 * revenue[f, n], plant)
            worth = operating_value(power, scale[f, 0] * growth_left[f, n], mood[g, n], discount[n])
            net = cash[f, n] + stakes[f, n] - debt[f, n]
            target = max(worth + net - shift[f, 0], FLOOR * 4.0 * revenue[f, n] + 1e-3)
            failed = target * GONE_VALUE if stage[f, n] >= gone else target * RESTRUCTURED_VALUE
            smooth = last[f, n] * min(max(target / max(last[f, n], 1e-9), LARGEST_FALL), LARGEST_RISE)
            out[f, n] = max(failed if stage[f, n] >= restructured else smooth, 1e-6)


def distance_to_default(value: Array, debt: Array, volatility: Array) -> Array:
    """Distance to default over a year in standard deviations, from equity value and its volatility.

    Asset value is equity plus debt, asset volatility equity volatility times their ratio (Merton 1974, J. Finance 29;
    the firm-value proxy of Bharath and Shumway 2008, Rev. Financ. Stud. 21, without iteration).
    """
    return distance_of(np.log(assets_over_debt(value, debt)), asset_volatility(value, debt, volatility))


@inlined
def assets_over_debt(value: Array, debt: Array) -> Array:
    """Equity and debt over debt."""
    return np.maximum(value + debt, 1e-9) / np.maximum(debt, 1e-6)


@inlined
def asset_volatility(value: Array, debt: Array, volatility: Array) -> Array:
    """Volatility of assets a year, from that of equity."""
    return np.maximum(volatility * value / np.maximum(value + debt, 1e-9), 0.04)


@inlined
def distance_of(log_ratio: Array, sigma: Array) -> Array:
    """Distance to default, from the log of assets over debt and the volatility of assets."""
    return (log_ratio - 0.5 * sigma**2) / sigma


@inlined
def spread_move(distance: Array, distance_opening: Array) -> Array:
    """Log of a spread over that of the opening: a distance shorter by one standard deviation costs 42 % more.

    Assumption, 25 to 60 %: the slope of spreads over rating classes against their distances.
    """
    return 0.35 * np.minimum(np.maximum(distance_opening - distance, -2.0), 7.0)


@kernel(void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT, _MAT))
def weigh_assets(value: Array, owed: Array, first: Array, rows: Array, debt: Array, ratio: Array) -> None:
    """Set the `debt` of each firm, the sum of what is `owed` along its ties, (ties, paths), and the `ratio` of its
    assets to it; (firms, paths), usd_bn. The ties of a firm are `rows`, from `first`.
    """
    for f in range(ratio.shape[0]):
        debt[f] = 0.0
        for k in range(first[f], first[f + 1]):
            t = rows[k]
            for n in range(ratio.shape[1]):
                debt[f, n] += owed[t, n]
        for n in range(ratio.shape[1]):
            ratio[f, n] = assets_over_debt(value[f, n], debt[f, n])


@kernel(void(*[_MAT_IN] * 5, _MAT, _MAT))
def measure_distance(
    value: Array, debt: Array, volatility: Array, log_ratio: Array, opening: Array, distance: Array, move: Array
) -> None:
    """Set `distance` to default, and `move` to the log of what its change since the opening costs in spread.

    All (firms, paths) but `volatility` and the `opening`, (firms, 1).
    """
    for f in range(distance.shape[0]):
        for n in range(distance.shape[1]):
            sigma = asset_volatility(value[f, n], debt[f, n], volatility[f, 0])
            distance[f, n] = distance_of(log_ratio[f, n], sigma)
            move[f, n] = spread_move(distance[f, n], opening[f, 0])


def spread(base: Array, distance: Array, distance_opening: Array) -> Array:
    """Spread over the risk-free rate per year: the rating's, moved by the change of distance to default."""
    return np.minimum(base * np.exp(spread_move(distance, distance_opening)), 0.25)


@kernel(void(_MAT_IN, _MAT))
def set_spread(base: Array, factor: Array) -> None:
    """Turn what firms pay relative to the `base` of their rating, (firms, 1), into their spread per year."""
    for f in range(factor.shape[0]):
        for n in range(factor.shape[1]):
            factor[f, n] = min(base[f, 0] * factor[f, n], 0.25)

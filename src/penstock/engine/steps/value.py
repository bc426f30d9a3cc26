"""Step 10, value: earnings, cost of capital and mood make values; values make spreads and the price of equity."""

from __future__ import annotations

import numba
import numpy as np

from penstock.bounds import bounded
from penstock.conduct.investment import growth_over
from penstock.engine.moment import MOOD_NOISE, Moment
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.engine.steps import lenders
from penstock.money import kernels, valuation
from penstock.money.kernels import _MAT, _MAT_IN, _kernel

Array = np.ndarray


def value(now: Moment) -> None:
    """Moves mood, values, marks stakes to market, and sets distance to default and spreads."""
    e, f, r, facts = now.state.economy, now.state.firms, now.results, now.block.facts
    move_mood(now)
    if now.on("value"):
        f.value = company_value(now)
    mark_stakes(now)
    debt = debt_by_firm(now)
    now.block.cache["debt_owed"] = debt
    r["debt"] = debt
    f.distance = valuation.distance_to_default(f.value, debt, facts.equity_volatility)
    if now.on("value"):
        f.spread = valuation.spread(facts.rating_spread, f.distance, f.distance_opening)
    lenders.rate_anew(now)
    r["mood"] = e.mood


def debt_by_firm(now: Moment) -> Array:
    total = np.zeros((now.block.layout.unit_count, now.block.width))
    kernels.accumulate(now.state.ties.debt, now.block.layout.borrower, total)
    return total[: now.block.layout.firms]


def company_value(now: Moment) -> Array:
    """Equity value: operations plus cash and stakes less debt, never below the option on a failed firm."""
    e, f, r, layout = now.state.economy, now.state.firms, now.results, now.block.layout
    plant = f.compute_equipment + f.buildings + f.construction
    power = valuation.earnings_power(4.0 * f.ebitda, 4.0 * f.revenue, plant)

    spirits = np.log(0.4 + 0.6 * e.mood / now.block.theta["opening_mood"])
    ahead = growth_over(r["growth"], now.block.theta["extrapolation_fade"], np.asarray(OUTLOOK_YEARS))
    outlook = OUTLOOK_WEIGHT * bounded(ahead - outlook_expected(now), -2.5, 0.7)
    # the same for all firms of a group
    by_group = np.exp(now.block.cache["group_elasticity"] * spirits + now.block.cache["group_exposure"] * outlook)
    mood = by_group[layout.group]
    rate_change = r["rate"] - now.block.cache["rate_opening"]
    discount = bounded(1.0 - 8.0 * rate_change, 0.4, 1.6)
    used_up = 1.0 - valuation.premium_left(now.years, now.block.theta["premium_years"])
    multiple = f.value_scale * np.exp(-now.block.cache["growth_premium"] * used_up)
    operations = valuation.operating_value(power, multiple, mood, discount)
    net = now.state.books.cash[: layout.firms] + now.state.books.stakes[: layout.firms] - now.block.cache["debt_owed"]
    value = np.empty_like(f.value)
    limit_moves(operations, net, now.block.cache["value_shift"], f.revenue, f.stage, f.value, value)
    return value


@_kernel(numba.void(*[_MAT_IN] * 6, _MAT))
def limit_moves(
    operations: Array, net: Array, shift: Array, revenue: Array, stage: Array, last: Array, out: Array
) -> None:
    """Set `out` to the value of equity: operations and net holdings less what the opening value leaves out (`shift`).

    Values move at most by a factor of two a quarter, but fall freely with failure. All (firms, paths), usd_bn.
    """
    for f in range(last.shape[0]):
        for n in range(last.shape[1]):
            target = max(operations[f, n] + net[f, n] - shift[f, n], valuation.FLOOR * 4.0 * revenue[f, n] + 1e-3)
            failed = target * 0.001 if stage[f, n] >= GONE else target * 0.3
            smooth = last[f, n] * min(max(target / max(last[f, n], 1e-9), 0.45), 2.0)
            out[f, n] = max(failed if stage[f, n] >= RESTRUCTURED else smooth, 1e-6)


OUTLOOK_YEARS = 3.0
"""Years of expected growth that a multiple rests on (assumption, 2 to 5)."""
OUTLOOK_WEIGHT = 0.6
"""Share of that growth that is in the price (assumption, 0.4 to 1)."""


RESTING_MOOD = 0.55
"""Mood to which investors return when nothing surprises them, 0 to 1 (assumption, 0.5 to 0.6)."""


def outlook_expected(now: Moment) -> Array:
    """Log growth over the horizon that the opening's investors expected of this date, (paths,).

    Their growth fades as they believe that growth fades; only what differs from it moves a multiple.
    """
    fade = now.block.theta["extrapolation_fade"]
    faded = now.block.cache["growth_opening"] * np.exp(-fade * now.years)
    return growth_over(faded, fade, np.asarray(OUTLOOK_YEARS))


def move_mood(now: Moment) -> None:
    """Mood of investors: returns against hurdle, surprise, rivals, fragility; mean reversion; bounded steps."""
    e, th, r = now.state.economy, now.block.theta, now.results
    capex = r["ai_capex"]
    growth = 4.0 * np.log(np.maximum(capex, 1e-9) / np.maximum(e.capex, 1e-9))
    e.capex_growth = 0.65 * e.capex_growth + 0.35 * bounded(growth, -2.0, 2.0)
    e.capex = capex
    if not (now.on("sentiment") and now.on("value")):
        return
    target = now.block.theta["utilisation_target"]
    earned = np.log(e.price * np.minimum(r["utilisation"], 1.15 * target) / (r["hurdle"] * target))
    pull = (
        0.6 * np.tanh(earned / 0.35)
        + 0.8 * np.tanh(e.surprise / 0.4)
        + 0.3 * np.tanh(e.capex_growth / 0.5)
        - 0.5 * e.fragility
    )
    resting = np.minimum(RESTING_MOOD * now.lever("finance.sentiment"), 0.99)
    step = th["mood_gain"] * pull + th["mood_reversion"] * (resting - e.mood) + 0.03 * now.shock(MOOD_NOISE)
    if now.on("contagion"):
        step = step - th["default_mood"] * now.block.cache["default_weight"]
    step = bounded(step, -0.45, 0.45)
    e.mood = bounded(e.mood + np.where(step > 0, 2.0 * step * (1.0 - e.mood), 2.0 * step * e.mood), 0.01, 0.99)


def mark_stakes(now: Moment) -> None:
    """Marks every stake to market; the change beyond what was paid is a revaluation of the holder."""
    layout, books, ties, r = now.block.layout, now.state.books, now.state.ties, now.results
    marked = np.zeros_like(books.stakes)
    kernels.mark_to_market(ties.stake, now.state.firms.value, layout.stake_holder, layout.stake_company, marked)
    bought = np.zeros_like(marked)
    kernels.accumulate(r["stake_paid"], layout.stake_holder, bought)
    books.net_worth += marked - books.stakes - bought
    books.stakes = marked

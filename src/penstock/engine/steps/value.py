"""Step 10, value: earnings, cost of capital and mood make values; values make spreads and the price of equity."""

from __future__ import annotations

import numba

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.conduct.investment import growth_over
from penstock.engine.moment import MOOD_NOISE, Moment
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.engine.steps import lenders
from penstock.money import valuation
from penstock.money.kernels import _IDX_IN, _MAT, _MAT_IN, _kernel

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
    ratio, move = np.empty_like(debt), np.empty_like(debt)
    valuation.weigh_assets(f.value, debt, ratio)
    np.log(ratio, out=ratio)
    valuation.measure_distance(f.value, debt, facts.equity_volatility, ratio, f.distance_opening, f.distance, move)
    if now.on("value"):
        np.exp(move, out=move)
        valuation.set_spread(facts.rating_spread, move)
        f.spread = move
    lenders.rate_anew(now)
    r["mood"] = e.mood


def debt_by_firm(now: Moment) -> Array:
    """What each firm owes along its debt ties, (firms, paths), usd_bn."""
    total = np.empty_like(now.state.firms.value)
    add_up(now.state.ties.debt, *now.block.ties_of["debts_of"], total)
    return total


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT))
def add_up(amount: Array, first: Array, rows: Array, total: Array) -> None:
    """Set `total` of each firm to the sum over its ties, which are `rows` from `first`; (firms, paths)."""
    for f in range(total.shape[0]):
        total[f] = 0.0
        for k in range(first[f], first[f + 1]):
            t = rows[k]
            for n in range(total.shape[1]):
                total[f, n] += amount[t, n]


def company_value(now: Moment) -> Array:
    """Equity value: operations plus cash and stakes less debt, never below the option on a failed firm."""
    e, f, r, th, cache = now.state.economy, now.state.firms, now.results, now.block.theta, now.block.cache
    spirits = np.log(0.4 + 0.6 * e.mood / th["opening_mood"])
    ahead = growth_over(r["growth"], th["extrapolation_fade"], np.asarray(OUTLOOK_YEARS))
    outlook = OUTLOOK_WEIGHT * bounded(ahead - outlook_expected(now), -2.5, 0.7)
    # the same for all firms of a group
    mood = np.exp(cache["group_elasticity"] * spirits + cache["group_exposure"] * outlook)
    discount = bounded(1.0 - 8.0 * (r["rate"] - cache["rate_opening"]), 0.4, 1.6)
    used_up = 1.0 - valuation.premium_left(now.years, th["premium_years"])
    growth_left = np.multiply(cache["growth_premium"], -used_up)
    np.exp(growth_left, out=growth_left)
    value = np.empty_like(f.value)
    valuation.equity_values(
        f.ebitda, f.revenue, f.compute_equipment, f.buildings, f.construction, f.value_scale, growth_left,
        now.state.books.cash, now.state.books.stakes, cache["debt_owed"], cache["value_shift"], f.stage, f.value,
        now.block.layout.group, mood, discount, RESTRUCTURED, GONE, value,
    )  # fmt: skip
    return value


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
    revalue(
        ties.stake, r["stake_paid"], now.state.firms.value, layout.stake_holder, layout.stake_company,
        np.empty_like(books.stakes), np.empty_like(books.stakes), books.stakes, books.net_worth,
    )  # fmt: skip


@_kernel(numba.void(*[_MAT_IN] * 3, _IDX_IN, _IDX_IN, *[_MAT] * 4))
def revalue(
    share: Array,
    paid: Array,
    value: Array,
    holder: Array,
    company: Array,
    marked: Array,
    bought: Array,
    stakes: Array,
    worth: Array,
) -> None:
    """Move `stakes` to the market value of what each unit holds; their gains beyond what was bought add to net worth.

    `share` and what is `paid` for new shares are (stakes, paths), the others (units or firms, paths), usd_bn. `marked`
    and `bought` are room to work in.
    """
    marked[:] = 0.0
    bought[:] = 0.0
    for t in range(share.shape[0]):
        h, c = holder[t], company[t]
        for n in range(share.shape[1]):
            marked[h, n] += share[t, n] * value[c, n]
        for n in range(share.shape[1]):
            bought[h, n] += paid[t, n]
    for u in range(worth.shape[0]):
        for n in range(worth.shape[1]):
            worth[u, n] += marked[u, n] - stakes[u, n] - bought[u, n]
            stakes[u, n] = marked[u, n]

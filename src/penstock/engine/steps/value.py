"""Step 10, value: earnings, cost of capital and mood make values; values make spreads and the price of equity."""

from __future__ import annotations

from penstock.arrays import np
from penstock.conduct.investment import growth_until
from penstock.engine.moment import MOOD_NOISE, Moment, by_path
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.engine.steps import lenders
from penstock.money import valuation
from penstock.money.kernels import _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import float64, kernel, void

Array = np.ndarray


def value(now: Moment) -> None:
    """Moves mood, values, marks stakes to market, and sets distance to default and spreads."""
    e, f, r, facts = now.state.economy, now.state.firms, now.results, now.block.facts
    move_mood(now)
    if now.on("value"):
        f.value = company_value(now)
    mark_stakes(now)
    debt, ratio, move = np.empty((3, *f.value.shape))
    valuation.weigh_assets(f.value, now.state.ties.debt, *now.block.ties_of["debts_of"], debt, ratio)
    now.block.cache["debt_owed"] = debt
    r["debt"] = debt
    np.log(ratio, out=ratio)
    valuation.measure_distance(f.value, debt, facts.equity_volatility, ratio, f.distance_opening, f.distance, move)
    if now.on("value"):
        np.exp(move, out=move)
        valuation.set_spread(facts.rating_spread, move)
        f.spread = move
    lenders.rate_anew(now)
    r["mood"] = e.mood


def company_value(now: Moment) -> Array:
    """Equity value: operations plus cash and stakes less debt, never below the option on a failed firm."""
    f, cache = now.state.firms, now.block.cache
    mood, discount, growth_left = look_ahead(now)
    np.exp(mood, out=mood)
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


def look_ahead(now: Moment) -> tuple[Array, Array, Array]:
    """What moves multiples: log of what mood and outlook make of each group's, (groups, paths); the factor of the cost
    of capital, (paths,); log of the premium for growth that has come already, (firms, paths).
    """
    e, r, th, cache, width = now.state.economy, now.results, now.block.theta, now.block.cache, now.block.width
    fade = th["extrapolation_fade"]
    if "outlook_left" not in cache:
        cache["outlook_left"] = np.exp(-fade * OUTLOOK_YEARS)
    spirits = np.log(0.4 + 0.6 * e.mood / th["opening_mood"])
    elasticity, premium, discount = cache["group_elasticity"], cache["growth_premium"], np.empty(width)
    mood, growth_left = np.empty((len(elasticity), width)), np.empty_like(premium)
    weigh_outlook(
        spirits, r["growth"], cache["growth_opening"], np.exp(-fade * now.years), fade, cache["outlook_left"],
        r["rate"], cache["rate_opening"], th["premium_years"], now.years, elasticity, cache["group_exposure"], premium,
        mood, discount, growth_left, np.empty((2, width)),
    )  # fmt: skip
    return mood, discount, growth_left


@kernel(void(*[_VEC_IN] * 9, float64, *[_MAT_IN] * 3, _MAT, _VEC, _MAT, _MAT))
def weigh_outlook(
    spirits: Array,
    growth: Array,
    growth_opening: Array,
    faded: Array,
    fade: Array,
    left: Array,
    rate: Array,
    rate_opening: Array,
    horizon: Array,
    years: float,
    elasticity: Array,
    exposure: Array,
    premium: Array,
    mood: Array,
    discount: Array,
    growth_left: Array,
    room: Array,
) -> None:
    """Set what `look_ahead` returns. (paths,) but `elasticity` and `exposure`, (groups, 1), and `premium`, (firms,
    paths); `room`, (2, paths), is there to work in.

    The opening's investors expected a growth that fades as they believe that growth fades: only what differs from it
    moves a multiple. `faded` is what is left of it today, `left` what is at the horizon.
    """
    outlook, used_up = room[0], room[1]
    for n in range(discount.shape[0]):
        expected = growth_until(growth_opening[n] * faded[n], fade[n], left[n])
        ahead = growth_until(growth[n], fade[n], left[n]) - expected
        outlook[n] = OUTLOOK_WEIGHT * min(max(ahead, -2.5), 0.7)
        discount[n] = min(max(1.0 - 8.0 * (rate[n] - rate_opening[n]), 0.4), 1.6)
        used_up[n] = 1.0 - valuation.premium_left(years, horizon[n])
    for g in range(mood.shape[0]):
        for n in range(mood.shape[1]):
            mood[g, n] = elasticity[g, 0] * spirits[n] + exposure[g, 0] * outlook[n]
    for f in range(premium.shape[0]):
        for n in range(premium.shape[1]):
            growth_left[f, n] = premium[f, n] * -used_up[n]


def move_mood(now: Moment) -> None:
    """Mood of investors: returns against hurdle, surprise, rivals, fragility; mean reversion; bounded steps."""
    e, th, r, cache, width = now.state.economy, now.block.theta, now.results, now.block.cache, now.block.width
    logs, signs, mood = np.empty((2, width)), np.empty((3, width)), np.empty(width)
    compare_returns(
        r["ai_capex"], e.capex, e.price, r["utilisation"], by_path(r["hurdle"], width), th["utilisation_target"], logs
    )
    np.log(logs, out=logs)
    e.capex, e.capex_growth = r["ai_capex"], e.capex_growth.copy()
    feel(logs, e.surprise, e.capex_growth, signs)
    if not (now.on("sentiment") and now.on("value")):
        return
    np.tanh(signs, out=signs)
    steer_mood(
        signs, e.fragility, by_path(now.lever("finance.sentiment"), width), e.mood, th["mood_gain"],
        th["mood_reversion"], now.shock(MOOD_NOISE), th["default_mood"],
        cache["default_weight"] if now.on("contagion") else by_path(0.0, width), mood,
    )  # fmt: skip
    e.mood = mood


@kernel(void(*[_VEC_IN] * 6, _MAT))
def compare_returns(
    capex: Array, before: Array, price: Array, utilisation: Array, hurdle: Array, target: Array, ratios: Array
) -> None:
    """Set the ratios, (2, paths), of spending to that of the quarter `before`, and of what compute earns to its
    hurdle."""
    for n in range(capex.shape[0]):
        ratios[0, n] = max(capex[n], 1e-9) / max(before[n], 1e-9)
        ratios[1, n] = price[n] * min(utilisation[n], 1.15 * target[n]) / (hurdle[n] * target[n])


@kernel(void(_MAT_IN, _VEC_IN, _VEC, _MAT))
def feel(logs: Array, surprise: Array, growth: Array, signs: Array) -> None:
    """Move the `growth` of spending, and set the signs of returns, surprise and rivals, (3, paths), still unbent."""
    for n in range(growth.shape[0]):
        growth[n] = 0.65 * growth[n] + 0.35 * min(max(4.0 * logs[0, n], -2.0), 2.0)
        signs[0, n] = logs[1, n] / 0.35
        signs[1, n] = surprise[n] / 0.4
        signs[2, n] = growth[n] / 0.5


@kernel(void(_MAT_IN, *[_VEC_IN] * 8, _VEC))
def steer_mood(
    signs: Array,
    fragility: Array,
    sentiment: Array,
    before: Array,
    gain: Array,
    reversion: Array,
    shock: Array,
    fear: Array,
    defaults: Array,
    mood: Array,
) -> None:
    """Set the mood of investors, 0 to 1, from that `before`, the signs of returns, surprise and rivals, (3, paths), and
    the weight of defaults that they `fear`."""
    for n in range(mood.shape[0]):
        pull = 0.6 * signs[0, n] + 0.8 * signs[1, n] + 0.3 * signs[2, n] - 0.5 * fragility[n]
        resting = min(RESTING_MOOD * sentiment[n], 0.99)
        step = gain[n] * pull + reversion[n] * (resting - before[n]) + 0.03 * shock[n]
        step = min(max(step - fear[n] * defaults[n], -0.45), 0.45)
        room = 1.0 - before[n] if step > 0.0 else before[n]
        mood[n] = min(max(before[n] + 2.0 * step * room, 0.01), 0.99)


def mark_stakes(now: Moment) -> None:
    """Marks every stake to market; the change beyond what was paid is a revaluation of the holder."""
    layout, books, ties, r = now.block.layout, now.state.books, now.state.ties, now.results
    revalue(
        ties.stake, r["stake_paid"], now.state.firms.value, *now.block.ties_of["stakes_of"], layout.stake_company,
        books.stakes, books.net_worth, np.empty((2, now.block.width)),
    )  # fmt: skip


@kernel(void(*[_MAT_IN] * 3, *[_IDX_IN] * 3, *[_MAT] * 3))
def revalue(
    share: Array,
    paid: Array,
    value: Array,
    first: Array,
    rows: Array,
    company: Array,
    stakes: Array,
    worth: Array,
    room: Array,
) -> None:
    """Move `stakes` to the market value of what each unit holds; their gains beyond what was bought add to net worth.

    `share` and what is `paid` for new shares are (stakes, paths), the others (units or firms, paths), usd_bn. The
    stakes of a unit are `rows`, from `first`. `room`, (2, paths), is there to work in.
    """
    marked, bought = room[0], room[1]
    for u in range(worth.shape[0]):
        if first[u] == first[u + 1]:
            continue
        room[:] = 0.0
        for k in range(first[u], first[u + 1]):
            t = rows[k]
            c = company[t]
            for n in range(worth.shape[1]):
                marked[n] += share[t, n] * value[c, n]
                bought[n] += paid[t, n]
        for n in range(worth.shape[1]):
            worth[u, n] += marked[n] - stakes[u, n] - bought[n]
            stakes[u, n] = marked[n]

"""Step 3, earn: what firms take in outside the ties, and which lab the users pay."""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.moment import CYCLE_NOISE, RECESSION, Moment, alike, by_path
from penstock.layers import ai, energy
from penstock.money.kernels import _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import boolean, float64, kernel, void

Array = np.ndarray

RECESSION_CHANCE = 0.03
"""Chance per quarter that a recession begins: about one in eight years (assumption, 0.02 to 0.04)."""


def earn(now: Moment) -> None:
    """Sets sales outside the ties (firms, paths) and the share of each seller of AI services (ties, paths)."""
    e, f, th, facts, cache, layout = (
        now.state.economy,
        now.state.firms,
        now.block.theta,
        now.block.facts,
        now.block.cache,
        now.block.layout,
    )
    starts = (now.chance(RECESSION) < RECESSION_CHANCE) & now.on("noise") & now.on("earn")
    e.cycle = 1.0 + 0.75 * (e.cycle - 1.0) - th["recession_depth"] * starts + 0.003 * now.shock(CYCLE_NOISE)
    shock = now.firm_shock()
    trend = now.block.trend[now.quarter if now.on("earn") else 0]
    sales = now.results["sales"] = np.empty_like(f.franchise)
    sell_elsewhere(
        shock, f.activity, facts.conduct["revenue_volatility"], facts.flows["other_revenue"] * trend,
        facts.flows["recession_beta"], cache["franchise_memory"], th["idiosyncratic_volatility"], e.cycle,
        float(now.on("earn")), f.franchise, sales,
    )  # fmt: skip
    # no firm but the regulated has any: it pays for plant alone, no fuel and no staff come with it
    allowed = now.results["plant_revenue"] = cache["plant_revenue"]
    gas_price = energy.fuel_factor(now.results["gas_index"], facts.layers.supply.gas_share_of_price)
    sell_power(
        cache["burners"], by_path(gas_price, now.block.width), cache["regulated"][: None if now.on("earn") else 0],
        f.buildings, facts.sheet["buildings"], trend, f.rate, facts.interest_rate, cache["debt_owed"], f.activity,
        allowed, sales,
    )  # fmt: skip
    working = now.struck("working")
    if working is not None:
        now.results["sales"] *= working[: layout.firms]
        now.results["plant_revenue"] *= working[: layout.firms]
    now.results["firm_shock"] = shock
    move_shares(now)


@kernel(void(*[_MAT_IN] * 6, _VEC_IN, _VEC_IN, float64, _MAT, _MAT))
def sell_elsewhere(
    shock: Array,
    activity: Array,
    volatility: Array,
    trend: Array,
    beta: Array,
    memory: Array,
    volatility_scale: Array,
    cycle: Array,
    moves: float,
    franchise: Array,
    sales: Array,
) -> None:
    """Set sales outside the ties, (firms, paths), and move `franchise`, each firm's business relative to its trend.

    Of what set a franchise off `memory` is left after a quarter; it stands still where `moves` is 0. `volatility`,
    `trend` (sales of a quarter, usd_bn), `beta` (to the business cycle) and `memory` are (firms, 1).
    """
    for f in range(sales.shape[0]):
        for n in range(sales.shape[1]):
            moved = 1.0 + memory[f, 0] * (franchise[f, n] - 1.0) + volatility_scale[n] * volatility[f, 0] * shock[f, n]
            if moves > 0.0:
                franchise[f, n] = min(max(moved, 0.05), 3.0)
            felt = max(1.0 + beta[f, 0] * (cycle[n] - 1.0), 0.2)
            sales[f, n] = trend[f, 0] * franchise[f, n] * felt * activity[f, n]


@kernel(void(_IDX_IN, _VEC_IN, _IDX_IN, *[_MAT_IN] * 7, _MAT, _MAT))
def sell_power(
    burners: Array,
    gas_price: Array,
    regulated: Array,
    plant: Array,
    plant_opening: Array,
    trend: Array,
    rate: Array,
    rate_opening: Array,
    owed: Array,
    activity: Array,
    allowed: Array,
    sales: Array,
) -> None:
    """Move `sales` of those who burn fuel with the price of power, which gas moves; add what `regulated` firms may ask.

    Sets that, `allowed`, usd_bn a quarter: see `energy.regulated_revenue`. All (firms, paths) but `gas_price` (paths),
    the factor on sales, and `plant_opening`, `trend` and `rate_opening`, (firms, 1).
    """
    for f in burners:
        for n in range(sales.shape[1]):
            sales[f, n] *= gas_price[n]
    for f in regulated:
        expected = plant_opening[f, 0] * trend[f, 0]
        for n in range(sales.shape[1]):
            dearer = 0.25 * (rate[f, n] - rate_opening[f, 0]) * owed[f, n]
            allowed[f, n] = energy.regulated_revenue(plant[f, n], expected, dearer) * activity[f, n]
            sales[f, n] += allowed[f, n]


def move_shares(now: Moment) -> None:
    """Labs gain users where they train more than the others; a failed lab loses a part of its users."""
    f, th, layout, facts = now.state.firms, now.block.theta, now.block.layout, now.block.facts
    labs = now.block.cache["labs"]
    # talent counts as algorithmic progress on the compute that a lab trains with
    talent, logs = now.lever("ai.talent"), np.empty((len(labs), now.block.width))
    gain_users(
        labs, f.training_index, th["share_stickiness"], now.results["firm_shock"], by_path(talent, now.block.width),
        now.on("earn"), f.attraction, logs, np.zeros(now.block.width),
    )  # fmt: skip
    block = layout.category["models"]
    sellers = layout.flow_payee[block.slice]
    # users go to other sellers while one is out or banned
    working, allowed, one = now.struck("working"), now.struck("allowed"), alike(1.0, layout.unit_count)
    pull = np.empty((len(sellers), now.block.width))
    attract(
        sellers, now.block.cache["lab_row"], np.exp(logs, out=logs), f.activity,
        one if working is None else np.ascontiguousarray(working),
        alike(1.0, len(pull)) if allowed is None else np.ascontiguousarray(allowed[block.slice]), pull,
    )  # fmt: skip
    base = facts.tie_base[block.slice, 0]
    now.results["seller_share"] = ai.market_shares(base, pull, layout.segment, 3)


@kernel(void(_IDX_IN, _MAT_IN, _VEC_IN, _MAT_IN, _VEC_IN, boolean, _MAT, _MAT, _VEC))
def gain_users(
    labs: Array,
    training: Array,
    stickiness: Array,
    shock: Array,
    talent: Array,
    moves: bool,
    attraction: Array,
    logs: Array,
    mean: Array,
) -> None:
    """Move what attracts users to `labs`, see `ai.attraction_step`; set `logs` (labs, paths) to it.

    `training`, `shock` and `attraction` are (firms, paths); all stands still where nothing `moves`. `mean` (paths):
    zeros to work in.
    """
    for k in range(labs.shape[0]):
        for n in range(mean.shape[0]):
            mean[n] += training[labs[k], n]
    for n in range(mean.shape[0]):
        mean[n] /= labs.shape[0]
    for k in range(labs.shape[0]):
        f = labs[k]
        for n in range(mean.shape[0]):
            if moves:
                attraction[f, n] = ai.attraction_after(
                    attraction[f, n], training[f, n] - mean[n], stickiness[n], shock[f, n], talent[n]
                )
            logs[k, n] = attraction[f, n]


LEAST_PULL = 1e-9
"""What is left of the pull of a seller that does not work, so that shares stand where none does."""


@kernel(void(_IDX_IN, _IDX_IN, *[_MAT_IN] * 4, _MAT))
def attract(
    seller: Array, lab_row: Array, attraction: Array, activity: Array, working: Array, allowed: Array, pull: Array
) -> None:
    """Set the `pull` of each `seller` on users, (ties, paths): its `activity`, of labs times their `attraction`.

    `activity` is (firms, paths), `attraction` (labs, paths), `lab_row` (units,) the row there, -1 for others; what
    events leave of a seller is `working` (units, 1), and of its business `allowed` (ties, 1).
    """
    for t in range(pull.shape[0]):
        s = seller[t]
        for n in range(pull.shape[1]):
            pull[t, n] = activity[s, n] if s < activity.shape[0] else 1.0
        k = lab_row[s]
        if k >= 0:
            for n in range(pull.shape[1]):
                pull[t, n] *= attraction[k, n]
        for n in range(pull.shape[1]):
            pull[t, n] = pull[t, n] * working[s, 0] * allowed[t, 0] + LEAST_PULL

"""Step 5, plan: what fleet owners expect, want and order, within what they can pay; make or buy."""

from __future__ import annotations

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.conduct import integration, investment
from penstock.engine.moment import PROJECT, Moment, alike, by_path
from penstock.engine.reach import reach_of
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.engine.steps import lenders
from penstock.engine.steps.drivers import HALLS_IN_SITE
from penstock.layers import energy, facilities
from penstock.money import funding
from penstock.money.kernels import _FLAG_MAT_IN, _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import float64, kernel, void

Array = np.ndarray


def plan(now: Moment) -> None:
    """Sets chip_orders (million H100e), hall_starts and power_starts (GW) of the quarter, (owners + 1, paths)."""
    e, th, r = now.state.economy, now.block.theta, now.results
    observed = 4.0 * (np.log(r["value"]) - e.log_value)
    e.log_value = np.log(r["value"])
    e.surprise = bounded(observed - e.expected_growth, -1.5, 1.5)
    e.expected_growth = investment.update_expectation(e.expected_growth, observed, th["expectation_speed"])
    extrapolation = bounded(now.lever("conduct.extrapolation", th["extrapolation"]), 0.0, 1.2)
    arms = now.lever("conduct.arms_race", th["arms_race"])
    growing = now.on("demand_growth")
    anchor = th["growth_anchor"] if growing else np.zeros_like(th["growth_anchor"])
    growth = investment.planned_growth(e.expected_growth, extrapolation, anchor, arms, e.mood, e.capex_growth)
    r["growth"] = growth if now.on("plan") else np.zeros_like(growth)
    if now.quarter == 0:
        now.block.cache["growth_opening"] = r["growth"]
    r["chip_product"] = np.exp(th["chip_product_growth"] * now.years)
    r["chip_capacity_last"] = e.chip_capacity * r["chip_product"]
    r["delivery_ratio_last"] = now.block.cache["delivery_ratio"]
    foresee_sales(now)
    limit_by_money(now, *wanted_plant(now))
    integrate(now)


CONTRACT_HORIZON = 5
"""Quarters ahead that planners and lenders see contracted income (assumption, 4 to 8)."""
CONTRACT_ADVANCE = 2.3
"""Debt that lenders advance on a dollar of contracted yearly income to come (assumption, 1 to 3.5: builders spend
2.3 on chips for a yearly dollar, docs/decisions/0003)."""
LEAST_EXPECTED, MOST_EXPECTED = 0.05, 60.0
"""Bounds of the compute sales that an owner expects, over those of the opening."""
EXPECTED_AT_ONCE = 0.3
"""Part of a change of what is asked that owners expect to last in the quarter in which they see it (assumption, 0.2 to
0.5)."""


def foresee_sales(now: Moment) -> None:
    """Sets `contract_growth` (firms, paths), what contracts add to sales in five quarters, usd_bn a quarter, and
    `owner_value` (owners + 1, paths), what each owner's compute will be worth to it at the full cost, usd_bn a year.

    Owners see compute sales coming: what was asked last quarter, what contracts add.
    """
    cache, r, e, facts = now.block.cache, now.results, now.state.economy, now.block.facts
    last = facts.contract_due.shape[1] - 1
    later = facts.contract_due[:, min(now.quarter + CONTRACT_HORIZON, last)]
    coming = np.maximum(later - facts.contract_due[:, min(now.quarter, last)], 0.0)
    r["contract_growth"], r["owner_value"] = np.empty_like(now.state.firms.cost), np.empty_like(r["own_value"])
    sell_ahead(
        coming, facts.contract_tie, *now.block.ties_of["compute_sold_of"], *now.block.ties_of["leases_of"],
        now.state.ties.activity, cache["compute_expected"], cache["compute_opening"], cache["sells_compute"],
        now.block.opening["price"] / e.contract_price, cache["external_weights"], cache["external_weight"],
        r["own_value"], r["serving"] + r["training"], now.state.fleet.external, r["contract_growth"], r["owner_value"],
        np.zeros((3, now.block.width)),
    )  # fmt: skip


@kernel(
    void(
        _VEC_IN, *[_IDX_IN] * 5, *[_MAT_IN] * 3, _FLAG_MAT_IN, _VEC_IN, _MAT_IN, float64, _MAT_IN, _VEC_IN,
        *[_MAT] * 4,
    )
)  # fmt: skip
def sell_ahead(
    coming: Array,
    tie: Array,
    first_sold: Array,
    sold: Array,
    first_let: Array,
    let: Array,
    activity: Array,
    asked: Array,
    opening: Array,
    sells: Array,
    cheaper: Array,
    weight: Array,
    weights: float,
    own: Array,
    outside: Array,
    external: Array,
    growth: Array,
    value: Array,
    room: Array,
) -> None:
    """Set the `growth` of contracted sales by firm, (firms, paths), and the `value` of compute by owner, (owners + 1,
    paths); move `external`, the sales that each owner expects over those of the opening.

    `coming`: what the contracted dues of each tie rise, usd_bn a quarter, of the ties `tie` as far as they live
    (`activity`); those of compute by payee are `sold`, of leases `let`. `asked` (owners, paths) was asked last quarter,
    `opening` at the opening, (owners, 1). `cheaper` (paths): contract prices of the opening over today's. `weight`
    (owners + 1, 1): shares of the opening in compute sold, `weights` their sum over owners. The rest of the world
    follows the mean. `own` use, and what is sold `outside` (paths), usd_bn a year. `room` (3, paths): zeros to work in.
    """
    owners, paths = asked.shape[0], asked.shape[1]
    rent, world, total = room[0], room[1], room[2]
    for f in range(growth.shape[0]):
        growth[f] = 0.0
        for k in range(first_sold[f], first_sold[f + 1]):
            s = sold[k]
            for n in range(paths):
                growth[f, n] += coming[s] * activity[tie[s], n]
        if f < owners:
            for n in range(paths):
                target = 1.0
                if sells[f, 0]:
                    target = min(max((asked[f, n] + growth[f, n]) / opening[f, 0], LEAST_EXPECTED), MOST_EXPECTED)
                target *= cheaper[n]
                world[n] += target * weight[f, 0]
                external[f, n] += EXPECTED_AT_ONCE * (target - external[f, n])
        if first_let[f + 1] > first_let[f]:
            rent[:] = 0.0
            for k in range(first_let[f], first_let[f + 1]):
                s = let[k]
                for n in range(paths):
                    rent[n] += coming[s] * activity[tie[s], n]
            for n in range(paths):
                growth[f, n] += rent[n]
    for n in range(paths):
        external[owners, n] += EXPECTED_AT_ONCE * (world[n] / weights - external[owners, n])
    for o in range(owners + 1):
        for n in range(paths):
            total[n] += weight[o, 0] * external[o, n]
    for o in range(owners + 1):
        for n in range(paths):
            value[o, n] = own[o, n] + outside[n] * (weight[o, 0] * external[o, n] / total[n])


def leads(now: Moment) -> tuple[Array, Array, Array]:
    """Lead times of chips, halls and power in quarters, never below the stages of their delay lines."""
    th = now.block.theta
    chips = np.maximum(now.lever("silicon.lead_time_quarters", th["chip_lead"]), 1.0)
    halls = np.maximum(by_owner(now, "facilities.build_time_quarters", th["hall_lead"], "built"), facilities.STAGES)
    delay = by_owner(now, "energy.power_delay_quarters", np.zeros(now.block.width), "built")
    power = np.maximum(th["power_lead"] + delay, energy.STAGES)
    if not now.on("order"):
        return np.ones_like(chips), np.full_like(halls, facilities.STAGES), np.full_like(power, energy.STAGES)
    return chips, halls, power


def by_owner(now: Moment, knob: str, base: Array, reach: str) -> Array:
    """A quantity of all owners under a knob, with a row an owner where the scenario names companies.

    A company that is named moves its own row, and the rows of those who rent from it or have it build, by their share.
    """
    common = np.asarray(now.lever(knob, base))
    named = now.block.levers.entities(knob)
    if not named:
        return common
    layout, facts = now.block.layout, now.block.facts
    hang = getattr(reach_of(layout, facts), reach)
    rows = np.repeat(common[None], layout.owners + 1, axis=0)
    for entity in named:
        moved = np.asarray(now.lever(knob, common, entity=entity)) - common
        rows += hang[:, [layout.units.index(entity)]] * moved
    return rows


def _fade(now: Moment) -> Array:
    return np.maximum(now.lever("conduct.fade_per_year", now.block.theta["extrapolation_fade"]), 0.02)


def wanted_plant(now: Moment) -> tuple[Array, Array, Array]:
    """Orders of chips in million H100e, starts of halls and of firm power in GW a quarter, (owners + 1, paths)."""
    fleet, th, r, width = now.state.fleet, now.block.theta, now.results, now.block.width
    lead = r["chip_lead"], r["hall_lead"], r["power_lead"] = leads(now)
    waiting_time = np.minimum(r["ordered"] / r["chip_capacity_last"], 4.0)
    # one row where all owners wait alike, else a row an owner
    years = np.empty((3, max(len(one) if one.ndim > 1 else 1 for one in lead), width))
    years[0], years[1], years[2] = (lead[0] + 1.0 + waiting_time) / 4.0, (lead[1] + 1.0) / 4.0, (lead[2] + 1.0) / 4.0
    fade, response = _fade(now), np.asarray(th["price_response"])
    faded = np.exp(-fade * years)
    grown = np.exp(investment.growth_over(r["growth"], fade, years) + r["decline"] * years)
    later = np.exp(-0.5 * th["power_decline"] * years)
    slower = np.empty((2, 1, width))
    slower[0], slower[1] = response, 0.5 * response
    reach = investment.response_to_price(r["price"] / r["owner_hurdle"], slower)
    stock = r["owner_stock"]
    r["wanted_stock"], chips, halls, power = (np.empty_like(stock) for _ in range(4))
    investment.want_plant(
        stock, r["owner_power"], fleet.waiting, fleet.backlog, fleet.halls, fleet.firm_power, r["owner_value"],
        fleet.hall_stages, fleet.power_stages, r["owner_hurdle"], reach, faded, grown, later, r["growth"], r["decline"],
        th["power_decline"], r["power_per_h100e"], by_path(r["target"], width), r["chip_capacity_last"],
        np.add.reduce(stock), th["economic_life"],
        by_path(now.lever("conduct.adjustment_quarters", th["adjustment_time"]), width), r["wanted_stock"], chips,
        halls, power, np.empty((2, width)),
    )  # fmt: skip
    if not now.on("plan"):
        replacement = investment.REPLACED_A_QUARTER * stock / th["economic_life"]
        return replacement, 0.01 * fleet.halls, 0.01 * fleet.firm_power
    return chips, halls, power


def limit_by_money(now: Moment, chips: Array, halls: Array, power: Array) -> None:
    """Orders that owners can pay: free cash flow, outside money by mood, and room for debt."""
    e, th, r, f, fleet = now.state.economy, now.block.theta, now.results, now.state.firms, now.state.fleet
    cache, facts, width = now.block.cache, now.block.facts, now.block.width
    r["debt_room"], rounds = debt_room(now), rounds_open(now)
    general = np.where(e.freeze > 0, 0.15, 1.0) * now.lever("finance.debt_access")
    growth = np.exp(bounded(e.expected_growth, 0.0, 1.2))
    outside = th["external_funding"] * 2.0 * e.mood * r["spending_in_all"] * growth / 4.0
    one = alike(1.0, len(facts.core_capex))
    borrowing, raising = (one if told is None else told for told in (now.struck("borrowing"), now.struck("raising")))
    r["hall_expected"], r["power_expected"], r["chip_orders"] = (np.empty_like(chips) for _ in range(3))
    r["leased_halls"], r["funded_share"] = np.empty(width), np.empty(width)
    pay_for_plans(
        chips, halls, power, fleet.backlog, fleet.halls, cache["halls_opening"], fleet.hall_stages[-1],
        fleet.power_stages[-1], f.ebitda, f.activity, f.stage, f.revenue, r["debt_room"], r["contract_growth"], rounds,
        lenders.investment_grade(now), np.atleast_2d(r["hall_lead"]), np.atleast_2d(r["power_lead"]),
        facts.core_capex, cache["chip_dollar"], cache["outside_weights"], cache["leased_weight"],
        np.ascontiguousarray(borrowing), np.ascontiguousarray(raising), by_path(r["chip_lead"], width),
        by_path(r["chip_index"], width), by_path(r["site_cost"], width), th["cash_share"], e.mood, e.freeze,
        by_path(general, width), outside, by_path(now.lever("finance.equity_access"), width), float(now.on("fund")),
        np.empty_like(chips), r["hall_expected"], r["power_expected"], r["chip_orders"], r["leased_halls"],
        r["funded_share"], np.zeros((2, width)),
    )  # fmt: skip
    start_sites(now, halls, power)


STRONG_NAMES = 0.3
"""Part of a closure of the markets that firms of investment grade feel (assumption, 0.1 to 0.5)."""


ROUNDS_FOR_ORDERS = 0.6
"""Share of the equity that a firm could raise which it commits to orders (assumption, 0.3 to 0.8)."""
CAUTION, CAUTION_OF_OTHERS = 0.9, 0.65
"""Part of its budget that a firm of investment grade, and any other, commits to orders in a freeze (assumptions, 0.8 to
1 and 0.5 to 0.8)."""
ORDERED_WHEN_RESTRUCTURED = 0.15
"""Part of what it wants that a restructured owner orders (assumption, 0.1 to 0.3)."""
DEBT_FOR_ORDERS = 0.06
"""Part of what lenders would still give that is committed to a quarter's orders, at the best mood (assumption, 0.04 to
0.1)."""
BACKED_FOR_ORDERS = 0.35
"""Part of what lenders advance on contracted income that is committed to a quarter's orders (assumption, 0.25 to
0.5)."""


@kernel(
    void(_MAT_IN, _MAT, _MAT, *[_MAT_IN] * 21, *[_VEC_IN] * 9, float64, *[_MAT] * 4, _VEC, _VEC, _MAT)
)  # fmt: skip
def pay_for_plans(
    chips: Array,
    halls: Array,
    power: Array,
    backlog: Array,
    halls_now: Array,
    halls_opening: Array,
    hall_last: Array,
    power_last: Array,
    ebitda: Array,
    activity: Array,
    stage: Array,
    revenue: Array,
    headroom: Array,
    contracts: Array,
    rounds: Array,
    grade: Array,
    hall_lead: Array,
    power_lead: Array,
    core_capex: Array,
    chip_dollar: Array,
    outside_weight: Array,
    leased_weight: Array,
    borrowing: Array,
    raising: Array,
    chip_lead: Array,
    chip_price: Array,
    site_price: Array,
    cash_share: Array,
    mood: Array,
    freeze: Array,
    general: Array,
    outside: Array,
    openness: Array,
    limits: float,
    share: Array,
    hall_expected: Array,
    power_expected: Array,
    chip_orders: Array,
    leased_halls: Array,
    funded: Array,
    room: Array,
) -> None:
    """Cut starts of `halls` and `power` to what owners can pay for, and set `chip_orders`, (owners + 1, paths).

    The budget is free cash flow, room for debt (`headroom`), an advance on `contracts`, `rounds` of equity, and
    outside money (paths) by its weights, as far as markets are open: `general` (paths) for firms of low `grade`. Of
    what events leave see `borrowing` and `raising`, (firms, 1). The rest of the world follows the mean; all is paid for
    where `limits` is 0. Also set: halls and power that come into service this quarter, the share of halls in use that
    is leased, and the share of all wanted that is `funded`, (paths,). Chips cost `chip_dollar` (owners + 1, 1) at the
    opening, usd_bn a million H100e, times `chip_price`, sites `site_price` usd_bn a GW. Arrays of firms have more rows.
    `room` (2, paths): zeros to work in.
    """
    owners, paths = chips.shape[0] - 1, chips.shape[1]
    spent, wanted = room[0], room[1]
    leased_halls[:] = 0.0
    for o in range(owners + 1):
        for n in range(paths):
            ordered = max(chips[o, n], 0.0)
            # chips that the book cannot bring within a lead time stand there and cost nothing yet
            soon = (backlog[o, n] + ordered) / chip_lead[n]
            cost = min(ordered, soon) * chip_dollar[o, 0] * chip_price[n]
            cost = cost + site_price[n] * (HALLS_IN_SITE * halls[o, n] + (1.0 - HALLS_IN_SITE) * power[o, n])
            part = 1.0
            if limits > 0.0 and o < owners:
                felt = STRONG_NAMES if grade[o, n] > 0.5 else 1.0
                markets = 1.0 - (1.0 - general[n]) * felt
                free = ebitda[o, n] - core_capex[o, 0] * activity[o, n]
                own = cash_share[n] * max(free, 0.0)
                room = DEBT_FOR_ORDERS * mood[n] * max(headroom[o, n], 0.0) * markets * borrowing[o, 0]
                # builders that live on contracts order against them: lenders advance on income to come
                dependent = min(max(5.0 * contracts[o, n] / max(revenue[o, n], 1e-9), 0.0), 1.0)
                backed = BACKED_FOR_ORDERS * CONTRACT_ADVANCE * 4.0 * contracts[o, n] * dependent * markets
                backed = backed * borrowing[o, 0]
                brought = outside[n] * markets * openness[n] * outside_weight[o, 0]
                brought = brought * min(borrowing[o, 0], raising[o, 0])
                budget = own + room + backed + ROUNDS_FOR_ORDERS * rounds[o, n] + brought
                if freeze[n] > 0.0:
                    budget = budget * (CAUTION if grade[o, n] > 0.5 else CAUTION_OF_OTHERS)
                part = min(1.0, budget / max(cost, 1e-9))
                if stage[o, n] >= RESTRUCTURED:
                    part = 0.0 if stage[o, n] >= GONE else ORDERED_WHEN_RESTRUCTURED
            elif limits > 0.0:
                part = spent[n] / max(wanted[n], 1e-9)
            share[o, n] = part
            spent[n] += part * cost
            wanted[n] += cost
            chip_orders[o, n] = chips[o, n] * part if chips[o, n] > 0.0 else chips[o, n]
        h, p = min(o, hall_lead.shape[0] - 1), min(o, power_lead.shape[0] - 1)
        for n in range(paths):
            halls[o, n] *= share[o, n]
            power[o, n] *= share[o, n]
            hall_expected[o, n] = hall_last[o, n] * min(3.0 / hall_lead[h, n], 1.0)
            power_expected[o, n] = power_last[o, n] * min(4.0 / power_lead[p, n], 1.0)
            leased_halls[n] += halls_now[o, n] / halls_opening[o, n] * leased_weight[o, 0]
    for n in range(paths):
        funded[n] = spent[n] / max(wanted[n], 1e-9)


def start_sites(now: Moment, halls: Array, power: Array) -> None:
    """Sets the starts of halls and firm power that trades, permits and turbine makers can take on."""
    e, r = now.state.economy, now.results
    r["hall_planned"], hall_share = facilities.limit_starts(halls, e.hall_limit)
    permitted = e.power_limit * np.where(e.power_cut > 0, 0.5, 1.0)
    r["power_planned"], power_share = facilities.limit_starts(power, permitted)
    if not now.on("order"):
        r["hall_planned"], r["power_planned"] = halls, power
    r["hall_shortage"], r["power_shortage"] = 1.0 - hall_share, 1.0 - power_share


def rounds_open(now: Moment) -> Array:
    """Largest equity round of each firm this quarter, (firms, paths), usd_bn."""
    e, f, facts, r = now.state.economy, now.state.firms, now.block.facts, now.results
    able, raising = now.block.cache["can_issue"], now.struck("raising")
    openness = np.where(e.freeze > 0, 0.4, 1.0) * now.lever("finance.equity_access")
    room = r["round_room"] = np.empty_like(f.value)
    funding.find_round_room(
        facts.conduct["equity_share"], f.value, facts.market_value, f.revenue, f.expected_revenue,
        r["contract_growth"], facts.conduct["patience"], f.stage, able if raising is None else able * raising,
        e.mood, openness, room, np.empty(now.block.width),
    )  # fmt: skip
    return room


def debt_room(now: Moment) -> Array:
    """Debt that lenders would still give by earnings and by assets, (firms, paths), usd_bn; may be negative."""
    f, c, r, cache = now.state.firms, now.block.facts.conduct, now.results, now.block.cache
    capacity, room = np.empty_like(f.value), np.empty_like(f.value)
    lend_against(
        f.ebitda, f.compute_equipment, f.buildings, f.construction, now.state.books.stakes, r["contract_growth"],
        f.rating, f.revenue, f.cost, cache["debt_owed"], c["debt_multiple"], c["asset_debt_limit"], cache["holding"],
        cache["rating_appetite"], now.block.theta["debt_multiple_scale"], capacity, room,
    )  # fmt: skip
    r["debt_capacity"] = capacity
    return room


@kernel(void(*[_MAT_IN] * 13, _VEC_IN, _VEC_IN, _MAT, _MAT))
def lend_against(
    ebitda: Array,
    equipment: Array,
    buildings: Array,
    construction: Array,
    stakes: Array,
    contracts: Array,
    rating: Array,
    revenue: Array,
    cost: Array,
    owed: Array,
    multiple: Array,
    asset_share: Array,
    holding: Array,
    appetite: Array,
    scale: Array,
    capacity: Array,
    room: Array,
) -> None:
    """Set what lenders would lend each firm and what is left of it, (firms, paths), usd_bn.

    On earnings by a `multiple` or on assets by a share, `holding` of the stakes among them (those who borrow on what
    they hold are lent a share of its price today), all (firms, 1); by the lenders' `appetite` for a class and the
    times' `scale` (paths); and an advance on contracted income to come. `stakes` and `contracts` may have more rows.
    """
    for f in range(room.shape[0]):
        for n in range(room.shape[1]):
            assets = equipment[f, n] + buildings[f, n] + construction[f, n] + holding[f, 0] * stakes[f, n]
            # plant is collateral as far as its owner takes in, or has contracted, what it costs to run
            secured = asset_share[f, 0] * assets * funding.borne(revenue[f, n], contracts[f, n], cost[f, n])
            yearly = 4.0 * max(ebitda[f, n], 0.0)
            # a loan on plant is sized by the income that serves it; labs and holdings borrow on no income
            if multiple[f, 0] > 0.0 and holding[f, 0] <= 0.0:
                served = funding.PROJECT_DEBT * multiple[f, 0] * (yearly + 4.0 * contracts[f, n])
                secured = min(secured, served)
            limit = max(multiple[f, 0] * yearly, secured) * scale[n]
            limit *= appetite[int(rating[f, n])]
            capacity[f, n] = limit + CONTRACT_ADVANCE * 4.0 * contracts[f, n]
            room[f, n] = capacity[f, n] - owed[f, n]


def integrate(now: Moment) -> None:
    """Own-chip projects of fleet owners: start, run, succeed or fail."""
    fleet, th, r = now.state.fleet, now.block.theta, now.results
    if not (now.on("integration") and now.on("plan")):
        r["project_cost"] = np.zeros_like(fleet.project)
        return
    cache, width = now.block.cache, now.block.width
    r["project_cost"] = np.empty_like(fleet.project)
    integration.advance_projects(
        cache["accelerator_base"], r["delivery_ratio_last"], cache["owner_phase"], by_path(r["chip_index"], width),
        th["integration_margin"], r["rate"], now.chance(PROJECT), th["integration_success"], fleet.project,
        fleet.own_chips, r["project_cost"], np.empty(width),
    )  # fmt: skip

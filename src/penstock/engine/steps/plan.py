"""Step 5, plan: what fleet owners expect, want and order, within what they can pay; make or buy."""

from __future__ import annotations

import numba
import numpy as np

from penstock.bounds import bounded
from penstock.conduct import integration, investment
from penstock.engine.moment import PROJECT, Moment
from penstock.engine.reach import reach_of
from penstock.engine.steps import lenders
from penstock.engine.steps.drivers import HALLS_IN_SITE
from penstock.layers import energy, facilities
from penstock.money import funding, kernels
from penstock.money.kernels import _MAT, _MAT_IN, _VEC_IN, _kernel

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
    r["chip_capacity_last"] = e.chip_capacity * np.exp(th["chip_product_growth"] * now.years)
    r["delivery_ratio_last"] = now.block.cache["delivery_ratio"]
    foresee_sales(now)
    weights = external_weights(now)
    r["owner_value"] = r["own_value"] + (r["serving"] + r["training"]) * weights
    chips = wanted_chips(now)
    halls, power = wanted_sites(now)
    limit_by_money(now, chips, halls, power)
    integrate(now)


def external_weights(now: Moment) -> Array:
    """Share of compute sold that each owner expects to sell: opening fleets, moved by contracted sales ahead."""
    weight = now.block.cache["external_weights"] * now.state.fleet.external
    return weight / weight.sum(axis=0)


def foresee_sales(now: Moment) -> None:
    """Compute sales that each owner sees coming: what was asked last quarter, what contracts add in five."""
    layout, cache = now.block.layout, now.block.cache
    added = contract_growth(now, "compute")
    rent = contract_growth(now, "lease")
    now.results["contract_growth"] = added[: layout.firms] + rent[: layout.firms]
    owners = layout.owners
    expected = (cache["compute_expected"] + added[:owners]) / cache["compute_opening"]
    target = np.where(cache["sells_compute"], bounded(expected, 0.05, 60.0), 1.0)
    target = target * (now.block.opening["price"] / now.state.economy.contract_price)
    world = (target * cache["external_weights"][:owners]).sum(axis=0) / cache["external_weights"][:owners].sum()
    full = np.concatenate([target, world[None]])
    now.state.fleet.external = now.state.fleet.external + 0.3 * (full - now.state.fleet.external)


CONTRACT_HORIZON = 5
"""Quarters ahead that planners and lenders see contracted income (assumption, 4 to 8)."""
CONTRACT_ADVANCE = 2.3
"""Debt that lenders advance on a dollar of contracted yearly income to come (assumption, 1 to 3.5: builders spend
2.3 on chips for a yearly dollar, docs/decisions/0003)."""


def contract_growth(now: Moment, category: str) -> Array:
    """Rise of contracted dues over the horizon by payee, (units, paths), usd_bn a quarter, as far as contracts live."""
    facts, layout = now.block.facts, now.block.layout
    rows = now.block.cache[f"contract_rows_{category}"]
    out = np.zeros((layout.unit_count, now.block.width))
    if len(rows):
        last = facts.contract_due.shape[1] - 1
        ties = facts.contract_tie[rows]
        later = facts.contract_due[rows, min(now.quarter + CONTRACT_HORIZON, last)]
        coming = np.maximum(later - facts.contract_due[rows, min(now.quarter, last)], 0.0)
        kernels.accumulate(coming[:, None] * now.state.ties.activity[ties], layout.payee[ties], out)
    return out


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


def _wanted(now: Moment, years: Array, response: Array | float) -> Array:
    """Million H100e wanted in `years`, (owners + 1, paths)."""
    r = now.results
    ahead = investment.growth_over(r["growth"], _fade(now), years)
    ratio = r["price"] / r["owner_hurdle"]
    return investment.wanted_stock(
        r["owner_value"], ahead, r["owner_hurdle"], r["decline"], years, r["target"], ratio, response
    )


def _fade(now: Moment) -> Array:
    return np.maximum(now.lever("conduct.fade_per_year", now.block.theta["extrapolation_fade"]), 0.02)


def wanted_chips(now: Moment) -> Array:
    """Orders of chips in million H100e a quarter; negative orders cancel at most 30 % of the backlog."""
    fleet, th, r = now.state.fleet, now.block.theta, now.results
    chip_lead, _, _ = leads(now)
    r["chip_lead"] = chip_lead
    waiting_time = np.minimum(fleet.backlog.sum(axis=0) / r["chip_capacity_last"], 4.0)
    years = (chip_lead + 1.0 + waiting_time) / 4.0
    stock = r["owner_stock"]
    power = r["owner_power"]
    room = np.minimum(fleet.halls + fleet.hall_stages.sum(axis=0), fleet.firm_power + fleet.power_stages.sum(axis=0))
    feasible = stock + np.maximum(room - power, 0.0) / r["power_per_h100e"]
    wanted = _wanted(now, years, th["price_response"])
    r["wanted_stock"] = wanted
    gap = np.minimum(wanted, feasible) - stock - fleet.waiting - fleet.backlog
    adjustment = now.lever("conduct.adjustment_quarters", th["adjustment_time"])
    replacement = 0.15 * stock / th["economic_life"]
    if not now.on("plan"):
        return replacement
    orders = investment.order_rate(stock, r["growth"], _fade(now), r["decline"], years, replacement, gap, adjustment)
    largest = 6.0 * r["chip_capacity_last"] * stock / stock.sum(axis=0) - fleet.backlog
    return bounded(orders, -0.3 * fleet.backlog, np.maximum(largest, 0.0))


def wanted_sites(now: Moment) -> tuple[Array, Array]:
    """Starts of halls and of firm power in GW a quarter, before the limits of trades and money."""
    fleet, th, r = now.state.fleet, now.block.theta, now.results
    _, hall_lead, power_lead = leads(now)
    r["hall_lead"], r["power_lead"] = hall_lead, power_lead
    if not now.on("plan"):
        return 0.01 * fleet.halls, 0.01 * fleet.firm_power
    adjustment = now.lever("conduct.adjustment_quarters", th["adjustment_time"])
    halls_years, power_years = (hall_lead + 1.0) / 4.0, (power_lead + 1.0) / 4.0
    starts = []
    for years, ready, stages, response in (
        (halls_years, fleet.halls, fleet.hall_stages, 0.5 * th["price_response"]),
        (power_years, fleet.firm_power, fleet.power_stages, 0.0),
    ):
        later_power = r["power_per_h100e"] * np.exp(-0.5 * th["power_decline"] * years)
        target = 1.05 * (r["owner_power"] + (_wanted(now, years, response) - r["owner_stock"]) * later_power)
        gap = target - ready - stages.sum(axis=0)
        net_growth = r["growth"] * np.exp(-_fade(now) * years) + r["decline"] - th["power_decline"]
        forward = r["owner_power"] * np.maximum(net_growth, 0.0) / 4.0
        starts.append(np.maximum(forward + gap / adjustment, 0.0))
    halls, power = starts
    # halls are built only where power is secured
    secured = 1.03 * (fleet.firm_power + fleet.power_stages.sum(axis=0)) - fleet.halls - fleet.hall_stages.sum(axis=0)
    return np.minimum(halls, np.maximum(secured, 0.0)), power


def limit_by_money(now: Moment, chips: Array, halls: Array, power: Array) -> None:
    """Orders that owners can pay: free cash flow, outside money by mood, and room for debt."""
    e, th, r, f, facts = now.state.economy, now.block.theta, now.results, now.state.firms, now.block.facts
    owners = now.block.layout.owners
    # chips that the book cannot bring within a lead time stand there and cost nothing yet
    soon = (now.state.fleet.backlog + np.maximum(chips, 0.0)) / r["chip_lead"]
    cost = np.minimum(np.maximum(chips, 0.0), soon) * now.block.cache["chip_dollar"] * r["chip_index"]
    cost = cost + r["site_cost"] * (HALLS_IN_SITE * halls + (1.0 - HALLS_IN_SITE) * power)
    free = f.ebitda[:owners] - facts.core_capex[:owners] * f.activity[:owners]
    own = th["cash_share"] * np.maximum(free, 0.0)
    open_markets = markets_open(now)
    growth = np.exp(bounded(e.expected_growth, 0.0, 1.2))
    outside = th["external_funding"] * 2.0 * e.mood * r["spending"].sum(axis=0) * growth / 4.0
    outside = outside * open_markets * now.lever("finance.equity_access") * now.block.cache["outside_weights"]
    open_markets = open_markets[:owners]
    r["debt_room"] = debt_room(now)
    room = 0.06 * e.mood * np.maximum(r["debt_room"][:owners], 0.0) * open_markets
    # builders that live on contracts order against them: lenders advance on income to come
    coming = r["contract_growth"][:owners]
    dependent = bounded(5.0 * coming / np.maximum(f.revenue[:owners], 1e-9), 0.0, 1.0)
    backed = 0.35 * CONTRACT_ADVANCE * 4.0 * coming * dependent * open_markets
    equity = ROUNDS_FOR_ORDERS * rounds_open(now)[:owners]
    borrowing, raising = now.struck("borrowing"), now.struck("raising")
    if borrowing is not None and raising is not None:
        room, backed = room * borrowing[:owners], backed * borrowing[:owners]
        outside[:owners] *= np.minimum(borrowing, raising)[:owners]
    caution = np.where(lenders.investment_grade(now)[:owners] > 0.5, 0.9, 0.65)
    budget = (own + room + backed + equity + outside[:owners]) * np.where(e.freeze > 0, caution, 1.0)
    share = np.ones_like(cost)
    if now.on("fund"):
        named = np.minimum(1.0, budget / np.maximum(cost[:owners], 1e-9))
        share[:owners] = np.where(f.stage[:owners] >= 3.0, 0.0, np.where(f.stage[:owners] >= 2.0, 0.15, named))
        total = np.maximum(cost[:owners].sum(axis=0), 1e-9)
        share[owners] = (share[:owners] * cost[:owners]).sum(axis=0) / total
    r["hall_expected"] = now.state.fleet.hall_stages[-1] * np.minimum(3.0 / r["hall_lead"], 1.0)
    r["power_expected"] = now.state.fleet.power_stages[-1] * np.minimum(4.0 / r["power_lead"], 1.0)
    r["leased_halls"] = (
        now.state.fleet.halls / now.block.cache["halls_opening"] * now.block.cache["leased_weight"]
    ).sum(axis=0)
    r["funded_share"] = (share * cost).sum(axis=0) / np.maximum(cost.sum(axis=0), 1e-9)
    r["chip_orders"] = np.where(chips > 0, chips * share, chips)
    start_sites(now, halls * share, power * share)


STRONG_NAMES = 0.3
"""Part of a closure of the markets that firms of investment grade feel (assumption, 0.1 to 0.5)."""


def markets_open(now: Moment) -> Array:
    """Share of outside money for orders that the markets give, (owners + 1, paths)."""
    e, layout = now.state.economy, now.block.layout
    general = np.where(e.freeze > 0, 0.15, 1.0) * now.lever("finance.debt_access")
    named = lenders.investment_grade(now)[: layout.owners]
    grade = np.concatenate([named, np.zeros((1, now.block.width))])
    return 1.0 - (1.0 - general) * np.where(grade > 0.5, STRONG_NAMES, 1.0)


def start_sites(now: Moment, halls: Array, power: Array) -> None:
    """Sets the starts of halls and firm power that trades, permits and turbine makers can take on."""
    e, r = now.state.economy, now.results
    r["hall_planned"], hall_share = facilities.limit_starts(halls, e.hall_limit)
    permitted = e.power_limit * np.where(e.power_cut > 0, 0.5, 1.0)
    r["power_planned"], power_share = facilities.limit_starts(power, permitted)
    if not now.on("order"):
        r["hall_planned"], r["power_planned"] = halls, power
    r["hall_shortage"], r["power_shortage"] = 1.0 - hall_share, 1.0 - power_share


ROUNDS_FOR_ORDERS = 0.6
"""Share of the equity that a firm could raise which it commits to orders (assumption, 0.3 to 0.8)."""


def rounds_open(now: Moment) -> Array:
    """Largest equity round of each firm this quarter, (firms, paths), usd_bn."""
    e, f, facts, r = now.state.economy, now.state.firms, now.block.facts, now.results
    able, raising = now.block.cache["can_issue"], now.struck("raising")
    openness = np.where(e.freeze > 0, 0.4, 1.0) * now.lever("finance.equity_access")
    room = r["round_room"] = np.empty_like(f.value)
    funding.find_round_room(
        facts.conduct["equity_share"], f.value, facts.market_value, f.revenue, f.expected_revenue,
        r["contract_growth"], facts.conduct["patience"], f.stage, able if raising is None else able * raising,
        e.mood, openness, room,
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


@_kernel(numba.void(*[_MAT_IN] * 13, _VEC_IN, _VEC_IN, _MAT, _MAT))
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
    yearly = 4.0 * now.block.cache["accelerator_base"] * r["delivery_ratio_last"] * r["chip_index"]
    worth = integration.worth_making(yearly, th["integration_margin"], r["rate"])
    chance = (now.chance(PROJECT) + now.block.cache["owner_phase"]) % 1.0
    fleet.project, fleet.own_chips, r["project_cost"] = integration.advance_projects(
        fleet.project, fleet.own_chips, worth, chance, th["integration_success"]
    )

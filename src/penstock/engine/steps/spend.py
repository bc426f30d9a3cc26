"""Step 4, spend down the stack: payments in topological order of categories, from users to fuel and lasers.

Each payer's spending in a category follows its driver, one at the opening: flow = opening flow x driver. What a
payee receives in one category drives what it spends in the next. Use comes first (services, compute, rent, energy);
building hangs on the orders that go ahead, so it is run again once they are known.
"""

from __future__ import annotations

import numba
import numpy as np

from penstock.engine.layout import BUILD_CATEGORIES, USE_CATEGORIES
from penstock.engine.moment import Moment
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.engine.steps import drivers, let
from penstock.money import kernels
from penstock.money.kernels import _IDX_IN, _MAT, _MAT_IN, _kernel

Array = np.ndarray

DRIVERS = {
    "model_access": drivers.revenue,
    "compute": drivers.compute,
    "lease": drivers.leased,
    "energy": drivers.power,
    "fuel": drivers.fuel,
    "accelerators": drivers.equipment,
    "servers": drivers.equipment,
    "network": drivers.equipment,
    "construction": drivers.sites,
    "power_cooling": drivers.sites,
    "wafers": drivers.revenue,
    "memory": drivers.memory,
    "eda": drivers.revenue,
    "tools": drivers.fabs,
    "optics": drivers.revenue,
    "generation": drivers.generation,
}


def spend_on_use(now: Moment) -> None:
    """Sets the flows of services, compute, rent, energy and fuel; none hangs on what is built this quarter."""
    scratch, firms = now.block.scratch, now.block.layout.firms
    scratch.received[:] = 0.0
    # what is paid for plant alone buys no fuel and no energy: it comes in at the end
    scratch.received[:firms] = now.results["sales"] - now.results["plant_revenue"]
    pay_for_models(now)
    for category in USE_CATEGORIES:
        # contracts change what is received in these two, so their sums wait for take_or_pay
        contracted = category in ("compute", "lease")
        pay(now, category, scratch.unused if contracted else scratch.received)
        if contracted:
            take_or_pay(now, category)
    scratch.received[:firms] += now.results["plant_revenue"]
    let.let_free_plant(now, scratch.received)
    now.results["received_for_use"] = scratch.received.copy()


def spend_on_build(now: Moment, accept: Array) -> None:
    """Sets the flows of equipment and sites down to lasers, revenue and capex, with orders accepted in part.

    accept: share of its orders that each fleet owner takes, (owners + 1, paths).
    """
    scratch, r = now.block.scratch, now.results
    r["accept"] = accept
    scratch.received[:] = r["received_for_use"]
    drivers.building(now, accept)
    for category in BUILD_CATEGORIES:
        pay(now, category, scratch.received)
    r["revenue"] = scratch.received[: now.block.layout.firms]
    capital_spending(now)


RESTRUCTURED_CAPEX = 0.15
"""Share of its capital spending that a restructured firm keeps up (assumption, 0.1 to 0.3; docs/decisions/0003)."""


def plan_at_full_scale(now: Moment) -> None:
    """Capital spending as planned: all of it for sound firms, little for restructured ones, none for firms that are
    gone.
    """
    f = now.state.firms
    f.capex_scale = np.where(f.stage >= GONE, 0.0, np.where(f.stage >= RESTRUCTURED, RESTRUCTURED_CAPEX, 1.0))


def pay(now: Moment, category: str, received: Array) -> None:
    """Flows of one category: opening flow times the payer's driver."""
    layout, scratch = now.block.layout, now.block.scratch
    block = layout.category[category]
    if len(block):
        still = drivers.frozen(now, category)
        driver = DRIVERS[category](now, category) if still is None else still
        base, allowed = now.block.cache["tie_base"], now.struck("allowed")
        # a ban on accelerators already stands in the orders that are filled
        if allowed is not None and category != "accelerators":
            base = base * allowed[:, 0]
        kernels.spread(
            driver, layout.flow_payer, base, block.start, block.stop,
            scratch.flow, layout.flow_payee, received,
        )  # fmt: skip
        if category == "accelerators" and "supplier_fill" in now.results and still is None:
            pay_by_supplier(now, received)


def pay_by_supplier(now: Moment, received: Array) -> None:
    """Each designer is paid for what it delivered: where one falls short, the others sell as before."""
    scratch, layout, rows = now.block.scratch, now.block.layout, now.block.cache["order_tie"]
    pay_for_delivered(now.results["supplier_fill"], rows, layout.flow_payee, scratch.flow, received)


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT, _MAT))
def pay_for_delivered(fill: Array, rows: Array, payee: Array, flow: Array, received: Array) -> None:
    """Multiply the flow of each tie in `rows` by its `fill`, (rows, paths); its payee has received as much less."""
    for k in range(rows.shape[0]):
        t = rows[k]
        q = payee[t]
        for n in range(flow.shape[1]):
            more = flow[t, n] * (fill[k, n] - 1.0)
            flow[t, n] += more
            received[q, n] += more


def pay_for_models(now: Moment) -> None:
    """Users pay labs, platforms and data firms: spending of a segment times the seller's share, as far as served."""
    layout, scratch, r = now.block.layout, now.block.scratch, now.results
    block = layout.category["models"]
    spending = r["spending"][layout.segment] * (0.25 * r["served"])
    flow = spending * r["seller_share"]
    scratch.flow[block.slice] = flow
    kernels.accumulate(flow, layout.payee[block.slice], scratch.received)


def take_or_pay(now: Moment, category: str) -> None:
    """What a buyer has under contract it uses first and pays in any case, as far as the contract lives.

    Only what it wants beyond its contracts it buys along all its ties, in the shares of what it wants of each.
    """
    layout, scratch, facts = now.block.layout, now.block.scratch, now.block.facts
    block = layout.category[category]
    flow = scratch.flow[block.slice]
    flow *= now.state.ties.activity[block.slice]
    rows = now.block.cache[f"contract_rows_{category}"]
    if len(rows):
        ties = facts.contract_tie[rows]
        due = facts.contract_due[rows, min(now.quarter, facts.contract_due.shape[1] - 1)][:, None]
        allowed = now.struck("allowed")
        if allowed is not None:
            due = due * allowed[ties]
        wanted = np.zeros((2, layout.unit_count, now.block.width))
        buy_under_contract(
            due * now.state.ties.activity[ties], ties - block.start, layout.flow_payer[block.slice], wanted[0],
            wanted[1], flow,
        )  # fmt: skip
    if category == "compute":
        deliver_compute(now, flow)
    kernels.accumulate(flow, layout.payee[block.slice], scratch.received)


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT, _MAT, _MAT))
def buy_under_contract(due: Array, tie: Array, payer: Array, wanted: Array, contracted: Array, flow: Array) -> None:
    """Turn what payers want along the ties of a category into what they buy, usd_bn a quarter.

    `due` (contracts, paths) is paid on the ties `tie`; what a payer wants in all beyond that it takes from all its
    ties, in the shares of `flow` (ties, paths). `wanted` and `contracted` (units, paths) come in as zeros.
    """
    for t in range(flow.shape[0]):
        p = payer[t]
        for n in range(flow.shape[1]):
            wanted[p, n] += flow[t, n]
    for k in range(due.shape[0]):
        p = payer[tie[k]]
        for n in range(flow.shape[1]):
            contracted[p, n] += due[k, n]
    for t in range(flow.shape[0]):
        p = payer[t]
        for n in range(flow.shape[1]):
            flow[t, n] *= max(1.0 - contracted[p, n] / max(wanted[p, n], 1e-12), 0.0)
    for k in range(due.shape[0]):
        t = tie[k]
        for n in range(flow.shape[1]):
            flow[t, n] += due[k, n]


def deliver_compute(now: Moment, flow: Array) -> None:
    """A cloud delivers, and is paid for, what its fleet can carry."""
    layout, r, cache = now.block.layout, now.results, now.block.cache
    block = layout.category["compute"]
    outside = layout.payer[block.slice] >= layout.firms
    asked = np.zeros((layout.unit_count, now.block.width))
    kernels.accumulate(flow, layout.payee[block.slice], asked)
    r["compute_asked"] = asked[: layout.owners]
    carry = np.ones((layout.unit_count, now.block.width))
    carry[: layout.owners] = np.minimum(1.0, r["capability"] / np.maximum(asked[: layout.owners], 1e-12))
    carry[: layout.owners] *= now.state.firms.stage[: layout.owners] < 3.0
    asked_outside = flow[outside].sum(axis=0)
    if now.on("serve"):
        flow *= carry[layout.payee[block.slice]]
    # demand of customers outside the firms that their clouds turn away
    r["compute_unserved"] = np.maximum(asked_outside - flow[outside].sum(axis=0), 0.0)
    r["compute_delivered"] = r["compute_asked"] * carry[: layout.owners]
    cache["compute_expected"] = r["compute_asked"]


MAINTENANCE = 0.3
"""Share of ordinary capital spending that replaces what wears out (assumption, 0.2 to 0.5; docs/decisions/0003)."""


def capital_spending(now: Moment) -> None:
    """Capital spending along the ties, outside them, and in all, (firms, paths); AI spending of the economy."""
    r, cache, layout, facts, f = (
        now.results, now.block.cache, now.block.layout, now.block.facts, now.state.firms,
    )  # fmt: skip
    bought = np.zeros((2, layout.unit_count, now.block.width))
    for number, rows in enumerate((layout.capital_ties, layout.equipment_ties)):
        kernels.accumulate_rows(now.block.scratch.flow, rows, layout.flow_payer[rows], bought[number])
    tied, r["tied_equipment"] = bought[:, : layout.firms]
    shape = tied.shape
    rest, capex, ai, share = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape)
    index = capital_index(now)
    add_capital(
        facts.core_capex, now.block.trend[now.quarter], cache["wear"], float(now.on("close")), f.activity,
        f.capex_scale, cache["it_rest"], cache["site_rest"], r["equipment_ratio"], r["site_ratio"], index, tied,
        rest, capex, ai, share,
    )  # fmt: skip
    r["capital_rest"], r["tied_capital"], r["capex"], r["ai_capex_share"] = rest, tied, capex, share
    elsewhere = bought[0, layout.owner_unit[-1]]
    r["ai_capex"] = ai[: layout.owners].sum(axis=0) + ai[cache["builders"]].sum(axis=0) + elsewhere


@_kernel(numba.void(_MAT_IN, _MAT_IN, _MAT_IN, numba.float64, *[_MAT_IN] * 8, *[_MAT] * 4))
def add_capital(
    core_opening: Array,
    trend: Array,
    wear: Array,
    wears: float,
    activity: Array,
    scale: Array,
    equipment_rest: Array,
    site_rest: Array,
    equipment_ratio: Array,
    site_ratio: Array,
    index: Array,
    tied: Array,
    rest: Array,
    capex: Array,
    ai: Array,
    ai_share: Array,
) -> None:
    """Set capital spending outside the ties, in all, and the part of it for AI; (firms, paths), usd_bn.

    Ordinary spending replaces what wears out (nothing where `wears` is 0) and follows the `trend` of the business;
    `core_opening` and `trend` are (firms, 1). The part of AI spending that no tie names moves with the part that ties
    carry: of owners, who stand first, with their equipment and sites (`equipment_rest`, (owners, 1), and `site_rest`,
    (firms, 1), at the opening), of all others with `index`, (firms less owners, paths).
    """
    owners = equipment_rest.shape[0]
    for f in range(rest.shape[0]):
        growing = (1.0 - MAINTENANCE) * trend[f, 0]
        if f < owners:
            for n in range(rest.shape[1]):
                rest[f, n] = equipment_rest[f, 0] * equipment_ratio[f, n] + site_rest[f, 0] * site_ratio[f, n]
        else:
            for n in range(rest.shape[1]):
                rest[f, n] = site_rest[f, 0] * index[f - owners, n] * scale[f, n]
        for n in range(rest.shape[1]):
            ordinary = MAINTENANCE * wear[f, n] * wears + growing
            core = core_opening[f, 0] * ordinary * min(activity[f, n], 1.0) * scale[f, n]
            rest[f, n] = core + rest[f, n]
            capex[f, n] = rest[f, n] + tied[f, n]
            ai[f, n] = max(capex[f, n] - core, 0.0)
            ai_share[f, n] = ai[f, n] / max(capex[f, n], 1e-9)


def capital_index(now: Moment) -> Array:
    """AI capital spending of firms without fleets over the opening's, (firms less owners, paths).

    By sales, fabs by starts too, builders by what is built.
    """
    r, cache, layout = now.results, now.block.cache, now.block.layout
    rows = slice(layout.owners, layout.firms)
    sold = np.minimum(r["revenue"][rows] / cache["revenue_opening"][rows], 6.0)
    index = sold if now.on("spend") else np.ones_like(sold)
    fabs, power, builders = (
        cache[name][cache[name] >= layout.owners] for name in ("fab_firms", "power_firms", "builders")
    )
    part = cache["ai_sales_share"][fabs]
    if now.on("spend"):
        mine = part * index[fabs - layout.owners] * r["fab_index"]
        index[fabs - layout.owners] = mine + (1.0 - part) * now.block.trend[now.quarter, fabs]
    index[power - layout.owners] = r["generation_index"]
    index[builders - layout.owners] = r["leased_work"]
    return index

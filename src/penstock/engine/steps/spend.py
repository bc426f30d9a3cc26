"""Step 4, spend down the stack: payments in topological order of categories, from users to fuel and lasers.

Each payer's spending in a category follows its driver, one at the opening: flow = opening flow x driver. What a
payee receives in one category drives what it spends in the next. Use comes first (services, compute, rent, energy);
building hangs on the orders that go ahead, so it is run again once they are known.
"""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.layout import USE_CATEGORIES
from penstock.engine.moment import Moment
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.engine.steps import cascade, drivers, let
from penstock.engine.steps.serve import MEMORY_PRICE_STRETCH
from penstock.money import kernels
from penstock.money.kernels import _FLAG_IN, _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import boolean, float64, kernel, void

Array = np.ndarray

DRIVERS = {
    "model_access": drivers.revenue,
    "compute": drivers.compute,
    "lease": drivers.leased,
    "energy": drivers.power,
    "fuel": drivers.fuel,
}
"""What drives the spending in categories of use; for what is built see `cascade.py`."""
CONTRACTED = ("compute", "lease")
"""Categories in which a part of what is bought is under contract."""


def spend_on_use(now: Moment) -> None:
    """Sets the flows of services, compute, rent, energy and fuel; none hangs on what is built this quarter."""
    r, layout, regulated = now.results, now.block.layout, now.block.cache["regulated"]
    received = r["received_for_use"] = np.empty((layout.unit_count, now.block.width))
    received[layout.firms :] = 0.0
    received[: layout.firms] = r["sales"]
    # what is paid for plant alone buys no fuel and no energy: it comes in at the end
    plant_revenue = r["plant_revenue"][regulated]
    received[regulated] -= plant_revenue
    pay_for_models(now, received)
    for category in USE_CATEGORIES:
        if category in CONTRACTED:
            take_or_pay(now, category, received)
        else:
            pay(now, category, received)
    received[regulated] += plant_revenue
    let.let_free_plant(now, received)


def spend_on_build(now: Moment, accept: Array, again: bool = False) -> None:
    """Sets the flows of equipment and sites down to lasers, revenue and capex, with orders accepted in part.

    accept: share of its orders that each fleet owner takes, (owners + 1, paths). Again, after funding.
    """
    scratch, r = now.block.scratch, now.results
    r["accept"] = accept
    drivers.building(now, accept)
    pay_for_building(now)
    r["revenue"] = scratch.received[: now.block.layout.firms]
    capital_spending(now, again)


RESTRUCTURED_CAPEX = 0.15
"""Share of its capital spending that a restructured firm keeps up (assumption, 0.1 to 0.3; docs/decisions/0003)."""


def plan_at_full_scale(now: Moment) -> None:
    """Capital spending as planned: all of it for sound firms, little for restructured ones, none for firms that are
    gone.
    """
    f = now.state.firms
    f.capex_scale = np.empty_like(f.stage)
    scale_plans(f.stage, f.capex_scale)


@kernel(void(_MAT_IN, _MAT))
def scale_plans(stage: Array, scale: Array) -> None:
    """Set the `scale` of capital spending by what became of a firm; (firms, paths)."""
    for f in range(stage.shape[0]):
        for n in range(stage.shape[1]):
            scale[f, n] = 1.0
            if stage[f, n] >= RESTRUCTURED:
                scale[f, n] = 0.0 if stage[f, n] >= GONE else RESTRUCTURED_CAPEX


@kernel(void(_MAT_IN, _MAT_IN, float64, _MAT))
def accept_orders(scale: Array, weight: Array, weights: float, accept: Array) -> None:
    """Set `accept` (owners + 1, paths) to each owner's `scale`; the rest of the world takes the mean by `weight`.

    `weight` is (owners + 1, 1), `weights` its sum over owners.
    """
    owners = accept.shape[0] - 1
    accept[owners] = 0.0
    for o in range(owners):
        for n in range(accept.shape[1]):
            accept[o, n] = scale[o, n]
            accept[owners, n] += scale[o, n] * weight[o, 0]
    for n in range(accept.shape[1]):
        accept[owners, n] /= weights


def driver_of(now: Moment, category: str) -> Array:
    """What a category's payers spend over the opening's, (units, paths)."""
    still = drivers.frozen(now, category)
    return DRIVERS[category](now, category) if still is None else still


def usual_flow(now: Moment) -> Array:
    """Flows of the opening as far as events allow them, (flow ties,), usd_bn."""
    base, allowed = now.block.cache["tie_base"], now.struck("allowed")
    return base if allowed is None else base * allowed[:, 0]


def pay(now: Moment, category: str, received: Array) -> None:
    """Flows of one category: opening flow times the payer's driver."""
    layout, block = now.block.layout, now.block.layout.category[category]
    if len(block):
        kernels.spread(
            driver_of(now, category), layout.flow_payer, usual_flow(now), block.start, block.stop,
            now.block.scratch.flow, layout.flow_payee, received,
        )  # fmt: skip


def pay_for_building(now: Moment) -> None:
    """Flows of equipment and sites down to lasers, and what each unit has received after them."""
    block, r, firms = now.block, now.results, now.state.firms
    layout, scratch, cache, chain = block.layout, block.scratch, block.cache, block.cascade
    base, allowed = cache["tie_base"], now.struck("allowed")
    if allowed is not None:
        # a ban on accelerators already stands in the orders that are filled
        base, orders = base * allowed[:, 0], layout.category["accelerators"].slice
        base[orders] = cache["tie_base"][orders]
    driven_by, fill, ordered = chain.driver, r.get("supplier_fill"), cache["order_tie"]
    if not now.on("spend"):
        driven_by, fill = np.full_like(driven_by, cascade.FROZEN), None
    if fill is None:
        fill, ordered = np.empty((0, block.width)), ordered[:0]
    cascade.pay_down_the_stack(
        chain.start, chain.stop, driven_by, chain.first, chain.payer, chain.before, chain.owner, chain.builder, base,
        layout.flow_payer, layout.flow_payee, r["equipment_ratio"], r["site_ratio"], firms.capex_scale,
        np.exp(MEMORY_PRICE_STRETCH * r["scarcity"]), r["fab_index"], r["generation_index"], r["leased_work"],
        block.trend[now.quarter], cache["ai_sales_share"], fill, ordered, r["received_for_use"], scratch.driver,
        scratch.flow, scratch.received,
    )  # fmt: skip


def pay_for_models(now: Moment, received: Array) -> None:
    """Users pay labs, platforms and data firms: spending of a segment times the seller's share, as far as served."""
    layout, r, block = now.block.layout, now.results, now.block.layout.category["models"]
    pay_sellers(
        r["spending"], r["served"], layout.segment, layout.flow_payee[block.slice], r["seller_share"],
        now.block.scratch.flow[block.slice], received,
    )  # fmt: skip


@kernel(void(_MAT_IN, _VEC_IN, _IDX_IN, _IDX_IN, _MAT_IN, _MAT, _MAT))
def pay_sellers(
    spending: Array, served: Array, segment: Array, payee: Array, share: Array, flow: Array, received: Array
) -> None:
    """Set a quarter's `flow` (ties, paths), and add it to what is `received` (units, paths), usd_bn.

    `spending` (segments, paths) is of a year, as far as it is `served` (paths); `share` (ties, paths) of it is the
    seller's.
    """
    for t in range(flow.shape[0]):
        s, q = segment[t], payee[t]
        for n in range(flow.shape[1]):
            flow[t, n] = spending[s, n] * (0.25 * served[n]) * share[t, n]
        for n in range(flow.shape[1]):
            received[q, n] += flow[t, n]


def take_or_pay(now: Moment, category: str, received: Array) -> None:
    """What a buyer has under contract it uses first and pays in any case, as far as the contract lives.

    Only what it wants beyond its contracts it buys along all its ties, in the shares of what it wants of each.
    """
    layout, scratch, facts = now.block.layout, now.block.scratch, now.block.facts
    block, rows = layout.category[category], now.block.cache[f"contract_rows_{category}"]
    flow, ties = scratch.flow[block.slice], facts.contract_tie[rows]
    due = facts.contract_due[rows, min(now.quarter, facts.contract_due.shape[1] - 1)]
    allowed = now.struck("allowed")
    if allowed is not None:
        due = due * allowed[ties, 0]
    if len(block):
        wanted, contracted = (np.empty((layout.unit_count, now.block.width)) for _ in range(2))
        buy_under_contract(
            driver_of(now, category), usual_flow(now)[block.slice], due, ties - block.start,
            layout.flow_payer[block.slice], now.state.ties.activity[block.slice], wanted, contracted, flow,
        )  # fmt: skip
    if category == "compute":
        deliver_compute(now, flow)
    kernels.accumulate(flow, layout.flow_payee[block.slice], received)


@kernel(void(_MAT_IN, _VEC_IN, _VEC_IN, _IDX_IN, _IDX_IN, _MAT_IN, *[_MAT] * 3))
def buy_under_contract(
    driver: Array,
    usual: Array,
    due: Array,
    tie: Array,
    payer: Array,
    activity: Array,
    wanted: Array,
    contracted: Array,
    flow: Array,
) -> None:
    """Set what payers buy along the ties of a category, `flow` (ties, paths), usd_bn a quarter.

    They want the `usual` flow of a tie times their `driver` (units, paths). `due` (contracts,) is paid on the ties
    `tie`; what a payer wants in all beyond that it takes from all its ties, in the shares of what it wants; both as far
    as a tie lives (`activity`). `wanted` and `contracted` (units, paths) are room to work in.
    """
    for t in range(flow.shape[0]):
        wanted[payer[t]] = 0.0
        contracted[payer[t]] = 0.0
    for t in range(flow.shape[0]):
        p = payer[t]
        for n in range(flow.shape[1]):
            flow[t, n] = driver[p, n] * usual[t] * activity[t, n]
            wanted[p, n] += flow[t, n]
    for k in range(due.shape[0]):
        p = payer[tie[k]]
        for n in range(flow.shape[1]):
            contracted[p, n] += due[k] * activity[tie[k], n]
    for t in range(flow.shape[0]):
        p = payer[t]
        for n in range(flow.shape[1]):
            flow[t, n] *= max(1.0 - contracted[p, n] / max(wanted[p, n], 1e-12), 0.0)
    for k in range(due.shape[0]):
        t = tie[k]
        for n in range(flow.shape[1]):
            flow[t, n] += due[k] * activity[t, n]


def deliver_compute(now: Moment, flow: Array) -> None:
    """A cloud delivers, and is paid for, what its fleet can carry."""
    layout, r, cache, width = now.block.layout, now.results, now.block.cache, now.block.width
    block = layout.category["compute"]
    asked, delivered = np.empty((layout.owners, width)), np.empty((layout.owners, width))
    r["compute_unserved"] = np.empty(width)
    carry_compute(
        layout.flow_payer[block.slice], layout.flow_payee[block.slice], r["capability"], now.state.firms.stage,
        float(now.on("serve")), np.empty((layout.owners, width)), asked, delivered, r["compute_unserved"], flow,
        np.empty(width),
    )  # fmt: skip
    r["compute_asked"], r["compute_delivered"], cache["compute_expected"] = asked, delivered, asked


@kernel(void(_IDX_IN, _IDX_IN, _MAT_IN, _MAT_IN, float64, *[_MAT] * 3, _VEC, _MAT, _VEC))
def carry_compute(
    payer: Array,
    payee: Array,
    capability: Array,
    stage: Array,
    limits: float,
    carry: Array,
    asked: Array,
    delivered: Array,
    unserved: Array,
    flow: Array,
    wanted: Array,
) -> None:
    """Cut the `flow` of compute (ties, paths) to what the fleets of those who sell can carry; usd_bn a quarter.

    Sets what owners are `asked` for and deliver, (owners, paths), and what users outside the firms (those without a
    `stage`) are turned away, (paths,). Nothing is cut where `limits` is 0. `carry` (owners, paths) and `wanted`
    (paths) are room to work in.
    """
    owners, firms, paths = asked.shape[0], stage.shape[0], flow.shape[1]
    asked[:] = 0.0
    unserved[:] = 0.0
    for t in range(flow.shape[0]):
        if payee[t] < owners:
            for n in range(paths):
                asked[payee[t], n] += flow[t, n]
    for o in range(owners):
        for n in range(paths):
            carry[o, n] = min(1.0, capability[o, n] / max(asked[o, n], 1e-12)) if stage[o, n] < GONE else 0.0
            delivered[o, n] = asked[o, n] * carry[o, n]
    wanted[:] = 0.0
    for t in range(flow.shape[0]):
        outside = payer[t] >= firms
        for n in range(paths):
            if outside:
                wanted[n] += flow[t, n]
            if limits > 0.0 and payee[t] < owners:
                flow[t, n] *= carry[payee[t], n]
            if outside:
                unserved[n] += flow[t, n]
    for n in range(paths):
        unserved[n] = max(wanted[n] - unserved[n], 0.0)


MAINTENANCE = 0.3
"""Share of ordinary capital spending that replaces what wears out (assumption, 0.2 to 0.5; docs/decisions/0003)."""


def capital_spending(now: Moment, again: bool) -> None:
    """Capital spending along the ties, outside them, and in all, (firms, paths); AI spending of the economy.

    How much of it is for AI, funding asks of plans; what no tie names is billed as it goes ahead.
    """
    r, cache, facts, f, block = now.results, now.block.cache, now.block.facts, now.state.firms, now.block
    if not again:
        r["tied_capital"], r["tied_equipment"], r["capex"], r["ai_capex_share"] = np.empty((4, *f.capex_scale.shape))
        r["ai_capex"] = np.empty(block.width)
    else:
        r["capital_rest"] = np.empty_like(f.capex_scale)
    add_capital(
        block.scratch.flow, *block.ties_of["plant_of"], cache["world_plant"], cache["is_equipment"], facts.core_capex,
        block.trend[now.quarter], cache["wear"], float(now.on("close")), f.activity, f.capex_scale, cache["it_rest"],
        cache["site_rest"], r["equipment_ratio"], r["site_ratio"], r["revenue"], cache["revenue_opening"],
        cache["ai_sales_share"], cache["capital_follows"], float(now.on("spend")), r["fab_index"],
        r["generation_index"], r["leased_work"], again, r["capital_rest" if again else "ai_capex_share"], r["capex"],
        r["tied_capital"], r["tied_equipment"], r["ai_capex"], np.empty((3, block.width)),
    )  # fmt: skip


FOLLOWS_SALES, FOLLOWS_FABS, FOLLOWS_POWER, FOLLOWS_LEASES = range(4)
"""What the AI capital spending of a firm without a fleet follows: its sales; of fabs, fab starts too; of those who make
and sell power, its starts; of builders, what is built for lease."""
LARGEST_GROWTH = 6.0
"""Growth of a firm's sales over the opening beyond which its capital spending for AI no longer follows (assumption,
4 to 10)."""


@kernel(
    void(
        _MAT_IN, *[_IDX_IN] * 3, _FLAG_IN, *[_MAT_IN] * 3, float64, *[_MAT_IN] * 9, _IDX_IN, float64,
        *[_VEC_IN] * 3, boolean, *[_MAT] * 4, _VEC, _MAT,
    )
)  # fmt: skip
def add_capital(
    flow: Array,
    first: Array,
    rows: Array,
    world_rows: Array,
    is_equipment: Array,
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
    revenue: Array,
    revenue_opening: Array,
    ai_part: Array,
    follows: Array,
    moves: float,
    fab_starts: Array,
    power_starts: Array,
    leased: Array,
    goes_ahead: bool,
    part: Array,
    capex: Array,
    tied: Array,
    equipment: Array,
    ai_capex: Array,
    room: Array,
) -> None:
    """Set capital spending in all, along the ties, and for equipment; (firms, paths), usd_bn.

    And a `part` of it: what `goes_ahead` outside the ties; of plans, the share that is for AI.

    A firm's ties for plant are `rows`, from `first`, some of them for equipment (`is_equipment`); those of the rest of
    the world are `world_rows`. Ordinary spending replaces what wears out (nothing where `wears` is 0) and follows the
    `trend` of the business; `core_opening` and `trend` are (firms, 1). The part of AI spending that no tie names moves
    with the part that ties carry: of owners, who stand first, with their equipment and sites (`equipment_rest`,
    (owners, 1), and `site_rest`, (firms, 1), at the opening), of all others with what the firm `follows`. Sales do not
    move it where `moves` is 0. `ai_capex` (paths) is the AI spending of owners, builders and the rest of the world.
    `room` (3, paths) is there to work in.
    """
    owners, paths = equipment_rest.shape[0], capex.shape[1]
    rest, ai, ai_builders = room[0], room[1], room[2]
    ai_capex[:] = 0.0
    ai_builders[:] = 0.0
    for f in range(capex.shape[0]):
        for n in range(paths):
            tied[f, n] = 0.0
            equipment[f, n] = 0.0
        for k in range(first[f], first[f + 1]):
            t = rows[k]
            for n in range(paths):
                tied[f, n] += flow[t, n]
            if is_equipment[t]:
                for n in range(paths):
                    equipment[f, n] += flow[t, n]
        if f < owners:
            for n in range(paths):
                rest[n] = equipment_rest[f, 0] * equipment_ratio[f, n] + site_rest[f, 0] * site_ratio[f, n]
        elif follows[f] == FOLLOWS_POWER:
            for n in range(paths):
                rest[n] = site_rest[f, 0] * power_starts[n] * scale[f, n]
        elif follows[f] == FOLLOWS_LEASES:
            for n in range(paths):
                rest[n] = site_rest[f, 0] * leased[n] * scale[f, n]
        elif moves <= 0.0:
            for n in range(paths):
                rest[n] = site_rest[f, 0] * scale[f, n]
        elif follows[f] == FOLLOWS_FABS:
            hangs = ai_part[f, 0]
            for n in range(paths):
                sold = min(revenue[f, n] / revenue_opening[f, 0], LARGEST_GROWTH)
                index = hangs * sold * fab_starts[n] + (1.0 - hangs) * trend[f, 0]
                rest[n] = site_rest[f, 0] * index * scale[f, n]
        else:
            for n in range(paths):
                sold = min(revenue[f, n] / revenue_opening[f, 0], LARGEST_GROWTH)
                rest[n] = site_rest[f, 0] * sold * scale[f, n]
        growing = (1.0 - MAINTENANCE) * trend[f, 0]
        builds = f >= owners and follows[f] == FOLLOWS_LEASES
        for n in range(paths):
            ordinary = MAINTENANCE * wear[f, n] * wears + growing
            core = core_opening[f, 0] * ordinary * min(activity[f, n], 1.0) * scale[f, n]
            rest[n] = core + rest[n]
            capex[f, n] = rest[n] + tied[f, n]
            ai[n] = max(capex[f, n] - core, 0.0)
        if goes_ahead:
            for n in range(paths):
                part[f, n] = rest[n]
        else:
            for n in range(paths):
                part[f, n] = ai[n] / max(capex[f, n], 1e-9)
        if f < owners:
            for n in range(paths):
                ai_capex[n] += ai[n]
        elif builds:
            for n in range(paths):
                ai_builders[n] += ai[n]
    for n in range(paths):
        elsewhere = 0.0
        for k in range(world_rows.shape[0]):
            elsewhere += flow[world_rows[k], n]
        ai_capex[n] = ai_capex[n] + ai_builders[n] + elsewhere

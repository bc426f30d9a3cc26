"""Step 6, order and deliver: chips, halls and power move down their lines and into service."""

from __future__ import annotations

import numba
import numpy as np

from penstock.bounds import bounded
from penstock.conduct.investment import growth_over
from penstock.engine.moment import Moment
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.layers import facilities, silicon
from penstock.money import kernels
from penstock.money.kernels import _CUBE, _FLAG_IN, _FLAG_MAT_IN, _IDX_IN, _MAT, _MAT_IN, _kernel

Array = np.ndarray

FRESH_SHARE_AT_RISK = 0.15
"""Share of a fab's output that hangs on tools and spare parts of the same quarter (assumption, 0.05 to 0.3)."""


FELT_AT_ONCE = {"optics": 1.0, "tools": FRESH_SHARE_AT_RISK, "eda": 0.05, "wafers": 0.0, "memory": 0.0}
"""Part of what a supplier's inputs lack that its own deliveries lack in the same quarter; optics first, memory last.

Optics go into each scanner; a fab runs on without new tools, a designer without software for a while (eda: assumption,
0 to 0.1). Wafers and memory bound what designers ship.
"""
CANCELLED = 0.6
"""Share of refused deliveries that are cancelled; the rest stays in the book (assumption, 0.3 to 0.9)."""
FAB_FORESIGHT_YEARS = 0.5
"""Years beyond their lead time for which fabs and packaging build (assumption, 0 to 1)."""


def supply_chain(now: Moment) -> None:
    """Sets availability of inputs along the chain, optics first: what each designer can deliver, (designers, paths).

    A shortfall is carried as 1 - sum(share x (1 - supply)), which is exactly one where nobody falls short; what nobody
    lacks on any path is not followed.
    """
    f, layout = now.state.firms, now.block.layout
    supply = np.ones((layout.unit_count, now.block.width))
    work_on(f.supply, f.stage, RESTRUCTURED, GONE, supply)
    levers = now.block.levers
    for entity in levers.entities("silicon.capacity"):
        row = layout.units.index(entity)
        supply[row] = supply[row] * now.lever("silicon.capacity", 1.0, entity=entity)
    left = now.struck("supply")
    if left is not None:
        supply = supply * left
    # what lacks, so that nothing has to be taken from one again and again
    lacks = 1.0 - np.minimum(supply, 1.5)
    lacking, designers, short = np.asarray(lacks.any(axis=1)), now.block.cache["designers"], []
    for category, felt in FELT_AT_ONCE.items():
        missing, buyers = _missing(now, category, lacks, lacking)
        now.results[f"missing_{category}"] = missing
        if felt > 0.0:
            buyers = buyers[buyers < layout.firms]
            lacks[buyers] = 1.0 - (1.0 - lacks[buyers]) * (1.0 - felt * missing[buyers])
            lacking[buyers] = True
        else:
            short.append(missing[designers])
    # a designer ships what both its own works and its inputs carry
    worst, own = np.maximum(*short), lacks[designers]
    now.results["supply"] = 1.0 - np.where(worst > 0.0, np.maximum(own, worst), own)
    if left is not None:
        idle = 1.0 - left * np.ones_like(supply)
        still = np.asarray(idle.any(axis=1))
        racks = np.maximum(_missing(now, "servers", idle, still)[0], _missing(now, "network", idle, still)[0])
        now.results["missing_racks"] = racks[layout.owner_unit]


RESTRUCTURED_WORKS = 0.8
"""Share of what it could deliver that a restructured supplier delivers (assumption, 0.6 to 0.95)."""


@_kernel(numba.void(_MAT_IN, _MAT_IN, numba.float64, numba.float64, _MAT))
def work_on(able: Array, stage: Array, restructured: float, gone: float, supply: Array) -> None:
    """Set the first rows of `supply` to what firms could deliver, (firms, paths), by what became of them."""
    for f in range(able.shape[0]):
        for n in range(able.shape[1]):
            left = RESTRUCTURED_WORKS if stage[f, n] >= restructured else 1.0
            supply[f, n] = able[f, n] * (0.0 if stage[f, n] >= gone else left)


def _missing(now: Moment, category: str, short: Array, lacking: Array) -> tuple[Array, Array]:
    """Share of its input in a category that each buyer misses where suppliers are `short`, (units, paths).

    And who misses any on some path, rows of units. `lacking` (units,): who may be short on any path.
    """
    allowed = now.struck("allowed")
    parts = now.block.parts_of[category]
    if allowed is None:
        parts = tuple(part for part in parts if lacking[part.supplier].any())
    if not parts:
        return now.block.cache["nothing"], np.zeros(0, dtype=np.intp)
    # suppliers of one part stand in for each other by their shares; of the parts the scarcest counts
    out = np.zeros_like(short)
    for number, part in enumerate(parts):
        missed = np.zeros_like(out) if number else out
        lack(part.share, part.supplier, part.buyer, lacking, short, missed)
        if allowed is not None:
            stopped = (part.share - part.share * short[part.supplier]) * (1.0 - allowed[part.ties])
            kernels.accumulate(stopped, part.buyer, missed)
        np.maximum(out, missed if number else 0.0, out=out)
    buyers = np.unique(np.concatenate([part.buyer for part in parts]))
    return out, buyers[out[buyers].any(axis=1)]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _FLAG_IN, _MAT_IN, _MAT))
def lack(share: Array, supplier: Array, buyer: Array, lacking: Array, short: Array, missed: Array) -> None:
    """Add to `missed` of each buyer what its suppliers are `short` of, by their `share` (ties, 1) in what it buys.

    Suppliers that are not `lacking` are short of nothing on any path.
    """
    for t in range(share.shape[0]):
        s, b = supplier[t], buyer[t]
        if lacking[s]:
            part = share[t, 0]
            for n in range(missed.shape[1]):
                missed[b, n] += part * short[s, n]


def ship(now: Moment) -> None:
    """Sets shipped (owners + 1, paths) from order books: each designer fills its book pro rata."""
    e, fleet, th, r, cache = (
        now.state.economy, now.state.fleet, now.block.theta, now.results, now.block.cache,
    )  # fmt: skip
    product = np.exp(th["chip_product_growth"] * now.years)
    capacity = e.chip_capacity * product * np.where(e.chip_cut > 0, 0.6, 1.0) * now.lever("silicon.capacity")
    r["chip_capacity"] = capacity
    lead = r["chip_lead"]
    if not now.on("order"):
        r["shipped"] = fleet.backlog.copy()
        r["chip_shortage"] = np.zeros_like(capacity)
        return
    asked = cache["order_share"] * fleet.backlog[cache["order_owner"]]
    allowed = now.struck("allowed")
    orders = asked if allowed is None else asked * allowed[cache["order_tie"]]
    book = np.zeros((len(cache["designers"]), now.block.width))
    kernels.accumulate(orders, cache["order_designer"], book)
    who = cache["designers"]
    fill = silicon.fill_rate(book, capacity * cache["capacity_share"][who] * r["supply"], lead)
    shipped = np.zeros_like(fleet.backlog)
    delivered = np.empty_like(orders)
    kernels.ration(orders, cache["order_designer"], cache["order_owner"], fill, delivered, shipped)
    # what each designer fills of an order, over what the owner gets of all its orders
    r["supplier_fill"] = np.empty_like(asked)
    compare_fills(delivered, asked, shipped, fleet.backlog, cache["order_owner"], r["supplier_fill"])
    total = fleet.backlog.sum(axis=0)
    mean_fill = shipped.sum(axis=0) / np.maximum(orders.sum(axis=0), 1e-12)
    r["shipped"] = shipped + fleet.backlog * cache["unnamed_orders"] * mean_fill
    if "missing_racks" in r:
        r["shipped"] = r["shipped"] * (1.0 - bounded(r["missing_racks"], 0.0, 1.0))
    r["chip_shortage"] = 1.0 - r["shipped"].sum(axis=0) / np.maximum(total / lead, 1e-12)


@_kernel(numba.void(*[_MAT_IN] * 4, _IDX_IN, _MAT))
def compare_fills(delivered: Array, asked: Array, shipped: Array, backlog: Array, owner: Array, fill: Array) -> None:
    """Set `fill` to what each order gets of what was asked, over what its owner gets of its whole book."""
    for t in range(asked.shape[0]):
        o = owner[t]
        for n in range(asked.shape[1]):
            mine = shipped[o, n] / max(backlog[o, n], 1e-12)
            got = delivered[t, n] / max(asked[t, n], 1e-12) / max(mine, 1e-9)
            fill[t, n] = got if mine > 1e-9 else 1.0


def deliver(now: Moment) -> None:
    """Chips accepted and installed, fleets aged, halls and power finished, capacity of the chain moved on."""
    fleet, r = now.state.fleet, now.results
    grow_old(now)
    accepted = r["shipped"] * r["accept"]
    # a part of what an owner could not take goes to others
    refused = CANCELLED * (r["shipped"] - accepted)
    fleet.backlog = np.maximum(fleet.backlog - accepted - refused, 0.0)
    fleet.waiting = fleet.waiting + accepted
    fleet.delivered = fleet.delivered + accepted
    r["accepted"] = accepted
    build(now)
    put_in_service(now)
    fleet.backlog = np.maximum(fleet.backlog + r["chip_orders"], 0.0)
    expand_supply(now)


def grow_old(now: Moment) -> None:
    fleet = now.state.fleet
    factor = now.block.cache["survival"]
    retired, failed = silicon.age_fleet(fleet.stock, factor, now.results["owner_stock"])
    now.results["power_in_use"] = silicon.survive(fleet.power, factor)
    fleet.retired = fleet.retired + retired
    fleet.failed = fleet.failed + failed


def build(now: Moment) -> None:
    """Halls and firm power: starts within what trades can take on, then the stages."""
    e, fleet, th, r = now.state.economy, now.state.fleet, now.block.theta, now.results
    halls, power = r["hall_planned"] * r["accept"], r["power_planned"] * r["accept"]
    r["hall_starts"], r["power_starts"] = halls, power
    e.hall_limit = facilities.grow_limit(e.hall_limit, 1.0 - r["hall_shortage"], th["hall_starts_growth"])
    e.power_limit = facilities.grow_limit(e.power_limit, 1.0 - r["power_shortage"], th["power_starts_growth"])
    fleet.hall_stages, r["hall_done"] = facilities.advance_stages(fleet.hall_stages, halls, r["hall_lead"])
    fleet.power_stages, done = facilities.advance_stages(fleet.power_stages, power, r["power_lead"])
    # a frozen permit holds half of what would be connected for a later quarter
    held = done * np.where(e.power_cut > 0, 0.5, 0.0)
    fleet.power_stages[-1] += held
    r["power_done"] = done - held
    come_late(now)
    fleet.halls = fleet.halls + r["hall_done"]
    fleet.firm_power = fleet.firm_power + r["power_done"]


def come_late(now: Moment) -> None:
    """Holds back in the last stage what events delay: shares of what would be finished, and halls of late sites."""
    fleet, r = now.state.fleet, now.results
    building, connecting, late = now.struck("building"), now.struck("connecting"), now.struck("late_gw")
    if building is None or connecting is None or late is None:
        return
    for name, on_time, line, lead in (
        ("hall_done", building, fleet.hall_stages, r["hall_lead"]),
        ("power_done", connecting, fleet.power_stages, r["power_lead"]),
    ):
        held = facilities.hold_back(r[name], on_time, late, np.minimum(line.shape[0] / lead, 1.0))
        line[-1] += held
        r[name] = r[name] - held


def put_in_service(now: Moment) -> None:
    """Waiting chips go into service where halls and power carry them; where they wait, old ones make room."""
    fleet, r = now.state.fleet, now.results
    # what an owner may draw is the smaller of its halls and its firm power
    headroom = np.minimum(fleet.halls, fleet.firm_power) - r["power_in_use"]
    installed = silicon.install(fleet.waiting, headroom, r["power_per_h100e"])
    if not now.on("order"):
        installed = fleet.waiting.copy()
    fleet.waiting = fleet.waiting - installed
    fleet.stock[0] = installed
    fleet.power[0] = installed * r["power_per_h100e"]
    crowded = fleet.waiting > 0.05 * np.maximum(r["owner_stock"], 1e-9)
    make_room(crowded, fleet.stock, fleet.power, fleet.retired)
    r["installed"] = installed
    r["hall_binding"] = crowded & (fleet.halls <= fleet.firm_power)
    r["power_binding"] = crowded & (fleet.halls > fleet.firm_power)


OLD, KEPT_OF_OLD = 11, 0.88
"""Age in quarters from which chips make room where new ones wait, and the share of them that stays a quarter
(assumptions, 8 to 16 and 0.8 to 0.95)."""


@_kernel(numba.void(_FLAG_MAT_IN, _CUBE, _CUBE, _MAT))
def make_room(crowded: Array, stock: Array, power: Array, retired: Array) -> None:
    """Retire a part of the old chips of owners where new ones wait (`crowded`)."""
    for a in range(OLD, stock.shape[0]):
        for o in range(stock.shape[1]):
            for n in range(stock.shape[2]):
                if crowded[o, n]:
                    retired[o, n] += (1.0 - KEPT_OF_OLD) * stock[a, o, n]
                    stock[a, o, n] *= KEPT_OF_OLD
                    power[a, o, n] *= KEPT_OF_OLD


def expand_supply(now: Moment) -> None:
    """Package capacity follows orders through fab lead times; missing tools slow it."""
    e, th, r, cache = now.state.economy, now.block.theta, now.results, now.block.cache
    product = np.exp(th["chip_product_growth"] * now.years)
    fleet = now.state.fleet
    asked = 0.5 * (fleet.backlog.sum(axis=0) / r["chip_lead"] + np.maximum(r["chip_orders"].sum(axis=0), 0.0)) / product
    # the chain builds for orders at the end of its lead time
    years = 0.25 * th["fab_lead"] + FAB_FORESIGHT_YEARS
    asked = asked * np.exp(growth_over(r["growth"], th["extrapolation_fade"], years))
    tools = 1.0 - (cache["foundry_share"] * r["missing_tools"][: now.block.layout.firms]).sum(axis=0)
    growth = th["chip_capacity_growth"] * bounded(tools, 0.0, 1.0)
    stages, capacity = silicon.advance_capacity(
        e.chip_stages, e.chip_capacity, asked * 1.05, th["fab_lead"], growth, th["chip_capacity"], 0.33, 0.015
    )
    r["fab_starts"] = stages[0]
    e.chip_stages, e.chip_capacity = stages, capacity

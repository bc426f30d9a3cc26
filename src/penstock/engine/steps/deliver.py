"""Step 6, deliver: chips, halls and power move down their lines and into service; the chain builds capacity."""

from __future__ import annotations

import numba

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.conduct.investment import growth_over
from penstock.engine.moment import Moment
from penstock.engine.steps import fleets
from penstock.layers import facilities, silicon
from penstock.money.kernels import _MAT, _MAT_IN, _kernel

Array = np.ndarray

CANCELLED = 0.6
"""Share of refused deliveries that are cancelled; the rest stays in the book (assumption, 0.3 to 0.9)."""
FAB_FORESIGHT_YEARS = 0.5
"""Years beyond their lead time for which fabs and packaging build (assumption, 0 to 1)."""


def deliver(now: Moment) -> None:
    """Chips accepted and installed, fleets aged, halls and power finished, capacity of the chain moved on."""
    fleet, r = now.state.fleet, now.results
    r["accepted"] = np.empty_like(fleet.backlog)
    take_in(r["shipped"], r["accept"], r["chip_orders"], fleet.backlog, fleet.waiting, fleet.delivered, r["accepted"])
    build(now)
    fleets.turn_over(now)
    expand_supply(now)


@_kernel(numba.void(*[_MAT_IN] * 3, *[_MAT] * 4))
def take_in(
    shipped: Array, accept: Array, new: Array, backlog: Array, waiting: Array, delivered: Array, accepted: Array
) -> None:
    """Move what owners accept of what is `shipped` from the order book to the chips that wait, and book `new` orders.

    A part of what an owner could not take goes to others. All (owners + 1, paths), million H100e.
    """
    for o in range(shipped.shape[0]):
        for n in range(shipped.shape[1]):
            taken = shipped[o, n] * accept[o, n]
            refused = CANCELLED * (shipped[o, n] - taken)
            accepted[o, n] = taken
            backlog[o, n] = max(max(backlog[o, n] - taken - refused, 0.0) + new[o, n], 0.0)
            waiting[o, n] += taken
            delivered[o, n] += taken


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


def expand_supply(now: Moment) -> None:
    """Package capacity follows orders through fab lead times; missing tools slow it."""
    e, th, r = now.state.economy, now.block.theta, now.results
    product = np.exp(th["chip_product_growth"] * now.years)
    fleet = now.state.fleet
    asked = 0.5 * (fleet.backlog.sum(axis=0) / r["chip_lead"] + np.maximum(r["chip_orders"].sum(axis=0), 0.0)) / product
    # the chain builds for orders at the end of its lead time
    years = 0.25 * th["fab_lead"] + FAB_FORESIGHT_YEARS
    asked = asked * np.exp(growth_over(r["growth"], th["extrapolation_fade"], years))
    tools = 1.0 - r["tools_missing"]
    growth = th["chip_capacity_growth"] * bounded(tools, 0.0, 1.0)
    stages, capacity = silicon.advance_capacity(
        e.chip_stages, e.chip_capacity, asked * 1.05, th["fab_lead"], growth, th["chip_capacity"], 0.33, 0.015
    )
    r["fab_starts"] = stages[0]
    e.chip_stages, e.chip_capacity = stages, capacity

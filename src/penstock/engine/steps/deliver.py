"""Step 6, deliver: chips, halls and power move down their lines and into service; the chain builds capacity."""

from __future__ import annotations

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.conduct.investment import growth_over
from penstock.engine.moment import Moment, alike
from penstock.engine.steps import fleets
from penstock.layers import facilities, silicon
from penstock.money.kernels import _CUBE, _MAT, _MAT_IN, _VEC_IN
from penstock.passes import kernel, void

Array = np.ndarray

CANCELLED = 0.6
"""Share of refused deliveries that are cancelled; the rest stays in the book (assumption, 0.3 to 0.9)."""
FAB_FORESIGHT_YEARS = 0.5
"""Years beyond their lead time for which fabs and packaging build (assumption, 0 to 1)."""


def deliver(now: Moment) -> None:
    """Chips accepted and installed, fleets aged, halls and power finished, capacity of the chain moved on."""
    fleet, r = now.state.fleet, now.results
    r["accepted"], book = np.empty_like(fleet.backlog), np.zeros((2, now.block.width))
    take_in(
        r["shipped"], r["accept"], r["chip_orders"], fleet.backlog, fleet.waiting, fleet.delivered, r["accepted"], book
    )
    build(now)
    fleets.turn_over(now)
    expand_supply(now, *book)


@kernel(void(*[_MAT_IN] * 3, *[_MAT] * 5))
def take_in(
    shipped: Array,
    accept: Array,
    new: Array,
    backlog: Array,
    waiting: Array,
    delivered: Array,
    accepted: Array,
    book: Array,
) -> None:
    """Move what owners accept of what is `shipped` from the order book to the chips that wait, and book `new` orders.

    A part of what an owner could not take goes to others. All (owners + 1, paths), million H100e. Adds up what stands
    in the book, and what is new, in the two rows of `book`, (paths,).
    """
    for o in range(shipped.shape[0]):
        for n in range(shipped.shape[1]):
            taken = shipped[o, n] * accept[o, n]
            refused = CANCELLED * (shipped[o, n] - taken)
            accepted[o, n] = taken
            backlog[o, n] = max(max(backlog[o, n] - taken - refused, 0.0) + new[o, n], 0.0)
            waiting[o, n] += taken
            delivered[o, n] += taken
            book[0, n] += backlog[o, n]
            book[1, n] += new[o, n]


def build(now: Moment) -> None:
    """Halls and firm power: starts within what trades can take on, then the stages; what events delay comes later."""
    e, fleet, th, r = now.state.economy, now.state.fleet, now.block.theta, now.results
    e.hall_limit = facilities.grow_limit(e.hall_limit, 1.0 - r["hall_shortage"], th["hall_starts_growth"])
    e.power_limit = facilities.grow_limit(e.power_limit, 1.0 - r["power_shortage"], th["power_starts_growth"])
    r["hall_starts"], r["power_starts"], r["hall_done"], r["power_done"] = np.empty((4, *fleet.halls.shape))
    told = (now.struck("building"), now.struck("connecting"), now.struck("late_gw"))
    on_time, connected, late = (
        (alike(1.0, len(fleet.halls)), alike(1.0, len(fleet.halls)), alike(0.0, len(fleet.halls)))
        if told[0] is None or told[1] is None or told[2] is None
        else tuple(np.ascontiguousarray(one) for one in told)
    )
    build_sites(
        r["hall_planned"], r["power_planned"], r["accept"], facilities.share_moving(fleet.hall_stages, r["hall_lead"]),
        facilities.share_moving(fleet.power_stages, r["power_lead"]), e.power_cut, on_time, connected, late,
        fleet.hall_stages, fleet.power_stages, fleet.halls, fleet.firm_power, r["hall_starts"], r["power_starts"],
        r["hall_done"], r["power_done"],
    )  # fmt: skip


HELD_BY_A_FREEZE = 0.5
"""Part of the firm power due that a freeze of permits holds for a later quarter."""


@kernel(void(*[_MAT_IN] * 5, _VEC_IN, *[_MAT_IN] * 3, _CUBE, _CUBE, *[_MAT] * 6))
def build_sites(
    hall_orders: Array,
    power_orders: Array,
    accept: Array,
    hall_rate: Array,
    power_rate: Array,
    frozen: Array,
    on_time: Array,
    connected: Array,
    late: Array,
    hall_line: Array,
    power_line: Array,
    halls: Array,
    firm_power: Array,
    hall_starts: Array,
    power_starts: Array,
    hall_done: Array,
    power_done: Array,
) -> None:
    """Start what owners accept of their orders, move their delay lines on, add what is finished; (owners + 1, paths).

    Stages move on by their rates (`facilities.share_moving`). Permits that are `frozen` (paths) above zero hold a part
    of the power back; of what is due events leave halls `on_time` and power `connected`, (owners + 1, 1), and some GW
    come `late`. What is held stays in the last stage.
    """
    for o in range(halls.shape[0]):
        for n in range(halls.shape[1]):
            hall_starts[o, n] = hall_orders[o, n] * accept[o, n]
            power_starts[o, n] = power_orders[o, n] * accept[o, n]
        facilities.advance_line(hall_line, o, hall_starts, hall_rate, hall_done)
        facilities.advance_line(power_line, o, power_starts, power_rate, power_done)
        h, p = min(o, hall_rate.shape[0] - 1), min(o, power_rate.shape[0] - 1)
        for n in range(halls.shape[1]):
            held = facilities.hold_back(hall_done[o, n], on_time[o, 0], late[o, 0], hall_rate[h, n])
            hall_line[-1, o, n] += held
            hall_done[o, n] -= held
            halls[o, n] += hall_done[o, n]
            held = power_done[o, n] * (HELD_BY_A_FREEZE if frozen[n] > 0.0 else 0.0)
            power_line[-1, o, n] += held
            power_done[o, n] -= held
            held = facilities.hold_back(power_done[o, n], connected[o, 0], late[o, 0], power_rate[p, n])
            power_line[-1, o, n] += held
            power_done[o, n] -= held
            firm_power[o, n] += power_done[o, n]


def expand_supply(now: Moment, ordered: Array, new: Array) -> None:
    """Package capacity follows orders through fab lead times; missing tools slow it.

    What stands in order books and what is `new` in them, million H100e, (paths,).
    """
    e, th, r = now.state.economy, now.block.theta, now.results
    asked = 0.5 * (ordered / r["chip_lead"] + np.maximum(new, 0.0)) / r["chip_product"]
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

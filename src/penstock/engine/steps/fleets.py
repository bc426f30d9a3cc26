"""Step 6, fleets by age: chips wear out and fail, those that wait go into service, old ones make room."""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.engine.state import OLD
from penstock.layers.silicon import PERMANENT_FAILURE_PER_QUARTER
from penstock.money.kernels import _CUBE, _FLAG_MAT, _IDX_IN, _MAT, _MAT_IN, _VEC_IN
from penstock.passes import boolean, inlined, intp, kernel, void

Array = np.ndarray


def turn_over(now: Moment) -> None:
    """A quarter of all fleets; sets what binds those whose chips wait, and `stock_after` and `power_after`."""
    fleet, r, shape = now.state.fleet, now.results, now.state.fleet.halls.shape
    r["hall_binding"], r["power_binding"] = np.empty((2, *shape), dtype=bool)
    r["stock_after"], r["power_after"] = np.empty((2, *shape))
    run_fleets(
        now.block.cache["survival"], r["power_per_h100e"], r["owner_stock"], fleet.halls, fleet.firm_power,
        now.on("order"), now.quarter, fleet.waiting, fleet.retired, fleet.failed, fleet.bought, fleet.opening_power,
        fleet.lasting, fleet.drawn, fleet.kept, r["hall_binding"], r["power_binding"], r["stock_after"],
        r["power_after"], np.empty((4, now.block.width)),
    )  # fmt: skip


@inlined
def install(waiting: Array, headroom_gw: Array, power_kw: Array) -> Array:
    """Million H100e put into service: what waits, as far as halls and power carry (kW per H100e = GW per million)."""
    return np.minimum(waiting, np.maximum(headroom_gw, 0.0) / power_kw)


KEPT_OF_OLD = 0.88
"""Share of old chips that stays a quarter where new ones wait (assumption, 0.8 to 0.95)."""
CROWDED = 0.05
"""Chips that wait over those in service beyond which old ones make room (assumption, 0.02 to 0.1)."""


@inlined
def cohort(quarter: int, age: int, ages: int) -> int:
    """Row of the chips that are `age` quarters old at the end of a quarter, of a fleet with so many `ages`.

    Rows go round: chips of a quarter take that of the oldest, and stay there. At the opening (quarter -1) age is row.
    """
    return (age - quarter - 1) % ages


@inlined
def _count(
    bought: Array,
    opening_power: Array,
    lasting: Array,
    drawn: Array,
    o: int,
    quarter: int,
    ages: tuple[int, int],
    chips: Array,
    gigawatts: Array,
) -> None:
    """Add to `chips` and `gigawatts` (paths,) what is left of an owner's cohorts between two `ages`, oldest first."""
    for age in range(ages[1], ages[0] - 1, -1):
        c = cohort(quarter, age, bought.shape[0])
        if age > quarter:
            for n in range(chips.shape[0]):
                chips[n] += bought[c, o, n] * lasting[c, n]
                gigawatts[n] += opening_power[c, o, n] * lasting[c, n]
        else:
            for n in range(chips.shape[0]):
                left = bought[c, o, n] * lasting[c, n]
                chips[n] += left
                gigawatts[n] += left * drawn[c, n]


@kernel(
    void(
        _MAT_IN, _VEC_IN, *[_MAT_IN] * 3, boolean, intp, *[_MAT] * 3, _CUBE, _CUBE, *[_MAT] * 3,
        _FLAG_MAT, _FLAG_MAT, *[_MAT] * 3,
    )
)  # fmt: skip
def run_fleets(
    survival: Array,
    power_per_chip: Array,
    stock_before: Array,
    halls: Array,
    firm_power: Array,
    limited: bool,
    quarter: int,
    waiting: Array,
    retired: Array,
    failed: Array,
    bought: Array,
    opening_power: Array,
    lasting: Array,
    drawn: Array,
    kept: Array,
    by_halls: Array,
    by_power: Array,
    stock_after: Array,
    power_after: Array,
    room: Array,
) -> None:
    """Make fleets a quarter older, then put chips that wait into service where halls and power carry them.

    `bought`, `opening_power`, `lasting`, `drawn` and `kept` are those of a `Fleet`, `survival` (ages, paths) is what
    each age leaves of a cohort in a quarter, `power_per_chip` (paths,) holds for chips of the quarter, all else is
    (owners, paths). Chips that grow older are read and not written: what is `lasting` of them is the same for all
    owners.

    What an owner may draw is the smaller of its halls and its firm power; all chips are installed where this is not
    `limited`. Where chips wait all the same, a part of the old ones makes room: what binds them there, halls or power.
    No cohort is written for it but that which becomes old, which is told over what was `kept` of old ones so far.
    Adds to what `retired` and `failed`; sets the sums over ages. `room`, (4, paths), is there to work in.
    """
    chips, in_use, old, old_in_use = room[0], room[1], room[2], room[3]
    last, new_one = bought.shape[0] - 1, cohort(quarter, 0, bought.shape[0])
    for age in range(1, last + 1):
        c = cohort(quarter, age, bought.shape[0])
        for n in range(survival.shape[1]):
            lasting[c, n] *= (1.0 - PERMANENT_FAILURE_PER_QUARTER) * survival[age - 1, n]
    for n in range(survival.shape[1]):
        lasting[new_one, n] = 1.0
        drawn[new_one, n] = power_per_chip[n]
    grown_old = cohort(quarter, OLD, bought.shape[0]) if last >= OLD else -1
    for o in range(waiting.shape[0]):
        if grown_old >= 0:
            for n in range(waiting.shape[1]):
                bought[grown_old, o, n] /= kept[o, n]
                opening_power[grown_old, o, n] /= kept[o, n]
        old[:] = 0.0
        old_in_use[:] = 0.0
        _count(bought, opening_power, lasting, drawn, o, quarter, (OLD, last), old, old_in_use)
        for n in range(waiting.shape[1]):
            old[n] *= kept[o, n]
            old_in_use[n] *= kept[o, n]
            chips[n] = old[n]
            in_use[n] = old_in_use[n]
        _count(bought, opening_power, lasting, drawn, o, quarter, (1, min(OLD - 1, last)), chips, in_use)
        for n in range(waiting.shape[1]):
            lost = PERMANENT_FAILURE_PER_QUARTER * stock_before[o, n]
            retired[o, n] += stock_before[o, n] - lost - chips[n]
            failed[o, n] += lost
            new = waiting[o, n]
            if limited:
                new = install(waiting[o, n], min(halls[o, n], firm_power[o, n]) - in_use[n], power_per_chip[n])
            waiting[o, n] -= new
            bought[new_one, o, n] = new
            opening_power[new_one, o, n] = 0.0
            crowded = waiting[o, n] > CROWDED * max(stock_before[o, n], 1e-9)
            by_halls[o, n] = crowded & (halls[o, n] <= firm_power[o, n])
            by_power[o, n] = crowded & (halls[o, n] > firm_power[o, n])
            part = 1.0 - KEPT_OF_OLD if crowded else 0.0
            retired[o, n] += part * old[n]
            stock_after[o, n] = chips[n] + new - part * old[n]
            power_after[o, n] = in_use[n] + new * power_per_chip[n] - part * old_in_use[n]
            kept[o, n] *= KEPT_OF_OLD if crowded else 1.0


@kernel(void(_IDX_IN, _IDX_IN, intp, _MAT, _CUBE, _CUBE), pairs=("firm", "path"))
def count_anew(firm: Array, path: Array, quarter: int, kept: Array, bought: Array, opening_power: Array) -> None:
    """Tell the old cohorts of owners among pairs as they are, whatever was `kept` of them, so that they can move."""
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        if f < 0 or f >= kept.shape[0]:
            continue
        for age in range(OLD, bought.shape[0]):
            c = cohort(quarter, age, bought.shape[0])
            bought[c, f, n] *= kept[f, n]
            opening_power[c, f, n] *= kept[f, n]
        kept[f, n] = 1.0


def before_they_move(now: Moment, lanes: Array, *ends: Array) -> None:
    """Makes the fleets of those at each end ready to change hands on a path; who owns no fleet is passed over."""
    fleet = now.state.fleet
    for owners in ends:
        count_anew(owners, lanes, now.quarter, fleet.kept, fleet.bought, fleet.opening_power)

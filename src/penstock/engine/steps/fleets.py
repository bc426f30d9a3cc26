"""Step 6, fleets by age: chips wear out and fail, those that wait go into service, old ones make room."""

from __future__ import annotations

import numba
from numba.extending import register_jitable

from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.layers.silicon import PERMANENT_FAILURE_PER_QUARTER
from penstock.money.kernels import _CUBE, _FLAG_MAT, _MAT, _MAT_IN, _VEC_IN, _kernel

Array = np.ndarray


def turn_over(now: Moment) -> None:
    """A quarter of all fleets; sets what binds those whose chips wait, and `stock_after` and `power_after`."""
    fleet, r, shape = now.state.fleet, now.results, now.state.fleet.halls.shape
    r["hall_binding"], r["power_binding"] = np.empty((2, *shape), dtype=bool)
    r["stock_after"], r["power_after"] = np.empty((2, *shape))
    run_fleets(
        now.block.cache["survival"], r["power_per_h100e"], r["owner_stock"], fleet.halls, fleet.firm_power,
        now.on("order"), fleet.waiting, fleet.retired, fleet.failed, fleet.stock, fleet.power, r["hall_binding"],
        r["power_binding"], r["stock_after"], r["power_after"], np.empty_like(now.block.cache["survival"]),
        np.empty((4, now.block.width)),
    )  # fmt: skip


@register_jitable
def install(waiting: Array, headroom_gw: Array, power_kw: Array) -> Array:
    """Million H100e put into service: what waits, as far as halls and power carry (kW per H100e = GW per million)."""
    return np.minimum(waiting, np.maximum(headroom_gw, 0.0) / power_kw)


OLD, KEPT_OF_OLD = 11, 0.88
"""Age in quarters from which chips make room where new ones wait, and the share of them that stays a quarter
(assumptions, 8 to 16 and 0.8 to 0.95)."""
CROWDED = 0.05
"""Chips that wait over those in service beyond which old ones make room (assumption, 0.02 to 0.1)."""


@register_jitable
def _grow_older(fleet: Array, o: int, kept: Array, left: Array) -> None:
    """Leave of each age class of an owner what survives the quarter, and set `left` to the sum over ages.

    Age 0 is empty after, the last class is gone.
    """
    left[:] = 0.0
    for a in range(fleet.shape[0] - 1, 0, -1):
        for n in range(fleet.shape[2]):
            fleet[a, o, n] = fleet[a - 1, o, n] * kept[a - 1, n]
            left[n] += fleet[a, o, n]


@register_jitable
def _add_up(fleet: Array, o: int, total: Array) -> None:
    """Set `total[o]` to the sum over ages of an owner."""
    for n in range(fleet.shape[2]):
        total[o, n] = fleet[0, o, n]
    for a in range(1, fleet.shape[0]):
        for n in range(fleet.shape[2]):
            total[o, n] += fleet[a, o, n]


@_kernel(
    numba.void(
        _MAT_IN, _VEC_IN, *[_MAT_IN] * 3, numba.boolean, *[_MAT] * 3, _CUBE, _CUBE, _FLAG_MAT, _FLAG_MAT,
        *[_MAT] * 4,
    )
)  # fmt: skip
def run_fleets(
    survival: Array,
    power_per_chip: Array,
    stock_before: Array,
    halls: Array,
    firm_power: Array,
    limited: bool,
    waiting: Array,
    retired: Array,
    failed: Array,
    stock: Array,
    power: Array,
    by_halls: Array,
    by_power: Array,
    stock_after: Array,
    power_after: Array,
    lasting: Array,
    room: Array,
) -> None:
    """Make fleets a quarter older, then put chips that wait into service where halls and power carry them.

    Fleets are (ages, owners, paths), all else (owners, paths) but `survival`, (ages, paths), and `power_per_chip`,
    (paths,), for chips of the quarter. What an owner may draw is the smaller of its halls and its firm power; all chips
    are installed where this is not `limited`. Where chips wait all the same, a part of the old ones makes room: what
    binds them there, halls or power. Adds to what `retired` and `failed`; sets the sums over ages. An owner's ages are
    gone through while they are at hand. `lasting`, as `survival`, and `room`, (4, paths), are there to work in.
    """
    fleets, totals = (stock, power), (stock_after, power_after)
    left, in_use, kept, part = room[0], room[1], room[2], room[3]
    for a in range(survival.shape[0]):
        for n in range(survival.shape[1]):
            lasting[a, n] = (1.0 - PERMANENT_FAILURE_PER_QUARTER) * survival[a, n]
    for o in range(waiting.shape[0]):
        for k in range(2):
            _grow_older(fleets[k], o, lasting, room[k])
        for n in range(waiting.shape[1]):
            lost = PERMANENT_FAILURE_PER_QUARTER * stock_before[o, n]
            retired[o, n] += stock_before[o, n] - lost - left[n]
            failed[o, n] += lost
        for n in range(waiting.shape[1]):
            new = waiting[o, n]
            if limited:
                new = install(waiting[o, n], min(halls[o, n], firm_power[o, n]) - in_use[n], power_per_chip[n])
            waiting[o, n] -= new
            stock[0, o, n] = new
            power[0, o, n] = new * power_per_chip[n]
        some = False
        for n in range(waiting.shape[1]):
            crowded = waiting[o, n] > CROWDED * max(stock_before[o, n], 1e-9)
            by_halls[o, n] = crowded & (halls[o, n] <= firm_power[o, n])
            by_power[o, n] = crowded & (halls[o, n] > firm_power[o, n])
            kept[n] = KEPT_OF_OLD if crowded else 1.0
            part[n] = 1.0 - KEPT_OF_OLD if crowded else 0.0
            some |= crowded
        if some:
            for a in range(OLD, stock.shape[0]):
                for n in range(waiting.shape[1]):
                    retired[o, n] += part[n] * stock[a, o, n]
                    stock[a, o, n] *= kept[n]
                    power[a, o, n] *= kept[n]
        for k in range(2):
            _add_up(fleets[k], o, totals[k])

"""Hour by hour: the cheapest plants first, and a battery that takes what is left over and gives it where it is dear.

The compiled loop is held to a readable twin in the tests. MW, MWh and hours; one step is one hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.passes import when_called

Array = np.ndarray

ROUND_TRIP = 0.87
"""Energy out of a battery over energy in (0.85 to 0.90)."""
VALUE_OF_LOST_LOAD = 10_000.0
"""Usd per MWh that is not served: above all plants, so that load is shed last (assumption)."""


@dataclass(frozen=True)
class Dispatch:
    """A year's operation. generation_mw: (plants, hours); the rest (hours,), price the cost of the last MW."""

    generation_mw: Array
    charge_mw: Array
    discharge_mw: Array
    stored_mwh: Array
    shed_mw: Array
    price_usd_per_mwh: Array
    cost_usd: float

    @property
    def hours_short(self) -> float:
        """Hours in which more than a millionth of the load is not served."""
        served = self.generation_mw.sum(axis=0) + self.discharge_mw - self.charge_mw
        return float(np.count_nonzero(self.shed_mw > 1e-6 * np.maximum(served + self.shed_mw, 1e-9)))

    @property
    def energy_short_mwh(self) -> float:
        """Load that was not served, over all hours."""
        return float(self.shed_mw.sum())


def dispatch(
    load_mw: Any,
    capacity_mw: Any,
    availability: Any,
    marginal_usd_per_mwh: Any,
    *,
    battery_mw: float = 0.0,
    battery_mwh: float = 0.0,
    round_trip: float = ROUND_TRIP,
    voll: float = VALUE_OF_LOST_LOAD,
) -> Dispatch:
    """Serve the load in merit order.

    load_mw: (hours,); capacity_mw and marginal_usd_per_mwh: (plants,); availability: (plants, hours) shares, or
    (plants,), or one number. Plants whose cost is 0 run ahead and fill the battery with what is left; the battery
    also fills from the spare of cheaper plants against a shortage, and empties to serve what would be short, or in
    place of plants dearer than what filled it. The battery starts empty.

    Raises UsageError for negative power, cost or load, shares outside 0 to 1, or shapes that do not fit.
    """
    load = np.atleast_1d(np.asarray(load_mw, dtype=float))
    capacity = np.atleast_1d(np.asarray(capacity_mw, dtype=float))
    marginal = np.atleast_1d(np.asarray(marginal_usd_per_mwh, dtype=float))
    share = np.asarray(availability, dtype=float)
    if share.ndim == 1 and share.shape == capacity.shape:
        share = share[:, None]
    try:
        share = np.ascontiguousarray(np.broadcast_to(share, (len(capacity), len(load))))
    except ValueError:
        raise UsageError(f"availability: found shape {share.shape}; expected {(len(capacity), len(load))}") from None
    if marginal.shape != capacity.shape:
        raise UsageError(f"marginal_usd_per_mwh: found {len(marginal)} values; expected {len(capacity)}")
    _not_negative(load_mw=load, capacity_mw=capacity, marginal_usd_per_mwh=marginal, voll=np.array(voll))
    _not_negative(battery_mw=np.array(battery_mw), battery_mwh=np.array(battery_mwh))
    if np.any(share > 1.0) or np.any(share < 0.0):
        raise UsageError("availability: found a share outside 0 to 1; expected 0 to 1")
    if not 0.0 < round_trip <= 1.0:
        raise UsageError(f"round_trip: found {round_trip:g}; expected a share above 0 and at most 1")
    order = np.argsort(marginal, kind="stable")
    one_way = float(np.sqrt(round_trip))
    battery = float(battery_mw), float(battery_mwh), one_way
    parts = _merit_order(load, capacity[order], share[order], marginal[order], *battery, float(voll))
    generation = np.empty_like(parts[0])
    generation[order] = parts[0]
    cost = float(generation.sum(axis=1) @ marginal + parts[4].sum() * voll)
    return Dispatch(generation, *parts[1:], cost)


def _not_negative(**values: Array) -> None:
    for name, array in values.items():
        if not np.all(array >= 0):
            raise UsageError(f"{name}: found {float(np.min(array)):g}; expected 0 or more")


@when_called
def _merit_order(
    load: Array,
    capacity: Array,
    share: Array,
    marginal: Array,
    battery_mw: float,
    battery_mwh: float,
    one_way: float,
    voll: float,
) -> tuple[Array, Array, Array, Array, Array, Array]:
    plants, hours = share.shape
    generation = np.zeros((plants, hours))
    charge, discharge, stored = np.zeros(hours), np.zeros(hours), np.zeros(hours)
    shed, price = np.zeros(hours), np.zeros(hours)
    level, cost_in = 0.0, 0.0  # cost_in: mean cost of a MWh in store
    for hour in range(hours):
        left, last = load[hour], 0.0
        for plant in range(plants):
            given = min(left, capacity[plant] * share[plant, hour])
            if given > 0.0:
                generation[plant, hour] = given
                left -= given
                last = marginal[plant]
            if left <= 0.0:
                break
        out = min(battery_mw, level * one_way)
        if left > 0.0 and out > 0.0:
            now = min(left, out)
            discharge[hour] += now
            out -= now
            left -= now
            last = max(last, cost_in / one_way)
        if out > 0.0 and left <= 0.0:
            # in place of the dearest plants, where what is in store cost less
            for place in range(plants - 1, -1, -1):
                if marginal[place] * one_way <= cost_in or out <= 0.0:
                    break
                now = min(generation[place, hour], out)
                if now > 0.0:
                    generation[place, hour] -= now
                    discharge[hour] += now
                    out -= now
                    if generation[place, hour] > 0.0:
                        last = marginal[place]
        level -= discharge[hour] / one_way
        if level < 1e-9:
            level, cost_in = max(level, 0.0), 0.0 if level <= 0.0 else cost_in
        shed[hour] = max(left, 0.0)
        if discharge[hour] == 0.0 and shed[hour] == 0.0:
            room = min(battery_mw, (battery_mwh - level) / one_way)
            for plant in range(plants):
                if room <= 0.0:
                    break
                spare = capacity[plant] * share[plant, hour] - generation[plant, hour]
                # the dearest plant is not run to fill the store unless it is the only one
                if plant == plants - 1 and plants > 1 and marginal[plant] > 0.0:
                    break
                now = min(room, spare)
                if now > 0.0:
                    generation[plant, hour] += now
                    charge[hour] += now
                    added = now * one_way
                    cost_in = (cost_in * level + marginal[plant] / one_way * added) / (level + added)
                    level += added
                    room -= now
        stored[hour] = level
        price[hour] = voll if shed[hour] > 0.0 else last
    return generation, charge, discharge, stored, shed, price

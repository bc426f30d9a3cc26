"""`site --power`: who powers a campus: what is given, what is short without more, and what else is cheapest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.analysis.site import site_inputs
from penstock.analysis.site_inputs import SiteInputs, Supply, assumption
from penstock.analysis.site_power_tables import mix, summaries, supply_row
from penstock.analysis.turbine_books import turbine_books
from penstock.errors import UsageError
from penstock.layers.energy.hourly import Dispatch, dispatch
from penstock.layers.energy.planning import Plan, Planner, System, Terms, system_of
from penstock.layers.energy.reliability import Adequacy, UnitGroup, adequacy
from penstock.layers.energy.technologies import Technology, central_prices
from penstock.layers.facilities import pue, water

if TYPE_CHECKING:
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[Any]]

CANDIDATES = (
    "ccgt",
    "ocgt",
    "reciprocating",
    "fuel_cell",
    "nuclear",
    "small_reactor",
    "solar",
    "wind",
    "battery",
    "grid",
)
"""What may be built beside what is given."""
PEAKER = "ocgt"
"""The cheapest firm kilowatt: what a plan is topped up with."""
RESERVES = ("ocgt", "reciprocating")
"""Kinds of units that may be added for outages: few large or many small ones, whichever costs less."""
FIRM_KINDS = ("thermal", "grid")
LEAST_STEP_MW, STEPS_OF_LOAD = 0.5, 1000.0
"""Capacity of outages is counted in thousandths of the load."""
MOST_LOAD_MW = 100_000.0
"""Largest load that is solved: more than any campus by far."""
MOST_RESERVE = 1.5
"""Reserve over peak load beyond which more units are not looked for."""
WIDTH = 8760


@dataclass(frozen=True)
class Case:
    """One load solved: what is given alone, and with the cheapest addition.

    load_mw: most that the campus draws; given: operation of what is given; plan: least-cost supply;
    operated: the planned capacities run at every hour of the year; reserved: with the
    spare units that outages ask for; outages: of single units, by supply.
    """

    label: str
    load_mw: float
    given: Dispatch
    plan: Plan
    operated: Dispatch
    reserved: Dispatch
    outages: Mapping[str, Adequacy]
    with_common_causes: Adequacy
    spare_units: int
    spare_mw: float
    spare_kind: Technology
    it_mwh: float
    site_water_m3: float


@dataclass(frozen=True)
class SitePower:
    """The loads that were solved, and the tables of what powers them."""

    inputs: SiteInputs
    cases: tuple[Case, ...]
    turbines: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """A row for each load and supply: cost, hours short, energy short, carbon, water."""
        return pd.DataFrame([row for case in self.cases for row in summaries(case)])

    def mix(self) -> pd.DataFrame:
        """A row for each load and source: MW given and added, energy, share, USD per MWh of it."""
        return pd.DataFrame([row for case in self.cases for row in mix(case)])

    def to_pandas(self) -> pd.DataFrame:
        """The mix."""
        return self.mix()

    def to_dict(self) -> dict[str, Any]:
        """All parts as plain values."""
        given = [supply_row(supply) for supply in self.inputs.supplies]
        assumed = [
            {"quantity": f.quantity, "value": f.value, "rule": f.rule, "grade": f.grade} for f in self.inputs.filled
        ]
        head = {"id": self.inputs.id, "name": self.inputs.name, "grid_cap_mw": self.inputs.grid_cap_mw}
        return {
            "site": head,
            "summary": self.summary(),
            "mix": self.mix(),
            "given": given,
            "turbines": self.turbines,
            "assumed": assumed,
        }


def site_power(world: World, target: str | Path, *, load_mw: float | None = None) -> SitePower:
    """Power of a campus at its planned load and, where it is known or asked for, at its full load.

    load_mw: most that the campus draws, chips and cooling, as the full load. Raises UsageError for an unknown site or
    a load that is not positive, InputError for a bad file, ModelError where the plan has no optimum.
    """
    if load_mw is not None and not 0 < load_mw <= MOST_LOAD_MW:
        raise UsageError(f"--load-mw: found {load_mw:g}; expected more than 0 MW and at most {MOST_LOAD_MW:,.0f}")
    inputs = site_inputs(world, target)
    planned = planned_load_mw(inputs)
    loads = {"planned": planned}
    full = load_mw if load_mw is not None else inputs.full_load_mw
    if full is not None and abs(full - planned) > 1e-6:
        loads["full"] = full
    solved = tuple(solve(inputs, label, load) for label, load in loads.items())
    return SitePower(inputs, solved, turbine_books(world))


def planned_load_mw(inputs: SiteInputs) -> float:
    """Facility power as announced, else IT power at the load of the site times its PUE in the hottest hours."""
    if inputs.facility_mw is not None:
        return inputs.facility_mw
    weather = inputs.weather
    hourly = pue(inputs.cooling, weather.dry_bulb_c, weather.wet_bulb_c, inputs.load_share)
    return float(inputs.it_mw * inputs.load_share * np.quantile(hourly, 0.996))


def hourly_load_mw(inputs: SiteInputs, load_mw: float) -> tuple[Array, Array]:
    """Power drawn and IT power in each hour, (8760,): chips at a steady load, cooling by the hour's weather.

    In hotter hours than the contract is sized for (35 a year) chips are throttled to stay within load_mw.
    """
    weather = inputs.weather
    hourly = pue(inputs.cooling, weather.dry_bulb_c, weather.wet_bulb_c, inputs.load_share)
    steady = load_mw / float(np.quantile(hourly, 0.996))
    drawn = np.minimum(steady * hourly, load_mw)
    return drawn, drawn / hourly


def solve(inputs: SiteInputs, label: str, load_mw: float) -> Case:
    """One load: what is given alone, the cheapest addition, the year's operation and what outages ask for.

    Raises UsageError for a load that is not positive or beyond `MOST_LOAD_MW`.
    """
    if not 0 < load_mw <= MOST_LOAD_MW:
        raise UsageError(f"load: found {load_mw:g} MW; expected more than 0 MW and at most {MOST_LOAD_MW:,.0f}")
    drawn, it_mw = hourly_load_mw(inputs, load_mw)
    given_mw: dict[str, float] = {}
    for supply in inputs.supplies:
        given_mw[supply.technology] = given_mw.get(supply.technology, 0.0) + supply.mw
    prices = central_prices(**inputs.prices)
    names = {name: dict(inputs.technologies.get(name, {})) for name in CANDIDATES}
    if inputs.grid_cap_mw <= 0:
        names.pop("grid")
    # the connection is given: its cap says how far
    held = given_mw | ({"grid": inputs.grid_cap_mw} if "grid" in names else {})
    system = system_of(drawn, names, inputs.weather, Terms(inputs.grid_cap_mw, given_mw=held, prices=prices))
    plan = topped_up(system, Planner(system).solve())
    alone = _run(system, np.where(system.given_mw > 0, system.given_mw, 0.0), system.given_battery)
    capacity = np.array([plan.capacity_mw[plant.name] for plant in system.plants])
    operated = _run(system, capacity, (plan.battery_mw, plan.battery_mwh))
    new = np.array([plan.new_mw[plant.name] for plant in system.plants])
    kind, spare, adequate, with_common = _cheapest_reserve(system, new, inputs.supplies, operated)
    reserve = np.array([spare * plant.unit_mw * (plant.name == kind.name) for plant in system.plants])
    reserved = _run(system, capacity + reserve, (plan.battery_mw, plan.battery_mwh))
    weather = inputs.weather
    litres = water(inputs.cooling, weather.dry_bulb_c, weather.wet_bulb_c, inputs.load_share)
    return Case(
        label=label,
        load_mw=load_mw,
        given=alone,
        plan=plan,
        operated=operated,
        reserved=reserved,
        outages={
            "given only": _outages(system, 0.0 * new, inputs.supplies, alone, {}),
            "least cost": _outages(system, new, inputs.supplies, operated, {}),
            "with reserve": adequate,
        },
        with_common_causes=with_common,
        spare_units=spare,
        spare_mw=spare * kind.unit_mw,
        spare_kind=kind,
        it_mwh=float(it_mw.sum()),
        site_water_m3=float((it_mw * litres).sum()),
    )


def topped_up(system: System, plan: Plan) -> Plan:
    """The plan with as many peaking units more as pay in the year's every hour, which its clustered days do not hold.

    A unit pays while it saves more shed load than it costs: it is added until no more than annuity over (VOLL less
    its running cost) hours are short.
    """
    peaker = next(n for n, plant in enumerate(system.plants) if plant.name == PEAKER)
    capacity = np.array([plan.capacity_mw[plant.name] for plant in system.plants])
    run = _run(system, capacity, (plan.battery_mw, plan.battery_mwh))
    saved = system.voll - system.marginal[peaker]
    if saved <= 0 or not run.shed_mw.max() > 0:
        return plan
    hours = int(system.annuity[peaker] / saved)
    needed = run.shed_mw / np.maximum(system.availability[peaker], 1e-9)
    more = float(np.sort(needed)[::-1][min(hours, len(needed) - 1)])
    more = min(more, float(system.most_new_mw[peaker]) - plan.new_mw[PEAKER])
    if more <= 0:
        return plan
    return replace(
        plan,
        capacity_mw=dict(plan.capacity_mw) | {PEAKER: plan.capacity_mw[PEAKER] + more},
        new_mw=dict(plan.new_mw) | {PEAKER: plan.new_mw[PEAKER] + more},
    )


def _run(system: System, capacity: Array, battery: tuple[float, float]) -> Dispatch:
    return dispatch(
        system.load_mw,
        capacity,
        system.availability,
        system.marginal,
        battery_mw=battery[0],
        battery_mwh=battery[1],
        voll=system.voll,
    )


# --- reliability ----------------------------------------------------------------------------------------


def _cheapest_reserve(
    system: System, new: Array, supplies: Iterable[Supply], operated: Dispatch
) -> tuple[Technology, int, Adequacy, Adequacy]:
    """The reserve that costs least a year: its kind, how many units, adequacy without and with common causes."""
    found: list[tuple[float, Technology, int, Adequacy, Adequacy]] = []
    for place, plant in enumerate(system.plants):
        if plant.name in RESERVES:
            count, single, common = _spare_units(system, plant, new, supplies, operated)
            found.append((count * plant.unit_mw * float(system.annuity[place]), plant, count, single, common))
    _, kind, units, adequate, with_common = min(found, key=lambda one: one[0])
    return kind, units, adequate, with_common


def _groups(
    system: System, new: Array, supplies: Iterable[Supply], spare: Mapping[str, int], common: float
) -> list[UnitGroup]:
    """Units that may fail: plants with fuel and the grid's lines; in the sizes given, new ones in common sizes."""
    groups = []
    for place, plant in enumerate(system.plants):
        if plant.kind not in FIRM_KINDS:
            continue
        more = float(new[place]) + spare.get(plant.name, 0) * plant.unit_mw
        total = float(system.given_mw[place]) + more
        if total <= 0.5:
            continue
        given = [max(int(one.mw / plant.unit_mw), 1) for one in supplies if one.technology == plant.name and one.mw > 0]
        if not given and system.given_mw[place] > 0.5:
            given = [max(int(system.given_mw[place] / plant.unit_mw), 1)]
        count = sum(given) + (math.ceil(more / plant.unit_mw - 1e-6) if more > 0.5 else 0)
        groups.append(UnitGroup(plant.name, count, total / count, plant.forced_outage, common))
    return groups


def _outages(
    system: System,
    new: Array,
    supplies: Iterable[Supply],
    operated: Dispatch,
    spare: Mapping[str, int],
    common: float = 0.0,
) -> Adequacy:
    """What outages leave short in the year's hours; sun, wind and battery as operated."""
    renewables = [n for n, plant in enumerate(system.plants) if plant.kind not in FIRM_KINDS]
    residual = system.load_mw - operated.generation_mw[renewables].sum(axis=0) - operated.discharge_mw
    step_mw = max(LEAST_STEP_MW, float(system.load_mw.max()) / STEPS_OF_LOAD)
    return adequacy(_groups(system, new, supplies, spare, common), residual, step_mw)


def _spare_units(
    system: System, kind: Technology, new: Array, supplies: Iterable[Supply], operated: Dispatch
) -> tuple[int, Adequacy, Adequacy]:
    """Fewest reserve units that keep the hours short by single outages below the target, and the adequacy with them.

    The second adequacy counts outages that take all units of a kind too (fuel, weather): more units of the same kinds
    do not help against them, so they do not size the reserve.
    """

    def short(units: int, common: float = 0.0) -> Adequacy:
        return _outages(system, new, supplies, operated, {kind.name: units}, common)

    low, high = 0, math.ceil(MOST_RESERVE * float(system.load_mw.max()) / kind.unit_mw)
    target = (1.0 - assumption("adequacy_target")[1]) * WIDTH
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if short(middle).lole_h <= target else (middle + 1, high)
    return low, short(low), short(low, assumption("common_cause")[1])

"""Least-cost supply of a load: what to build beside what is given, and how it runs, on a few clustered days.

min  annuities x capacity + sum over hours of marginal cost x generation + VOLL x shed
s.t. generation + discharge - charge + shed = load; generation <= availability x capacity; storage within each day;
     grid <= its cap; carbon <= cap x energy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.climates import weather_of
from penstock.layers.energy.days import DAY, Days, typical_days
from penstock.layers.energy.hourly import ROUND_TRIP, VALUE_OF_LOST_LOAD
from penstock.layers.energy.profiles import gas_turbine_share, solar_share, wind_share
from penstock.layers.energy.solver import LinearProgramme, Solution
from penstock.layers.energy.technologies import Prices, Technology, central_prices, chosen, technologies
from penstock.layers.weather import HOURS, Weather

Array = np.ndarray

CLUSTERS = 12
TURBINES = ("ccgt", "ocgt", "aero")
"""Plants whose power falls in hot hours."""


@dataclass(frozen=True)
class System:
    """What a plan is made of: plants in order, their hourly availability, load, given capacity, caps and prices.

    load_mw: (hours,); availability: (plants, hours); given_mw: (plants,); given_battery: MW and MWh.
    """

    load_mw: Array
    plants: tuple[Technology, ...]
    availability: Array
    given_mw: Array
    most_new_mw: Array
    has_battery: bool
    given_battery: tuple[float, float]
    prices: Prices
    co2_cap_t_per_mwh: float
    voll: float
    capex_factor: Mapping[str, float]

    @property
    def annuity(self) -> Array:
        """USD per MW and year of each plant."""
        rate = self.prices.cost_of_capital
        return np.array([p.annuity_usd_per_mw_year(rate, self.capex_factor.get(p.name, 1.0)) for p in self.plants])

    @property
    def battery_annuity(self) -> Array:
        """USD per MW and per MWh and year of a battery."""
        rate, factor = self.prices.cost_of_capital, self.capex_factor.get("battery", 1.0)
        parts = (technologies()[name] for name in ("battery", "battery_energy"))
        return np.array([part.annuity_usd_per_mw_year(rate, factor) for part in parts])

    @property
    def marginal(self) -> Array:
        """USD per MWh of each plant."""
        p = self.prices
        return np.array(
            [one.marginal_usd_per_mwh(p.gas_usd_per_mmbtu, p.co2_usd_per_t, p.grid_usd_per_mwh) for one in self.plants]
        )

    @property
    def carbon(self) -> Array:
        """Carbon dioxide of each plant, t/MWh, (plants,)."""
        return np.array([plant.co2_t_per_mwh() for plant in self.plants])

    @property
    def water(self) -> Array:
        """Water of each plant, m3/MWh, (plants,)."""
        return np.array([plant.water_m3_per_mwh for plant in self.plants])


@dataclass(frozen=True)
class Plan:
    """A least-cost supply. MW, MWh a year, USD a year; shadow prices are those of the programme on its days.

    capacity_mw: with what was given; new_mw: to build; generation_mwh: of the year; battery: MW and MWh.
    cost_usd_per_year holds the annuity of given plants too; usd_per_mwh is over the energy asked for.
    """

    system: System
    days: Days
    capacity_mw: Mapping[str, float]
    new_mw: Mapping[str, float]
    generation_mwh: Mapping[str, float]
    battery_mw: float
    battery_mwh: float
    cost_usd_per_year: float
    usd_per_mwh: float
    shed_mwh: float
    co2_t: float
    co2_price_usd_per_t: float
    water_m3: float
    price_usd_per_mwh: Array
    programme_gap: float

    @property
    def co2_t_per_mwh(self) -> float:
        """Carbon dioxide over the load of the year."""
        return self.co2_t / float(self.system.load_mw.sum())


def plan(
    load_mw: Any,
    technologies: Iterable[str | Technology] | Mapping[str, Any],
    weather: Weather | Path | str,
    *,
    grid_cap_mw: float | None = None,
    co2_cap_t_per_mwh: float | None = None,
    voll: float = VALUE_OF_LOST_LOAD,
    given_mw: Mapping[str, float] | None = None,
    most_new_mw: Mapping[str, float] | None = None,
    prices: Prices | None = None,
    capex_factor: Mapping[str, float] | None = None,
    days: int = CLUSTERS,
) -> Plan:
    """Cheapest supply of a load from these technologies.

    load_mw: one number or (8760,). technologies: names, or a mapping of names to changed fields. weather: a year, the
    name of a bundled climate, or an EPW file. grid_cap_mw: most
    that the grid gives (None: no limit; the grid serves only where `grid` is among the technologies).
    co2_cap_t_per_mwh: most carbon per MWh asked for. given_mw: capacity that stands or is under contract, by
    technology (`battery_energy` in MWh). most_new_mw: limits of what can be built. days: clusters of days.

    Raises UsageError for negative power, an unknown technology or a site without any source of power; ModelError
    where the programme has no optimum.
    """
    terms = Terms(grid_cap_mw, co2_cap_t_per_mwh, voll, given_mw or {}, most_new_mw or {}, prices, capex_factor or {})
    return Planner(system_of(load_mw, technologies, weather, terms), days).solve()


@dataclass(frozen=True)
class Terms:
    """What a plan is held to beside load, technologies and weather; as the arguments of `plan` of these names."""

    grid_cap_mw: float | None = None
    co2_cap_t_per_mwh: float | None = None
    voll: float = VALUE_OF_LOST_LOAD
    given_mw: Mapping[str, float] = field(default_factory=dict)
    most_new_mw: Mapping[str, float] = field(default_factory=dict)
    prices: Prices | None = None
    capex_factor: Mapping[str, float] = field(default_factory=dict)


def system_of(
    load_mw: Any,
    technologies: Iterable[str | Technology] | Mapping[str, Any],
    weather: Weather | Path | str,
    terms: Terms | None = None,
) -> System:
    """The inputs of a plan, checked; errors as in `plan`."""
    terms = terms or Terms()
    grid_cap_mw = terms.grid_cap_mw
    load = np.broadcast_to(np.asarray(load_mw, dtype=float), (HOURS,)).copy()
    if not np.all(load >= 0) or not load.max() > 0:
        raise UsageError(f"load_mw: found {float(np.min(load)):g}; expected more than 0 MW")
    for name in ("grid_cap_mw", "co2_cap_t_per_mwh", "voll"):
        value = getattr(terms, name)
        if value is not None and not value >= 0:
            raise UsageError(f"{name}: found {value:g}; expected 0 or more")
    year = weather if isinstance(weather, Weather) else weather_of(weather)
    listed = chosen(technologies)
    given = {one.name: float(terms.given_mw[name]) for name, one in _named(terms.given_mw).items()}
    limits = {one.name: float(terms.most_new_mw[name]) for name, one in _named(terms.most_new_mw).items()}
    for what, values in (("given_mw", given), ("most_new_mw", limits)):
        for name, value in values.items():
            if not value >= 0:
                raise UsageError(f"{what}: {name}: found {value:g}; expected 0 or more MW")
    names = {one.name for one in listed}
    listed += [one for name, one in technologies_of(given).items() if name not in names]
    plants = tuple(one for one in listed if one.kind != "storage")
    if not plants:
        raise UsageError("power: found a site without power; expected at least one technology that makes power")
    new = np.array([limits.get(p.name, np.inf) if p.name in names else 0.0 for p in plants])
    held = np.array([given.get(p.name, 0.0) for p in plants])
    for place, plant in enumerate(plants):
        if plant.kind == "grid" and grid_cap_mw is not None:
            new[place] = min(new[place], max(grid_cap_mw - held[place], 0.0))
            held[place] = min(held[place], grid_cap_mw)
    return System(
        load_mw=load,
        plants=plants,
        availability=np.stack([availability_of(plant, year) for plant in plants]),
        given_mw=held,
        most_new_mw=new,
        has_battery=any(one.kind == "storage" for one in listed),
        given_battery=(given.get("battery", 0.0), given.get("battery_energy", 4.0 * given.get("battery", 0.0))),
        prices=terms.prices or central_prices(),
        co2_cap_t_per_mwh=np.inf if terms.co2_cap_t_per_mwh is None else terms.co2_cap_t_per_mwh,
        voll=terms.voll,
        capex_factor=terms.capex_factor,
    )


def _named(names: Iterable[str]) -> dict[str, Technology]:
    return {name: one for name in names for one in chosen([name])}


def technologies_of(names: Iterable[str]) -> dict[str, Technology]:
    """Technologies by their own names."""
    return {one.name: one for one in chosen(list(names))} if names else {}


def availability_of(plant: Technology, weather: Weather) -> Array:
    """Share of its capacity that a plant can give in each hour: sun, wind, heat, and outages on average."""
    # a line is there or not: its outages count among the outages of units, not as a smaller line
    up = 1.0 if plant.kind == "grid" else 1.0 - plant.forced_outage
    if plant.kind == "sun":
        return up * solar_share(weather)
    if plant.kind == "wind":
        return up * wind_share(weather)
    if plant.name in TURBINES:
        return up * gas_turbine_share(weather)
    return np.full(len(weather.dry_bulb_c), up)


class Planner:
    """The programme of a system on its days; solved again at other prices it starts from the last solution."""

    def __init__(self, system: System, days: int = CLUSTERS) -> None:
        self.system = system
        self.peak_mw = float(system.load_mw.max())
        sources = [system.load_mw / self.peak_mw]
        varying = [n for n, p in enumerate(system.plants) if p.kind in ("sun", "wind")]
        sources += [system.availability[n] for n in varying]
        free = np.sum([system.availability[n] for n in varying], axis=0) if varying else 0.0
        # turbines give less in heat: what they lack counts as load
        hot = 1.0 - np.min(
            [system.availability[n] for n, p in enumerate(system.plants) if p.kind == "thermal"] or [[1.0]], axis=0
        )
        self.days = typical_days(sources, sources[0] - free + hot, days)
        self.load = self.days.of(system.load_mw).ravel() / self.peak_mw
        self.share = self.days.of(system.availability).reshape(len(system.plants), -1)
        self.hours = np.repeat(self.days.weight, DAY)
        self.energy = float(self.load @ self.hours)
        self._lay_out()
        self.programme = LinearProgramme(*self._rows(), self._upper())

    def _lay_out(self) -> None:
        """Columns: capacity to build, battery MW and MWh, generation, charge, discharge, store, shed."""
        self.steps, self.count = len(self.load), len(self.system.plants)
        self.batteries = 2 if self.system.has_battery else 0
        first = self.count + self.batteries
        self.at_generation = first + np.arange(self.count * self.steps).reshape(self.count, self.steps)
        at = first + self.count * self.steps
        blocks = []
        for _ in range(4 if self.batteries else 1):
            blocks.append(at + np.arange(self.steps))
            at += self.steps
        self.at_shed = blocks[-1]
        self.at_store = blocks[:-1]
        self.columns = at

    def _upper(self) -> Array:
        upper = np.full(self.columns, np.inf)
        upper[: self.count] = self.system.most_new_mw / self.peak_mw
        return upper

    def _rows(self) -> tuple[Any, Array, Array]:
        from scipy.sparse import coo_array

        s, steps = self.system, self.steps
        t = np.arange(steps)
        entries: list[tuple[Array, Array, Array]] = []
        low: list[Array] = []
        high: list[Array] = []

        def rows(bottom: Array, top: Array) -> Array:
            begin = sum(len(part) for part in low)
            low.append(bottom)
            high.append(top)
            return begin + np.arange(len(bottom))

        def put(row: Array, column: Any, value: Any) -> None:
            entries.append((row, np.broadcast_to(column, row.shape), np.broadcast_to(value, row.shape)))

        balance = rows(self.load, self.load)
        for plant in range(self.count):
            put(balance, self.at_generation[plant], 1.0)
        put(balance, self.at_shed, 1.0)
        for plant in range(self.count):
            share = self.share[plant]
            row = rows(np.full(steps, -np.inf), share * s.given_mw[plant] / self.peak_mw)
            put(row, self.at_generation[plant], 1.0)
            put(row, plant, -share)
        if self.batteries:
            charge, discharge, store = self.at_store
            one_way = float(np.sqrt(ROUND_TRIP))
            put(balance, discharge, 1.0)
            put(balance, charge, -1.0)
            for column, size, given in ((charge, 0, 0), (discharge, 0, 0), (store, 1, 1)):
                row = rows(np.full(steps, -np.inf), np.full(steps, s.given_battery[given] / self.peak_mw))
                put(row, column, 1.0)
                put(row, self.count + size, -1.0)
            before = np.where(t % DAY == 0, t + DAY - 1, t - 1)
            row = rows(np.zeros(steps), np.zeros(steps))
            put(row, store, 1.0)
            put(row, store[before], -1.0)
            put(row, charge, -one_way)
            put(row, discharge, 1.0 / one_way)
        self.carbon_row = None
        if np.isfinite(s.co2_cap_t_per_mwh):
            row = rows(np.array([-np.inf]), np.array([s.co2_cap_t_per_mwh * self.energy]))
            self.carbon_row = int(row[0])
            for plant in range(self.count):
                if s.carbon[plant] > 0:
                    put(np.full(steps, row[0]), self.at_generation[plant], s.carbon[plant] * self.hours)
        parts = [np.concatenate([entry[place] for entry in entries]) for place in range(3)]
        below, above = np.concatenate(low), np.concatenate(high)
        matrix = coo_array((parts[2], (parts[0], parts[1])), shape=(len(below), self.columns))
        return matrix, below, above

    def cost(self, system: System) -> Array:
        """Cost of each column in USD per MWh asked for."""
        cost = np.zeros(self.columns)
        cost[: self.count] = system.annuity
        if self.batteries:
            cost[self.count : self.count + 2] = system.battery_annuity
            cost[self.at_store[1]] = technologies()["battery"].variable_usd_per_mwh * self.hours
        cost[self.at_generation] = system.marginal[:, None] * self.hours
        cost[self.at_shed] = system.voll * self.hours
        return cost / self.energy

    def solve(self, system: System | None = None) -> Plan:
        """The plan of the system, or of one that differs only in prices, annuities, voll and limits of building."""
        system = system or self.system
        upper = None
        if system is not self.system:
            self.system = system
            upper = self._upper()
        cost = self.cost(system)
        return self._plan(system, self.programme.solve(cost, upper), cost)

    def _plan(self, s: System, found: Solution, cost: Array) -> Plan:
        peak, names = self.peak_mw, [plant.name for plant in s.plants]
        new = np.maximum(found.x[: self.count], 0.0) * peak
        generation = np.maximum(found.x[self.at_generation], 0.0) @ self.hours * peak
        battery = np.array(s.given_battery)
        if self.batteries:
            battery = battery + np.maximum(found.x[self.count : self.count + 2], 0.0) * peak
        given = float(s.annuity @ s.given_mw + s.battery_annuity @ np.array(s.given_battery))
        total = found.objective * self.energy * peak + given
        carbon_price = -found.row_dual[self.carbon_row] * self.energy if self.carbon_row is not None else 0.0
        return Plan(
            system=s,
            days=self.days,
            capacity_mw=dict(zip(names, s.given_mw + new, strict=True)),
            new_mw=dict(zip(names, new, strict=True)),
            generation_mwh=dict(zip(names, generation, strict=True)),
            battery_mw=float(battery[0]),
            battery_mwh=float(battery[1]),
            cost_usd_per_year=total,
            usd_per_mwh=total / (self.energy * peak),
            shed_mwh=float(np.maximum(found.x[self.at_shed], 0.0) @ self.hours * peak),
            co2_t=float(generation @ s.carbon),
            co2_price_usd_per_t=float(carbon_price),
            water_m3=float(generation @ s.water),
            price_usd_per_mwh=found.row_dual[: self.steps] * self.energy / self.hours,
            programme_gap=self._gap(found),
        )

    def _gap(self, found: Solution) -> float:
        """Objective less the value that the shadow prices give to all limits, over the objective: 0 at an optimum."""
        dual = found.row_dual
        p = self.programme
        bound = np.where(p.row_low == p.row_high, p.row_low, np.where(np.isfinite(p.row_high), p.row_high, 0.0))
        value = float(dual @ bound)
        reduced = self.cost(self.system) - p.matrix.T @ dual
        capped = np.isfinite(p.upper)
        value += float(np.minimum(reduced[capped], 0.0) @ p.upper[capped])
        return abs(found.objective - value) / max(abs(found.objective), 1e-12)

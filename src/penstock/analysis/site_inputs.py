"""What is known of a campus, from the world or from a file, and what is filled in by rule."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.layers.climates import climate, nearest_climate
from penstock.layers.facilities import Stage, stage_table
from penstock.layers.facilities.cooling import design_named
from penstock.layers.weather import Weather

if TYPE_CHECKING:
    from penstock.world import World

HERE = Path(__file__).parent
MONTH_DAYS = 30.4375
BLOCK_MW = 100.0
"""Smallest block in which a campus is built where its file tells none."""
HEAVY_PLANT_MW = 700.0
"""Gas turbines of a row of the world of at least this size are taken as combined cycle, fewer as aeroderivative."""
FIRM = {
    "ccgt",
    "ocgt",
    "aero",
    "reciprocating",
    "fuel_cell",
    "nuclear",
    "nuclear_contract",
    "small_reactor",
    "geothermal",
}
NOT_FOR_SITE = {"proposed", "study", "option", "superseded", "disputed", "framework", "pipeline"}
"""Status of power rows that are no supply yet."""
ROUTE_OF = {
    "ccgt": "heavy_turbine",
    "ocgt": "heavy_turbine",
    "aero": "aeroderivative",
    "reciprocating": "reciprocating",
    "fuel_cell": "fuel_cell",
    "small_reactor": "small_reactor",
    "nuclear": "large_reactor",
    "nuclear_contract": "nuclear_restart",
    "geothermal": "geothermal",
}


@dataclass(frozen=True)
class Supply:
    """Power that stands or is contracted for a site. delivered: when it gives power, as announced."""

    name: str
    technology: str
    mw: float
    ordered: dt.date | None = None
    delivered: dt.date | None = None
    status: str = "contracted"
    grade: str = "F"


@dataclass(frozen=True)
class Filled:
    """A quantity that no source tells, and the rule that filled it."""

    quantity: str
    value: str
    rule: str
    grade: str = "F"


@dataclass(frozen=True)
class SiteInputs:
    """A campus: size, place, cooling, status, dates as announced, stages, power, and what was filled in by rule.

    MW of IT power unless named; grid_cap_mw: most that the grid gives; load_share: IT power in use over installed.
    """

    id: str
    name: str
    status: str
    it_mw: float
    it_mw_now: float
    facility_mw: float | None
    full_load_mw: float | None
    cooling: str
    weather: Weather
    weather_km: float | None
    start: dt.date
    as_of: dt.date
    announced_first: dt.date | None
    announced_full: dt.date | None
    area_km2: float | None
    capex_usd_bn: float | None
    block_mw: float
    load_share: float
    grid_cap_mw: float
    supplies: tuple[Supply, ...]
    stages: Mapping[str, Stage]
    routes: tuple[str, ...]
    technologies: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    filled: tuple[Filled, ...] = ()
    grade: str = "F"


@cache
def assumption(name: str) -> tuple[float, float, float]:
    """Low, central and high of a row of site_assumptions.csv."""
    with (HERE / "site_assumptions.csv").open(encoding="utf-8", newline="") as file:
        rows = {r["name"]: (float(r["low"]), float(r["central"]), float(r["high"])) for r in csv.DictReader(file)}
    return rows[name]


def world_site(world: World, text: str) -> SiteInputs:
    """A site of the world by id, name or a unique part of one. Raises UsageError where none or several match."""
    ident = world.resolve(text, ("site",))
    frame = world.table("sites")
    row = _plain(frame[frame["id"] == ident].iloc[0].to_dict())
    filled: list[Filled] = []
    it_mw, facility = _size(row, filled)
    supplies = _usable(_supplies(world, ident), facility or it_mw * assumption("peak_pue")[1], filled)
    grid = _grid(it_mw, facility, supplies, filled)
    status = str(row["status"])
    start = _start(row, status, world.as_of, filled)
    weather, distance = _climate(row, filled)
    cooling = str(row["cooling"] or "unknown")
    if cooling == "unknown":
        filled.append(Filled("cooling", design_named(cooling).label, "unknown: direct liquid cooling of a new hall"))
    stages, routes = _stages(status, start, supplies)
    return SiteInputs(
        id=ident,
        name=str(row["name"]),
        status=status,
        it_mw=it_mw,
        it_mw_now=float(row["it_mw_2025"] or 0.0),
        facility_mw=facility,
        full_load_mw=full_load(ident),
        cooling=design_named(cooling).name,
        weather=weather,
        weather_km=distance,
        start=start,
        as_of=world.as_of,
        announced_first=_date(row["first_power"]),
        announced_full=_date(row["full_power"]),
        area_km2=row["area_km2"],
        capex_usd_bn=row["capex_usd_bn"],
        block_mw=max(BLOCK_MW, it_mw * assumption("largest_block_share")[1]),
        load_share=assumption("load_share")[1],
        grid_cap_mw=grid,
        supplies=tuple(s for s in supplies if s.technology != "grid"),
        stages=stages,
        routes=routes,
        filled=tuple(filled),
        grade=str(row["grade"]),
    )


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): None if value is None or value != value or value == "" else value for key, value in row.items()}


def _date(text: Any) -> dt.date | None:
    return dt.date.fromisoformat(str(text)[:10]) if text else None


def _size(row: Mapping[str, Any], filled: list[Filled]) -> tuple[float, float | None]:
    """IT power planned, and facility power as announced; by rule where only the other, the cost or nothing is known."""
    facility = float(row["facility_mw_planned"]) if row["facility_mw_planned"] else None
    planned, now = row["it_mw_planned"], row["it_mw_2025"]
    if planned:
        return float(planned), facility
    if facility:
        it_mw = facility / assumption("peak_pue")[1]
        filled.append(Filled("it_mw", f"{it_mw:,.0f} MW", "facility power planned over a peak PUE of 1.3", "D"))
    elif now:
        it_mw = float(now)
        filled.append(Filled("it_mw", f"{it_mw:,.0f} MW", "what is on; no plan is known", "D"))
    elif row["capex_usd_bn"]:
        it_mw = float(row["capex_usd_bn"]) * 1000.0 / assumption("capex_usd_mn_per_mw_it")[1]
        filled.append(Filled("it_mw", f"{it_mw:,.0f} MW", "announced cost over 37.9 USD mn per MW of IT"))
    else:
        it_mw = assumption("default_it_mw")[1]
        filled.append(Filled("it_mw", f"{it_mw:,.0f} MW", "neither power nor cost is known: size of a common campus"))
    return it_mw, facility


def _supplies(world: World, ident: str) -> list[Supply]:
    """Power rows of a site that are supply: built, under way, ordered or contracted."""
    frame = world.table("power")
    if frame.empty:
        return []
    mine = frame[(frame["site_id"] == ident) & frame["active"] & ~frame["status"].isin(NOT_FOR_SITE)]
    out = []
    for raw in mine.to_dict("records"):
        row = _plain(raw)
        # a row that is part of another adds nothing to it
        if not row["capacity_mw"] or "part of the row" in str(row["note"]):
            continue
        mw, kind = float(row["capacity_mw"]), str(row["kind"])
        if kind == "gas_turbine":
            kind = "ccgt" if mw >= HEAVY_PLANT_MW else "aero"
        if kind == "nuclear":
            new = row["status"] == "announced" and "uprate" not in str(row["note"]).lower()
            kind = "small_reactor" if new else "nuclear_contract"
        technology = {"gas_engine": "reciprocating"}.get(kind, kind)
        dates = _date(row["signed"]), _date(row["commercial_operation"])
        out.append(Supply(str(row["id"]), technology, mw, *dates, str(row["status"]), str(row["grade"])))
    return out


def _usable(supplies: list[Supply], wanted_mw: float, filled: list[Filled]) -> list[Supply]:
    """The supplies, a contract with a running plant cut to what the campus can use."""
    out = []
    for supply in supplies:
        if supply.technology == "nuclear_contract" and supply.mw > wanted_mw:
            value = f"{wanted_mw:,.0f} of {supply.mw:,.0f} MW"
            filled.append(Filled(supply.name, value, "a contract is used as far as the campus can use it"))
            supply = replace(supply, mw=wanted_mw)
        out.append(supply)
    return out


def _grid(it_mw: float, facility: float | None, supplies: list[Supply], filled: list[Filled]) -> float:
    """Most that the grid gives: what rows of the world tell; else all where no plant is named, else a part."""
    told = sum(s.mw for s in supplies if s.technology == "grid")
    if told:
        return told
    wanted = facility or it_mw * assumption("peak_pue")[1]
    if not any(s.technology in FIRM for s in supplies):
        filled.append(Filled("grid", f"{wanted:,.0f} MW", "no plant is named for the site: the grid gives all"))
        return wanted
    share = assumption("grid_share")[1]
    rule = f"{share:.0%} of planned facility power beside its plants"
    filled.append(Filled("grid", f"{share * wanted:,.0f} MW", rule))
    return share * wanted


def _start(row: Mapping[str, Any], status: str, as_of: dt.date, filled: list[Filled]) -> dt.date:
    begun = _date(row["construction_start"])
    if status == "announced":
        return as_of
    if begun is None:
        lag = assumption("lag_of_construction_months")[1]
        begun = as_of - dt.timedelta(days=round(lag * MONTH_DAYS))
        filled.append(Filled("construction start", begun.isoformat(), f"unknown: {lag:g} months before {as_of}"))
    return min(begun, as_of)


def _climate(row: Mapping[str, Any], filled: list[Filled]) -> tuple[Weather, float | None]:
    if row["latitude"] is None or row["longitude"] is None:
        filled.append(Filled("climate", "leesburg", "no place is known"))
        return climate("leesburg"), None
    name, distance = nearest_climate(float(row["latitude"]), float(row["longitude"]))
    rule = f"most like of three climates, {distance:,.0f} km away"
    filled.append(Filled("climate", name, rule, "D" if distance < 300 else "F"))
    return climate(name), distance


def _stages(status: str, start: dt.date, supplies: list[Supply]) -> tuple[dict[str, Stage], tuple[str, ...]]:
    """Stages still to run from the start, and the routes to power that are open."""
    stages = dict(stage_table())
    settle(stages, status)
    routes = ["grid"]
    for supply in supplies:
        route = ROUTE_OF.get(supply.technology)
        # a running plant that sells to the campus comes over the grid
        if route is None or (route == "nuclear_restart" and supply.status not in ("construction", "restart")):
            continue
        routes.append(route)
        if supply.delivered is not None and supply.delivered > start:
            months = (supply.delivered - start).days / MONTH_DAYS
            stages[route] = announced_stage(stages[route], months)
    return stages, tuple(dict.fromkeys(routes))


def settle(stages: dict[str, Stage], status: str) -> None:
    """Take out what a project of this status has behind it: land and permits, under construction the grid agreement."""
    if status != "announced":
        del stages["site_control"], stages["permits"]
    if status in ("construction", "operating"):
        stages["grid_study"] = Stage("grid_study", 0.0, 0.0, 0.0, "grid study: taken as done", "", "F", "assumption")


def announced_stage(stage: Stage, months: float) -> Stage:
    """A stage whose end is announced: its length slips as announced dates do; the earlier of two announcements."""
    low, central, high = (factor * months for factor in assumption("slip_of_announced_date"))
    if stage.source == ANNOUNCED and stage.central_months <= central:
        return stage
    return Stage(stage.name, low, central, high, stage.label, "", "F", ANNOUNCED)


ANNOUNCED = "announced date with the slip of announced dates"


@cache
def _full_loads() -> Mapping[str, float]:
    with (HERE / "site_full_loads.csv").open(encoding="utf-8", newline="") as file:
        return {row["site_id"]: float(row["full_load_mw"]) for row in csv.DictReader(file)}


def full_load(ident: str) -> float | None:
    """MW of a named site when all that was announced of it stands; None where nothing beyond the table was."""
    return _full_loads().get(ident)

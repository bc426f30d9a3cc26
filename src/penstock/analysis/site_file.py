"""A campus from a TOML file (docs/site.md tells its keys); every mistake with its line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.analysis.site_inputs import (
    BLOCK_MW,
    FIRM,
    MONTH_DAYS,
    ROUTE_OF,
    Filled,
    SiteInputs,
    Supply,
    announced_stage,
    assumption,
    settle,
)
from penstock.errors import InputError, UsageError
from penstock.layers.climates import climate, nearest_climate
from penstock.layers.energy.emissions import Efficiency
from penstock.layers.energy.technologies import Prices, chosen, technology_named
from penstock.layers.facilities import Stage, stage_table
from penstock.layers.facilities.cooling import design_named
from penstock.layers.facilities.stages import ROUTES, as_stages
from penstock.layers.weather import Weather
from penstock.layers.weather_file import read_epw
from penstock.scenarios.documents import Document, read_path
from penstock.world.naming import nearest_name

STATUS = ("announced", "permitted", "construction")
TOP = {
    "name": str,
    "status": str,
    "start": dt.date,
    "latitude": float,
    "longitude": float,
    "climate": str,
    "weather": str,
    "cooling": str,
    "it_mw": float,
    "block_mw": float,
    "load_share": float,
    "area_km2": float,
    "capex_usd_bn": float,
    "routes": list,
}
TABLES = ("grid", "unit", "technology", "stages", "prices")
GRID = {"cap_mw": float, "price_usd_per_mwh": float}
UNIT = {"technology": str, "mw": float, "count": float, "name": str, "ordered": dt.date, "delivered": dt.date}
TECHNOLOGY = {
    "name": str,
    "capex_usd_per_kw": float,
    "efficiency_hhv": float,
    "efficiency_lhv": float,
    "forced_outage": float,
    "variable_usd_per_mwh": float,
    "unit_mw": float,
    "lead_years": float,
}
SHARES = {"load_share", "efficiency_hhv", "efficiency_lhv", "forced_outage"}
SIGNED = {"latitude": 90.0, "longitude": 180.0}


def read_site(path: Path | str, as_of: dt.date) -> SiteInputs:
    """The campus of a TOML file. as_of: the day on which the clock of a campus without `start` begins.

    Raises InputError with file, line and key: not there, not TOML, an unknown or missing key, negative power, a site
    without power, a unit delivered before it was ordered, an unknown technology or route, bad weather.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: file: found nothing; expected the TOML file of a site")
    return _Reader(read_path(file), as_of).inputs()


class _Reader:
    """Reads one document; `fail` names the line of a key."""

    def __init__(self, document: Document, as_of: dt.date) -> None:
        self.document, self.raw, self.as_of = document, document.raw, as_of
        self.filled: list[Filled] = []

    def fail(self, table: str, index: int, key: str, found: Any, expected: str, near: str = "") -> InputError:
        line = self.document.line(table, index, key)
        where = f"{self.document.file}:{line}" if line else self.document.file
        label = f"{table}.{key}" if table and key else table or key
        hint = f"; nearest {near}" if near else ""
        return InputError(f"{where}: {label}: found {found}; expected {expected}{hint}")

    def told(self, table: str, index: int, key: str, call: Callable[..., Any], *given: Any) -> Any:
        """What a call returns; what it refuses is told with the line of the key."""
        try:
            return call(*given)
        except UsageError as error:
            line = self.document.line(table, index, key)
            where = f"{self.document.file}:{line}" if line else self.document.file
            raise InputError(f"{where}: {error}") from None

    def table(self, name: str, keys: Mapping[str, type], raw: Mapping[str, Any], index: int = 0) -> dict[str, Any]:
        """The keys of a table with values of their kind."""
        out: dict[str, Any] = {}
        for key, value in raw.items():
            if not name and key in TABLES:
                continue
            if key not in keys:
                known = [*keys, *([] if name else TABLES)]
                near = nearest_name(key, known)
                raise self.fail(name, index, key, "an unknown key", f"one of {', '.join(known)}", near)
            out[key] = self.value(name, index, key, value, keys[key])
        return out

    def value(self, table: str, index: int, key: str, value: Any, kind: type) -> Any:
        if kind is float:
            if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
                raise self.fail(table, index, key, repr(value), "a number")
            if key in SIGNED:
                if abs(value) > SIGNED[key]:
                    raise self.fail(table, index, key, f"{value:g}", f"-{SIGNED[key]:g} to {SIGNED[key]:g} degrees")
            elif value < 0 or value == float("inf"):
                unit = " MW" if key.endswith("mw") else ""
                raise self.fail(table, index, key, f"{value:g}{unit}", f"0 or more{unit}")
            if key in SHARES and not 0 < value <= 1:
                raise self.fail(table, index, key, f"{value:g}", "a share above 0 and at most 1")
            return float(value)
        if kind is dt.date:
            if isinstance(value, dt.datetime):
                return value.date()
            if isinstance(value, str):
                try:
                    return dt.date.fromisoformat(value)
                except ValueError:
                    pass
            if not isinstance(value, dt.date):
                raise self.fail(table, index, key, repr(value), "a date such as 2027-06-30")
            return value
        if not isinstance(value, kind):
            raise self.fail(table, index, key, repr(value), "text" if kind is str else "a list")
        return value

    def inputs(self) -> SiteInputs:
        top = self.table("", TOP, self.raw)
        if "it_mw" not in top:
            raise self.fail("", 0, "it_mw", "nothing", "the IT power of the campus in MW")
        if top["it_mw"] <= 0:
            raise self.fail("", 0, "it_mw", f"{top['it_mw']:g} MW", "more than 0 MW")
        status = top.get("status", "announced")
        if status not in STATUS:
            near = nearest_name(status, STATUS)
            raise self.fail("", 0, "status", repr(status), f"one of {', '.join(STATUS)}", near)
        start = top.get("start", self.as_of)
        supplies = self.units()
        grid = self.table("grid", GRID, self.raw.get("grid", {}))
        stages, routes = self.stages_and_routes(status, start, supplies, grid, top.get("routes"))
        weather, distance = self.weather(top)
        cooling = top.get("cooling")
        if cooling is None:
            cooling = self.fill("cooling", "dlc_dry", "not told: direct liquid cooling of a new hall")
        design = self.told("", 0, "cooling", design_named, cooling)
        price_keys: dict[str, type] = dict.fromkeys(Prices.__dataclass_fields__, float)
        prices = self.table("prices", price_keys, self.raw.get("prices", {}))
        if "price_usd_per_mwh" in grid:
            prices["grid_usd_per_mwh"] = grid["price_usd_per_mwh"]
        if not 0 < prices.get("cost_of_capital", 0.07) < 1:
            raise self.fail("prices", 0, "cost_of_capital", f"{prices['cost_of_capital']:g}", "a share between 0 and 1")
        name = str(top.get("name", self.document.stem))
        load_share = top.get("load_share") or self.fill("load_share", assumption("load_share")[1], "not told")
        default_block = max(BLOCK_MW, top["it_mw"] * assumption("largest_block_share")[1])
        return SiteInputs(
            id=self.document.stem,
            name=name,
            status=status,
            it_mw=top["it_mw"],
            it_mw_now=0.0,
            facility_mw=None,
            full_load_mw=None,
            cooling=design.name,
            weather=weather,
            weather_km=distance,
            start=start,
            as_of=self.as_of,
            announced_first=None,
            announced_full=None,
            area_km2=top.get("area_km2"),
            capex_usd_bn=top.get("capex_usd_bn"),
            block_mw=min(top.get("block_mw") or default_block, top["it_mw"]),
            load_share=load_share,
            grid_cap_mw=grid.get("cap_mw", 0.0),
            supplies=tuple(supplies),
            stages=stages,
            routes=routes,
            technologies=self.technologies(),
            prices=prices,
            filled=tuple(self.filled),
        )

    def fill(self, quantity: str, value: Any, rule: str) -> Any:
        self.filled.append(Filled(quantity, str(value), rule))
        return value

    def units(self) -> list[Supply]:
        out = []
        for index, raw in enumerate(self.raw.get("unit", [])):
            row = self.table("unit", UNIT, raw, index)
            for key in ("technology", "mw"):
                if key not in row:
                    raise self.fail("unit", index, key, "nothing", "its technology and MW")
            one = self.told("unit", index, "technology", technology_named, row["technology"])
            ordered, delivered = row.get("ordered"), row.get("delivered")
            if ordered and delivered and delivered < ordered:
                expected = f"a day on or after it was ordered, {ordered}"
                raise self.fail("unit", index, "delivered", delivered, expected)
            count = row.get("count", 1.0)
            if count != int(count):
                raise self.fail("unit", index, "count", f"{count:g}", "a whole number of units")
            name = row.get("name", f"unit {index + 1}")
            out += [Supply(name, one.name, row["mw"], ordered, delivered)] * int(count)
        return out

    def stages_and_routes(
        self,
        status: str,
        start: dt.date,
        supplies: list[Supply],
        grid: Mapping[str, float],
        routes: list[Any] | None,
    ) -> tuple[dict[str, Stage], tuple[str, ...]]:
        stages = dict(stage_table())
        settle(stages, status)
        open_routes = ["grid"] if grid.get("cap_mw", 0.0) > 0 else []
        for supply in supplies:
            if supply.technology in FIRM and supply.mw > 0:
                route = ROUTE_OF[supply.technology]
                open_routes.append(route)
                if supply.delivered and supply.delivered > start:
                    months = (supply.delivered - start).days / MONTH_DAYS
                    stages[route] = announced_stage(stages[route], months)
        for name in routes or []:
            if name not in ROUTES:
                near = nearest_name(str(name), ROUTES)
                raise self.fail("", 0, "routes", repr(name), f"one of {', '.join(ROUTES)}", near)
        open_routes = list(routes) if routes is not None else open_routes
        if not open_routes:
            expected = "a [grid] with cap_mw, a firm [[unit]], or routes"
            raise self.fail("", 0, "power", "a site without power", expected)
        for key, value in self.raw.get("stages", {}).items():
            if not isinstance(value, list) or len(value) != 3 or not all(isinstance(v, int | float) for v in value):
                raise self.fail("stages", 0, key, repr(value), "low, central and high in months, as [3, 8, 24]")
            stages.update(self.told("stages", 0, key, as_stages, {key: value}))
        return stages, tuple(dict.fromkeys(open_routes))

    def technologies(self) -> dict[str, dict[str, float]]:
        out: dict[str, dict[str, float]] = {}
        for index, raw in enumerate(self.raw.get("technology", [])):
            row = self.table("technology", TECHNOLOGY, raw, index)
            if "name" not in row:
                raise self.fail("technology", index, "name", "nothing", "the name of a technology")
            one = self.told("technology", index, "name", technology_named, row.pop("name"))
            if "efficiency_lhv" in row:
                if "efficiency_hhv" in row:
                    raise self.fail("technology", index, "efficiency_lhv", "both heating values", "one of them")
                lower = self.told("technology", index, "efficiency_lhv", Efficiency, row.pop("efficiency_lhv"), "lhv")
                row["efficiency_hhv"] = lower.on("hhv").value
            if "capex_usd_per_kw" in row:
                row["capex_central"] = row.pop("capex_usd_per_kw")
            out[one.name] = row
            self.told("technology", index, "", chosen, {one.name: row})
        return out

    def weather(self, top: Mapping[str, Any]) -> tuple[Weather, float | None]:
        if "weather" in top:
            path = Path(top["weather"])
            folder = self.document.folder or Path()
            return read_epw(path if path.is_absolute() else folder / path), 0.0
        if "climate" in top:
            return self.told("", 0, "climate", climate, top["climate"]), None
        if "latitude" in top and "longitude" in top:
            name, distance = nearest_climate(top["latitude"], top["longitude"])
            self.fill("climate", name, f"most like of three climates, {distance:,.0f} km away")
            return climate(name), distance
        raise self.fail("", 0, "climate", "nothing", "weather (an EPW file), climate, or latitude and longitude")

"""Where tokens are made: PUE and water of a site, the price of its power, and who is paid there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.chain_links import cited
from penstock.analysis.ranges import Range
from penstock.errors import UsageError
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    from penstock.world import World

PUE_BAND = (0.97, 1.05)
"""Low and high of a site's modelled PUE over its centre (assumption: the reference model is within 0.04 of fleets)."""
POWER_BAND = (0.85, 1.25)
"""Low and high of a price of power that the world states without a range (assumption)."""


@dataclass(frozen=True)
class Input:
    """A number that the price rests on."""

    value: Range
    unit: str
    grade: str
    note: str


@dataclass(frozen=True)
class Place:
    """Where the tokens are made and whose power they use; company ids, or words where nobody is named."""

    site: str
    region: str
    owner: str
    operator: str
    power: str
    power_from: str
    remark: str = ""


def place_of(world: World, site: str | None, power: str | None) -> tuple[Place, dict[str, Input]]:
    """The site and its power, and the inputs that they set."""
    if site is None:
        price, words, who = _power_price(world, power, "", "US")
        place = Place("", "United States, no site named", "site owner", "cloud", who, words)
        return place, {"power_usd_per_mwh": price}
    found = world.resolve(site, ("site",))
    row = world.table("sites").set_index("id").loc[found]
    place_inputs, remark = _site_inputs(world, found, row)
    if (power or "").strip().lower() == "plan":
        price, words, who = _planned_price(world, found)
    else:
        price, words, who = _power_price(world, power, str(row["region"]), str(row["country"]))
    named = power is None or who == PLANNED
    supplier = (_site_power(world, found) or who) if named else who
    operator = str(row["operator_id"]) if row["operator_id"] == row["operator_id"] else str(row["owner_id"])
    place = Place(found, str(row["region"]), str(row["owner_id"]), operator, supplier, words, remark)
    return place, {**place_inputs, "power_usd_per_mwh": price}


def _site_inputs(world: World, site: str, row: Any) -> tuple[dict[str, Input], str]:
    """PUE and water of a site from its cooling and the nearest climate. Raises UsageError for a site without power."""
    from penstock.layers.climates import climate, nearest_climate
    from penstock.layers.facilities import pue, water

    megawatts = [float(row[name]) for name in ("it_mw_2025", "it_mw_planned", "facility_mw_planned")]
    if not any(value > 0.0 for value in megawatts):
        table = world.table("sites")
        powered = [str(name) for name in table[table["it_mw_2025"] > 0.0]["id"]]
        raise UsageError(
            f"--site: found {site}, for which no power is known, now or planned; expected a site with megawatts, "
            f"such as {', '.join(powered[:3])}"
        )
    remark = ""
    if not megawatts[0] > 0.0:
        first = str(row["first_power"])
        remark = f"no power yet at {world.as_of.isoformat()}" + (f"; planned {first}" if first[:2] == "20" else "")
    latitude, longitude = float(row["latitude"]), float(row["longitude"])
    if latitude != latitude or longitude != longitude:
        return {}, remark
    name, distance = nearest_climate(latitude, longitude)
    weather = climate(name)
    cooling = str(row["cooling"])
    hourly = pue(cooling, weather.dry_bulb_c, weather.wet_bulb_c, 0.8)
    litres = float(np.mean(water(cooling, weather.dry_bulb_c, weather.wet_bulb_c, 0.8)))
    centre = float(hourly.mean())
    low, high = PUE_BAND
    grade = "E" if cooling == "unknown" or distance > 1000.0 else "D"
    note = f"cooling {cooling} in the climate of {name}, {distance:,.0f} km away"
    band = Range(max(1.0, low * centre), centre, high * centre)
    return {
        "pue": Input(band, "ratio", grade, note),
        "water_l_per_kwh": Input(Range(0.7 * litres, litres, 1.3 * litres), "l_per_kwh", grade, note),
    }, remark


def _site_power(world: World, site: str) -> str:
    """Who owns most of the generation that the world ties to a site, or nobody."""
    table = world.table("power")
    mine = table[(table["site_id"] == site) & table["owner_id"].notna() & table["active"]]
    if mine.empty:
        return ""
    by = mine.groupby("owner_id")["capacity_mw"].sum().sort_values(ascending=False)
    return str(by.index[0])


POWER_NAMES = {
    "grid": "",
    "nuclear": "price_nuclear_ppa",
    "hydro": "price_hydro_google_brookfield",
    "gas": "gas",
    "plan": "plan",
}


def _power_price(world: World, power: str | None, region: str, country: str) -> tuple[Input, str, str]:
    """Price of power in usd per MWh, where it is from, and who is paid: a number, or a name of POWER_NAMES."""
    asked = (power or "grid").strip().lower()
    try:
        value = float(asked)
    except ValueError:
        value = float("nan")
    if value == value:
        if not 0.0 <= value < 10_000.0:
            raise UsageError(f"--power: found {power!r}; expected usd per MWh from 0 to 10,000")
        return (
            Input(Range.exact(value), "usd_per_mwh", "given", "given"),
            f"given, {value:g} usd per MWh",
            "power seller",
        )
    if asked not in POWER_NAMES:
        near = nearest_name(asked, POWER_NAMES)
        hint = f"; nearest {near}" if near else ""
        raise UsageError(f"--power: found {power!r}; expected usd per MWh, or one of {', '.join(POWER_NAMES)}{hint}")
    if asked == "plan":
        raise UsageError("--power: found plan without a site; expected --site with it: the plan is that of a site")
    if asked == "gas":
        made = own_power(world)
        return Input(made, "usd_per_mwh", "F", "gas plant at its own cost"), "gas plant at its own cost", "plant owner"
    if asked == "grid":
        return _grid_price(world, region, country)
    found, grade = cited(world, POWER_NAMES[asked])
    return Input(_banded(found), "usd_per_mwh", grade, POWER_NAMES[asked]), POWER_NAMES[asked], f"{asked} seller"


PLANNED = "power supplier"


def _planned_price(world: World, site: str) -> tuple[Input, str, str]:
    """What the least-cost supply of a site costs with its reserve, usd per MWh served; low: without the reserve."""
    from penstock.analysis.site_power import site_power

    solved = site_power(world, site).summary()
    planned = solved[solved["case"] == "planned"].set_index("supply")["usd_per_mwh_served"]
    centre, without = float(planned["with reserve"]), float(planned["least cost"])
    low, high = POWER_BAND
    note = "penstock site --power: least-cost supply with reserve, planned load"
    value = Range(min(low * centre, without), centre, high * centre)
    return Input(value, "usd_per_mwh", "F", note), "least-cost plan of the site", PLANNED


def _banded(value: Range) -> Range:
    """The range that the world states, or one assumed where it states none."""
    if value.low < value.central < value.high:
        return value
    low, high = POWER_BAND
    return Range(min(value.low, low * value.central), value.central, max(value.high, high * value.central))


def _grid_price(world: World, region: str, country: str) -> tuple[Input, str, str]:
    state = region.split(",")[0].strip().lower().replace(" ", "_")
    names = set(world.table("parameters")["name"])
    name = f"price_industrial_{state}" if f"price_industrial_{state}" in names else "price_industrial_us"
    found, grade = cited(world, name)
    value = _banded(found * 1000.0)
    if country not in ("US", ""):
        wide = Range(0.5 * value.central, value.central, 1.6 * value.central)
        return Input(wide, "usd_per_mwh", "F", f"{name}: no price of {country} in the world"), name, "utility"
    return Input(value, "usd_per_mwh", grade, name), name, "utility"


@dataclass(frozen=True)
class _Plant:
    heat_rate: Range
    gas_price: Range
    operating_cost: Range
    capacity_cost: Range
    spare: Range
    load: Range
    rate: Range
    life: Range


def _plant(world: World) -> _Plant:
    """Inputs of an own gas plant, those of the study of integration."""
    from penstock.analysis.integration import inputs_of

    held = {(row.make, row.quantity): Range(row.low, row.central, row.high) for row in inputs_of(world)}
    names = ("heat_rate", "gas_price", "operating_cost", "capacity_cost", "spare", "load")
    values = {name: held["own_power", name] for name in names}
    return _Plant(**values, rate=held["all", "rate_hyperscaler"], life=held["own_power", "life"])


def own_power(world: World) -> Range:
    """Cost of power from an own gas plant with its range, one input at a time."""
    from penstock.analysis.ranges import spread
    from penstock.layers.token_parts import generation_usd_per_mwh

    plant = _plant(world)
    ranges = {
        "heat_rate": plant.heat_rate,
        "gas_usd_per_mmbtu": plant.gas_price,
        "operating_usd_per_mwh": plant.operating_cost,
        "capital_usd_per_kw": plant.capacity_cost,
        "spare": plant.spare,
        "load": plant.load,
        "rate": plant.rate,
        "life_years": plant.life,
    }
    return spread(lambda values: {"usd": generation_usd_per_mwh(**values)}, ranges)[0]["usd"]

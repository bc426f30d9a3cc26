"""Numbers of the quarter that the layers work out when a model is built: no path draws or copies them.

Rows of the table of uncertain parameters whose source is `layers` take their centre from here and keep their spread; a
world that gives such a row itself keeps its own. Where a world lacks what a layer needs (chips delivered, sites), the
table's number stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.parameters import NUMBERS, Assumption
from penstock.layers import data, energy, facilities
from penstock.layers.ai.training import ranges
from penstock.layers.chips import Chip, as_chip
from penstock.layers.facilities.fleets import Cooled, Halls, cooled
from penstock.layers.silicon.equivalents import capital_usd_per_h100e, power_w_per_h100e

if TYPE_CHECKING:
    from penstock.world import World

LAYERS = "layers"
"""Source of the rows whose centre a layer gives."""
DISCOUNT = "hyperscaler_volume_discount"
USERS = ("operator_id", "owner_id")
"""Who runs the halls of a site, the first that is known."""
SHIPPED = "accelerator_units_shipped"


@dataclass(frozen=True)
class LayerNumbers:
    """What the layers give at the opening.

    centres: of uncertain parameters by name. supply: cost, gas share and carbon of a MWh. pue: facility over IT energy
    of the fleet in use. water_l_per_kwh: at the site, of IT energy. most_busy: share of chips that work. readiness:
    share of an enterprise's knowledge within reach.
    """

    centres: Mapping[str, float]
    supply: energy.Supply
    pue: float
    water_l_per_kwh: float
    most_busy: float
    readiness: float


def layer_numbers(world: World, physical: pd.DataFrame) -> LayerNumbers:
    """The numbers of a world; `physical`: power in use and PUE of its compute owners."""
    weight = physical["it_power_in_use_gw"] / max(float(physical["it_power_in_use_gw"].sum()), 1e-12)
    halls = owner_cooling(world, physical.index)
    return LayerNumbers(
        centres=parameter_centres(world),
        supply=energy.opening_supply(),
        pue=float((weight * physical["pue"]).sum()) if weight.sum() > 0.0 else float(physical["pue"].mean()),
        water_l_per_kwh=float(sum(weight[owner] * halls[str(owner)].water_l_per_kwh for owner in physical.index)),
        most_busy=ranges()["availability"][1],
        readiness=data.opening_readiness(),
    )


def with_centres(table: Mapping[str, Assumption], centres: Mapping[str, float]) -> dict[str, Assumption]:
    """The table with the layers' centres in rows of source `layers`; low and high keep their ratio to the centre."""
    out = dict(table)
    for name, row in table.items():
        if row.source == LAYERS and name in centres:
            ratio = centres[name] / row.central
            moved = {key: getattr(row, key) * ratio for key in NUMBERS if key not in ("minimum", "maximum")}
            out[name] = replace(row, **moved)
    return out


def parameter_centres(world: World) -> dict[str, float]:
    """Cost and power of an H100e from the chips of the last quarter on record, and cost of a site."""
    centre = {name: values[1] for name, values in ranges().items()}
    building = facilities.capex_usd_mn(1.0)["building"][1]
    found = {"site_cost": building}
    delivered = delivered_chips(world)
    priced = [(chip, units) for chip, units in delivered if chip.on_market]
    if priced:
        usd = capital_usd_per_h100e(priced, network=centre["network_capital"], discount=_discount(world))
        found["chip_cost"] = usd / 1e3
    known = [(chip, units) for chip, units in delivered if chip.system_power_w]
    if known:
        watts = power_w_per_h100e(known, real_peak=centre["real_peak"], network=centre["network"])
        found["power_per_h100e"] = watts / 1e3
    return found


def delivered_chips(world: World) -> list[tuple[Chip, float]]:
    """Chips and units of the last quarter on record up to the as-of date; none where the world tells none."""
    if "chips" not in world.tables or "series" not in world.tables:
        return []
    series = world.table("series")
    rows = series[(series["series"] == SHIPPED) & (series["date"] <= world.as_of.isoformat())]
    if rows.empty:
        return []
    last = rows[(rows["date"] == rows["date"].max()) & (rows["value"] > 0.0)]
    table = world.table("chips").set_index("id")
    usable = table[table["hbm_gb"].notna() & table["hbm_tb_s"].notna() & table["bf16_tflops"].notna()].index
    return [(as_chip(str(r.entity), world), float(r.value)) for r in last.itertuples() if r.entity in usable]


def _discount(world: World) -> float:
    names = world.table("parameters")["name"] if "parameters" in world.tables else ()
    return float(world.parameter(DISCOUNT).central) if DISCOUNT in set(names) else 0.0


def owner_cooling(world: World, owners: pd.Index) -> dict[str, Cooled]:
    """PUE and water of each owner's halls by design and climate.

    Operators with a table of designs have that; others the sites that they run, else all sites of the world; in a
    world without sites, all designs of the operators.
    """
    fleets = facilities.operator_halls()
    sites = _site_halls(world)
    everywhere = [hall for halls in sites.values() for hall in halls] or [h for f in fleets.values() for h in f]
    common = cooled(everywhere)
    own = {name: cooled(halls) for name, halls in (sites | fleets).items() if name in owners}
    return {str(owner): own.get(str(owner), common) for owner in owners}


def _site_halls(world: World) -> dict[str, list[Halls]]:
    """Planned halls by who runs them: the operator, else the owner."""
    found: dict[str, list[Halls]] = {}
    if "sites" not in world.tables:
        return found
    sites = world.table("sites")
    for _, site in sites[sites["it_mw_planned"] > 0.0].iterrows():
        latitude, longitude = (float(site.get(name, nan)) for name in ("latitude", "longitude"))
        place = "" if latitude != latitude else facilities.nearest_climate(latitude, longitude)[0]
        design = str(site["cooling"]) if pd.notna(site.get("cooling")) else "unknown"
        user = next((site[role] for role in USERS if pd.notna(site.get(role))), "")
        found.setdefault(str(user), []).append(Halls(design, place, float(site["it_mw_planned"])))
    return found

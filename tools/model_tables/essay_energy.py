"""The essay's figures about a campus of 5 GW, each checked against the world's data."""

from __future__ import annotations

import pandas as pd
from tools.model_tables.markdown import table

from penstock.analysis.site_inputs import full_load, world_site
from penstock.world import World, load_world

HOURS_PER_YEAR = 8760.0
ESSAY_HOMES_MILLION = 3.0
ESSAY_AREA_KM2 = 14.8
ESSAY_NUCLEAR_GW = 6.6
ESSAY_UNITS = 3
ESSAY_RENEWABLES_GW = 1.5
DEAL_OF = "2026-01-09"
"""Day on which Meta told of its nuclear deals; after the baseline, so inactive there and known to the table."""
SITE = "meta_hyperion"


def essay_energy() -> str:
    """What the essay says beside what the data give, a row a figure."""
    rows = [
        (row["figure"], f"{row['essay']:g}", f"{row['world']:.3g}", row["unit"], "yes" if row["agrees"] else "no")
        for row in essay_energy_figures(load_world()).to_dict("records")
    ]
    return table(("figure", "essay", "data", "unit", "agrees"), rows, right=(1, 2))


def homes_million(load_mw: float, kwh_per_home: float) -> float:
    """Homes that use as much electricity in a year as a steady load does."""
    return load_mw * 1000.0 * HOURS_PER_YEAR / kwh_per_home / 1e6


def essay_energy_figures(world: World) -> pd.DataFrame:
    """A row for each figure: what the essay says, what the world's data give, unit, and whether they agree within 5 %.

    Raises UsageError where the world has no such site or parameter.
    """
    inputs = world_site(world, SITE)
    full = full_load(SITE)
    if full is None:
        raise ValueError(f"site_full_loads.csv: found no {SITE}; expected the site of which the essay tells")
    planned = inputs.facility_mw or inputs.it_mw
    louisiana, average = (world.parameter(f"household_kwh_{place}").central for place in ("louisiana", "us"))
    power = world.every_row("power")
    deal = power[(power["buyer_id"] == "meta") & (power["kind"] == "nuclear") & (power["signed"] == DEAL_OF)]
    mine = power[power["site_id"] == SITE]
    gas = mine[mine["kind"] == "gas_turbine"]
    renewable = mine[mine["kind"].isin(["solar", "wind"])]
    rows = [
        ("homes at full load, homes of Louisiana", ESSAY_HOMES_MILLION, homes_million(full, louisiana), "million"),
        ("homes at full load, US average", ESSAY_HOMES_MILLION, homes_million(full, average), "million"),
        (
            "homes at planned load, homes of Louisiana",
            ESSAY_HOMES_MILLION,
            homes_million(planned, louisiana),
            "million",
        ),
        ("area", ESSAY_AREA_KM2, inputs.area_km2 or float("nan"), "km2"),
        ("nuclear power of the deals of January 2026", ESSAY_NUCLEAR_GW, float(deal["capacity_mw"].sum()) / 1000, "GW"),
        ("gas units", float(ESSAY_UNITS), float(len(gas)), "units"),
        ("solar and wind", ESSAY_RENEWABLES_GW, float(renewable["capacity_mw"].sum()) / 1000, "GW"),
    ]
    frame = pd.DataFrame(rows, columns=["figure", "essay", "world", "unit"])
    frame["agrees"] = (frame["world"] / frame["essay"] - 1.0).abs() < 0.05
    return frame

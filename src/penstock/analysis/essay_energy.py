"""The essay's figures about a campus of 5 GW, each checked against the world's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from penstock.analysis.site_inputs import _full_loads, world_site

if TYPE_CHECKING:
    from penstock.world import World

HOURS = 8760.0
ESSAY_HOMES_MILLION = 3.0
ESSAY_AREA_KM2 = 14.8
ESSAY_NUCLEAR_GW = 6.6
ESSAY_UNITS = 3
ESSAY_RENEWABLES_GW = 1.5
DEAL_OF = "2026-01-09"
"""Day on which Meta told of its nuclear deals; after the baseline, so inactive there and known to the table."""
SITE = "meta_hyperion"


def homes_million(load_mw: float, kwh_per_home: float) -> float:
    """Homes that use as much electricity in a year as a steady load does."""
    return load_mw * 1000.0 * HOURS / kwh_per_home / 1e6


def essay_energy_figures(world: World) -> pd.DataFrame:
    """A row for each figure: what the essay says, what the world's data give, unit, and whether they agree within 5 %.

    Raises UsageError where the world has no such site or parameter.
    """
    inputs = world_site(world, SITE)
    full = _full_loads()[SITE]
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

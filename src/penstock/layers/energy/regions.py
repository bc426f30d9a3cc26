"""Supply curves of regions: the least cost of a steady MWh, its mix and its carbon, as the price of gas moves.

`supply` solves the plan; `read_curve` reads the table `supply_curves.csv`, which `tools/fit_supply_curves.py` writes
from solved plans, with knots close together where the plan turns or jumps. A test solves fresh plans and bounds the
table's error. `opening_supply` is what the quarter opens with.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.energy.quarter import GAS_PRICE_USD_PER_MMBTU, Supply
from penstock.layers.energy.steady import CAPACITIES, Mix, SteadyLoad
from penstock.layers.energy.technologies import price_table
from penstock.layers.refusing import nearest_hint

Array = np.ndarray

TABLE = Path(__file__).with_name("regions.csv")
CURVES = Path(__file__).with_name("supply_curves.csv")
GAS_RANGE = (1.5, 14.0)
"""USD/MMBtu between which the curves hold: half of the cheapest year to four times the opening."""
GRID_HEAT_RATE = 7.0
"""USD/MWh that the grid's price moves per USD/MMBtu of gas: heat rate of its marginal plant in MMBtu/MWh on average
over hours (assumption, 5 to 9).
"""
MEASURES = ("usd_per_mwh", "co2_t_per_mwh", "gas_mmbtu_per_mwh", "grid_share", *CAPACITIES)
"""Columns of a curve behind region and gas price; capacities in MW (battery_energy: MWh) per MW of load."""


@dataclass(frozen=True)
class Region:
    """A region of data centres: its part of their load, its sun and wind over those of Dallas, its grid."""

    name: str
    load_share: float
    solar_factor: float
    wind_factor: float
    grid_usd_per_mwh: float
    grid_cap_share: float


@cache
def regions() -> Mapping[str, Region]:
    """The regions by name; their load shares sum to 1."""
    found = {}
    numbers = ("load_share", "solar_factor", "wind_factor", "grid_usd_per_mwh", "grid_cap_share")
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["region"]] = Region(row["region"], *(float(row[name]) for name in numbers))
    return found


def region_named(region: str) -> Region:
    """The region of this name. Raises UsageError for an unknown one."""
    if region not in regions():
        hint = nearest_hint(region, regions())
        raise UsageError(f"region: found {region!r}; expected one of {', '.join(regions())}{hint}")
    return regions()[region]


def supply(
    region: str,
    *,
    gas_usd_per_mmbtu: float = GAS_PRICE_USD_PER_MMBTU,
    steady: SteadyLoad | None = None,
    **changed: float,
) -> Mix:
    """Least-cost supply of a steady load in a region, solved; further prices and factors as in `steady.INPUTS`.

    steady: a programme to go on with, which saves laying it out. Raises UsageError for an unknown region or input.
    """
    here = region_named(region)
    inputs: dict[str, Any] = {
        "gas_usd_per_mmbtu": gas_usd_per_mmbtu,
        "co2_usd_per_t": 0.0,
        "grid_usd_per_mwh": max(
            here.grid_usd_per_mwh + GRID_HEAT_RATE * (gas_usd_per_mmbtu - GAS_PRICE_USD_PER_MMBTU), 0.0
        ),
        "cost_of_capital": price_table()["cost_of_capital"][1],
        "capex_gas": 1.0,
        "capex_solar": 1.0,
        "capex_wind": 1.0,
        "capex_battery": 1.0,
        "grid_cap_share": here.grid_cap_share,
        "solar_factor": here.solar_factor,
        "wind_factor": here.wind_factor,
    }
    return (steady or SteadyLoad()).solve(inputs | changed)


@cache
def curves() -> Mapping[str, Mapping[str, Array]]:
    """Knots of each region's curve: gas price and `MEASURES`, (knots,) each."""
    rows: dict[str, list[list[float]]] = {}
    with CURVES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = [float(row[name]) for name in ("gas_usd_per_mmbtu", *MEASURES)]
            rows.setdefault(row["region"], []).append(numbers)
    return {
        region: dict(zip(("gas_usd_per_mmbtu", *MEASURES), np.array(table).T, strict=True))
        for region, table in rows.items()
    }


def read_curve(region: str, gas_usd_per_mmbtu: Any) -> dict[str, Array]:
    """`MEASURES` at gas prices of any shape, from the table; prices beyond `GAS_RANGE` are taken at its edge.

    Raises UsageError for an unknown region or a gas price that is not a number.
    """
    name = region_named(region).name
    gas = np.asarray(gas_usd_per_mmbtu, dtype=float)
    if not np.all(np.isfinite(gas)):
        raise UsageError("gas_usd_per_mmbtu: found a value that is not a number; expected USD per MMBtu")
    curve = curves()[name]
    return {measure: np.interp(gas, curve["gas_usd_per_mmbtu"], curve[measure]) for measure in MEASURES}


def gas_share_of_price(region: str, gas_usd_per_mmbtu: float = GAS_PRICE_USD_PER_MMBTU) -> float:
    """Share of the cost of a MWh that moves with gas: what is burnt, and the grid's price through its heat rate.

    At the optimum the plan's own reaction to a small change adds nothing (envelope theorem), so this is the slope of
    the curve; and with plants that stand it is what a lasting or short rise of gas passes on.
    """
    at = read_curve(region, gas_usd_per_mmbtu)
    linked = float(at["gas_mmbtu_per_mwh"] + GRID_HEAT_RATE * at["grid_share"])
    return linked * gas_usd_per_mmbtu / float(at["usd_per_mwh"])


@cache
def opening_supply(gas_usd_per_mmbtu: float = GAS_PRICE_USD_PER_MMBTU) -> Supply:
    """Cost, gas share and carbon of a MWh for the load of data centres in all regions, at a gas price."""
    cost = carbon = linked = 0.0
    for name, region in regions().items():
        at = read_curve(name, gas_usd_per_mmbtu)
        cost += region.load_share * float(at["usd_per_mwh"])
        carbon += region.load_share * float(at["co2_t_per_mwh"])
        linked += region.load_share * float(at["usd_per_mwh"]) * gas_share_of_price(name, gas_usd_per_mmbtu)
    return Supply(usd_per_mwh=cost, gas_share_of_price=linked / cost, carbon_t_per_mwh=carbon)

"""Supply curves of regions: what a steady MWh costs at least as gas, carbon and capital move.

Ready for the quarter: `gas_share_of_price` is what the constant of that name in `quarter.py` stands for, and a test
holds the constant within what the regions give.
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
from penstock.layers.energy.quarter import GAS_PRICE_USD_PER_MMBTU
from penstock.layers.energy.surrogate import Mix, quick_plan
from penstock.layers.energy.technologies import price_table
from penstock.layers.refusing import nearest_hint

Array = np.ndarray

TABLE = Path(__file__).with_name("regions.csv")
GRID_HEAT_RATE = 7.0
"""USD/MWh that the grid's price moves per USD/MMBtu of gas: heat rate of its marginal plant in MMBtu/MWh on average
over hours (assumption, 5 to 9).
"""
STEP = 0.2
"""Part of the gas price by which a pass-through is taken, up and down."""


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


def supply(region: str, *, gas_usd_per_mmbtu: Any = GAS_PRICE_USD_PER_MMBTU, **changed: Any) -> Mix:
    """Least-cost supply of a steady load in a region; further prices and factors as in `surrogate.RANGES`.

    Raises UsageError for an unknown region or input.
    """
    if region not in regions():
        hint = nearest_hint(region, regions())
        raise UsageError(f"region: found {region!r}; expected one of {', '.join(regions())}{hint}")
    here = regions()[region]
    inputs: dict[str, Any] = {
        "gas_usd_per_mmbtu": gas_usd_per_mmbtu,
        "co2_usd_per_t": 0.0,
        "grid_usd_per_mwh": here.grid_usd_per_mwh
        + GRID_HEAT_RATE * (np.asarray(gas_usd_per_mmbtu) - GAS_PRICE_USD_PER_MMBTU),
        "cost_of_capital": price_table()["cost_of_capital"][1],
        "capex_gas": 1.0,
        "capex_solar": 1.0,
        "capex_wind": 1.0,
        "capex_battery": 1.0,
        "grid_cap_share": here.grid_cap_share,
        "solar_factor": here.solar_factor,
        "wind_factor": here.wind_factor,
    }
    return quick_plan(inputs | changed)


def gas_share_of_price(region: str, gas_usd_per_mmbtu: float = GAS_PRICE_USD_PER_MMBTU) -> float:
    """Rise of the least cost over the rise of the gas price, both in per cent, about a gas price."""
    prices = gas_usd_per_mmbtu * np.array([1.0 - STEP, 1.0, 1.0 + STEP])
    low, middle, high = supply(region, gas_usd_per_mmbtu=prices).usd_per_mwh
    return float((high - low) / middle / (2.0 * STEP))

"""A quick stand-in for the least-cost plan: cost and mix of a steady load from eleven prices and limits.

A small network of two hidden layers, fitted to solved plans on 12 clustered days of the Dallas climate by
`tools/fit_power_surrogate.py`. Everything is per unit of load, so that a plan of any size reads off it; it knows the
technologies of `PLANTS`, a battery and a grid with a cap. A better or worse sun or wind than Dallas's enters as a
factor on its capacity factor. A test solves fresh plans and bounds its error.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.energy.emissions import CO2_T_PER_MWH_HEAT, MWH_PER_MMBTU
from penstock.layers.energy.planning import Planner, System, system_of
from penstock.layers.energy.technologies import Prices, central_prices, technologies
from penstock.layers.weather import climate

Array = np.ndarray

TABLE = Path(__file__).with_name("surrogate.csv")
PLANTS = ("ccgt", "solar", "wind", "battery", "grid")
"""One gas plant: with open cycle beside it a steady load jumps from one to the other at a price, and no smooth function
follows a jump.
"""
CLIMATE = "dallas"
RANGES: Mapping[str, tuple[float, float]] = {
    "gas_usd_per_mmbtu": (2.75, 6.0),
    "co2_usd_per_t": (0.0, 50.0),
    "grid_usd_per_mwh": (48.0, 77.0),
    "cost_of_capital": (0.058, 0.087),
    "capex_gas": (0.8, 1.3),
    "capex_solar": (0.85, 1.25),
    "capex_wind": (0.85, 1.25),
    "capex_battery": (0.65, 1.25),
    "grid_cap_share": (0.0, 0.65),
    "solar_factor": (0.88, 1.12),
    "wind_factor": (0.78, 1.07),
}
"""Inputs and the ranges in which it serves (the fit saw a little more).

Capex as a factor on the table's, the cap as a share of load.
"""
OUTPUTS = ("usd_per_mwh", "ccgt", "solar", "wind", "battery", "battery_energy", "grid", "co2_t_per_mwh")
"""What comes out: cost, MW (battery_energy: MWh) per MW of load, and carbon."""
COST_SCALE = 50.0
COMMON_LIFE_YEARS, COMMON_FIXED_SHARE = 27.0, 0.02
"""Of the features only; the plan takes each technology's own."""


@dataclass(frozen=True)
class Mix:
    """Least-cost supply of a steady load, per MW of it; arrays of the shape of the inputs."""

    usd_per_mwh: Array
    co2_t_per_mwh: Array
    capacity: Mapping[str, Array]


def quick_plan(inputs: Mapping[str, Any]) -> Mix:
    """Cost, carbon and capacities for inputs named as in `RANGES`, scalars or arrays that broadcast.

    Inputs beyond the ranges are taken at their edge. Raises UsageError for an unknown, missing or NaN input.
    """
    unknown = [name for name in inputs if name not in RANGES]
    lacking = [name for name in RANGES if name not in inputs]
    if unknown or lacking:
        found = f"{unknown[0]!r}" if unknown else f"no {lacking[0]}"
        raise UsageError(f"inputs: found {found}; expected {', '.join(RANGES)}")
    arrays = np.broadcast_arrays(*(np.asarray(inputs[name], dtype=float) for name in RANGES))
    if not all(np.all(np.isfinite(array)) for array in arrays):
        raise UsageError("inputs: found a value that is not a number; expected numbers")
    arrays = tuple(np.clip(array, *RANGES[name]) for name, array in zip(RANGES, arrays, strict=True))
    out = evaluate(np.stack(arrays), weights())
    named = dict(zip(OUTPUTS, out, strict=True))
    cost, carbon = named.pop("usd_per_mwh"), named.pop("co2_t_per_mwh")
    capacity = {name: np.maximum(value, 0.0) for name, value in named.items()}
    at = dict(zip(RANGES, arrays, strict=True))
    for name in ("solar", "wind"):
        # the network gives MW of Dallas's sun and wind; in a better place less of it does the same
        capacity[name] = capacity[name] / at[f"{name}_factor"]
    capacity["grid"] = np.minimum(capacity["grid"], at["grid_cap_share"])
    return Mix(cost * COST_SCALE, np.maximum(carbon, 0.0), capacity)


def features(inputs: Array) -> Array:
    """What the plan depends on, (8, ...): its eleven inputs enter only as yearly costs of capital and costs of running.

    A better sun does what a cheaper plant does. Logs of the annuities of gas, sun, wind and battery, of fuel with its
    carbon and of the grid with its carbon; the cap; the cost of capital, which weighs on lives of different length.
    """
    x = dict(zip(RANGES, inputs, strict=True))
    rate = x["cost_of_capital"]
    recovery = rate / (1.0 - (1.0 + rate) ** -COMMON_LIFE_YEARS) + COMMON_FIXED_SHARE
    fuel = x["gas_usd_per_mmbtu"] / MWH_PER_MMBTU + CO2_T_PER_MWH_HEAT["hhv"] * x["co2_usd_per_t"]
    grid = x["grid_usd_per_mwh"] + technologies()["grid"].co2_t_per_mwh() * x["co2_usd_per_t"]
    return np.stack(
        [
            np.log(recovery * x["capex_gas"]),
            np.log(recovery * x["capex_solar"] / x["solar_factor"]),
            np.log(recovery * x["capex_wind"] / x["wind_factor"]),
            np.log(recovery * x["capex_battery"]),
            np.log(fuel),
            np.log(grid),
            x["grid_cap_share"],
            rate,
        ]
    )


def scaled(inputs: Array) -> Array:
    """Features, (8, ...), as about -1 to 1 within the ranges of the inputs."""
    low, high = _feature_ranges()
    shape = (-1,) + (1,) * (inputs.ndim - 1)
    return 2.0 * (features(inputs) - low.reshape(shape)) / (high - low).reshape(shape) - 1.0


@cache
def _feature_ranges() -> tuple[Array, Array]:
    """Lowest and highest of each feature over the corners of the ranges; each is monotone in each input."""
    corners = np.array(list(itertools.product(*RANGES.values()))).T
    found = features(corners)
    return found.min(axis=1), found.max(axis=1)


def evaluate(inputs: Array, network: list[tuple[Array, Array]]) -> Array:
    """The network's outputs, (8, ...), of inputs (11, ...).

    Sums go in one order whatever the number of paths: no library reorders them.
    """
    values = scaled(inputs)
    shape = values.shape[1:]
    flat = values.reshape(len(values), -1)
    for layer, (matrix, shift) in enumerate(network):
        total = shift[:, None] + np.zeros_like(flat[:1])
        for column, row in zip(matrix.T, flat, strict=True):
            total = total + column[:, None] * row
        flat = total
        if layer < len(network) - 1:
            flat = np.tanh(flat)
    return flat.reshape(-1, *shape)


@cache
def weights() -> list[tuple[Array, Array]]:
    """Matrix and shift of each layer."""
    rows: dict[int, list[list[float]]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            rows.setdefault(int(row[0]), []).append([float(value) for value in row[1:]])
    return [(np.array(part)[:, 1:], np.array(part)[:, 0]) for _, part in sorted(rows.items())]


# --- the plan that it stands for ------------------------------------------------------------------------


class SlowPlan:
    """The plan itself at the same inputs: 12 days of the Dallas climate, solved again from the last basis."""

    def __init__(self) -> None:
        self.system = system_of(1.0, PLANTS, climate(CLIMATE), grid_cap_mw=1.0)
        self.planner = Planner(self.system)

    def solve(self, inputs: Mapping[str, float]) -> dict[str, float]:
        """`OUTPUTS` by name, cost over `COST_SCALE` as the network has it."""
        plan = self.planner.solve(self._system(inputs))
        found = dict(plan.capacity_mw) | {"battery": plan.battery_mw, "battery_energy": plan.battery_mwh}
        for name in ("solar", "wind"):
            # a plant with a better place: less of it does the same
            found[name] /= inputs[f"{name}_factor"]
        found["usd_per_mwh"], found["co2_t_per_mwh"] = plan.usd_per_mwh / COST_SCALE, plan.co2_t_per_mwh
        return {name: found[name] for name in OUTPUTS}

    def _system(self, inputs: Mapping[str, float]) -> System:
        factor = {"ccgt": inputs["capex_gas"]}
        factor |= {name: inputs[f"capex_{name}"] / inputs[f"{name}_factor"] for name in ("solar", "wind")}
        factor["battery"] = inputs["capex_battery"]
        prices: Prices = central_prices(
            gas_usd_per_mmbtu=inputs["gas_usd_per_mmbtu"],
            co2_usd_per_t=inputs["co2_usd_per_t"],
            grid_usd_per_mwh=inputs["grid_usd_per_mwh"],
            cost_of_capital=inputs["cost_of_capital"],
        )
        most = self.system.most_new_mw.copy()
        most[[plant.name for plant in self.system.plants].index("grid")] = inputs["grid_cap_share"]
        return replace(self.system, prices=prices, capex_factor=factor, most_new_mw=most)

"""A quick stand-in for the least-cost plan: cost and mix of a steady load from eleven prices and limits.

A small network of two hidden layers, fitted to solved plans on 12 clustered days of the Dallas climate by
`tools/fit_power_surrogate.py`. Everything is per unit of load, so that a plan of any size reads off it; it knows the
technologies of `PLANTS`, a battery and a grid with a cap. A better or worse sun or wind than Dallas's enters as a
factor on its capacity factor. A test solves fresh plans and bounds its error.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.energy.planning import Plan, Planner, System, system_of
from penstock.layers.energy.technologies import Prices, central_prices
from penstock.layers.weather import climate

Array = np.ndarray

TABLE = Path(__file__).with_name("surrogate.csv")
PLANTS = ("ccgt", "ocgt", "solar", "wind", "battery", "grid")
CLIMATE = "dallas"
RANGES: Mapping[str, tuple[float, float]] = {
    "gas_usd_per_mmbtu": (2.0, 9.0),
    "co2_usd_per_t": (0.0, 150.0),
    "grid_usd_per_mwh": (35.0, 100.0),
    "cost_of_capital": (0.05, 0.10),
    "capex_gas": (0.6, 1.6),
    "capex_solar": (0.6, 1.5),
    "capex_wind": (0.6, 1.5),
    "capex_battery": (0.4, 1.5),
    "grid_cap_share": (0.0, 1.0),
    "solar_factor": (0.8, 1.2),
    "wind_factor": (0.7, 1.2),
}
"""Inputs and the ranges that they were fitted on; capex as a factor on the table's, the cap as a share of load."""
OUTPUTS = ("usd_per_mwh", "ccgt", "ocgt", "solar", "wind", "battery", "battery_energy", "grid", "co2_t_per_mwh")
"""What comes out: cost, MW (battery_energy: MWh) per MW of load, and carbon."""
COST_SCALE = 50.0


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
    out = evaluate(np.stack(arrays), weights())
    named = dict(zip(OUTPUTS, out, strict=True))
    cost, carbon = named.pop("usd_per_mwh"), named.pop("co2_t_per_mwh")
    capacity = {name: np.maximum(value, 0.0) for name, value in named.items()}
    cap = np.clip(arrays[list(RANGES).index("grid_cap_share")], 0.0, 1.0)
    capacity["grid"] = np.minimum(capacity["grid"], cap)
    return Mix(cost * COST_SCALE, np.maximum(carbon, 0.0), capacity)


def scaled(inputs: Array) -> Array:
    """Inputs, (11, ...), as -1 to 1 within their ranges."""
    low, high = (np.array([pair[place] for pair in RANGES.values()]) for place in (0, 1))
    shape = (-1,) + (1,) * (inputs.ndim - 1)
    share = (inputs - low.reshape(shape)) / (high - low).reshape(shape)
    return 2.0 * np.clip(share, 0.0, 1.0) - 1.0


def evaluate(inputs: Array, network: list[tuple[Array, Array]]) -> Array:
    """The network's outputs, (9, ...). Sums go in one order whatever the number of paths: no library reorders them."""
    values = scaled(inputs)
    shape = values.shape[1:]
    flat = values.reshape(len(values), -1)
    for layer, (matrix, shift) in enumerate(network):
        flat = np.einsum("oi,in->on", matrix, flat, optimize=False) + shift[:, None]
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
        factor = {name: inputs["capex_gas"] for name in ("ccgt", "ocgt")}
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


def plan_of(inputs: Mapping[str, float]) -> Plan:
    """The plan at these inputs, solved from the start."""
    slow = SlowPlan()
    return slow.planner.solve(slow._system(inputs))

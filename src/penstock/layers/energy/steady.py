"""The least-cost plan of a steady load, solved again and again at other prices: 12 clustered days, one matrix.

Everything is per MW of load, so that a plan of any size reads off it; it knows the technologies of `PLANTS`, a battery
and a grid with a cap. A better or worse sun or wind than the climate's enters as a factor on its capacity factor. Only
costs and limits change between solves, so each starts from the last basis: some 30 ms with highspy (extra `energy`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from penstock.errors import UsageError
from penstock.layers.climates import climate
from penstock.layers.energy.emissions import MWH_PER_MMBTU
from penstock.layers.energy.planning import Plan, Planner, System, Terms, system_of
from penstock.layers.energy.technologies import Prices, central_prices, technologies

PLANTS = ("ccgt", "solar", "wind", "battery", "grid")
CLIMATE = "dallas"
INPUTS = (
    "gas_usd_per_mmbtu",
    "co2_usd_per_t",
    "grid_usd_per_mwh",
    "cost_of_capital",
    "capex_gas",
    "capex_solar",
    "capex_wind",
    "capex_battery",
    "grid_cap_share",
    "solar_factor",
    "wind_factor",
)
"""Prices, capex as a factor on the table's, the cap as a share of load, sun and wind over the climate's."""
POSITIVE = ("capex_gas", "capex_solar", "capex_wind", "capex_battery", "solar_factor", "wind_factor")
CAPACITIES = ("ccgt", "solar", "wind", "battery", "battery_energy", "grid")


@dataclass(frozen=True)
class Mix:
    """Least-cost supply of a steady load, per MW of it (`battery_energy` in MWh).

    gas_mmbtu_per_mwh: gas burnt in the plan's own plants; grid_share: part of the energy that the grid gives.
    """

    usd_per_mwh: float
    co2_t_per_mwh: float
    gas_mmbtu_per_mwh: float
    grid_share: float
    capacity: Mapping[str, float]


class SteadyLoad:
    """The programme of 1 MW around the clock; `solve` at any prices."""

    def __init__(self) -> None:
        self.system = system_of(1.0, PLANTS, climate(CLIMATE), Terms(grid_cap_mw=1.0))
        self.planner = Planner(self.system)

    def solve(self, inputs: Mapping[str, Any]) -> Mix:
        """The plan at inputs named as in `INPUTS`.

        Raises UsageError for an unknown, missing or NaN input, a negative price or a factor that is not above zero.
        """
        values = _checked(inputs)
        return _mix(self.planner.solve(self._system(values)), values)

    def _system(self, x: Mapping[str, float]) -> System:
        factor = {"ccgt": x["capex_gas"], "battery": x["capex_battery"]}
        factor |= {name: x[f"capex_{name}"] / x[f"{name}_factor"] for name in ("solar", "wind")}
        prices: Prices = central_prices(
            gas_usd_per_mmbtu=x["gas_usd_per_mmbtu"],
            co2_usd_per_t=x["co2_usd_per_t"],
            grid_usd_per_mwh=x["grid_usd_per_mwh"],
            cost_of_capital=x["cost_of_capital"],
        )
        most = self.system.most_new_mw.copy()
        most[[plant.name for plant in self.system.plants].index("grid")] = x["grid_cap_share"]
        return replace(self.system, prices=prices, capex_factor=factor, most_new_mw=most)


def _checked(inputs: Mapping[str, Any]) -> dict[str, float]:
    unknown = [name for name in inputs if name not in INPUTS]
    lacking = [name for name in INPUTS if name not in inputs]
    if unknown or lacking:
        found = f"{unknown[0]!r}" if unknown else f"no {lacking[0]}"
        raise UsageError(f"inputs: found {found}; expected {', '.join(INPUTS)}")
    values = {name: float(inputs[name]) for name in INPUTS}
    for name, value in values.items():
        if not (value > 0.0 if name in POSITIVE else value >= 0.0):
            raise UsageError(f"{name}: found {value:g}; expected {'more than 0' if name in POSITIVE else '0 or more'}")
    return values


def _mix(plan: Plan, inputs: Mapping[str, float]) -> Mix:
    capacity = dict(plan.capacity_mw) | {"battery": plan.battery_mw, "battery_energy": plan.battery_mwh}
    for name in ("solar", "wind"):
        # the programme buys plants of the climate's sun and wind; in a better place less of them does the same
        capacity[name] /= inputs[f"{name}_factor"]
    energy = float(plan.system.load_mw.sum())
    # the programme's days stand for a year of days: shares of their energy are shares of the year's
    share = {name: float(made) / energy for name, made in plan.generation_mwh.items()}
    efficiency = technologies()["ccgt"].efficiency_hhv or float("nan")
    return Mix(
        usd_per_mwh=plan.usd_per_mwh,
        co2_t_per_mwh=plan.co2_t_per_mwh,
        gas_mmbtu_per_mwh=share["ccgt"] / efficiency / MWH_PER_MMBTU,
        grid_share=share["grid"],
        capacity={name: float(capacity[name]) for name in CAPACITIES},
    )

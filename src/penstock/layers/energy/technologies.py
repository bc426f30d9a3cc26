"""Ways to make power: what a kilowatt costs, burns, emits and evaporates, how long it takes and how often it is out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from penstock.errors import UsageError
from penstock.layers.energy.emissions import MWH_PER_MMBTU, Efficiency, direct_t_per_mwh
from penstock.layers.refusing import nearest_hint

HERE = Path(__file__).parent
KW_PER_MW = 1000.0
TEXT = {"name", "label", "kind", "fuel", "grade", "source"}
KINDS = {
    "gas_turbine": "ccgt",
    "gas_engine": "reciprocating",
    "combined_cycle": "ccgt",
    "smr": "small_reactor",
    "aeroderivative": "aero",
    "engines": "reciprocating",
}
"""Other names of technologies: kinds of the world's table `power` among them."""


@dataclass(frozen=True)
class Technology:
    """One way to make or store power.

    capex_*: USD per kW (per kWh for the energy part of a battery), of 2025; fixed_share: fixed operating cost per year
    over capex; efficiency_hhv: electricity over fuel on the higher heating value; forced_outage: share of the time;
    co2_t_per_mwh_direct: None where it follows from fuel and efficiency; water in m3 per MWh.
    """

    name: str
    label: str
    kind: str
    capex_low: float
    capex_central: float
    capex_high: float
    fixed_share: float
    variable_usd_per_mwh: float
    fuel: str
    efficiency_hhv: float | None
    lead_years: float
    life_years: float
    forced_outage: float
    unit_mw: float
    co2_t_per_mwh_direct: float | None
    water_m3_per_mwh: float
    grade: str
    source: str

    def annuity_usd_per_mw_year(self, cost_of_capital: float, capex_factor: float = 1.0) -> float:
        """Capital recovered over the life, and fixed operating cost, per MW (per MWh of storage)."""
        rate = capital_recovery(cost_of_capital, self.life_years) + self.fixed_share
        return self.capex_central * KW_PER_MW * capex_factor * rate

    def marginal_usd_per_mwh(self, gas_usd_per_mmbtu: float, co2_usd_per_t: float, grid_usd_per_mwh: float) -> float:
        """What one more MWh costs: variable cost, fuel, carbon; for the grid its price."""
        cost = self.variable_usd_per_mwh
        if self.fuel == "gas":
            cost += gas_usd_per_mmbtu / MWH_PER_MMBTU / self._efficiency().value
        if self.fuel == "grid":
            cost += grid_usd_per_mwh
        return cost + co2_usd_per_t * self.co2_t_per_mwh()

    def co2_t_per_mwh(self) -> float:
        """Carbon dioxide at the stack (for the grid, of its area) per MWh of electricity."""
        if self.co2_t_per_mwh_direct is not None:
            return self.co2_t_per_mwh_direct
        return direct_t_per_mwh(self._efficiency()) if self.fuel == "gas" else 0.0

    def _efficiency(self) -> Efficiency:
        if self.efficiency_hhv is None:
            raise UsageError(f"{self.name}: found no efficiency; expected efficiency_hhv of a plant that burns gas")
        return Efficiency(self.efficiency_hhv, "hhv")


@dataclass(frozen=True)
class Prices:
    """Prices that a plan takes as given; central values of `prices.csv`.

    gas on the higher heating value; grid: energy, transmission and capacity together; cost_of_capital nominal.
    """

    gas_usd_per_mmbtu: float
    grid_usd_per_mwh: float
    cost_of_capital: float
    co2_usd_per_t: float = 0.0

    def __post_init__(self) -> None:
        for name in ("gas_usd_per_mmbtu", "grid_usd_per_mwh", "co2_usd_per_t"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name}: found {getattr(self, name):g}; expected 0 or more")
        if not 0 < self.cost_of_capital < 1:
            raise UsageError(f"cost_of_capital: found {self.cost_of_capital:g}; expected a share between 0 and 1")


def capital_recovery(rate: float, years: float) -> float:
    """Yearly payment that repays one over `years` at `rate`."""
    return rate / (1.0 - (1.0 + rate) ** -years)


@cache
def technologies() -> Mapping[str, Technology]:
    """The technologies of the table that ships with Penstock, by name."""
    with (HERE / "technologies.csv").open(encoding="utf-8", newline="") as file:
        return {row["technology"]: _technology(row) for row in csv.DictReader(file)}


def _technology(row: dict[str, str]) -> Technology:
    row["name"] = row.pop("technology")
    optional = {"efficiency_hhv", "co2_t_per_mwh_direct"}
    values: dict[str, Any] = {}
    for key, text in row.items():
        if key in TEXT:
            values[key] = text
        else:
            values[key] = None if key in optional and not text else float(text)
    return Technology(**values)


@cache
def price_table() -> Mapping[str, tuple[float, float, float]]:
    """Prices and rates: low, central, high."""
    with (HERE / "prices.csv").open(encoding="utf-8", newline="") as file:
        return {r["item"]: (float(r["low"]), float(r["central"]), float(r["high"])) for r in csv.DictReader(file)}


def central_prices(**changed: float) -> Prices:
    """The central prices, some of them changed. Raises UsageError for an unknown name or a bad value."""
    table = {item: values[1] for item, values in price_table().items()}
    grid = table["grid_energy"] + table["grid_transmission"] + table["grid_capacity"]
    prices = Prices(table["gas"], grid, table["cost_of_capital"])
    known = list(Prices.__dataclass_fields__)
    for name in changed:
        if name not in known:
            hint = nearest_hint(name, known)
            raise UsageError(f"price: found {name!r}; expected one of {', '.join(known)}{hint}")
    return replace(prices, **changed)


def technology_named(name: str | Technology) -> Technology:
    """The technology of this name or alias. Raises UsageError with the nearest name."""
    if isinstance(name, Technology):
        return name
    key = "_".join(name.lower().replace("-", " ").split())
    key = KINDS.get(key, key)
    if key not in technologies():
        known = [known for known in technologies() if known != "battery_energy"]
        hint = nearest_hint(key, [*known, *KINDS])
        raise UsageError(f"technology: found {name!r}; expected one of {', '.join(known)}{hint}")
    return technologies()[key]


def chosen(names: Iterable[str | Technology] | Mapping[str, Any]) -> list[Technology]:
    """Technologies by name, each once; a mapping may change fields: `{"ccgt": {"capex_central": 1415}}`.

    Raises UsageError for an unknown technology or field, or a negative value.
    """
    changes: Mapping[str, Any] = names if isinstance(names, Mapping) else {}
    found: dict[str, Technology] = {}
    for name in names:
        one = technology_named(name)
        given = changes.get(name) if isinstance(name, str) else None
        for field, value in (given or {}).items():
            if field not in Technology.__dataclass_fields__ or field in TEXT:
                numeric = [f for f in Technology.__dataclass_fields__ if f not in TEXT]
                hint = nearest_hint(field, numeric)
                expected = f"one of {', '.join(numeric)}{hint}"
                raise UsageError(f"{one.name}: {field}: found an unknown field; expected {expected}")
            if not float(value) >= 0:
                raise UsageError(f"{one.name}: {field}: found {value}; expected 0 or more")
        found[one.name] = replace(one, **(given or {}))
    return list(found.values())

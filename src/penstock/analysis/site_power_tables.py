"""The tables of `site --power`: supplies compared, sources of the cheapest one, what is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.layers.energy.emissions import Efficiency, methane_t_co2e_per_mwh
from penstock.layers.energy.technologies import price_table

if TYPE_CHECKING:
    from penstock.analysis.site_inputs import Supply
    from penstock.analysis.site_power import Case
    from penstock.layers.energy.planning import System

Array = np.ndarray[Any, np.dtype[Any]]


def summaries(case: Case) -> list[dict[str, Any]]:
    """A row a supply (given, cheapest, with a reserve): MWh short, USD a year, t of carbon dioxide, m3 of water."""
    system, plan = case.plan.system, case.plan
    asked = float(system.load_mw.sum())
    capacity = np.array([plan.capacity_mw[plant.name] for plant in system.plants])
    reserve = np.array([case.spare_mw * (plant is case.spare_kind) for plant in system.plants])
    battery = (plan.battery_mw, plan.battery_mwh)
    rows = []
    for supply, run, built, stored in (
        ("given only", case.given, system.given_mw, system.given_battery),
        ("least cost", case.operated, capacity, battery),
        ("with reserve", case.reserved, capacity + reserve, battery),
    ):
        energy = run.generation_mw.sum(axis=1)
        cost = float(system.annuity @ built + system.battery_annuity @ np.array(stored) + energy @ system.marginal)
        served = asked - run.energy_short_mwh
        rows.append(
            {
                "case": case.label,
                "load_mw": case.load_mw,
                "supply": supply,
                "energy_asked_mwh": asked,
                "hours_short": run.hours_short,
                "energy_short_mwh": run.energy_short_mwh,
                "hours_short_by_outages": case.outages[supply].lole_h,
                "hours_short_with_common_causes": case.with_common_causes.lole_h if supply == "with reserve" else None,
                "cost_usd_per_year": cost,
                "usd_per_mwh_served": cost / served if served > 0 else None,
                "co2_t": float(energy @ system.carbon),
                "upstream_t_co2e": upstream_t_co2e(system, energy),
                "water_site_m3": case.site_water_m3,
                "water_plants_m3": float(energy @ system.water),
            }
        )
    return rows


def mix(case: Case) -> list[dict[str, Any]]:
    """A row a source of the cheapest supply: MW given and added, MWh a year, share of load, USD per MWh, years."""
    system, plan = case.plan.system, case.plan
    asked = float(system.load_mw.sum())
    rows = []
    for place, plant in enumerate(system.plants):
        given, added = float(system.given_mw[place]), plan.new_mw[plant.name]
        if given + added < 0.5:
            continue
        energy = float(case.operated.generation_mw[place].sum())
        cost = float(system.annuity[place]) * (given + added) + energy * float(system.marginal[place])
        rows.append(
            {
                "case": case.label,
                "source": plant.name,
                "what": plant.label,
                "given_mw": given,
                "added_mw": added,
                "energy_mwh": energy,
                "share": energy / asked,
                "usd_per_mwh": cost / energy if energy > 1.0 else None,
                "lead_years": plant.lead_years if added >= 0.5 else None,
                "energy_alone_mwh": float(case.given.generation_mw[place].sum()) if given > 0 else 0.0,
            }
        )
    if plan.battery_mw >= 0.5:
        given = system.given_battery[0]
        rows.append(
            {
                "case": case.label,
                "source": "battery",
                "what": f"battery of {plan.battery_mwh / plan.battery_mw:.1f} hours",
                "given_mw": given,
                "added_mw": plan.battery_mw - given,
                "energy_mwh": float(case.operated.discharge_mw.sum()),
                "share": float(case.operated.discharge_mw.sum()) / asked,
                "usd_per_mwh": None,
                "lead_years": 1.5,
                "energy_alone_mwh": float(case.given.discharge_mw.sum()),
            }
        )
    if case.spare_units:
        reserve = case.spare_kind
        rows.append(
            {
                "case": case.label,
                "source": "reserve",
                "what": f"reserve, {case.spare_units} x {reserve.unit_mw:g} MW {reserve.label}",
                "given_mw": 0.0,
                "added_mw": case.spare_mw,
                "energy_mwh": 0.0,
                "share": 0.0,
                "usd_per_mwh": None,
                "lead_years": reserve.lead_years,
                "energy_alone_mwh": 0.0,
            }
        )
    return rows


def upstream_t_co2e(system: System, energy_mwh: Array) -> float:
    """Gas that leaks before the plants, t CO2e over 100 years; `energy_mwh`: of the year by plant, (plants,)."""
    leak = price_table()["methane_leak"][1]
    total = 0.0
    for plant, mwh in zip(system.plants, energy_mwh, strict=True):
        if plant.fuel == "gas" and plant.efficiency_hhv is not None:
            total += float(methane_t_co2e_per_mwh(Efficiency(plant.efficiency_hhv, "hhv"), leak)) * float(mwh)
    return total


def supply_row(supply: Supply) -> dict[str, Any]:
    """What is given of one supply, as plain values."""
    return {
        "name": supply.name,
        "technology": supply.technology,
        "mw": supply.mw,
        "ordered": supply.ordered,
        "delivered": supply.delivered,
        "status": supply.status,
        "grade": supply.grade,
    }

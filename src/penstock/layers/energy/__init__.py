"""The energy layer: who powers a site or a region, at what cost, with what emissions, water and hours short."""

from __future__ import annotations

from penstock.layers.energy.emissions import Efficiency, direct_t_per_mwh, methane_t_co2e_per_mwh, water_m3
from penstock.layers.energy.hourly import Dispatch, dispatch
from penstock.layers.energy.planning import Plan, plan
from penstock.layers.energy.profiles import gas_turbine_share, solar_share, wind_share
from penstock.layers.energy.quarter import (
    GAS_PRICE_USD_PER_MMBTU,
    HOURS_PER_QUARTER,
    RATE_CASE_MEMORY,
    STAGES,
    Supply,
    energy_mwh,
    fuel_factor,
    power_price_index,
    regulated_revenue,
)
from penstock.layers.energy.regions import opening_supply
from penstock.layers.energy.reliability import UnitGroup, adequacy, outage_table, units_for_reliability
from penstock.layers.energy.screening_curve import screening
from penstock.layers.energy.technologies import Prices, Technology, central_prices, technologies
from penstock.layers.energy.turbines import advance_order_book, lead_time_years

__all__ = [
    "GAS_PRICE_USD_PER_MMBTU",
    "HOURS_PER_QUARTER",
    "RATE_CASE_MEMORY",
    "STAGES",
    "Dispatch",
    "Efficiency",
    "Plan",
    "Prices",
    "Supply",
    "Technology",
    "UnitGroup",
    "adequacy",
    "advance_order_book",
    "central_prices",
    "direct_t_per_mwh",
    "dispatch",
    "energy_mwh",
    "fuel_factor",
    "gas_turbine_share",
    "lead_time_years",
    "methane_t_co2e_per_mwh",
    "opening_supply",
    "outage_table",
    "plan",
    "power_price_index",
    "regulated_revenue",
    "screening",
    "solar_share",
    "technologies",
    "units_for_reliability",
    "water_m3",
    "wind_share",
]

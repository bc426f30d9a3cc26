"""The energy layer: who powers a site or a region, at what cost, with what emissions, water and hours short."""

from __future__ import annotations

from penstock.layers.energy.market import (
    CARBON_T_PER_MWH,
    GAS_PRICE_USD_PER_MMBTU,
    GAS_SHARE_OF_PRICE,
    HOURS_PER_QUARTER,
    STAGES,
    WATER_M3_PER_MWH,
    energy_mwh,
    fuel_factor,
    power_price_index,
)

__all__ = [
    "CARBON_T_PER_MWH",
    "GAS_PRICE_USD_PER_MMBTU",
    "GAS_SHARE_OF_PRICE",
    "HOURS_PER_QUARTER",
    "STAGES",
    "WATER_M3_PER_MWH",
    "energy_mwh",
    "fuel_factor",
    "power_price_index",
]

"""The facilities layer: halls from land to first power, what they draw beyond their chips, and what they cost."""

from __future__ import annotations

from penstock.layers.climates import nearest_climate
from penstock.layers.facilities.capex import capex_usd_mn, spend_curve
from penstock.layers.facilities.cooling import (
    contracted_power_mw,
    designs,
    fleet_designs,
    hot_hour_derate,
    pue,
    pue_fleet,
    water,
)
from penstock.layers.facilities.fleets import Cooled, Halls, cooled, operator_halls
from penstock.layers.facilities.quarter import (
    HALL_YIELD,
    POWER_YIELD,
    STAGES,
    advance_line,
    advance_stages,
    grow_limit,
    hold_back,
    limit_starts,
    rent_on_free_plant,
    share_moving,
)
from penstock.layers.facilities.stages import FirstPower, Stage, block_months, first_power, stage_table

__all__ = [
    "HALL_YIELD",
    "POWER_YIELD",
    "STAGES",
    "Cooled",
    "FirstPower",
    "Halls",
    "Stage",
    "advance_line",
    "advance_stages",
    "block_months",
    "capex_usd_mn",
    "contracted_power_mw",
    "cooled",
    "designs",
    "first_power",
    "fleet_designs",
    "grow_limit",
    "hold_back",
    "hot_hour_derate",
    "limit_starts",
    "nearest_climate",
    "operator_halls",
    "pue",
    "pue_fleet",
    "rent_on_free_plant",
    "share_moving",
    "spend_curve",
    "stage_table",
    "water",
]

"""The facilities layer: halls from land to first power, what they draw beyond their chips, and what they cost."""

from __future__ import annotations

from penstock.layers.facilities.cooling import (
    contracted_power_mw,
    designs,
    hot_hour_derate,
    pue,
    pue_fleet,
    water,
)
from penstock.layers.facilities.pipeline import STAGES, advance_stages, grow_limit, hold_back, limit_starts

__all__ = [
    "STAGES",
    "advance_stages",
    "contracted_power_mw",
    "designs",
    "grow_limit",
    "hold_back",
    "hot_hour_derate",
    "limit_starts",
    "pue",
    "pue_fleet",
    "water",
]

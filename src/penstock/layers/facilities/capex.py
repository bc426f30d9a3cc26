"""What a campus costs to build, and when it is paid."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError

Array = np.ndarray

TABLE = Path(__file__).with_name("capex.csv")
BASE_YEAR = 2025
INFLATION_PER_YEAR = 0.055
"""Rise of building cost (specification 5.9, cost indices 2024-25; assumption for later years, 0.03 to 0.07)."""
PAID = {"start": 0.0, "permits": 0.10, "equipment_deposits": 0.35, "fit_out": 0.85, "first_power": 1.0}
"""Share of the cost paid by each milestone (specification 5.9)."""


@cache
def unit_costs() -> Mapping[str, tuple[float, float, float]]:
    """Cost items: low, central, high."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {r["item"]: (float(r["low"]), float(r["central"]), float(r["high"])) for r in csv.DictReader(file)}


def capex_usd_mn(it_mw: float, *, year: float = BASE_YEAR) -> dict[str, tuple[float, float, float]]:
    """Cost of building and equipment in million USD of the year it is paid: low, central, high of each part.

    building: shell, electrical and mechanical plant, with the premium for AI halls, liquid cooling, land and fibre,
    raised by the inflation of building cost; it_equipment: servers, chips and network at the prices of 2025; total.
    The sum of lows and of highs is wider than a 90 % range of the total. Raises UsageError for negative power.
    """
    if not it_mw >= 0:
        raise UsageError(f"it_mw: found {it_mw:g}; expected 0 or more MW")
    table, rise = unit_costs(), (1.0 + INFLATION_PER_YEAR) ** (year - BASE_YEAR)
    building, chips = [], []
    for place in range(3):
        shell, premium = table["shell_and_fit_out"][place], table["ai_premium"][place]
        building.append(it_mw * rise * (shell * (1.0 + premium) + table["liquid_land_fibre"][place]))
        chips.append(it_mw * table["it_equipment"][place])
    total = [a + b for a, b in zip(building, chips, strict=True)]
    return {"building": _three(building), "it_equipment": _three(chips), "total": _three(total)}


def spend_curve(milestone_months: Mapping[str, float], at_months: Any) -> Array:
    """Share of the cost paid by each month: an S through the milestones of `PAID`, monotone.

    Interpolation of Fritsch and Carlson (1980). milestone_months: months at which permits, equipment_deposits, fit_out
    and first_power are reached, in this order.
    Raises UsageError where one is missing or earlier than the one before.
    """
    from scipy.interpolate import PchipInterpolator

    lacking = [name for name in PAID if name != "start" and name not in milestone_months]
    if lacking:
        raise UsageError(f"milestones: found no {lacking[0]}; expected {', '.join(list(PAID)[1:])}")
    times = [0.0, *(float(milestone_months[name]) for name in list(PAID)[1:])]
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        raise UsageError(f"milestones: found months {times[1:]}; expected each after the one before")
    kept = [0] + [n for n in range(1, len(times)) if times[n] > times[n - 1]]
    shares = list(PAID.values())
    # milestones of the same month: the last one tells what is paid by then
    levels = [max(shares[m] for m in range(len(times)) if times[m] == times[n]) for n in kept]
    if len(kept) == 1:
        return np.where(np.asarray(at_months, dtype=float) >= times[-1], 1.0, 0.0)
    curve = PchipInterpolator([times[n] for n in kept], levels)
    return np.clip(curve(np.clip(np.asarray(at_months, dtype=float), 0.0, times[-1])), 0.0, 1.0)


def _three(values: list[float]) -> tuple[float, float, float]:
    low, central, high = values
    return (low, central, high)

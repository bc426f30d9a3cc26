"""What a campus costs, and by when it is paid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.analysis.site_inputs import MONTH_DAYS, SiteInputs
from penstock.layers.facilities import (
    capex_usd_mn,
    spend_curve,
)
from penstock.layers.facilities.stages import FirstPower

if TYPE_CHECKING:
    pass
from penstock.analysis.site_dates import day

Array = np.ndarray[Any, np.dtype[Any]]


def capex_table(inputs: SiteInputs, dates: Array) -> pd.DataFrame:
    """Cost in USD bn of the middle year of building, beside what was announced."""
    middle = day(inputs, float(np.median(dates[0])) / 2.0 if len(dates) else 0.0)
    year = middle.year + (middle.month - 1) / 12.0
    parts = capex_usd_mn(inputs.it_mw, year=max(year, 2025.0))
    rows = [
        {"part": name, **{k: v / 1000.0 for k, v in zip(("low", "central", "high"), values, strict=True)}}
        for name, values in parts.items()
    ]
    frame = pd.DataFrame(rows)
    frame["announced"] = [inputs.capex_usd_bn if row["part"] == "total" else None for row in rows]
    return frame


def milestones_of(inputs: SiteInputs, first: FirstPower | None, dates: Array) -> dict[str, float]:
    """Median months from the start to each milestone of spending."""
    if first is None or not len(dates):
        elapsed = (inputs.as_of - inputs.start).days / MONTH_DAYS
        last = elapsed + (float(np.median(dates[-1])) / MONTH_DAYS if len(dates) else 0.0)
        return {"permits": 0.0, "equipment_deposits": 0.25 * last, "fit_out": 0.8 * last, "first_power": max(last, 1.0)}
    end = (inputs.as_of - inputs.start).days / MONTH_DAYS + float(np.median(dates[0])) / MONTH_DAYS
    permits = float(np.median(first.milestones["permits"]))
    hall = float(np.median(first.milestones["hall"]))
    fit_out = min(max(hall, permits), end)
    permits = min(permits, fit_out)
    # deposits for long equipment are due as soon as permits allow the order: a third of the way to the hall
    deposits = permits + (fit_out - permits) / 3.0
    return {"permits": permits, "equipment_deposits": deposits, "fit_out": fit_out, "first_power": end}


def spending_table(inputs: SiteInputs, milestones: Mapping[str, float]) -> pd.DataFrame:
    """Share of the first block's cost paid by the end of each half year from the start."""
    last = milestones["first_power"]
    months = np.arange(0.0, 6.0 * np.ceil(last / 6.0) + 0.1, 6.0)
    paid = spend_curve(milestones, months)
    days = [inputs.start + dt.timedelta(days=round(float(m) * MONTH_DAYS)) for m in months]
    return pd.DataFrame({"date": days, "month": months, "paid": paid})

"""Columns of `economy` as readers see them: title, unit, scale, and how a year is made of quarters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.report.numbers import digits_supported, money, money_range, quantity, quantity_range
from penstock.report.tables import Estimate, Grid


@dataclass(frozen=True)
class Measure:
    """A column of `economy` as readers see it."""

    column: str
    title: str
    unit: str
    scale: float
    """what a stored value is multiplied by to be in `unit`"""
    flow: bool
    """summed over the quarters of a year; otherwise the year's last quarter stands for the year"""
    phrase: str

    def text(self, summary: Estimate) -> str:
        """Median in its unit, with the digits that its error supports."""
        digits = digits_supported(summary.median, summary.se_median)
        if self.unit.startswith("$bn"):
            return money(summary.median, digits)
        return quantity(summary.median, self.unit, digits)

    def range_text(self, summary: Estimate) -> str:
        """90 % range in its unit."""
        if self.unit.startswith("$bn"):
            return money_range(summary.p05, summary.p95, 2)
        return quantity_range(summary.p05, summary.p95, self.unit, 2)

    def yearly(self, source: Grid) -> tuple[np.ndarray, tuple[str, ...]]:
        """(paths, years) in `unit` (per year for a flow)."""
        values, years = source.yearly_sum() if self.flow else source.year_end()
        return values * self.scale, years


H100E_SCALE = 1e-6
"""`economy.h100e` is a count of H100 equivalents; readers get millions."""

SPENDING = Measure("ai_revenue_usd_bn", "Spending on AI", "$bn per quarter, nominal", 1.0, True, "spending on AI")

CAPEX = Measure("capex_usd_bn", "Capital spending", "$bn per quarter, nominal", 1.0, True, "capital spending")

COMPUTE = Measure("h100e", "Installed compute", "million H100e", H100E_SCALE, False, "installed compute")

POWER = Measure("it_mw", "IT power in use", "GW", 1e-3, False, "IT power")

HEADLINES = (SPENDING, CAPEX, COMPUTE, POWER)


def year_phrase(measure: Measure) -> str:
    """How a flow or a stock of a year is named."""
    return " a year" if measure.flow else ""


def figure_id(measure: Measure) -> str:
    """Anchor of a measure's fan."""
    return f"fan-{measure.column.replace('_', '-')}"

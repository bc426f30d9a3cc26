"""Funding: how a firm covers what its operations do not, in a fixed order.

Cash above a reserve, debt, committed lines, equity, vendor credit, less capital spending, lower costs; the rest is
missed.
All arrays (firms, paths), usd_bn per quarter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.elementwise import bounded

Array = np.ndarray

LEAST_CAPEX = 0.03
"""Share of planned capital spending that cannot be stopped (assumption, 0.02 to 0.1)."""
CUT_MARGIN = 0.05
"""Share of planned capital spending that is cut beyond the need (assumption, 0.02 to 0.15)."""
COST_CUT = 0.25
"""Share of other operating cost that a firm can cut at once (assumption, 0.1 to 0.3)."""


@dataclass(frozen=True)
class Sources:
    """What covers the need of a quarter."""

    debt: Array
    line: Array
    equity: Array
    vendor: Array
    capex_cut: Array
    cost_cut: Array
    unfunded: Array
    capex_share: Array
    """share of planned capital spending that goes ahead"""


def cover(
    need: Array,
    *,
    debt_room: Array,
    line_room: Array,
    equity_room: Array,
    vendor_room: Array,
    capex: Array,
    flexible: Array,
    cost: Array,
) -> Sources:
    """Fill a need (negative = surplus) from each source in order, each at most its room."""
    left = np.maximum(need, 0.0)
    debt = np.minimum(left, np.maximum(debt_room, 0.0))
    left = left - debt
    line = np.minimum(left, np.maximum(line_room, 0.0))
    left = left - line
    equity = np.minimum(left, np.maximum(equity_room, 0.0))
    left = left - equity
    vendor = np.minimum(left, np.maximum(vendor_room, 0.0))
    left = left - vendor
    # whoever has to cut cuts a little more than the need, for bills that come sooner than planned
    capex = np.maximum(capex, 0.0)
    margin = np.where(left > 0.0, left + CUT_MARGIN * capex, 0.0)
    capex_cut = np.minimum(margin, capex * np.minimum(flexible, 1.0 - LEAST_CAPEX))
    left = np.maximum(left - capex_cut, 0.0)
    cost_cut = np.minimum(left, COST_CUT * cost)
    share = 1.0 - capex_cut / np.maximum(capex, 1e-9)
    return Sources(debt, line, equity, vendor, capex_cut, cost_cut, left - cost_cut, share)


def reserve(quarter_cost: Array, interest: Array, quarters: Array, interest_quarters: Array) -> Array:
    """Cash that a firm wants to keep: some quarters of its costs, and interest until its contracts bring income."""
    return quarters * quarter_cost + interest_quarters * interest


def access(mood: Array, freeze: Array, investment_grade: Array, own_loss: Array, losses: Array) -> Array:
    """Share of its debt room that a firm can use this quarter, by the mood of lenders and its own standing.

    In a freeze firms below investment grade get nothing and the others half. Lenders' losses close the rest slowly.
    """
    general = bounded(0.35 + 0.9 * mood, 0.2, 1.0) * bounded(1.0 - losses, 0.25, 1.0)
    frozen = np.where(freeze > 0, 0.5 * investment_grade, 1.0)
    return general * frozen * (own_loss <= 0.0)


RESTING_MOOD = 0.55
"""Mood to which investors return (assumption, 0.5 to 0.6; docs/decisions/0003)."""


def round_room(
    share: Array,
    value: Array,
    value_opening: Array,
    mood: Array,
    revenue: Array,
    revenue_expected: Array,
    promised: Array,
    patience: Array,
) -> Array:
    """Largest equity round of a quarter.

    A share of value, with value taken half way (in logs) between now and the opening: the money that looks for
    such firms does not grow as fast as their price. It falls with the cube of mood (the firm prototype of
    docs/decisions/0003: 24 S^3 a quarter for OpenAI) and with growth: revenue_expected is revenue smoothed over about
    a year and a half, promised is contracted income to come, patience the part of a round that a firm without growth
    still gets.
    """
    depth = share * np.sqrt(np.maximum(value, 0.0) * value_opening)
    spirits = np.minimum(mood / RESTING_MOOD, 1.1) ** 3
    yearly = 4.0 * (revenue / np.maximum(revenue_expected, 1e-9) - 1.0) / 1.5
    coming = promised / np.maximum(revenue + promised, 1e-9)
    return depth * spirits * bounded(patience + 1.5 * (yearly + coming), patience, 1.0)

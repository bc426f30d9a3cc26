"""Funding: how a firm covers what its operations do not, in a fixed order.

Cash above a reserve, debt, committed lines, equity, vendor credit, less capital spending, lower costs; the rest is
missed.
All arrays (firms, paths), usd_bn per quarter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from penstock.bounds import bounded
from penstock.money.kernels import _MAT, _VEC_IN, Floats, _kernel

Array = np.ndarray

LEAST_CAPEX = 0.03
"""Share of planned capital spending that cannot be stopped (assumption, 0.02 to 0.1)."""
CUT_MARGIN = 0.05
"""Share of planned capital spending that is cut beyond the need (assumption, 0.02 to 0.15)."""
SHARES_IN_NEED = 0.03
"""Most of its value that a firm raises in a quarter in which it would miss a payment (assumption, 0.01 to 0.05: rights
issues of firms in trouble bring 5 to 20 % of their value)."""
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
    given = (need, debt_room, line_room, equity_room, vendor_room, capex, flexible, cost)
    shape = np.broadcast_shapes(*(np.shape(one) for one in given))
    flat = [np.ascontiguousarray(np.broadcast_to(one, shape), dtype=np.float64).ravel() for one in given]
    found = np.empty((8, *shape))
    rows = found.reshape(8, -1)
    _cover(flat[0], flat[1], flat[2], flat[3], flat[4], flat[5], flat[6], flat[7], rows)
    return Sources(*found)


@_kernel(numba.void(*[_VEC_IN] * 8, _MAT))
def _cover(
    need: Floats,
    debt_room: Floats,
    line_room: Floats,
    equity_room: Floats,
    vendor_room: Floats,
    capex: Floats,
    flexible: Floats,
    cost: Floats,
    found: Floats,
) -> None:
    """Set the rows of `found` to the fields of `Sources`, one need after the other."""
    for n in range(need.shape[0]):
        left = max(need[n], 0.0)
        debt = min(left, max(debt_room[n], 0.0))
        left -= debt
        line = min(left, max(line_room[n], 0.0))
        left -= line
        equity = min(left, max(equity_room[n], 0.0))
        left -= equity
        vendor = min(left, max(vendor_room[n], 0.0))
        left -= vendor
        # whoever has to cut cuts a little more than the need, for bills that come sooner than planned
        planned = max(capex[n], 0.0)
        margin = left + CUT_MARGIN * planned if left > 0.0 else 0.0
        capex_cut = min(margin, planned * min(flexible[n], 1.0 - LEAST_CAPEX))
        left = max(left - capex_cut, 0.0)
        cost_cut = min(left, COST_CUT * cost[n])
        found[0, n] = debt
        found[1, n] = line
        found[2, n] = equity
        found[3, n] = vendor
        found[4, n] = capex_cut
        found[5, n] = cost_cut
        found[6, n] = left - cost_cut
        found[7, n] = 1.0 - capex_cut / max(planned, 1e-9)


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
    spirits = np.minimum(mood / RESTING_MOOD, 1.1) ** 3
    depth = share * np.sqrt(np.maximum(value, 0.0) * value_opening)
    yearly = 4.0 * (revenue / np.maximum(revenue_expected, 1e-9) - 1.0) / 1.5
    coming = promised / np.maximum(revenue + promised, 1e-9)
    return depth * spirits * bounded(patience + 1.5 * (yearly + coming), patience, 1.0)

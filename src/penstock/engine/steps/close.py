"""Step 9, close the books: income, plant, inventory and goodwill of each firm, and net worth of every unit."""

from __future__ import annotations

import numba
import numpy as np

from penstock.engine.moment import Moment
from penstock.engine.state import EQUIPMENT_LIFE
from penstock.money import kernels, leverage
from penstock.money.kernels import _MAT, _MAT_IN, _kernel

Array = np.ndarray

INVENTORY_WRITE_DOWN = 0.5
"""Share of inventory lost per unit of revenue that falls short of expectation beyond a tenth (assumption, 0.3 to 1)."""
COMPLETION = 0.25
"""Share of construction that enters service in a quarter (assumption: a year of construction, 0.15 to 0.35)."""


def close_books(now: Moment) -> None:
    """Posts income to net worth; moves capital purchases into plant; writes off what fell in value."""
    layout, r, books, f = now.block.layout, now.results, now.state.books, now.state.firms
    book_interest(now)
    add_plant(now)
    r["write_down"] = write_down_stock(now) if now.on("close") else np.zeros_like(r["tax"])
    r["profit"], r["paid_out"] = np.empty_like(r["tax"]), np.empty_like(r["tax"])
    if now.quarter == 0:
        now.block.cache["cash_target"] = leverage.cash_target(books.cash[: layout.firms], r["revenue"])
    earn_and_pay_out(
        r["ebitda"], r["depreciation"], r["interest"], r["tax"], r["write_down"], r["surplus_cash"],
        now.block.facts.conduct["payout_share"], r["revenue"], now.block.cache["cash_target"],
        0.25 * leverage.YEARLY_ADJUSTMENT, r["profit"], r["paid_out"], f.ebitda, books.cash, books.net_worth,
    )  # fmt: skip
    f.cost = r["other_cost"].copy()
    f.revenue = r["revenue"].copy()
    f.capex = r["capex"]
    f.bought = r["tie_expense"] + r["other_cost"]
    public, paid = layout.sector["public_equity"], r["paid_out"].sum(axis=0)
    books.cash[public] += paid
    books.net_worth[public] += paid


def book_interest(now: Moment) -> None:
    """Interest accrues to net worth, one number for both sides; a called guarantee becomes a claim."""
    layout, r, scratch, books = now.block.layout, now.results, now.block.scratch, now.state.books
    kernels.post(
        r["interest_due"],
        layout.payer[layout.interest.slice],
        layout.payee[layout.interest.slice],
        books.net_worth,
    )
    # a called guarantee is the beneficiary's rent: the guarantor gets a claim on the beneficiary for it
    called = scratch.paid[layout.guarantee.slice]
    kernels.post(called, now.block.facts.guarantee_beneficiary, layout.payee[layout.guarantee.slice], books.net_worth)
    now.state.ties.called = now.state.ties.called + called
    now.state.ties.guarantee = np.maximum(now.state.ties.guarantee - called, 0.0)


def add_plant(now: Moment) -> None:
    """Compute equipment by vintage, straight line over its book life; all else passes through construction."""
    layout, r, f = now.block.layout, now.results, now.state.firms
    added = r["tied_equipment"].copy()
    added[: layout.owners] += now.block.cache["it_rest"] * r["equipment_ratio"][:-1]
    move_plant(
        r["capex"], added, r["depreciation"], float(now.on("close")), f.equipment_entries[now.quarter % EQUIPMENT_LIFE],
        f.equipment_gross, f.compute_equipment, f.construction, f.buildings,
    )  # fmt: skip


@_kernel(numba.void(_MAT_IN, _MAT_IN, _MAT_IN, numba.float64, *[_MAT] * 5))
def move_plant(
    capex: Array,
    equipment: Array,
    depreciation: Array,
    wears: float,
    entry: Array,
    gross: Array,
    compute_equipment: Array,
    construction: Array,
    buildings: Array,
) -> None:
    """Move the capital spending of a quarter into plant; all (firms, paths), usd_bn.

    `entry` holds the vintage that leaves the books and takes the new one; `wears` is 0 where nothing wears out.
    """
    for f in range(capex.shape[0]):
        for n in range(capex.shape[1]):
            added = min(equipment[f, n], capex[f, n])
            used = min(gross[f, n] / EQUIPMENT_LIFE, compute_equipment[f, n]) * wears
            compute_equipment[f, n] += added - used
            gross[f, n] = max(gross[f, n] - entry[f, n] + added, 0.0)
            entry[f, n] = added
            begun = construction[f, n] + (capex[f, n] - added)
            finished = COMPLETION * begun
            construction[f, n] = begun - finished
            buildings[f, n] += finished - (depreciation[f, n] - used)


@_kernel(numba.void(_MAT_IN, _MAT_IN, _MAT))
def use_plant(buildings: Array, opening: Array, wear: Array) -> None:
    """Move `wear`, (firms, paths): plant in use relative to the `opening`, (firms, 1), as far as a firm had any."""
    for f in range(wear.shape[0]):
        for n in range(wear.shape[1]):
            moved = wear[f, n] + 0.1 * (buildings[f, n] / opening[f, 0] - wear[f, n])
            wear[f, n] = min(max(moved, 0.5), 2.0)


def write_down_stock(now: Moment) -> Array:
    """Inventory falls with orders that did not come, goodwill with values below book; (firms, paths), usd_bn."""
    r, f = now.results, now.state.firms
    lost = np.empty_like(f.value)
    write_down(r["revenue"], f.value, f.expected_revenue, f.inventory, f.goodwill, f.value_peak, lost)
    return lost


@_kernel(numba.void(_MAT_IN, _MAT_IN, *[_MAT] * 5))
def write_down(
    revenue: Array, value: Array, expected: Array, inventory: Array, goodwill: Array, peak: Array, lost: Array
) -> None:
    """Set `lost` to what inventory and goodwill lose; move expectations and the peak of value. All (firms, paths)."""
    for f in range(revenue.shape[0]):
        for n in range(revenue.shape[1]):
            shortfall = max(1.0 - revenue[f, n] / max(expected[f, n], 1e-9) - 0.1, 0.0)
            stock = min(INVENTORY_WRITE_DOWN * shortfall, 0.5) * inventory[f, n]
            expected[f, n] = expected[f, n] * 1.01 + 0.4 * (revenue[f, n] - expected[f, n])
            inventory[f, n] -= stock
            worn = 0.10 * goodwill[f, n] if value[f, n] < 0.5 * peak[f, n] else 0.0
            goodwill[f, n] -= worn
            peak[f, n] = max(0.97 * peak[f, n], value[f, n])
            lost[f, n] = stock + worn


@_kernel(numba.void(*[_MAT_IN] * 9, numba.float64, *[_MAT] * 5))
def earn_and_pay_out(
    ebitda: Array,
    depreciation: Array,
    interest: Array,
    tax: Array,
    write_downs: Array,
    surplus: Array,
    payout_share: Array,
    revenue: Array,
    cash_held: Array,
    handed_out: float,
    profit: Array,
    paid_out: Array,
    smoothed: Array,
    cash: Array,
    worth: Array,
) -> None:
    """Set profit and payouts; move cash and net worth of the firms, the first rows of `cash` and `worth`.

    Dividends and buybacks come out of surplus cash: what is left after settlement, never a due payment. A share of
    profit (`payout_share`, (firms, 1)) goes out, and the part `handed_out` of the cash beyond what a firm means to hold
    (`cash_held`, over a quarter's sales).
    """
    for f in range(ebitda.shape[0]):
        share = payout_share[f, 0]
        for n in range(ebitda.shape[1]):
            lost = depreciation[f, n] + write_downs[f, n]
            earned = ebitda[f, n] - depreciation[f, n] - interest[f, n] - tax[f, n] - write_downs[f, n]
            spare = max(min(surplus[f, n], cash[f, n]), 0.0)
            more = handed_out * max(cash[f, n] - cash_held[f, n] * revenue[f, n], 0.0)
            paid = min(max(earned, 0.0) * share + more, 0.9 * spare)
            profit[f, n] = earned
            paid_out[f, n] = paid
            smoothed[f, n] += 0.4 * (ebitda[f, n] - smoothed[f, n])
            cash[f, n] -= paid
            worth[f, n] -= lost + paid

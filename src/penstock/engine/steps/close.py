"""Step 9, close the books: income, plant, inventory and goodwill of each firm, and net worth of every unit."""

from __future__ import annotations

import numpy as np

from penstock.engine.moment import Moment
from penstock.engine.state import EQUIPMENT_LIFE
from penstock.money import kernels

Array = np.ndarray

INVENTORY_WRITE_DOWN = 0.5
"""Share of inventory lost per unit of revenue that falls short of expectation beyond a tenth (assumption, 0.3 to 1)."""
COMPLETION = 0.25
"""Share of construction that enters service in a quarter (assumption: a year of construction, 0.15 to 0.35)."""


def close_books(now: Moment) -> None:
    """Posts income to net worth; moves capital purchases into plant; writes off what fell in value."""
    layout, r, books, f = now.block.layout, now.results, now.state.books, now.state.firms
    book_interest(now)
    equipment(now)
    # all capital spending that is not compute equipment passes through construction
    built = r["capex"] - r["equipment_added"]
    f.construction = f.construction + built
    finished = COMPLETION * f.construction
    f.construction = f.construction - finished
    f.buildings = f.buildings + finished - r["building_depreciation"]
    write_downs = write_down_stock(now) if now.on("close") else np.zeros_like(r["tax"])
    r["write_down"] = write_downs
    books.net_worth[: layout.firms] -= r["depreciation"] + write_downs
    r["profit"] = r["ebitda"] - r["depreciation"] - r["interest"] - r["tax"] - write_downs
    f.cost = r["other_cost"].copy()
    f.revenue = r["revenue"].copy()
    f.ebitda = f.ebitda + 0.4 * (r["ebitda"] - f.ebitda)
    f.capex = r["capex"]
    f.bought = r["tie_expense"] + r["other_cost"]
    pay_out(now)


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


def equipment(now: Moment) -> None:
    """Compute equipment by vintage: straight line over its book life."""
    layout, r, f = now.block.layout, now.results, now.state.firms
    added = r["tied_equipment"].copy()
    added[: layout.owners] += now.block.cache["it_rest"] * r["equipment_ratio"][:-1]
    added = np.minimum(added, r["capex"])
    r["equipment_added"] = added
    used = np.minimum(f.equipment_gross / EQUIPMENT_LIFE, f.compute_equipment)
    if not now.on("close"):
        used = np.zeros_like(used)
    r["building_depreciation"] = r["depreciation"] - used
    slot = now.quarter % EQUIPMENT_LIFE
    f.compute_equipment = f.compute_equipment - used + added
    f.equipment_gross = np.maximum(f.equipment_gross - f.equipment_entries[slot] + added, 0.0)
    f.equipment_entries[slot] = added


def write_down_stock(now: Moment) -> Array:
    """Inventory falls with orders that did not come, goodwill with values below book."""
    r, f = now.results, now.state.firms
    shortfall = np.maximum(1.0 - r["revenue"] / np.maximum(f.expected_revenue, 1e-9) - 0.1, 0.0)
    stock = np.minimum(INVENTORY_WRITE_DOWN * shortfall, 0.5) * f.inventory
    f.expected_revenue = f.expected_revenue * 1.01 + 0.4 * (r["revenue"] - f.expected_revenue)
    f.inventory = f.inventory - stock
    worn = np.where(f.value < 0.5 * f.value_peak, 0.10, 0.0) * f.goodwill
    f.goodwill = f.goodwill - worn
    f.value_peak = np.maximum(0.97 * f.value_peak, f.value)
    return stock + worn


def pay_out(now: Moment) -> None:
    """Dividends and buybacks out of surplus cash: what is left after settlement, never a due payment."""
    layout, r, facts, books = now.block.layout, now.results, now.block.facts, now.state.books
    free = np.maximum(r["profit"], 0.0) * facts.conduct["payout_share"]
    cash = books.cash[: layout.firms]
    spare = np.maximum(np.minimum(r["surplus_cash"], cash), 0.0)
    paid = np.minimum(free, 0.9 * spare)
    books.cash[: layout.firms] -= paid
    books.net_worth[: layout.firms] -= paid
    public = layout.sector["public_equity"]
    books.cash[public] += paid.sum(axis=0)
    books.net_worth[public] += paid.sum(axis=0)
    r["paid_out"] = paid

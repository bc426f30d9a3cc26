"""Step 9, close the books: income, plant, inventory and goodwill of each firm, and net worth of every unit."""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.engine.state import EQUIPMENT_LIFE
from penstock.money import kernels, leverage
from penstock.money.kernels import _MAT, _MAT_IN, _VEC
from penstock.passes import float64, kernel, void

Array = np.ndarray

INVENTORY_WRITE_DOWN = 0.5
"""Share of inventory lost per unit of revenue that falls short of expectation beyond a tenth (assumption, 0.3 to 1)."""
COMPLETION = 0.25
"""Share of construction that enters service in a quarter (assumption: a year of construction, 0.15 to 0.35)."""


def close_books(now: Moment) -> None:
    """Posts income to net worth; moves capital purchases into plant; writes off what fell in value."""
    layout, r, books, f, cache = now.block.layout, now.results, now.state.books, now.state.firms, now.block.cache
    book_interest(now)
    if now.quarter == 0:
        cache["cash_target"] = leverage.cash_target(books.cash[: layout.firms], r["revenue"])
    r["profit"], r["paid_out"], revenue, bought = np.empty((4, *f.value.shape))
    paid = np.zeros(now.block.width)
    close_firms(
        r["capex"], r["tied_equipment"], cache["it_rest"], r["equipment_ratio"], r["depreciation"], r["revenue"],
        f.value, r["ebitda"], r["interest"], r["tax"], r["surplus_cash"], now.block.facts.conduct["payout_share"],
        cache["cash_target"], r["tie_expense"], r["other_cost"], float(now.on("close")),
        0.25 * leverage.YEARLY_ADJUSTMENT, f.equipment_entries[now.quarter % EQUIPMENT_LIFE], f.equipment_gross,
        f.compute_equipment, f.construction, f.buildings, f.expected_revenue, f.inventory, f.goodwill, f.value_peak,
        f.ebitda, books.cash, books.net_worth, r["profit"], r["paid_out"], revenue, bought, paid,
        np.zeros(now.block.width), np.empty(now.block.width),
    )  # fmt: skip
    f.cost, f.revenue, f.bought, f.capex = r["other_cost"], revenue, bought, r["capex"]
    public = layout.sector["public_equity"]
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


@kernel(void(_MAT_IN, _MAT_IN, _MAT))
def use_plant(buildings: Array, opening: Array, wear: Array) -> None:
    """Move `wear`, (firms, paths): plant in use relative to the `opening`, (firms, 1), as far as a firm had any."""
    for f in range(wear.shape[0]):
        for n in range(wear.shape[1]):
            moved = wear[f, n] + 0.1 * (buildings[f, n] / opening[f, 0] - wear[f, n])
            wear[f, n] = min(max(moved, 0.5), 2.0)


@kernel(void(*[_MAT_IN] * 15, float64, float64, *[_MAT] * 16, _VEC, _VEC, _VEC))
def close_firms(
    capex: Array,
    tied_equipment: Array,
    equipment_rest: Array,
    equipment_ratio: Array,
    depreciation: Array,
    revenue: Array,
    value: Array,
    ebitda: Array,
    interest: Array,
    tax: Array,
    surplus: Array,
    payout_share: Array,
    cash_held: Array,
    tie_expense: Array,
    other_cost: Array,
    wears: float,
    handed_out: float,
    entry: Array,
    gross: Array,
    compute_equipment: Array,
    construction: Array,
    buildings: Array,
    expected: Array,
    inventory: Array,
    goodwill: Array,
    peak: Array,
    smoothed: Array,
    cash: Array,
    worth: Array,
    profit: Array,
    paid_out: Array,
    sold: Array,
    bought: Array,
    paid_by_all: Array,
    lost: Array,
    added: Array,
) -> None:
    """Close the books of each firm; (firms, paths), usd_bn, but shares (firms, 1); `cash` and `worth` have more rows.

    Compute equipment goes into plant by vintage, along the ties and, of owners, who stand first, what no tie names
    (`equipment_rest` at the opening, (owners, 1)), straight line over its book life; all else passes through
    construction. `entry` holds the vintage that leaves the books and takes the new one. Inventory falls with orders
    that did not come, goodwill with values below book. Nothing wears out or is written down where `wears` is 0.

    Dividends and buybacks come out of surplus cash: what is left after settlement, never a due payment. A share of
    profit (`payout_share`) goes out, and the part `handed_out` of the cash beyond what a firm means to hold
    (`cash_held`, over a quarter's sales). What all pay is added to `paid_by_all`, (paths,). Also set is what the next
    quarter needs of this one: sales and operating purchases. `lost`, (paths,), zeros, and `added`, (paths,), are
    room to work in.
    """
    owners, paths = equipment_rest.shape[0], paid_by_all.shape[0]
    for f in range(capex.shape[0]):
        for n in range(paths):
            added[n] = tied_equipment[f, n]
        if f < owners:
            rest = equipment_rest[f, 0]
            for n in range(paths):
                added[n] += rest * equipment_ratio[f, n]
        for n in range(paths):
            new = min(added[n], capex[f, n])
            used = min(gross[f, n] / EQUIPMENT_LIFE, compute_equipment[f, n]) * wears
            compute_equipment[f, n] += new - used
            gross[f, n] = max(gross[f, n] - entry[f, n] + new, 0.0)
            entry[f, n] = new
            begun = construction[f, n] + (capex[f, n] - new)
            finished = COMPLETION * begun
            construction[f, n] = begun - finished
            buildings[f, n] += finished - (depreciation[f, n] - used)
        if wears > 0.0:
            for n in range(paths):
                shortfall = max(1.0 - revenue[f, n] / max(expected[f, n], 1e-9) - 0.1, 0.0)
                stock = min(INVENTORY_WRITE_DOWN * shortfall, 0.5) * inventory[f, n]
                expected[f, n] = expected[f, n] * 1.01 + 0.4 * (revenue[f, n] - expected[f, n])
                inventory[f, n] -= stock
                worn = 0.10 * goodwill[f, n] if value[f, n] < 0.5 * peak[f, n] else 0.0
                goodwill[f, n] -= worn
                peak[f, n] = max(0.97 * peak[f, n], value[f, n])
                lost[n] = stock + worn
        share = payout_share[f, 0]
        for n in range(paths):
            earned = ebitda[f, n] - depreciation[f, n] - interest[f, n] - tax[f, n] - lost[n]
            spare = max(min(surplus[f, n], cash[f, n]), 0.0)
            more = handed_out * max(cash[f, n] - cash_held[f, n] * revenue[f, n], 0.0)
            paid = min(max(earned, 0.0) * share + more, 0.9 * spare)
            profit[f, n] = earned
            paid_out[f, n] = paid
            smoothed[f, n] += 0.4 * (ebitda[f, n] - smoothed[f, n])
            cash[f, n] -= paid
            worth[f, n] -= depreciation[f, n] + lost[n] + paid
            paid_by_all[n] += paid
        for n in range(paths):
            sold[f, n] = revenue[f, n]
            bought[f, n] = tie_expense[f, n] + other_cost[f, n]

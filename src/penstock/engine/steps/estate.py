"""Step 11, wind up: what a firm leaves is sold, and the money goes to its creditors by seniority."""

from __future__ import annotations

import numpy as np

from penstock.bounds import bounded
from penstock.conduct import rescue
from penstock.engine.moment import Moment
from penstock.money import failure

Array = np.ndarray

IMPAIRED = 0.5
"""Share of its book that the plant of a failed firm loses when it is restructured or bought (assumption, 0.3 to
0.7)."""
GOODWILL_LOST = 0.8
"""Share of goodwill and inventory that is worth nothing where a firm ends (assumption, 0.6 to 1)."""


def wind_up(now: Moment, firms: Array, lanes: Array, written_off: Array) -> None:
    """Plant is sold, cash goes to creditors by rank, the rest of the claims is lost, contracts end.

    written_off: share of its book that the plant of each pair (firm, path) has lost before.
    """
    sell_estate(now, firms, lanes, written_off)
    pay_by_rank(now, firms, lanes)
    nothing = np.zeros(len(firms))
    failure.cut(firms, lanes, *now.block.ties_of["contracts_of"], nothing, now.state.ties.activity)
    own = firms < now.block.layout.owners
    if own.any():
        hand_fleet_on(now, firms[own], lanes[own])


def sell_estate(now: Moment, firms: Array, lanes: Array, written_off: Array) -> None:
    """Plant goes to buyers outside the firms at what a forced sale brings, less the more is sold at once.

    Fleets go to owners elsewhere, all else to private investors: they pay the firm, which books what is missing.
    """
    f, books, layout = now.state.firms, now.state.books, now.block.layout
    items = (f.compute_equipment, f.buildings, f.construction)
    book = sum(item[firms, lanes] for item in items)
    sold = np.bincount(lanes, weights=book, minlength=now.block.width)
    stock = sum(item.sum(axis=0) for item in items)
    scale = np.broadcast_to(np.asarray(now.lever("finance.recovery")), (now.block.width,))
    # a price is a share of the book of a going firm: of a book that was cut before it is more
    share = (rescue.fire_sale_price(sold, stock) * scale)[lanes] / (1.0 - written_off)
    price = book * bounded(share, 0.0, 1.0)
    elsewhere = np.where(firms < layout.owners, layout.owner_unit[-1], layout.sector["private_investors"])
    now.handed_over.append(("plant", elsewhere, firms, lanes, price, np.full(len(firms), -1)))
    for who, amount in ((elsewhere, -price), (firms, price)):
        np.add.at(books.cash, (who, lanes), amount)
    np.subtract.at(books.net_worth, (elsewhere, lanes), price)
    books.net_worth[firms, lanes] += price - book
    for item in (*items, f.equipment_gross):
        item[firms, lanes] = 0.0
    f.equipment_entries[:, firms, lanes] = 0.0
    for item in (f.inventory, f.goodwill):
        loss = item[firms, lanes] * GOODWILL_LOST
        item[firms, lanes] -= loss
        books.net_worth[firms, lanes] -= loss


def pay_by_rank(now: Moment, firms: Array, lanes: Array) -> None:
    """Cash of each pair goes to secured lenders first, then to all others alike; what is left of claims is lost."""
    layout, ties, books, cache = now.block.layout, now.state.ties, now.state.books, now.block.cache
    operating, guarantors = layout.operating.slice, layout.payer[layout.guarantee.slice]
    claims = (
        ("debts_of", layout.lender, cache["ranks_first"], ties.debt),
        ("bills_of", layout.payee[operating], cache["no_security"], ties.receivable),
        ("called_of", guarantors, cache["no_security"], ties.called),
    )
    found = []
    sums = np.zeros((2, len(firms)))
    for name, creditor, first, balance in claims:
        pair, tie = failure.ties_of_pairs(firms, *now.block.ties_of[name])
        owed = balance[tie, lanes[pair]]
        before = first[tie]
        found.append((name, creditor[tie], before, balance, pair, tie, owed))
        for rank, mine in enumerate((before, ~before)):
            sums[rank] += np.bincount(pair[mine], weights=owed[mine], minlength=len(firms))
    cash = np.maximum(books.cash[firms, lanes], 0.0)
    secured = np.minimum(cash / np.maximum(sums[0], 1e-12), 1.0)
    left = np.maximum(cash - sums[0], 0.0)
    other = np.minimum(left / np.maximum(sums[1], 1e-12), 1.0)
    for name, creditor, before, balance, pair, tie, owed in found:
        paid = owed * np.where(before, secured[pair], other[pair])
        lost = owed - paid
        debtor, path = firms[pair], lanes[pair]
        balance[tie, path] = 0.0
        np.add.at(books.cash, (creditor, path), paid)
        np.subtract.at(books.cash, (debtor, path), paid)
        np.subtract.at(books.net_worth, (creditor, path), lost)
        np.add.at(books.net_worth, (debtor, path), lost)
        now.written_down.append((name, debtor, path, tie, owed, lost))
        debt = name == "debts_of"
        number = tie if debt else np.full(len(tie), -1)
        now.handed_over.append(("repayment", creditor, debtor, path, paid, number))
        if debt:
            np.add.at(now.results["repaid"], (debtor, path), paid)


def hand_fleet_on(now: Moment, firms: Array, lanes: Array) -> None:
    """Chips, halls, power and orders of owners that end go to owners elsewhere."""
    layout, fleet = now.block.layout, now.state.fleet
    for array in (fleet.stock, fleet.power, fleet.hall_stages, fleet.power_stages):
        array[:, layout.owners] += _by_lane(array[:, firms, lanes], lanes, now.block.width)
        array[:, firms, lanes] = 0.0
    for array in (
        fleet.halls, fleet.firm_power, fleet.delivered, fleet.retired, fleet.failed, fleet.waiting, fleet.backlog,
    ):  # fmt: skip
        array[layout.owners] += _by_lane(array[None, firms, lanes], lanes, now.block.width)[0]
        array[firms, lanes] = 0.0


def _by_lane(moved: Array, lanes: Array, width: int) -> Array:
    """Sums of the last axis by path, (rows, paths)."""
    out = np.zeros((moved.shape[0], width))
    np.add.at(out.T, lanes, moved.T)
    return out

"""Conservation: what must hold on every path, quarter and unit, and by how much it fails."""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.facts import Facts
from penstock.engine.layout import Layout
from penstock.engine.moment import Moment
from penstock.engine.state import Books, Firms, Ties
from penstock.money.kernels import _FLAG_IN, _IDX_IN, _INT, _MAT, _MAT_IN, _VEC
from penstock.passes import boolean, kernel, void

Array = np.ndarray


def net_worth_by_balance(layout: Layout, facts: Facts, firms: Firms, ties: Ties, books: Books) -> Array:
    """Assets less liabilities of every unit from the stocks themselves, (units, paths), usd_bn."""
    all_ties, nobody = np.zeros(len(ties.receivable), dtype=bool), np.zeros(layout.unit_count, dtype=bool)
    worth, _ = claims_and_cash(layout, facts, firms, ties, books, all_ties, nobody)
    add_own(
        firms.compute_equipment, firms.buildings, firms.construction, firms.inventory, firms.goodwill,
        firms.other_assets, firms.other_liabilities, worth,
    )  # fmt: skip
    worth[layout.sector["row_rest"]] += np.add.reduce(firms.other_liabilities)
    return worth


def claims_and_cash(
    layout: Layout, facts: Facts, firms: Firms, ties: Ties, books: Books, at_once: Array, stood: Array
) -> tuple[Array, Array]:
    """Cash and claims less debts of every unit, (units, paths), usd_bn; stakes in each firm, (firms, paths).

    Ties that are paid `at_once` hold nothing until their payer has `stood` in debt, and are not looked at before.
    """
    worth, shares = np.empty_like(books.cash), np.empty_like(firms.value)
    add_claims(
        books.cash, ties.debt, layout.borrower, layout.lender, ties.receivable, ties.called,
        facts.guarantee_beneficiary, layout.payer, layout.payee, at_once, stood, layout.guarantee.start, ties.stake,
        firms.value, layout.stake_holder, layout.stake_company, worth, shares,
    )  # fmt: skip
    return worth, shares


@kernel(
    void(
        _MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT_IN, _MAT_IN, *[_IDX_IN] * 3, _FLAG_IN, _FLAG_IN, _INT, _MAT_IN,
        _MAT_IN, *[_IDX_IN] * 2, _MAT, _MAT,
    )
)  # fmt: skip
def add_claims(
    cash: Array,
    debt: Array,
    borrower: Array,
    lender: Array,
    receivable: Array,
    called: Array,
    backed: Array,
    payer: Array,
    payee: Array,
    at_once: Array,
    stood: Array,
    guarantees: int,
    stake: Array,
    value: Array,
    holder: Array,
    company: Array,
    worth: Array,
    shares: Array,
) -> None:
    """Set `worth` to cash and claims less debts of every unit, (units, paths), usd_bn.

    A creditor's claim is its debtor's debt, from one number: debt, what is `receivable` from the payer of a tie, and
    what was `called` of the guarantees from `guarantees` on, which who is `backed` owes to the payer. A tie that is
    paid `at_once` holds nothing until its payer has `stood` in debt, (units,). Stakes stand at the value of the
    company; `shares` is set to what they add up to by company, (firms, paths).
    """
    paths = worth.shape[1]
    for u in range(worth.shape[0]):
        for n in range(paths):
            worth[u, n] = cash[u, n]
    for t in range(debt.shape[0]):
        p, q = borrower[t], lender[t]
        for n in range(paths):
            worth[p, n] -= debt[t, n]
        for n in range(paths):
            worth[q, n] += debt[t, n]
    for t in range(receivable.shape[0]):
        p, q = payer[t], payee[t]
        if at_once[t] and not stood[p]:
            continue
        for n in range(paths):
            worth[p, n] -= receivable[t, n]
        for n in range(paths):
            worth[q, n] += receivable[t, n]
    for t in range(called.shape[0]):
        p, q = backed[t], payer[guarantees + t]
        for n in range(paths):
            worth[p, n] -= called[t, n]
        for n in range(paths):
            worth[q, n] += called[t, n]
    shares[:] = 0.0
    for t in range(stake.shape[0]):
        h, c = holder[t], company[t]
        for n in range(paths):
            worth[h, n] += stake[t, n] * value[c, n]
            shares[c, n] += stake[t, n]


@kernel(void(*[_MAT_IN] * 7, _MAT))
def add_own(
    equipment: Array,
    buildings: Array,
    construction: Array,
    inventory: Array,
    goodwill: Array,
    other: Array,
    owed: Array,
    worth: Array,
) -> None:
    """Add to the first rows of `worth` what firms own outside the ties, less what they owe there."""
    for f in range(owed.shape[0]):
        for n in range(owed.shape[1]):
            plant = equipment[f, n] + buildings[f, n] + construction[f, n]
            worth[f, n] += plant + inventory[f, n] + goodwill[f, n] + other[f, n] - owed[f, n]


BALANCE, CASH, SHARES, CHIPS, POWER = range(5)
"""Rows of errors."""


@kernel(void(*[_MAT_IN] * 11, _INT, _MAT_IN, _FLAG_IN, _MAT, _MAT))
def find_gaps(
    worth: Array,
    booked: Array,
    cash: Array,
    equipment: Array,
    buildings: Array,
    construction: Array,
    inventory: Array,
    goodwill: Array,
    other: Array,
    owed: Array,
    debt: Array,
    rest: int,
    shares: Array,
    held: Array,
    sums: Array,
    errors: Array,
) -> None:
    """Set the rows BALANCE, CASH and SHARES of `errors` (identities, paths).

    Balance: the largest gap between what units own and `booked`, (units, paths), over their sizes. `worth` is what they
    have in cash and claims, less debts. Plant, other assets, what is `owed` outside the ties (to the unit `rest`) and
    debt are known of firms, which stand first. Cash: what all accounts add to, over the sum of their sizes. Shares: the
    largest distance from one of the `shares` (firms, paths) in a firm that is `held` by stakes.

    `sums` (3, paths) is room to work in.
    """
    firms, paths = debt.shape[0], worth.shape[1]
    errors[:] = 0.0
    sums[:] = 0.0
    for u in range(worth.shape[0]):
        for n in range(paths):
            sums[0, n] += cash[u, n]
            sums[1, n] += abs(cash[u, n])
            has = worth[u, n]
            size = abs(cash[u, n]) + abs(booked[u, n]) + 1.0
            if u < firms:
                plant = equipment[u, n] + buildings[u, n] + construction[u, n]
                has += plant + inventory[u, n] + goodwill[u, n] + other[u, n] - owed[u, n]
                size += equipment[u, n] + buildings[u, n] + other[u, n] + debt[u, n]
                sums[2, n] += owed[u, n]
            elif u == rest:
                has += sums[2, n]
            gap = abs(has - booked[u, n]) / size
            # what is not a number must not pass for a small gap
            if gap > errors[BALANCE, n] or gap != gap:
                errors[BALANCE, n] = gap
    for n in range(paths):
        errors[CASH, n] = abs(sums[0, n]) / sums[1, n]
    for f in range(held.shape[0]):
        if held[f]:
            for n in range(paths):
                gap = abs(shares[f, n] - 1.0)
                if gap > errors[SHARES, n] or gap != gap:
                    errors[SHARES, n] = gap


@kernel(void(*[_MAT_IN] * 8, boolean, _MAT, _VEC))
def find_misplaced(
    delivered: Array,
    stock: Array,
    waiting: Array,
    retired: Array,
    failed: Array,
    power: Array,
    halls: Array,
    firm_power: Array,
    with_power: bool,
    errors: Array,
    worst: Array,
) -> None:
    """Set the rows CHIPS and POWER of `errors`, and raise `worst` (paths) to the largest of all rows.

    They are the largest gap between chips delivered and found, and of power drawn beyond halls and firm power, each
    over its size; all others (owners + 1, paths).
    """
    for o in range(stock.shape[0]):
        for n in range(stock.shape[1]):
            found = delivered[o, n] - stock[o, n] - waiting[o, n] - retired[o, n] - failed[o, n]
            gap = abs(found) / max(delivered[o, n], 1e-3)
            if gap > errors[CHIPS, n] or gap != gap:
                errors[CHIPS, n] = gap
            limit = min(halls[o, n], firm_power[o, n])
            gap = max(power[o, n] - limit, 0.0) / max(limit, 1e-3)
            if gap > errors[POWER, n] or gap != gap:
                errors[POWER, n] = gap
    for row in range(errors.shape[0] if with_power else POWER):
        for n in range(worst.shape[0]):
            if errors[row, n] > worst[n] or errors[row, n] != errors[row, n]:
                worst[n] = errors[row, n]


def conservation_error(now: Moment) -> tuple[Array, dict[str, Array]]:
    """Largest relative error of the identities of a quarter, (paths,), and each identity's own.

    balance: net worth by stocks = net worth by income, revaluation and issuance, of each unit, over its assets;
    cash: deposits of all units add to zero; shares: the stakes in each firm add to one;
    chips: delivered = in service + waiting + retired + failed; power: drawn <= halls and firm power.
    """
    block, state = now.block, now.state
    layout, books, firms, fleet, width = block.layout, state.books, state.firms, state.fleet, block.width
    errors, worst, powered = np.empty((POWER + 1, width)), np.zeros(width), now.on("order")
    worth, shares = claims_and_cash(
        layout, block.facts, firms, state.ties, books, block.cache["at_once"], block.scratch.stood
    )
    find_gaps(
        worth, books.net_worth, books.cash, firms.compute_equipment, firms.buildings, firms.construction,
        firms.inventory, firms.goodwill, firms.other_assets, firms.other_liabilities, block.cache["debt_owed"],
        layout.sector["row_rest"], shares, block.cache["held"], np.empty((3, width)), errors,
    )  # fmt: skip
    find_misplaced(
        fleet.delivered, block.cache["owner_stock"], fleet.waiting, fleet.retired, fleet.failed,
        block.cache["owner_power"], fleet.halls, fleet.firm_power, powered, errors, worst,
    )  # fmt: skip
    names = ("balance", "cash", "shares", "chips", "power")
    return worst, dict(zip(names if powered else names[:POWER], errors, strict=False))

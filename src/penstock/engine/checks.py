"""Conservation: what must hold on every path, quarter and unit, and by how much it fails."""

from __future__ import annotations

import numba

from penstock.arrays import np
from penstock.engine.moment import Block, Moment
from penstock.engine.state import State
from penstock.money import kernels
from penstock.money.kernels import _FLAG_IN, _IDX_IN, _INT, _MAT, _MAT_IN, _VEC, _kernel

Array = np.ndarray


def net_worth_by_balance(block: Block, state: State) -> Array:
    """Assets less liabilities of every unit from the stocks themselves, (units, paths), usd_bn."""
    firms, worth = state.firms, claims_and_cash(block, state)
    add_own(
        firms.compute_equipment, firms.buildings, firms.construction, firms.inventory, firms.goodwill,
        firms.other_assets, firms.other_liabilities, worth,
    )  # fmt: skip
    worth[block.layout.sector["row_rest"]] += firms.other_liabilities.sum(axis=0)
    return worth


def claims_and_cash(block: Block, state: State) -> Array:
    """Cash and claims less debts of every unit, (units, paths), usd_bn."""
    layout, ties, books = block.layout, state.ties, state.books
    worth = books.cash.copy()
    # claims: the creditor's asset is the debtor's liability, from one number
    kernels.post(ties.debt, layout.borrower, layout.lender, worth)
    rows = layout.operating.slice
    kernels.post(ties.receivable, layout.payer[rows], layout.payee[rows], worth)
    if len(ties.called):
        kernels.post(ties.called, block.facts.guarantee_beneficiary, layout.payer[layout.guarantee.slice], worth)
    kernels.mark_to_market(ties.stake, state.firms.value, layout.stake_holder, layout.stake_company, worth)
    return worth


@_kernel(numba.void(*[_MAT_IN] * 7, _MAT))
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


@_kernel(numba.void(*[_MAT_IN] * 11, _INT, _VEC, _VEC))
def compare(
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
    worst: Array,
    owed_by_all: Array,
) -> None:
    """Raise `worst` (paths) to the largest gap between what units own and `booked`, (units, paths), over their sizes.

    `worth` is what they have in cash and claims, less debts. Plant, other assets, what is `owed` outside the ties (to
    the unit `rest`) and debt are known of firms, which stand first. `owed_by_all`, (paths,), zeros, is room to work in.
    """
    firms, paths = debt.shape[0], worth.shape[1]
    for u in range(worth.shape[0]):
        for n in range(paths):
            has = worth[u, n]
            size = abs(cash[u, n]) + abs(booked[u, n]) + 1.0
            if u < firms:
                plant = equipment[u, n] + buildings[u, n] + construction[u, n]
                has += plant + inventory[u, n] + goodwill[u, n] + other[u, n] - owed[u, n]
                size += equipment[u, n] + buildings[u, n] + other[u, n] + debt[u, n]
                owed_by_all[n] += owed[u, n]
            elif u == rest:
                has += owed_by_all[n]
            gap = abs(has - booked[u, n]) / size
            # what is not a number must not pass for a small gap
            if gap > worst[n] or gap != gap:
                worst[n] = gap


@_kernel(numba.void(_MAT_IN, _MAT, _VEC))
def unbalanced(account: Array, sums: Array, gap: Array) -> None:
    """Set `gap` (paths) to what all accounts add to, over the sum of their sizes; `sums` (2, paths) is zero before."""
    for u in range(account.shape[0]):
        for n in range(account.shape[1]):
            sums[0, n] += account[u, n]
            sums[1, n] += abs(account[u, n])
    for n in range(account.shape[1]):
        gap[n] = abs(sums[0, n]) / sums[1, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _FLAG_IN, _MAT, _VEC))
def unheld(stake: Array, company: Array, held: Array, shares: Array, worst: Array) -> None:
    """Raise `worst` (paths) to the largest distance from one of the stakes in a firm that is `held` by stakes.

    `shares` (firms, paths) is room to work in.
    """
    shares[:] = 0.0
    for t in range(stake.shape[0]):
        c = company[t]
        for n in range(stake.shape[1]):
            shares[c, n] += stake[t, n]
    for f in range(held.shape[0]):
        if held[f]:
            for n in range(shares.shape[1]):
                gap = abs(shares[f, n] - 1.0)
                if gap > worst[n] or gap != gap:
                    worst[n] = gap


@_kernel(numba.void(*[_MAT_IN] * 8, _VEC, _VEC))
def misplaced(
    delivered: Array,
    stock: Array,
    waiting: Array,
    retired: Array,
    failed: Array,
    power: Array,
    halls: Array,
    firm_power: Array,
    chips: Array,
    over: Array,
) -> None:
    """Raise `chips` and `over` (paths) to the largest gap between chips delivered and found, and of power drawn beyond
    halls and firm power, each over its size; all others (owners + 1, paths).
    """
    for o in range(stock.shape[0]):
        for n in range(stock.shape[1]):
            found = delivered[o, n] - stock[o, n] - waiting[o, n] - retired[o, n] - failed[o, n]
            gap = abs(found) / max(delivered[o, n], 1e-3)
            if gap > chips[n] or gap != gap:
                chips[n] = gap
            limit = min(halls[o, n], firm_power[o, n])
            gap = max(power[o, n] - limit, 0.0) / max(limit, 1e-3)
            if gap > over[n] or gap != gap:
                over[n] = gap


def conservation_error(now: Moment) -> tuple[Array, dict[str, Array]]:
    """Largest relative error of the identities of a quarter, (paths,), and each identity's own.

    balance: net worth by stocks = net worth by income, revaluation and issuance, of each unit, over its assets;
    cash: deposits of all units add to zero; shares: the stakes in each firm add to one;
    chips: delivered = in service + waiting + retired + failed; power: drawn <= halls and firm power.
    """
    block, state = now.block, now.state
    layout, books, firms, fleet = block.layout, state.books, state.firms, state.fleet
    balance = np.zeros(block.width)
    compare(
        claims_and_cash(block, state), books.net_worth, books.cash, firms.compute_equipment, firms.buildings,
        firms.construction, firms.inventory, firms.goodwill, firms.other_assets, firms.other_liabilities,
        block.cache["debt_owed"], layout.sector["row_rest"], balance,
        np.zeros(block.width),
    )  # fmt: skip
    cash, held = np.zeros(block.width), np.zeros(block.width)
    unbalanced(books.cash, np.zeros((2, block.width)), cash)
    unheld(state.ties.stake, layout.stake_company, block.cache["held"], np.empty((layout.firms, block.width)), held)
    chips, over = np.zeros(block.width), np.zeros(block.width)
    misplaced(
        fleet.delivered, block.cache["owner_stock"], fleet.waiting, fleet.retired, fleet.failed,
        block.cache["owner_power"], fleet.halls, fleet.firm_power, chips, over,
    )  # fmt: skip
    errors = {"balance": balance, "cash": cash, "shares": held, "chips": chips}
    if now.on("order"):
        errors["power"] = over
    worst = np.max(np.stack(list(errors.values())), axis=0)
    return worst, errors

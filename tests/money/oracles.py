"""The kernels once more in plain NumPy: slow, short and easy to trust. Tests hold the two equal.

Arguments and meaning are those of `kernels.py`; each function changes the same arrays in place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


def post(amount: Floats, payer: Index, payee: Index, account: Floats) -> None:
    """Move each amount from payer to payee."""
    np.subtract.at(account, payer, amount)
    np.add.at(account, payee, amount)


def accumulate(amount: Floats, index: Index, out: Floats) -> None:
    """Sum amounts by index."""
    np.add.at(out, index, amount)


def add_dues(
    due: Floats,
    payer_class: Index,
    payee: Index,
    opens: Flags,
    start: int,
    stop: int,
    owed: Floats,
    income: Floats,
    sold: Floats,
    slow: Floats,
) -> None:
    """Sum the dues of ties start to stop by payer's class and by payee."""
    slow[:] = (sold - income)[: len(slow)]
    for t in range(start, stop):
        for column, sums, row in ((0, owed, payer_class[t]), (1, income, payee[t])):
            sums[row] = due[t] + (0.0 if opens[t, column] else sums[row])


def spread(
    spending: Floats,
    payer: Index,
    share: Floats,
    start: int,
    stop: int,
    flow: Floats,
    payee: Index,
    received: Floats,
) -> None:
    """Spread spending over the ties of one category."""
    part = share if share.ndim == 2 else share[:, None]
    flow[start:stop] = spending[payer[start:stop]] * part[start:stop]
    np.add.at(received, payee[start:stop], flow[start:stop])


def follow(received: Floats, rows: Index, before: Floats, largest: float, driver: Floats) -> None:
    """A driver follows what came in, up to `largest` times what came in before."""
    driver[rows] = np.minimum(received[rows] / before, largest)


def share_paid(owed: Floats, paid_share: Floats, fell: Flags, stood: Flags, share: Floats) -> None:
    """Part of its dues that a unit pays, 1 where next to nothing is due; who neither fell nor stood keeps its own."""
    dues = owed.sum(axis=0)
    paid = (owed * paid_share).sum(axis=0)
    paid = np.where((dues > 1e-9) & fell[:, None], paid / np.maximum(dues, 1e-12), 1.0)
    anew = (fell | stood)[: len(share)]
    share[anew] = paid[: len(share)][anew]


def weigh_dues(cash: Floats, income: Floats, owed: Floats, dues: Floats, gap: Floats) -> None:
    """Set what each unit owes in all, and what it has left when all is paid, both (units, paths)."""
    dues[:] = owed.reshape(-1, *dues.shape).sum(axis=0)
    gap[:] = (cash + income - dues)[: len(gap)]


def mark_to_market(share: Floats, value: Floats, holder: Index, company: Index, out: Floats) -> None:
    """Value of stakes by holder."""
    np.add.at(out, holder, share * value[company])


def _dues(
    receivable: Floats,
    amount: Floats,
    part: Floats,
    collection: Floats,
    deferred: Flags,
    let_stand: Floats,
    payer: Index,
) -> tuple[Floats, Floats]:
    """Bills, and what falls due."""
    bill = amount * part[:, None]
    due = (receivable + bill) * collection[:, None]
    return bill, np.where(deferred[:, None], due * (1.0 - let_stand[payer]), due)


def fall_due(
    receivable: Floats,
    amount: Floats,
    part: Floats,
    collection: Floats,
    deferred: Flags,
    let_stand: Floats,
    payer: Index,
    payer_class: Index,
    payee: Index,
    pair: Index,
    opens: Flags,
    at_once: Flags,
    stood: Flags,
    carried: Floats,
    owed: Floats,
    income: Floats,
    spent: Floats,
    sold: Floats,
    between: Floats,
) -> None:
    """Bills and dues, and their sums on both sides."""
    bill, due = _dues(receivable, amount, part, collection, deferred, let_stand, payer)
    clean = at_once & ~stood[payer]
    due[clean] = bill[clean]
    carried[~clean] = (receivable + bill - due)[~clean]
    for t in range(len(bill)):
        for column, sums, row, values in (
            (0, owed, payer_class[t], due),
            (1, income, payee[t], due),
            (1, sold, payee[t], bill),
            (2, spent, payer[t], bill),
        ):
            sums[row] = values[t] + (0.0 if opens[t, column] else sums[row])
    np.add.at(between, pair, due)


def hold_back(
    receivable: Floats,
    amount: Floats,
    part: Floats,
    collection: Floats,
    deferred: Flags,
    let_stand: Floats,
    payer: Index,
    payee: Index,
    seniority: Index,
    pair: Index,
    fell: Flags,
    paid_share: Floats,
    carried: Floats,
    kept: Floats,
    lost: Floats,
    between: Floats,
) -> None:
    """What units that fell short do not pay of their bills."""
    bill, due = _dues(receivable, amount, part, collection, deferred, let_stand, payer)
    rows = np.flatnonzero(fell[payer])
    unpaid = (due * (1.0 - paid_share[seniority, payer]))[rows]
    carried[rows] = (receivable + bill - due)[rows] + unpaid
    np.add.at(kept, payer[rows], unpaid)
    np.add.at(lost, payee[rows], unpaid)
    np.subtract.at(between, pair[rows], unpaid)


def pay_dues(
    due: Floats,
    paid_share: Floats,
    payer: Index,
    payee: Index,
    seniority: Index,
    pair: Index,
    fell: Flags,
    paid: Floats,
    kept: Floats,
    lost: Floats,
    between: Floats,
) -> None:
    """What each tie carries after clearing, and what it does not."""
    paid[:] = np.where(fell[payer][:, None], due * paid_share[seniority, payer], due)
    np.add.at(kept, payer, due - paid)
    np.add.at(lost, payee, due - paid)
    np.add.at(between, pair, paid)


def serve_debt(
    interest: Floats,
    principal: Floats,
    paid_share: Floats,
    borrower: Index,
    lender: Index,
    interest_rank: Index,
    principal_rank: Index,
    interest_pair: Index,
    principal_pair: Index,
    fell: Flags,
    debt: Floats,
    kept: Floats,
    lost: Floats,
    between: Floats,
) -> None:
    """Interest and principal after clearing."""
    paid = np.zeros((2, *debt.shape))
    for k, (due, rank, pair) in enumerate(
        ((interest, interest_rank, interest_pair), (principal, principal_rank, principal_pair))
    ):
        pay_dues(due, paid_share, borrower, lender, rank, pair, fell, paid[k], kept, lost, between)
    debt += interest - paid[0] - paid[1]


def book(
    income: Floats,
    dues: Floats,
    someone_fell: bool,
    tied_capital: Floats,
    other_capital: Floats,
    sold: Floats,
    spent: Floats,
    kept: Floats,
    lost: Floats,
    cash: Floats,
    worth: Floats,
) -> None:
    """Sums of a quarter into the accounts, and what stays unpaid back to zero."""
    cash += income - dues
    worth += sold - spent
    worth[: len(tied_capital)] += tied_capital + other_capital
    if someone_fell:
        cash += kept - lost
        kept[:] = lost[:] = 0.0


def clear_dues(
    available: Floats,
    due: Floats,
    payer: Index,
    payee: Index,
    seniority: Index,
    unlimited: Flags,
    needs: Flags,
    paid_share: Floats,
    rounds: Index,
    *,
    tolerance_usd_bn: float = 1e-9,
    converged_relative: float = 1e-12,
    max_rounds: int = 10_000,
) -> None:
    """Greatest clearing payments, every unit recomputed from scratch in every round."""
    paid_share[:] = 1.0
    rounds[:] = 0
    for n in np.flatnonzero(needs):
        owed = np.zeros(paid_share.shape[:2])
        np.add.at(owed, (seniority, payer), due[:, n])
        share = np.ones_like(owed)
        rounds[n] = -1
        for step in range(max_rounds + 1):
            wealth = available[:, n].copy()
            np.add.at(wealth, payee, due[:, n] * share[seniority, payer])
            after = _shares(wealth, owed, tolerance_usd_bn)
            after[:, unlimited] = 1.0
            moved = ((share - after) * owed).sum(axis=0) / np.maximum(owed.sum(axis=0), tolerance_usd_bn)
            share = np.minimum(share, after)
            if moved.max(initial=0.0) <= converged_relative:
                rounds[n] = step
                break
        paid_share[:, :, n] = share


def _shares(wealth: Floats, owed: Floats, tolerance: float) -> Floats:
    """Share of each class that each unit's wealth pays, senior classes first."""
    left = np.maximum(wealth, 0.0)
    share = np.ones_like(owed)
    for c, dues in enumerate(owed):
        full = left >= dues - tolerance
        share[c] = np.where(full, 1.0, left / np.where(full, 1.0, dues))
        left = np.where(full, np.maximum(left - dues, 0.0), 0.0)
    return share

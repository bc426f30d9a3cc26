"""Bills of a quarter, compiled: written, fallen due and carried on in one pass, and booked on both sides.

A tie bills `amount[t] * part[t]`; what was owed before and the bill fall due at the tie's speed of collection. The pass
books as if everybody paid in full: most do. What each unit pays and is paid is then a sum by unit, and only the ties of
units that fell short are gone through again (`hold_back`). Rules and types are those of `kernels.py`, as are the NumPy
twins in `tests/money/oracles.py`.
"""

from __future__ import annotations

from penstock.money.kernels import (
    _CUBE_IN,
    _FLAG_IN,
    _FLAG_MAT_IN,
    _IDX_IN,
    _MAT,
    _MAT_IN,
    _VEC_IN,
    Flags,
    Floats,
    Index,
)
from penstock.passes import boolean, inner, kernel, void


@inner(
    void(
        _MAT_IN, _MAT_IN, _VEC_IN, _VEC_IN, _FLAG_IN, _MAT_IN, *[_IDX_IN] * 4, _FLAG_MAT_IN, _FLAG_IN, _FLAG_IN,
        *[_MAT] * 6,
    )
)  # fmt: skip
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
    """Bill ties, and find what of all that is owed falls due; (ties, paths), usd_bn.

    The bill is `amount[t] part[t]`, the due `(receivable[t] + bill) collection[t]`, on deferred ties less the share
    `let_stand[payer]` that the supplier lets stand. Sets `carried[t]`, what is owed after it is paid. Adds dues to
    `owed[payer_class[t]]` and `income[payee[t]]`, bills to `spent[payer[t]]` and `sold[payee[t]]`, and dues to
    `between[pair[t]]`.

    The tie that `opens` a sum sets it to zero before: that of its payer's class, those of its payee, that of what its
    payer spends; (ties, 3). Ties that are paid `at_once` hold nothing in `receivable` and `carried` until their payer
    has `stood` in debt, (units,): neither is looked at before.
    """
    for t in range(amount.shape[0]):
        p = payer[t]
        c = payer_class[t]
        q = payee[t]
        b = pair[t]
        share = part[t]
        speed = collection[t]
        if opens[t, 0]:
            owed[c] = 0.0
        if opens[t, 1]:
            income[q] = 0.0
            sold[q] = 0.0
        if opens[t, 2]:
            spent[p] = 0.0
        if at_once[t] and not stood[p]:
            for n in range(amount.shape[1]):
                bill = amount[t, n] * share
                owed[c, n] += bill
                income[q, n] += bill
                spent[p, n] += bill
                sold[q, n] += bill
                between[b, n] += bill
        elif deferred[t]:
            for n in range(amount.shape[1]):
                bill = amount[t, n] * share
                due = (receivable[t, n] + bill) * speed * (1.0 - let_stand[p, n])
                carried[t, n] = receivable[t, n] + (bill - due)
                owed[c, n] += due
                income[q, n] += due
                spent[p, n] += bill
                sold[q, n] += bill
                between[b, n] += due
        else:
            for n in range(amount.shape[1]):
                bill = amount[t, n] * share
                due = (receivable[t, n] + bill) * speed
                carried[t, n] = receivable[t, n] + (bill - due)
                owed[c, n] += due
                income[q, n] += due
                spent[p, n] += bill
                sold[q, n] += bill
                between[b, n] += due


@inner(
    void(
        _MAT_IN, _MAT_IN, _VEC_IN, _VEC_IN, _FLAG_IN, _MAT_IN, *[_IDX_IN] * 4, _FLAG_IN, _CUBE_IN, *[_MAT] * 4,
    )
)  # fmt: skip
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
    """Go again through the ties of units that `fell` short: what they do not pay stays owed.

    Sets `carried[t]`; adds what is not paid to `kept[payer[t]]` and `lost[payee[t]]`, from one number, and takes it off
    `between[pair[t]]`.
    """
    for t in range(amount.shape[0]):
        p = payer[t]
        if not fell[p]:
            continue
        q = payee[t]
        c = seniority[t]
        b = pair[t]
        for n in range(amount.shape[1]):
            bill = amount[t, n] * part[t]
            due = (receivable[t, n] + bill) * collection[t]
            if deferred[t]:
                due *= 1.0 - let_stand[p, n]
            paid = due * paid_share[c, p, n]
            carried[t, n] = receivable[t, n] + (bill - paid)
            kept[p, n] += due - paid
            lost[q, n] += due - paid
            between[b, n] -= due - paid


@kernel(void(_MAT_IN, _CUBE_IN, *[_IDX_IN] * 4, _FLAG_IN, *[_MAT] * 4))
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
    """Set `paid[t] = due[t] paid_share[seniority[t], payer[t]]`, what clearing lets each tie carry.

    What a unit that `fell` short does not pay is added to `kept[payer[t]]` and `lost[payee[t]]`; what is paid is added
    to `between[pair[t]]`.
    """
    for t in range(due.shape[0]):
        p = payer[t]
        b = pair[t]
        if not fell[p]:
            for n in range(due.shape[1]):
                paid[t, n] = due[t, n]
                between[b, n] += due[t, n]
            continue
        q = payee[t]
        c = seniority[t]
        for n in range(due.shape[1]):
            paid[t, n] = due[t, n] * paid_share[c, p, n]
            kept[p, n] += due[t, n] - paid[t, n]
            lost[q, n] += due[t, n] - paid[t, n]
            between[b, n] += paid[t, n]


@kernel(void(_MAT_IN, _MAT_IN, _CUBE_IN, *[_IDX_IN] * 6, _FLAG_IN, *[_MAT] * 4))
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
    """Pay interest and principal due by debt tie as far as clearing lets the borrower: repaid principal comes off the
    debt, unpaid interest is added to it.

    What a borrower that `fell` short does not pay is added to `kept[borrower[t]]` and `lost[lender[t]]`; what is paid
    is added to `between` by pair. What the others pay is what is due.
    """
    for t in range(debt.shape[0]):
        p, c, b = borrower[t], interest_rank[t], interest_pair[t]
        if not fell[p]:
            for n in range(debt.shape[1]):
                between[b, n] += interest[t, n]
            continue
        q = lender[t]
        for n in range(debt.shape[1]):
            paid = interest[t, n] * paid_share[c, p, n]
            kept[p, n] += interest[t, n] - paid
            lost[q, n] += interest[t, n] - paid
            between[b, n] += paid
    for t in range(debt.shape[0]):
        p, b = borrower[t], principal_pair[t]
        if not fell[p]:
            for n in range(debt.shape[1]):
                debt[t, n] -= principal[t, n]
            for n in range(debt.shape[1]):
                between[b, n] += principal[t, n]
            continue
        q = lender[t]
        for n in range(debt.shape[1]):
            paid = principal[t, n] * paid_share[principal_rank[t], p, n]
            debt[t, n] += interest[t, n] - interest[t, n] * paid_share[interest_rank[t], p, n] - paid
            kept[p, n] += principal[t, n] - paid
            lost[q, n] += principal[t, n] - paid
            between[b, n] += paid


@kernel(void(_MAT_IN, _MAT_IN, boolean, *[_MAT_IN] * 4, *[_MAT] * 4))
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
    """Book the sums of each unit, (units, paths): payments move cash, bills move net worth.

    Where `someone_fell` short, what was `kept` and `lost` is taken off dues and income, and is zero after, for the next
    quarter. Capital purchases of the first units, (firms, paths), are no expense.
    """
    for u in range(cash.shape[0]):
        if someone_fell:
            for n in range(cash.shape[1]):
                cash[u, n] += (income[u, n] - lost[u, n]) - (dues[u, n] - kept[u, n])
            kept[u] = 0.0
            lost[u] = 0.0
        else:
            for n in range(cash.shape[1]):
                cash[u, n] += income[u, n] - dues[u, n]
        for n in range(cash.shape[1]):
            worth[u, n] += sold[u, n] - spent[u, n]
        if u < tied_capital.shape[0]:
            for n in range(cash.shape[1]):
                worth[u, n] += tied_capital[u, n] + other_capital[u, n]

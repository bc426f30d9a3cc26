"""Operations along ties, compiled: post, sum, spread, ration, clear, shift claims, mark to market.

A tie joins two units; its flow of a quarter is a row of a `(ties, paths)` array. These kernels carry such
rows to the rows of `(units, paths)` arrays, with the paths (lanes) in the innermost loop. Everything else in
a quarter is element-wise and stays plain NumPy.

Rules that callers keep, for no kernel checks them while it runs:

- values are float64, indices intp (`numpy.intp`), flags bool, all C-contiguous; a slice of rows is
  C-contiguous, a slice of lanes is not. An argument of another type or layout is a TypeError before anything
  is touched;
- every index lies within the rows of the array that it points into: check indices once, with `check_index`,
  when the ties are laid out;
- outputs are added to, not overwritten, unless the docstring says "set";
- lanes never mix, and a lane's sums run in the order of the ties, so that a lane has the same bits in a
  block of any width.

Money units are USD bn throughout. Kernels have a NumPy twin in `oracles.py` that tests hold equal; `fall_due` and
`settle_bills`, which do several of them in one pass, are held by audits of whole quarters.
Signatures are given, so that machine code is compiled once, at the first import, and read from Numba's cache
by every later process. Import this module inside functions where start-up time matters: it loads Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from penstock.errors import ModelError

F = TypeVar("F", bound=Callable[..., object])
Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

CLASSES = 3
"""Ranks of dues in `clear_dues`: 0 secured, 1 operating, 2 unsecured."""

PAID_IN_FULL_USD_BN = 1e-9
"""Dues unpaid by at most this much (one dollar) count as paid: otherwise rounding would make defaults."""

CONVERGED_RELATIVE = 1e-12
"""Clearing stops when no unit's payment moved by more than this part of its dues in a round."""

MAX_ROUNDS = 10_000
"""Rounds of clearing after which a lane is reported as not converged."""

_VEC_IN = numba.types.Array(numba.float64, 1, "C", readonly=True)
_MAT_IN = numba.types.Array(numba.float64, 2, "C", readonly=True)
_IDX_IN = numba.types.Array(numba.intp, 1, "C", readonly=True)
_FLAG_IN = numba.types.Array(numba.boolean, 1, "C", readonly=True)
_VEC = numba.types.Array(numba.float64, 1, "C")
_IDX = numba.types.Array(numba.intp, 1, "C")
_MAT = numba.types.Array(numba.float64, 2, "C")
_FLAG_MAT = numba.types.Array(numba.boolean, 2, "C")
_FLAG_MAT_IN = numba.types.Array(numba.boolean, 2, "C", readonly=True)
_CUBE = numba.types.Array(numba.float64, 3, "C")
_CUBE_IN = numba.types.Array(numba.float64, 3, "C", readonly=True)
_INT = numba.intp


def _kernel(*signatures: object) -> Callable[[F], F]:
    """Compile for these argument types now; keep the machine code on disk and release the GIL while running.

    Divisions follow NumPy: a test for zero in a loop would keep it from using wide registers.
    """

    def compile_now(function: F) -> F:
        return cast(F, numba.njit(list(signatures), cache=True, nogil=True, error_model="numpy")(function))

    return compile_now


def check_index(name: str, index: npt.ArrayLike, rows: int) -> Index:
    """Return `index` as the kernels want it, or raise ModelError where it points outside `rows` rows."""
    found = np.ascontiguousarray(index, dtype=np.intp)
    if found.ndim != 1:
        raise ModelError(f"{name}: found {found.ndim} axes; expected one row number a tie")
    if found.size and (found.min() < 0 or found.max() >= rows):
        raise ModelError(f"{name}: found rows {found.min()} to {found.max()}; expected 0 to {rows - 1}")
    return found


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT))
def post(amount: Floats, payer: Index, payee: Index, account: Floats) -> None:
    """Move `amount[t]` from `account[payer[t]]` to `account[payee[t]]`: one number, two sides."""
    for t in range(amount.shape[0]):
        p = payer[t]
        q = payee[t]
        for n in range(amount.shape[1]):
            account[p, n] -= amount[t, n]
        for n in range(amount.shape[1]):
            account[q, n] += amount[t, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _MAT))
def accumulate(amount: Floats, index: Index, out: Floats) -> None:
    """Add `amount[t]` to `out[index[t]]` over all ties: sums by payer, payee, borrower or lender."""
    for t in range(amount.shape[0]):
        u = index[t]
        for n in range(amount.shape[1]):
            out[u, n] += amount[t, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _INT, _INT, _MAT))
def accumulate_range(amount: Floats, index: Index, start: int, stop: int, out: Floats) -> None:
    """As `accumulate`, for the ties from `start` up to, not including, `stop`: one category."""
    for t in range(start, stop):
        u = index[t]
        for n in range(amount.shape[1]):
            out[u, n] += amount[t, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _MAT_IN, _IDX_IN, _MAT))
def accumulate_product(amount: Floats, source: Index, share: Floats, index: Index, out: Floats) -> None:
    """Add `share[t] * amount[source[t]]` to `out[index[t]]`; `share` is (ties, 1)."""
    for t in range(share.shape[0]):
        s = source[t]
        u = index[t]
        part = share[t, 0]
        for n in range(amount.shape[1]):
            out[u, n] += amount[s, n] * part


@_kernel(numba.void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT, _MAT))
def share_out(share: Floats, able: Floats, holder: Index, company: Index, whole: Floats, part: Floats) -> None:
    """Set `part[t]` to a tie's part of its company's whole, which those who are able take: parts add to one.

    `share` (ties, 1) is the part where all are able. Where nobody is, it stands as it is. `whole` (units, paths) is
    zero before, and the sum of what the able would take after.
    """
    for t in range(share.shape[0]):
        h = holder[t]
        c = company[t]
        for n in range(part.shape[1]):
            part[t, n] = share[t, 0] * able[h, n]
            whole[c, n] += part[t, n]
    for t in range(share.shape[0]):
        c = company[t]
        for n in range(part.shape[1]):
            part[t, n] = part[t, n] / max(whole[c, n], 1e-12) if whole[c, n] > 1e-12 else share[t, 0]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT))
def accumulate_rows(amount: Floats, rows: Index, index: Index, out: Floats) -> None:
    """As `accumulate`, for the ties `rows` alone: adds `amount[rows[k]]` to `out[index[k]]`."""
    for k in range(rows.shape[0]):
        t = rows[k]
        u = index[k]
        for n in range(amount.shape[1]):
            out[u, n] += amount[t, n]


@_kernel(
    numba.void(_MAT_IN, _IDX_IN, _VEC_IN, _INT, _INT, _MAT, _IDX_IN, _MAT),
    numba.void(_MAT_IN, _IDX_IN, _MAT_IN, _INT, _INT, _MAT, _IDX_IN, _MAT),
)
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
    """Spread each payer's spending over its ties `start` to `stop`, one category of the cascade.

    `flow[t] = spending[payer[t]] * share[t]` is set; `received[payee[t]]` is added to. `share` is one number
    a tie or one a tie and path. `spending` is read while `received` grows: pass two arrays.
    """
    for t in range(start, stop):
        p = payer[t]
        q = payee[t]
        if share.ndim == 1:
            part = share[t]
            for n in range(flow.shape[1]):
                flow[t, n] = spending[p, n] * part
        else:
            for n in range(flow.shape[1]):
                flow[t, n] = spending[p, n] * share[t, n]
        for n in range(flow.shape[1]):
            received[q, n] += flow[t, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _MAT_IN, numba.float64, _MAT))
def follow(received: Floats, rows: Index, before: Floats, largest: float, driver: Floats) -> None:
    """Set `driver[u] = min(received[u] / before[k], largest)` for each of the units `u = rows[k]`."""
    for k in range(rows.shape[0]):
        u = rows[k]
        opening = before[k, 0]
        for n in range(received.shape[1]):
            driver[u, n] = min(received[u, n] / opening, largest)


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT_IN, _MAT))
def pass_on(flow: Floats, payer: Index, payee: Index, share: Floats, received: Floats) -> None:
    """Add to `received[payee[t]]` the share of each flow that its payer's money carries."""
    for t in range(flow.shape[0]):
        p = payer[t]
        q = payee[t]
        for n in range(flow.shape[1]):
            received[q, n] += flow[t, n] * share[p, n]


@_kernel(numba.void(_CUBE_IN, _CUBE_IN, _MAT))
def share_paid(owed: Floats, paid_share: Floats, share: Floats) -> None:
    """Set `share[u]` to the part that a unit pays of its dues of all classes; `share` may have fewer rows.

    One where next to nothing is due.
    """
    for u in range(share.shape[0]):
        for n in range(share.shape[1]):
            dues = owed[0, u, n] + owed[1, u, n] + owed[2, u, n]
            paid = owed[0, u, n] * paid_share[0, u, n] + owed[1, u, n] * paid_share[1, u, n]
            paid += owed[2, u, n] * paid_share[2, u, n]
            share[u, n] = paid / max(dues, 1e-12) if dues > PAID_IN_FULL_USD_BN else 1.0


@_kernel(numba.void(_MAT_IN, _MAT_IN, _CUBE_IN, _MAT, _MAT))
def weigh_dues(cash: Floats, income: Floats, owed: Floats, dues: Floats, gap: Floats) -> None:
    """Set the dues of each unit, and what is left of its cash and income if everybody pays; (units, paths), usd_bn."""
    for u in range(dues.shape[0]):
        for n in range(dues.shape[1]):
            dues[u, n] = owed[0, u, n] + owed[1, u, n] + owed[2, u, n]
            gap[u, n] = cash[u, n] + income[u, n] - dues[u, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT_IN, _MAT, _MAT))
def ration(order: Floats, supplier: Index, buyer: Index, fill: Floats, delivered: Floats, received: Floats) -> None:
    """Fill each order by the share that its supplier can fill, the same for all its buyers.

    `delivered[t] = order[t] * fill[supplier[t]]` is set; `received[buyer[t]]` is added to.
    """
    for t in range(order.shape[0]):
        s = supplier[t]
        b = buyer[t]
        for n in range(order.shape[1]):
            delivered[t, n] = order[t, n] * fill[s, n]
        for n in range(order.shape[1]):
            received[b, n] += delivered[t, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT, _MAT))
def shift_claims(amount: Floats, creditor: Index, debtor: Index, claims: Floats, owed: Floats) -> None:
    """Book a change of an instrument on both sides: the creditor's claims and the debtor's debt, from one
    number.

    A draw is positive, a repayment or write-down negative. The cash leg is a `post` of its own.
    """
    for t in range(amount.shape[0]):
        c = creditor[t]
        d = debtor[t]
        for n in range(amount.shape[1]):
            claims[c, n] += amount[t, n]
        for n in range(amount.shape[1]):
            owed[d, n] += amount[t, n]


@_kernel(numba.void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT))
def mark_to_market(share: Floats, value: Floats, holder: Index, company: Index, out: Floats) -> None:
    """Add to each holder the value of its stakes: `out[holder[e]] += share[e] * value[company[e]]`."""
    for e in range(share.shape[0]):
        h = holder[e]
        c = company[e]
        for n in range(share.shape[1]):
            out[h, n] += share[e, n] * value[c, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _CUBE, _MAT))
def pay_dues(due: Floats, payer: Index, seniority: Index, paid_share: Floats, paid: Floats) -> None:
    """Set `paid[t] = due[t] * paid_share[seniority[t], payer[t]]`: what clearing lets each tie carry."""
    for t in range(due.shape[0]):
        c = seniority[t]
        p = payer[t]
        for n in range(due.shape[1]):
            paid[t, n] = due[t, n] * paid_share[c, p, n]


@_kernel(numba.void(_MAT_IN, _MAT_IN, _MAT_IN, _MAT))
def carry_debt(interest: Floats, interest_paid: Floats, principal_paid: Floats, debt: Floats) -> None:
    """Add unpaid interest to each debt and take repaid principal off it; all (debt ties, paths)."""
    for t in range(debt.shape[0]):
        for n in range(debt.shape[1]):
            debt[t, n] += interest[t, n] - interest_paid[t, n] - principal_paid[t, n]


@_kernel(numba.boolean(numba.float64, _MAT_IN, _INT, _MAT))
def _pay_by_rank(wealth: float, owed: Floats, u: int, share: Floats) -> bool:
    """Set `share[:, u]` so that `wealth` pays class after class; True where something stays unpaid."""
    left = max(wealth, 0.0)
    short = False
    for c in range(owed.shape[0]):
        if left >= owed[c, u] - PAID_IN_FULL_USD_BN:
            share[c, u] = 1.0
            left = max(left - owed[c, u], 0.0)
        else:
            # from above the share can only fall; the guard keeps rounding from lifting it
            share[c, u] = min(share[c, u], left / owed[c, u])
            left = 0.0
            short = True
    return short


@_kernel(numba.void(_MAT_IN, _CUBE_IN, _MAT_IN, _IDX_IN, _IDX_IN, _IDX_IN, _IDX_IN, _FLAG_IN, _FLAG_IN, _CUBE, _IDX))
def clear_short(
    whole: Floats,
    owed: Floats,
    due: Floats,
    first: Index,
    rows: Index,
    payee: Index,
    seniority: Index,
    unlimited: Flags,
    needs: Flags,
    paid_share: Floats,
    rounds: Index,
) -> None:
    """Settle the dues of a quarter with limited liability: the greatest clearing payments (Eisenberg and Noe).

    `whole[u]` is what a unit has if everybody pays in full (its account, maybe negative, and its income), `owed[c, u]`
    its dues by class; the ties of payer `u` are `rows[first[u] : first[u + 1]]`. Class 0 is paid in full before class
    1 sees a dollar, class 1 before class 2; inside a class all creditors get the same share. Units with
    `unlimited[u]` (sectors) always pay in full. Starting from full payment, payments only fall, so the limit is the
    greatest fixed point. Only units that fall short are followed, so a lane costs little.

    Sets `paid_share[class, unit, path]`: exactly 1 where all is paid to within `PAID_IN_FULL_USD_BN` (an account may
    therefore end that much below zero), and in lanes where `needs` is False. Sets `rounds[path]`: 0 where nobody
    fell short, -1 where `MAX_ROUNDS` did not settle it (the caller must count and report these), else the rounds used.
    """
    units = whole.shape[0]
    dues = np.empty((CLASSES, units))
    share = np.empty((CLASSES, units))
    wealth = np.empty(units)
    loss = np.empty(units)  # what others' shortfalls take from it
    short = np.empty(units, np.bool_)

    paid_share[:] = 1.0
    for n in range(whole.shape[1]):
        rounds[n] = 0
        if not needs[n]:
            continue
        share[:] = 1.0
        anyone = False
        for u in range(units):
            wealth[u] = whole[u, n]
            for c in range(CLASSES):
                dues[c, u] = owed[c, u, n]
            short[u] = False
            if not unlimited[u]:
                short[u] = _pay_by_rank(wealth[u], dues, u, share)
                anyone = anyone or short[u]
        if not anyone:
            continue
        rounds[n] = -1
        for step in range(1, MAX_ROUNDS + 1):
            loss[:] = 0.0
            for u in range(units):
                if short[u]:
                    for k in range(first[u], first[u + 1]):
                        t = rows[k]
                        loss[payee[t]] += due[t, n] * (1.0 - share[seniority[t], u])
            moved = 0.0
            for u in range(units):
                if unlimited[u] or (loss[u] == 0.0 and not short[u]):
                    continue
                before = 0.0
                total = 0.0
                for c in range(CLASSES):
                    before += dues[c, u] * share[c, u]
                    total += dues[c, u]
                if total <= PAID_IN_FULL_USD_BN:
                    continue
                short[u] = _pay_by_rank(wealth[u] - loss[u], dues, u, share)
                after = 0.0
                for c in range(CLASSES):
                    after += dues[c, u] * share[c, u]
                moved = max(moved, (before - after) / total)
            if moved <= CONVERGED_RELATIVE:
                rounds[n] = step
                break
        for c in range(CLASSES):
            for u in range(units):
                paid_share[c, u, n] = share[c, u]


def by_payer(payer: npt.ArrayLike, units: int) -> tuple[Index, Index]:
    """Ties grouped by payer, in their own order: first (units + 1,) and rows (ties,)."""
    found = np.asarray(payer, dtype=np.intp)
    rows = np.argsort(found, kind="stable").astype(np.intp)
    first = np.searchsorted(found[rows], np.arange(units + 1)).astype(np.intp)
    return first, rows


def dues_by_class(due: Floats, payer: Index, seniority: Index, units: int) -> Floats:
    """Dues of each unit by class, (classes, units, paths)."""
    owed = np.zeros((CLASSES * units, due.shape[1]))
    accumulate(due, np.ascontiguousarray(seniority * units + payer, dtype=np.intp), owed)
    return owed.reshape(CLASSES, units, due.shape[1])


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
) -> None:
    """`clear_short` from accounts and ties alone: unit `u` pays out of `available[u]` and of what it receives."""
    units = available.shape[0]
    whole = available.copy()
    accumulate(due, payee, whole)
    owed = dues_by_class(due, payer, seniority, units)
    first, rows = by_payer(payer, units)
    clear_short(whole, owed, due, first, rows, payee, seniority, unlimited, needs, paid_share, rounds)


@_kernel(numba.void(_MAT_IN, _MAT_IN, _VEC_IN, _FLAG_IN, _MAT_IN, _IDX_IN, _IDX_IN, _IDX_IN, _MAT, _MAT, _MAT))
def fall_due(
    receivable: Floats,
    billed: Floats,
    collection: Floats,
    deferred: Flags,
    let_stand: Floats,
    payer: Index,
    payer_class: Index,
    payee: Index,
    due: Floats,
    owed: Floats,
    income: Floats,
) -> None:
    """What falls due on operating ties, and its sums by payer's class and by payee, in one pass.

    Sets `due[t] = (receivable[t] + billed[t]) collection[t]`, on deferred ties less the share `let_stand[payer]` that
    the supplier lets stand; adds it to `owed[payer_class[t]]` and `income[payee[t]]`. `due` may have more rows.
    """
    for t in range(billed.shape[0]):
        p = payer[t]
        c = payer_class[t]
        q = payee[t]
        part = collection[t]
        if deferred[t]:
            for n in range(billed.shape[1]):
                due[t, n] = (receivable[t, n] + billed[t, n]) * part * (1.0 - let_stand[p, n])
        else:
            for n in range(billed.shape[1]):
                due[t, n] = (receivable[t, n] + billed[t, n]) * part
        for n in range(billed.shape[1]):
            owed[c, n] += due[t, n]
        for n in range(billed.shape[1]):
            income[q, n] += due[t, n]


@_kernel(numba.void(_MAT_IN, _CUBE_IN, _IDX_IN, _IDX_IN, _IDX_IN, _MAT_IN, _MAT, _MAT, _MAT, _MAT, _MAT))
def settle_bills(
    due: Floats,
    paid_share: Floats,
    payer: Index,
    payee: Index,
    seniority: Index,
    billed: Floats,
    receivable: Floats,
    paid: Floats,
    cash: Floats,
    worth: Floats,
    rise: Floats,
) -> None:
    """Pay and book operating ties in one pass: each dollar leaves one account and enters another.

    Sets `paid[t] = due[t] paid_share[class, payer]` and moves it in `cash`; bills move net worth in `worth`; what is
    billed and not paid raises `receivable[t]`, and `rise[payee]` by the same number.
    """
    for t in range(billed.shape[0]):
        p = payer[t]
        q = payee[t]
        c = seniority[t]
        for n in range(billed.shape[1]):
            paid[t, n] = due[t, n] * paid_share[c, p, n]
            receivable[t, n] += billed[t, n] - paid[t, n]
        for n in range(billed.shape[1]):
            cash[p, n] -= paid[t, n]
            worth[p, n] -= billed[t, n]
        for n in range(billed.shape[1]):
            cash[q, n] += paid[t, n]
            worth[q, n] += billed[t, n]
            rise[q, n] += billed[t, n] - paid[t, n]

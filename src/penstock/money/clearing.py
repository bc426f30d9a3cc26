"""Dues of a quarter, compiled: their sums, and who pays how much of them.

Dues have a rank; a unit pays class after class out of what it has and what it is paid. Rules and types are those of
`kernels.py`, as are the NumPy twins in `tests/money/oracles.py`. How bills fall due and are booked is in `bills.py`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock import arrays
from penstock.money.kernels import (
    _CUBE,
    _CUBE_IN,
    _FLAG,
    _FLAG_IN,
    _FLAG_MAT,
    _FLAG_MAT_IN,
    _IDX,
    _IDX_IN,
    _IDX_MAT,
    _INT,
    _MAT,
    _MAT_IN,
    _VEC,
    _VEC_IN,
    Flags,
    Floats,
    Index,
    accumulate,
)
from penstock.passes import boolean, float64, inner, kernel, void

CLASSES = 3
"""Ranks of dues in `clear_dues`: 0 secured, 1 operating, 2 unsecured."""

PAID_IN_FULL_USD_BN = 1e-9
"""Dues unpaid by at most this much (one dollar) count as paid: otherwise rounding would make defaults."""

CONVERGED_RELATIVE = 1e-12
"""Clearing stops when no unit's payment moved by more than this part of its dues in a round."""

MAX_ROUNDS = 10_000
"""Rounds of clearing after which a lane is reported as not converged."""


@inner(void(*[_MAT_IN] * 3, _MAT, _MAT))
def weigh_dues(cash: Floats, income: Floats, owed: Floats, dues: Floats, gap: Floats) -> None:
    """Set the dues of each unit, and what is left of cash and income of the first ones if everybody pays; (units,
    paths), usd_bn.

    `owed` has a row for each unit and class, those of a class together.
    """
    units = dues.shape[0]
    for u in range(units):
        if u < gap.shape[0]:
            for n in range(dues.shape[1]):
                dues[u, n] = owed[u, n] + owed[units + u, n] + owed[2 * units + u, n]
                gap[u, n] = cash[u, n] + income[u, n] - dues[u, n]
        else:
            for n in range(dues.shape[1]):
                dues[u, n] = owed[u, n] + owed[units + u, n] + owed[2 * units + u, n]


@kernel(void(_FLAG_IN, _IDX_IN, _IDX_IN, *[_MAT_IN] * 3, _MAT, _FLAG))
def weigh_again(
    raising: Flags,
    holder: Index,
    company: Index,
    cash: Floats,
    income: Floats,
    dues: Floats,
    gap: Floats,
    moved: Flags,
) -> None:
    """Set `gap` of the first units anew for firms that are `raising` equity and for those who hold stakes in them.

    `moved` (units,) is room to work in.
    """
    moved[:] = False
    for f in range(raising.shape[0]):
        moved[f] = raising[f]
    for t in range(holder.shape[0]):
        if raising[company[t]]:
            moved[holder[t]] = True
    for u in range(gap.shape[0]):
        if moved[u]:
            for n in range(gap.shape[1]):
                gap[u, n] = cash[u, n] + income[u, n] - dues[u, n]


@kernel(void(_MAT_IN, _INT, _FLAG, _FLAG))
def find_short(gap: Floats, firms: int, units: Flags, paths: Flags) -> None:
    """Set which of the first units, `firms`, fall short on some path, and on which paths some of them do."""
    paths[:] = False
    for u in range(firms):
        some = False
        for n in range(gap.shape[1]):
            short = gap[u, n] < -PAID_IN_FULL_USD_BN
            some |= short
            paths[n] |= short
        units[u] = some


@kernel(void(_CUBE_IN, _CUBE_IN, _FLAG_IN, _FLAG_IN, _MAT))
def share_paid(owed: Floats, paid_share: Floats, fell: Flags, stood: Flags, share: Floats) -> None:
    """Set `share[u]` to the part that a unit pays of its dues of all classes; `share` may have fewer rows.

    One where next to nothing is due, and for units that never `fell` short: so it is before, but for those that `stood`
    in debt in a quarter before.
    """
    for u in range(share.shape[0]):
        if not fell[u]:
            if stood[u]:
                share[u] = 1.0
            continue
        for n in range(share.shape[1]):
            dues = owed[0, u, n] + owed[1, u, n] + owed[2, u, n]
            paid = owed[0, u, n] * paid_share[0, u, n] + owed[1, u, n] * paid_share[1, u, n]
            paid += owed[2, u, n] * paid_share[2, u, n]
            share[u, n] = paid / max(dues, 1e-12) if dues > PAID_IN_FULL_USD_BN else 1.0


@inner(void(_MAT_IN, _IDX_IN, _IDX_IN, _FLAG_MAT_IN, _INT, _INT, *[_MAT] * 2, _MAT_IN, _MAT))
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
    """Add the dues of the ties from `start` up to, not including, `stop` to what is `owed` by payer's class, and to
    the payee's `income`. The tie that `opens` a sum sets it to zero before (`bills.fall_due`).

    Sets before that what of the bills `sold` by the first units brings no income in the quarter: their customers are
    `slow` to pay.
    """
    for u in range(slow.shape[0]):
        for n in range(slow.shape[1]):
            slow[u, n] = sold[u, n] - income[u, n]
    for t in range(start, stop):
        c = payer_class[t]
        q = payee[t]
        if opens[t, 0]:
            owed[c] = 0.0
        if opens[t, 1]:
            income[q] = 0.0
        for n in range(due.shape[1]):
            owed[c, n] += due[t, n]
            income[q, n] += due[t, n]


@inner(boolean(float64, _MAT_IN, _INT, _MAT))
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


@inner(void(_INT, _INT, _MAT_IN, _MAT_IN, _CUBE_IN, _VEC, _MAT))
def _look_up(u: int, n: int, cash: Floats, income: Floats, owed: Floats, wealth: Floats, dues: Floats) -> None:
    """Set what unit `u` has and owes on path `n` if everybody pays."""
    wealth[u] = cash[u, n] + income[u, n]
    for c in range(owed.shape[0]):
        dues[c, u] = owed[c, u, n]


@kernel(
    boolean(
        *[_MAT_IN] * 3, _CUBE_IN, *[_MAT_IN] * 3, _VEC_IN, _FLAG_IN, _MAT_IN, *[_IDX_IN] * 4, *[_FLAG_IN] * 2, _FLAG,
        _CUBE, _IDX, _CUBE, _MAT, _FLAG_MAT, _IDX_MAT,
    )
)  # fmt: skip
def clear_short(
    cash: Floats,
    income: Floats,
    gap: Floats,
    owed: Floats,
    due: Floats,
    receivable: Floats,
    flow: Floats,
    collection: Floats,
    deferred: Flags,
    let_stand: Floats,
    first: Index,
    rows: Index,
    payee: Index,
    seniority: Index,
    unlimited: Flags,
    needs: Flags,
    fell: Flags,
    paid_share: Floats,
    rounds: Index,
    by_class: Floats,
    by_unit: Floats,
    marks: Flags,
    listed: Index,
) -> bool:
    """Settle the dues of a quarter with limited liability: the greatest clearing payments (Eisenberg and Noe).

    `cash[u]` (maybe negative) and `income[u]` is what a unit has if everybody pays in full, `gap[u]` what is left of it
    then (below zero: it falls short; `unlimited` units at the end need none), `owed[c, u]` its dues by class; the ties
    of payer `u` are `rows[first[u] : first[u + 1]]`. `due[t]` is read of ties between units that can fall short; the
    first ones, bills of `flow`, are worked out from that and from what was owed before (`bills.fall_due`). Class 0 is
    paid in full before class 1 sees a dollar, class 1 before class 2; inside a class all creditors get the same share.
    Units with `unlimited[u]` (sectors) always pay in full. Starting from full payment, payments only fall, so the limit
    is the greatest fixed point. Only units that fall short, and those whom they owe, are looked at, so a lane costs
    little.

    Sets `paid_share[class, unit, path]`: exactly 1 where all is paid to within `PAID_IN_FULL_USD_BN` (an account may
    therefore end that much below zero), and in lanes where `needs` is False. Sets `fell[unit]` where it pays less on
    some path; all other rows of `paid_share` are taken to hold ones, as they do after the call before. Sets
    `rounds[path]`: 0 where nobody fell short, -1 where `MAX_ROUNDS` did not settle it (the caller must count and report
    these), else the rounds used. Returns whether anybody fell short. The last four arguments are room to work in on one
    path after the other (`room_to_clear`).
    """
    units = cash.shape[0]
    dues, share = by_class[0], by_class[1]
    share[:] = 1.0
    wealth, loss = by_unit[0], by_unit[1]  # what it has, and what others' shortfalls take from it
    loss[:] = 0.0
    short, known = marks[0], marks[1]  # who falls short, and whose dues and wealth were looked up
    marks[:] = False
    reached = listed[0]  # known units, `count` of them
    starts = listed[1]  # units that fall short on some path if everybody pays
    starting, someone = 0, False
    for u in range(units):
        if unlimited[u]:
            continue
        some = False
        for n in range(gap.shape[1]):
            some |= gap[u, n] < 0.0
        if some:
            starts[starting] = u
            starting += 1

    for u in range(units):
        if fell[u]:
            paid_share[:, u] = 1.0
            fell[u] = False
    for n in range(cash.shape[1]):
        rounds[n] = 0
        if not needs[n]:
            continue
        count = 0
        anyone = False
        for k in range(starting):
            u = starts[k]
            if gap[u, n] < 0.0:
                known[u] = True
                reached[count] = u
                count += 1
                _look_up(u, n, cash, income, owed, wealth, dues)
                short[u] = _pay_by_rank(wealth[u], dues, u, share)
                anyone = anyone or short[u]
        if anyone:
            rounds[n] = -1
            for step in range(1, MAX_ROUNDS + 1):
                for k in range(count):
                    loss[reached[k]] = 0.0
                for k in range(count):
                    u = reached[k]
                    if short[u]:
                        for j in range(first[u], first[u + 1]):
                            t = rows[j]
                            q = payee[t]
                            if unlimited[q]:
                                continue
                            if not known[q]:
                                known[q] = True
                                reached[count] = q
                                count += 1
                                _look_up(q, n, cash, income, owed, wealth, dues)
                            if t < flow.shape[0]:
                                owing = (receivable[t, n] + flow[t, n]) * collection[t]
                                if deferred[t]:
                                    owing *= 1.0 - let_stand[u, n]
                            else:
                                owing = due[t, n]
                            loss[q] += owing * (1.0 - share[seniority[t], u])
                moved = 0.0
                for k in range(count):
                    u = reached[k]
                    if loss[u] == 0.0 and not short[u]:
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
        for k in range(count):
            u = reached[k]
            if short[u]:
                fell[u] = someone = True
                for c in range(CLASSES):
                    paid_share[c, u, n] = share[c, u]
            share[:, u] = 1.0
            loss[u] = 0.0
            short[u] = False
            known[u] = False
    return someone


def room_to_clear(units: int) -> tuple[Floats, Floats, Flags, Index]:
    """What `clear_short` works in: amounts by class and unit, amounts, marks and lists of units."""
    return (
        arrays.room(2, CLASSES, units), arrays.room(2, units), arrays.room(2, units, dtype=bool),
        arrays.room(2, units, dtype=np.intp),
    )  # fmt: skip


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
    units, paths = available.shape
    whole = available.copy()
    accumulate(due, payee, whole)
    owed = dues_by_class(due, payer, seniority, units)
    gap, nothing = whole - owed.sum(axis=0), np.zeros_like(whole)
    fell, no_bills = np.zeros(units, dtype=np.bool_), np.zeros((0, paths))
    paid_share[:] = 1.0
    first, rows = by_payer(payer, units)
    clear_short(
        whole, nothing, gap, owed, due, no_bills, no_bills, np.zeros(0), np.zeros(0, dtype=np.bool_), nothing,
        first, rows, payee, seniority, unlimited, needs, fell, paid_share, rounds,
        *room_to_clear(units),
    )  # fmt: skip

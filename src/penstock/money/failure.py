"""What a default does along ties, compiled: claims written down, contracts cut, lenders repaid.

Failures are given as pairs (firm, path); the ties of a firm by a compressed index: rows `rows[first[f] : first[f +
1]]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from penstock import arrays
from penstock.arrays import np
from penstock.money.kernels import _FLAG_IN, _FLAG_MAT_IN, _IDX_IN, _MAT, _VEC_IN, Flags, Floats, Index
from penstock.passes import array, float64, inner, intp, kernel, void

_VEC = array(float64, 1)
_IDX_OUT = array(intp, 1)


def by_firm(index: npt.ArrayLike, firms: int) -> tuple[Index, Index]:
    """Compressed index of ties by the firm that `index` names: first (firms + 1,), rows; other units are left out."""
    found = np.asarray(index, dtype=np.intp)
    rows = np.argsort(found, kind="stable").astype(np.intp)
    rows = rows[found[rows] < firms]
    first = np.searchsorted(found[rows], np.arange(firms + 1)).astype(np.intp)
    return first, rows


def pairs(mask: npt.NDArray[np.bool_]) -> tuple[Index, Index]:
    """Firms and paths where a mask (firms, paths) holds, firm after firm; on a device path after path."""
    if arrays.width_on_device():
        lanes, firms = np.divmod(np.flatnonzero(mask.T), mask.shape[0])
        return firms, lanes
    return listed(_find_pairs, mask)


def listed(find: Callable[..., int], *arrays_looked_at: npt.NDArray[Any]) -> tuple[Index, Index]:
    """Pairs (firm, path) that an inner pass writes into room that it is given, and counts."""
    found = np.empty((2, ROOM_FOR_PAIRS), dtype=np.intp)
    count = find(*arrays_looked_at, *found)
    if count > ROOM_FOR_PAIRS:
        found = np.empty((2, count), dtype=np.intp)
        find(*arrays_looked_at, *found)
    return found[0, :count], found[1, :count]


ROOM_FOR_PAIRS = 256
"""Pairs of which a list is made at once."""


@inner(intp(_FLAG_MAT_IN, _IDX_OUT, _IDX_OUT))
def _find_pairs(mask: Flags, firm: Index, path: Index) -> int:
    """Write as many pairs as there is room for; returns how many there are."""
    count = 0
    for f in range(mask.shape[0]):
        some = False
        for n in range(mask.shape[1]):
            some |= mask[f, n]
        if not some:
            continue
        for n in range(mask.shape[1]):
            if mask[f, n]:
                if count < firm.shape[0]:
                    firm[count], path[count] = f, n
                count += 1
    return count


def count_ties(firm: Index, first: Index) -> int:
    """How many ties all pairs have."""
    if arrays.width_on_device():
        return int((first[firm + 1] - first[firm]).sum())
    return int(_count_ties(firm, first))


@inner(intp(_IDX_IN, _IDX_IN))
def _count_ties(firm: Index, first: Index) -> int:
    count = 0
    for f in firm:
        count += first[f + 1] - first[f]
    return count


@kernel(
    void(*[_IDX_IN] * 5, _FLAG_IN, _VEC_IN, _VEC_IN, _MAT, _MAT, *[_IDX_OUT] * 3, _VEC, _VEC),
    pairs=("firm", "path", "kept_secured", "kept_other"),
    entries=("debtor", "lane", "tie", "claim", "lost"),
)
def write_down(
    firm: Index,
    path: Index,
    first: Index,
    rows: Index,
    creditor: Index,
    secured: Flags,
    kept_secured: Floats,
    kept_other: Floats,
    balance: Floats,
    worth: Floats,
    debtor: Index,
    lane: Index,
    tie: Index,
    claim: Floats,
    lost: Floats,
) -> None:
    """Cut the claims on each failed firm to the share that is kept: the debtor's gain is the creditor's loss.

    `balance[t]` falls, `worth[creditor[t]]` falls and `worth[firm]` rises by the same number. `debtor`, `lane` (the
    path), `tie`, `claim` (before the cut) and `lost` have an entry for each tie of each pair in turn.
    """
    entry = 0
    for k in range(firm.shape[0]):
        f = firm[k]
        n = path[k]
        for j in range(first[f], first[f + 1]):
            t = rows[j]
            kept = kept_secured[k] if secured[t] else kept_other[k]
            loss = balance[t, n] * (1.0 - kept)
            debtor[entry] = f
            lane[entry] = n
            tie[entry] = t
            claim[entry] = balance[t, n]
            lost[entry] = loss
            entry += 1
            balance[t, n] -= loss
            worth[creditor[t], n] -= loss
            worth[f, n] += loss


@kernel(void(_IDX_IN, _IDX_IN, _IDX_IN, _IDX_IN, _VEC_IN, _MAT), pairs=("firm", "path", "left"))
def cut(firm: Index, path: Index, first: Index, rows: Index, left: Floats, activity: Floats) -> None:
    """Leave `left[k]` of the activity of each tie of a failed firm."""
    for k in range(firm.shape[0]):
        f = firm[k]
        for j in range(first[f], first[f + 1]):
            activity[rows[j], path[k]] *= left[k]


@kernel(
    void(*[_IDX_IN] * 5, _VEC_IN, *[_MAT] * 3, *[_IDX_OUT] * 4, _VEC),
    pairs=("firm", "path", "amount"),
    entries=("receiver", "debtor", "lane", "tie", "paid"),
)
def repay(
    firm: Index,
    path: Index,
    first: Index,
    rows: Index,
    creditor: Index,
    amount: Floats,
    balance: Floats,
    cash: Floats,
    repaid: Floats,
    receiver: Index,
    debtor: Index,
    lane: Index,
    tie: Index,
    paid: Floats,
) -> None:
    """Pay the creditors of each firm pro rata out of its cash: `amount[k]`, at most what they are owed.

    Adds it to `repaid` (firms, paths). `receiver`, `debtor`, `lane` (the path), `tie` and `paid` have an entry for each
    tie of each pair in turn.
    """
    entry = 0
    for k in range(firm.shape[0]):
        f = firm[k]
        n = path[k]
        owed = 0.0
        for j in range(first[f], first[f + 1]):
            owed += balance[rows[j], n]
        share = min(1.0, amount[k] / max(owed, 1e-12))
        for j in range(first[f], first[f + 1]):
            t = rows[j]
            part = balance[t, n] * share
            receiver[entry] = creditor[t]
            debtor[entry] = f
            lane[entry] = n
            tie[entry] = t
            paid[entry] = part
            entry += 1
            balance[t, n] -= part
            cash[creditor[t], n] += part
            cash[f, n] -= part
        repaid[f, n] += owed * share

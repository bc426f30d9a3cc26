"""Compiled sweeps over a network: distress from below, payments from above, in place, one path after the other.

Each takes the newest numbers as it goes (Gauss-Seidel), which needs about half the sweeps of plain iteration and
ends at the same solution, for the maps rise. Paths do not touch each other, so a path alone has the same bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock.passes import array, boolean, float64, inlined, int32, intp, kernel, void, when_called

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MOST_PACE = 0.99
"""Changes that shrink less than to this part a sweep tell nothing of the distance left."""


@inlined
def ended(sweep: int, moved: float, before: float, tolerance: float) -> bool:
    """Whether a geometric approach has less than the tolerance to go."""
    if moved == 0.0:
        return True
    pace = moved / before
    return sweep > 2 and pace < MOST_PACE and moved * pace <= tolerance * (1.0 - pace)


CREEPING_FROM = 40
"""Sweeps after which it is asked how many more there will be."""


@inlined
def creeps(sweep: int, moved: float, before: float, tolerance: float, worth: int) -> bool:
    """Whether a geometric approach would take more sweeps in all than they are worth."""
    if sweep < CREEPING_FROM or sweep % 10 or not 0.0 < moved < before:
        return False
    pace = moved / before
    left = np.log(max(tolerance, 1e-16) * (1.0 - pace) / (moved * pace)) / np.log(pace)
    return sweep + left > worth


@when_called
def count_by_row(cells: Floats, first: npt.NDArray[np.int32]) -> None:
    """Where each row of a matrix begins among its cells that are not zero, (rows + 1,)."""
    for i in range(cells.shape[0]):
        count = 0
        for j in range(cells.shape[1]):
            count += cells[i, j] != 0.0
        first[i + 1] = first[i] + count


@when_called
def cells_by_row(cells: Floats, first: npt.NDArray[np.int32], column: npt.NDArray[np.int32], value: Floats) -> None:
    """Column and value of each cell that is not zero, row by row."""
    for i in range(cells.shape[0]):
        place = first[i]
        for j in range(cells.shape[1]):
            if cells[i, j] != 0.0:
                column[place], value[place] = j, cells[i, j]
                place += 1


@when_called
def count_by_column(cells: Floats, first: npt.NDArray[np.int32]) -> None:
    """The same of the transposed matrix, whose rows are the columns here."""
    for i in range(cells.shape[0]):
        for j in range(cells.shape[1]):
            first[j + 1] += cells[i, j] != 0.0
    for j in range(cells.shape[1]):
        first[j + 1] += first[j]


@when_called
def cells_by_column(cells: Floats, first: npt.NDArray[np.int32], column: npt.NDArray[np.int32], value: Floats) -> None:
    """The same of the transposed matrix."""
    place = first[:-1].copy()
    for i in range(cells.shape[0]):
        for j in range(cells.shape[1]):
            if cells[i, j] != 0.0:
                column[place[j]], value[place[j]] = i, cells[i, j]
                place[j] += 1


@kernel(
    void(
        *[array(int32, 1, readonly=True)] * 2, array(float64, 1, readonly=True),
        *[array(float64, 2, readonly=True)] * 2, array(float64, 2), array(intp, 1), array(boolean, 1),
        intp, intp, float64, float64,
    )
)  # fmt: skip
def spread_distress(
    first: npt.NDArray[np.int32],
    debtor: npt.NDArray[np.int32],
    exposure: Floats,
    equity: Floats,
    shock: Floats,
    relative: Floats,
    rounds: Index,
    settled: Flags,
    most: int,
    worth: int,
    tolerance: float,
    rounding: float,
) -> None:
    """Raise relative losses `(paths, n)` until they settle or creep; exposures in CSR by the firm that loses."""
    n = relative.shape[1]
    for path in range(relative.shape[0]):
        h = relative[path]
        if not h.any():
            continue
        before = np.inf
        settled[path] = False
        for sweep in range(1, most + 1):
            moved = 0.0
            for i in range(n):
                if h[i] >= 1.0:
                    continue
                loss = shock[path, i]
                for k in range(first[i], first[i + 1]):
                    loss += exposure[k] * h[debtor[k]]
                own = equity[path, i]
                if own > 0.0:
                    new = 1.0 if loss >= own * (1.0 - rounding) else loss / own
                else:
                    new = 1.0 if loss > 0.0 else 0.0
                if new > h[i]:
                    moved = max(moved, new - h[i])
                    h[i] = new
            rounds[path] = sweep
            if ended(sweep, moved, before, tolerance):
                settled[path] = True
                break
            if creeps(sweep, moved, before, tolerance, worth):
                break
            before = moved


@when_called
def lower_payments(
    first: Index,
    debtor: Index,
    rank: Index,
    amount: Floats,
    owed: Floats,
    filled: Floats,
    assets: Floats,
    alpha: float,
    beta: float,
    payments: Floats,
    settled: Flags,
    rounds: Index,
    most: int,
    tolerance: float,
    rounding: float,
) -> None:
    """Lower payments `(paths, n)` from full until they settle; claims in CSR by creditor, with the class of each.

    `owed` and `filled` are those of `waterfall.Network`. A debtor that cannot pay in full with what it gets now has
    defaulted for good: what it gets can only fall.
    """
    classes, n = owed.shape
    share = np.empty((classes, n))
    broke = np.empty(n, dtype=np.bool_)
    for path in range(payments.shape[0]):
        paid = payments[path]
        share[:] = 1.0
        broke[:] = False
        before = np.inf
        settled[path] = False
        for sweep in range(1, most + 1):
            moved = 0.0
            for i in range(n):
                due = filled[classes, i]
                if due <= 0.0:
                    continue
                received = 0.0
                for k in range(first[i], first[i + 1]):
                    received += amount[k] * share[rank[k], debtor[k]]
                own = assets[path, i]
                if not broke[i] and own + received < due - rounding * (due + own + received):
                    broke[i] = True
                if not broke[i]:
                    continue
                target = alpha * own + beta * received
                if target < paid[i]:
                    moved = max(moved, (paid[i] - target) / due)
                    paid[i] = target
                    for c in range(classes):
                        if owed[c, i] > 0.0:
                            share[c, i] = min(max(target - filled[c, i], 0.0), owed[c, i]) / owed[c, i]
            if moved > 0.0:
                rounds[path] = sweep
            if ended(sweep, moved, before, tolerance):
                settled[path] = True
                break
            before = moved

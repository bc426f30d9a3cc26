"""The inside of clearing: liabilities by class, and the greatest payments of one network on one path.

`settlement.py` is the entrance; it states the problem, the sources and the method. A debtor's total payment
runs through its classes like water down steps: `paid[c]` fills up before `paid[c + 1]` gets a drop. Where a
debtor has defaulted, one more dollar paid goes to the creditors of the class that is being filled.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import MatrixRankWarning, spsolve

from penstock.money.network_input import Floats, is_sparse
from penstock.money.sparse_solve import solved_by_passes

Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

DENSE_LIMIT = 1_500
"""Systems up to this many defaulters are solved densely; larger ones by iteration, by sparse factors
where that fails."""

SWEEPS = 1_000
"""Sweeps from full payment before the equations of a region are solved."""

SETTLED = 1e-14
"""An estimated distance from the greatest payments below this part of dues ends the sweeps."""

RESIDUAL = 1e-10
"""Payments count as converged if they reproduce themselves to this part of obligations plus assets."""


@dataclass(frozen=True)
class Solution:
    """Greatest payments of one path; see `settlement.Clearing`."""

    payments: Floats
    equity: Floats
    defaults: Flags
    rounds: int
    converged: bool


@dataclass(frozen=True)
class Network:
    """Liabilities by class, most senior first."""

    ties: tuple[Any, ...]
    """per class an `(n, n)` array or CSR array: what i owes to j in it"""
    owed: Floats
    """(classes, n): what i owes in the class, external liabilities included"""
    filled: Floats
    """(classes + 1, n): what i owes in all classes above"""
    ranks: tuple[int, ...]
    """rank of each class as its caller numbers it"""

    @classmethod
    def of(
        cls,
        liabilities: Any,
        outside: Floats,
        ranks: Any,
        outside_ranks: npt.NDArray[np.int64],
    ) -> Network:
        """Split `(n, n)` liabilities by rank, dense or CSR; `ranks` None puts all into rank 0."""
        if ranks is None:
            ranked, used = {0: liabilities}, np.array([0])
        elif is_sparse(liabilities):
            coo = liabilities.tocoo()
            found = ranks[coo.row, coo.col]
            tie_ranks = np.asarray(found.toarray() if is_sparse(found) else found).ravel().astype(np.int64)
            used = np.union1d(tie_ranks, outside_ranks)
            ranked = {
                int(rank): sparse.csr_array(
                    (
                        coo.data[tie_ranks == rank],
                        (coo.row[tie_ranks == rank], coo.col[tie_ranks == rank]),
                    ),
                    shape=coo.shape,
                )
                for rank in used
            }
        else:
            ranks = ranks.toarray() if is_sparse(ranks) else ranks
            used = np.union1d(ranks[liabilities > 0.0], outside_ranks)
            ranked = {int(rank): np.where(ranks == rank, liabilities, 0.0) for rank in used}
        ties = tuple(ranked[int(rank)] for rank in used)
        owed = np.array(
            [
                np.asarray(matrix.sum(axis=1)).ravel() + np.where(outside_ranks == rank, outside, 0.0)
                for matrix, rank in zip(ties, used, strict=True)
            ]
        )
        filled = np.concatenate([np.zeros((1, owed.shape[1])), np.cumsum(owed, axis=0)])
        return cls(ties, owed, filled, tuple(int(rank) for rank in used))

    @property
    def obligations(self) -> Floats:
        """What each unit owes in all classes together, (units,)."""
        due: Floats = self.filled[-1]
        return due

    @cached_property
    def claims(self) -> tuple[Any, Any, Any, Any]:
        """Claims in CSR by creditor: first row of each, then debtor, class and amount of each claim."""
        parts = [sparse.coo_array(matrix) for matrix in self.ties]
        creditor = np.concatenate([part.col for part in parts])
        debtor = np.concatenate([part.row for part in parts])
        rank = np.concatenate([np.full(part.nnz, c, dtype=np.int32) for c, part in enumerate(parts)])
        amount = np.concatenate([part.data for part in parts])
        if len(parts) == 1:
            by_creditor = sparse.csr_array(parts[0].T)
            return by_creditor.indptr, by_creditor.indices, rank, by_creditor.data
        order = np.argsort(creditor, kind="stable")
        first = np.zeros(self.owed.shape[1] + 1, dtype=np.int32)
        np.cumsum(np.bincount(creditor, minlength=self.owed.shape[1]), out=first[1:])
        return first, debtor[order].astype(np.int32), rank[order], amount[order]

    def shares(self, payments: Floats) -> Floats:
        """(classes, n): the part of each class that a total payment fills; 1 where nothing is owed."""
        paid = np.clip(payments - self.filled[:-1], 0.0, self.owed)
        return np.where(self.owed > 0.0, paid / np.where(self.owed > 0.0, self.owed, 1.0), 1.0)

    def received(self, payments: Floats) -> Floats:
        """What each gets from the others when all pay these totals."""
        shares = self.shares(payments)
        total = np.zeros(self.owed.shape[1])
        for matrix, share in zip(self.ties, shares, strict=True):
            total += matrix.T @ share
        return total

    def divide(self, payments: Floats) -> Any:
        """(n, n): what i pays to j when all pay these totals."""
        shares = self.shares(payments)
        parts = [
            sparse.diags_array(share) @ matrix if is_sparse(matrix) else matrix * share[:, None]
            for matrix, share in zip(self.ties, shares, strict=True)
        ]
        return sum(parts[1:], parts[0])

    def filling(self, payments: Floats) -> Index:
        """The class that the last dollar of each payment went to."""
        below = self.filled[1:] < payments
        classes: Index = np.minimum(below.sum(axis=0), len(self.ties) - 1)
        return classes

    def slopes(self, debtors: Index, classes: Index) -> Any:
        """A[j, i]: what debtor j gets of one more dollar paid by debtor i in the class it is filling."""
        dense = not is_sparse(self.ties[0])
        slopes: Any = np.zeros((debtors.size, debtors.size)) if dense else None
        for c, matrix in enumerate(self.ties):
            chosen = (classes == c) & (self.owed[c, debtors] > 0.0)
            rate = np.where(chosen, 1.0 / np.where(chosen, self.owed[c, debtors], 1.0), 0.0)
            if dense:
                rows = np.flatnonzero(chosen)
                slopes[:, rows] = (matrix[np.ix_(debtors[rows], debtors)] * rate[rows, None]).T
            else:
                part = (sparse.diags_array(rate) @ matrix[debtors][:, debtors]).T
                slopes = part if slopes is None else slopes + part
        return slopes if dense else sparse.csr_array(slopes)


def greatest_payments(
    network: Network, assets: Floats, alpha: float, beta: float, rounding: float
) -> tuple[Solution, ...]:
    """Greatest clearing payments of each path; `assets` is `(paths, n)`.

    Sweeps from full payment downwards reach them fast where losses die out fast. Where sweeps creep, what they
    reached is a bound from above, from which the exact method goes on.
    """
    from penstock.money.network_kernels import lower_payments

    paths = assets.shape[0]
    payments = np.repeat(network.obligations[None], paths, axis=0)
    settled = np.ones(paths, dtype=np.bool_)
    rounds = np.zeros(paths, dtype=np.int64)
    lower_payments(
        *network.claims, network.owed, network.filled, assets, alpha, beta, payments, settled, rounds,
        SWEEPS, SETTLED, rounding,
    )  # fmt: skip
    return tuple(
        _solution(network, assets[path], alpha, beta, rounding, payments[path], int(rounds[path]))
        if settled[path]
        else _exact(network, assets[path], alpha, beta, rounding, payments[path])
        for path in range(paths)
    )


def _exact(network: Network, assets: Floats, alpha: float, beta: float, rounding: float, above: Floats) -> Solution:
    """Greatest payments from a bound above them, region by region."""
    due = network.obligations
    scale = due + assets
    payments = above.copy()
    received = network.received(payments)
    defaults = assets + received < due - rounding * (due + assets + received)
    limit = due.size * (len(network.ties) + 1) + 1
    rounds = 0
    while defaults.any() and rounds < limit:
        rounds += 1
        target = np.where(defaults, alpha * assets + beta * received, due)
        falling = defaults & (target < payments - rounding * scale)
        if falling.any():
            payments = _lower(network, payments, target, defaults, falling, beta)
            received = network.received(payments)
        more = defaults | (assets + received < due - rounding * (due + assets + received))
        if not falling.any() and np.array_equal(more, defaults):
            break
        defaults = more
    return _solution(network, assets, alpha, beta, rounding, payments, rounds)


def _solution(
    network: Network, assets: Floats, alpha: float, beta: float, rounding: float, payments: Floats, rounds: int
) -> Solution:
    """Who has defaulted, what is left, and whether the payments reproduce themselves."""
    due = network.obligations
    received = network.received(payments)
    defaults = (payments < due) | (assets + received < due - rounding * (due + assets + received))
    at_hand = np.where(defaults, alpha * assets + beta * received, assets + received)
    wanted = np.where(defaults, np.minimum(at_hand, due), due)
    converged = bool(np.all(np.abs(wanted - payments) <= RESIDUAL * (due + assets + received)))
    equity = np.where(defaults, 0.0, np.maximum(at_hand - payments, 0.0))
    return Solution(payments, equity, defaults, rounds, converged)


def _lower(network: Network, payments: Floats, target: Floats, defaults: Flags, falling: Flags, beta: float) -> Floats:
    """Greatest payments while defaulters and the classes they fill stay as they are, not below the classes'
    floors.

    Only defaulters that fall, or that a falling one pays to, are unknowns: others keep what they pay. That
    matters where a ring of debtors could pay each other any amount: it goes on paying the greatest.
    """
    filling = network.filling(payments)
    everybody = np.flatnonzero(defaults)
    slopes = network.slopes(everybody, filling[everybody]) * beta
    reached = _downstream(slopes, falling[everybody])
    chosen = everybody[reached]
    slopes = slopes[reached][:, reached]
    change = (target - payments)[chosen]
    floor = (network.filled[filling[chosen], chosen] - payments[chosen]).clip(max=0.0)
    step = _fixed_point(slopes, change, floor)
    lowered = payments.copy()
    # at the floor the sum of the classes above is exact, so that the next round fills the class above
    lowered[chosen] = np.where(
        step <= floor, network.filled[filling[chosen], chosen], payments[chosen] + np.minimum(step, 0.0)
    )
    return lowered


def _downstream(slopes: Any, falling: Flags) -> Flags:
    """Flag the defaulters that fall and those that they pay to, directly or not."""
    reached = falling.copy()
    while True:
        wider = reached | (slopes @ reached.astype(np.float64) > 0.0)
        if np.array_equal(wider, reached):
            return reached
        reached = wider


def _fixed_point(slopes: Any, change: Floats, floor: Floats) -> Floats:
    """Solve `step = max(change + slopes @ step, floor)`: free where that is enough, else by choosing who
    stops.

    With all at their floors to begin with, those that would rise are freed until none would. Payments only
    rise on the way, so each choice is made once, and no freed group can be a closed ring, whose equations
    have no solution.
    """
    free = _solve(slopes, change)
    if free is not None and np.all(free >= floor):
        return free
    step = floor.copy()
    freed = np.zeros(floor.size, dtype=np.bool_)
    while True:
        rising = change + slopes @ step > step + 1e-15 * (np.abs(step) + np.abs(change))
        wider = freed | rising
        if np.array_equal(wider, freed):
            return step
        rows = np.flatnonzero(wider)
        inside = _solve(slopes[rows][:, rows], (change + slopes @ np.where(wider, 0.0, step))[rows])
        if inside is None:
            # one plain step of iteration is always safe, only slow
            return np.maximum(floor, np.minimum(change, 0.0))
        freed = wider
        step = step.copy()
        step[rows] = np.maximum(inside, step[rows])


def _solve(slopes: Any, change: Floats) -> Floats | None:
    """Solve `step = change + slopes @ step`; None where the equations have no usable solution."""
    step: Floats
    if not is_sparse(slopes) or change.size <= DENSE_LIMIT:
        dense = slopes.toarray() if is_sparse(slopes) else slopes
        try:
            step = np.linalg.solve(np.eye(change.size) - dense, change)
        except np.linalg.LinAlgError:
            return None
    else:
        found = solved_by_passes(slopes, change, change)
        if found is not None:
            return found if found.max(initial=0.0) <= 1e-9 * np.abs(found).max(initial=0.0) else None
        with warnings.catch_warnings():
            # a singular matrix shows in the solution, which is tested below
            warnings.simplefilter("ignore", MatrixRankWarning)
            step = spsolve(sparse.csc_array(sparse.eye_array(change.size) - slopes), change)
    # a payment that should fall but rises comes from equations that are singular to rounding
    if not np.isfinite(step).all() or step.max(initial=0.0) > 1e-9 * np.abs(step).max(initial=0.0):
        return None
    return step

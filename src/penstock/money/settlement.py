"""Clearing: who pays how much when debtors owe each other and not all can pay in full.

Everybody pays what it owes or all it has, nobody more than it owes (limited liability); senior creditors
first (absolute priority); creditors of one class alike (proportionality). Payments that satisfy this form a
fixed point, and there may be several: this module finds the greatest, the best outcome for everybody at once.

Sources: Eisenberg and Noe (2001), "Systemic risk in financial systems"; Rogers and Veraart (2013), "Failure
and rescue in an interbank network" (default costs); Elsinger (2009), "Financial networks, cross holdings,
and limited liability" (seniority).

Method: start from full payment and sweep downwards; every sweep stays at or above the greatest payments, so
what it settles at is the greatest. Where sweeps creep, go on exactly: in each round fix who has defaulted and
which class each defaulter is paying; in that region payments are linear, so solve for them; where the
solution would leave the region, stop at its edge. Each such bound lies at or above the greatest clearing
payments and below the last one, and each round either adds a default, or moves a defaulter to a more senior
class, or ends. The answer is therefore exact up to rounding, also where plain iteration would creep.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from penstock.errors import InputError
from penstock.money.network_input import (
    Floats,
    amounts,
    array,
    compressed,
    fraction,
    is_sparse,
    one_path,
    side_by_side,
    square_matrix,
)
from penstock.money.waterfall import Network, Solution, greatest_payments

ROUNDING = 1e-12
"""A shortfall below this part of a debtor's obligations and assets is rounding, not default."""
OWES_ITSELF = "a debtor that owes itself"


class Clearing(NamedTuple):
    """The greatest clearing payments. Arrays are `(n,)`, or `(n, paths)` where an input had paths."""

    payments: Floats
    """What each debtor pays in all, external liabilities included."""
    equity: Floats
    """What it has left: assets at hand less payments, never negative; zero for a defaulter."""
    defaults: npt.NDArray[np.bool_]
    """Whether it could not pay in full."""
    rounds: Any
    """Sweeps, or linear systems solved where sweeps crept; 0 where nobody defaulted: an int, or an array over paths."""
    converged: Any
    """Whether the payments reproduce themselves to rounding: a bool, or an array over paths."""


def clear(
    L: Any,
    external_assets: npt.ArrayLike,
    external_liabilities: npt.ArrayLike = 0,
    *,
    alpha: float = 1,
    beta: float = 1,
    seniority: Any = None,
) -> Clearing:
    """Greatest clearing payments of a network of liabilities.

    `L[i, j]` is what `i` owes to `j`: a dense array `(n, n)` or `(n, n, paths)`, or a SciPy sparse matrix
    `(n, n)`. `external_assets` is what each has beside claims inside the network, `external_liabilities`
    what it owes outside; each `(n,)`, `(n, paths)` or a number. One unit of money throughout.

    `alpha` and `beta` (0 to 1) are what a defaulter's external assets and its claims bring in default; they
    apply to every defaulter, in whatever round it defaults (Rogers and Veraart).

    `seniority` ranks the liabilities, whole numbers of shape `(n, n)`: a lower number is paid first. External
    liabilities have rank 0, so with all ranks 0 (or None) everything is pari passu, ranks of 1 and more put
    external creditors first, and negative ranks come before them. A shape of `(n, n + 1)` ranks each
    debtor's external liabilities in the last column. A sparse matrix holds 0 where it stores nothing.

    Raises InputError where an amount is negative or not a number, a debtor owes itself, or shapes do not
    meet.
    """
    matrix, paths = square_matrix("L", L, OWES_ITSELF)
    n = matrix.shape[0]
    assets, paths = amounts("external_assets", external_assets, n, paths)
    outside, paths = amounts("external_liabilities", external_liabilities, n, paths)
    fraction("alpha", alpha)
    fraction("beta", beta)
    ranks, outside_ranks = seniority_ranks(seniority, n)

    wide = paths or 1
    owned = np.ascontiguousarray(side_by_side(assets, wide).T)
    solutions: tuple[Solution, ...]
    if matrix.ndim == 3 or outside.ndim == 2:
        found: list[Solution] = []
        for path in range(wide):
            liabilities = compressed(one_path(matrix, path) if matrix.ndim == 3 else matrix)
            owed_outside = one_path(outside, path) if outside.ndim == 2 else outside
            network = Network.of(liabilities, owed_outside, ranks, outside_ranks)
            found += greatest_payments(network, owned[path : path + 1], float(alpha), float(beta), ROUNDING)
        solutions = tuple(found)
    else:
        network = Network.of(compressed(matrix), outside, ranks, outside_ranks)
        solutions = greatest_payments(network, owned, float(alpha), float(beta), ROUNDING)
    if paths is None:
        only = solutions[0]
        return Clearing(only.payments, only.equity, only.defaults, only.rounds, only.converged)
    return Clearing(
        np.stack([one.payments for one in solutions], axis=1),
        np.stack([one.equity for one in solutions], axis=1),
        np.stack([one.defaults for one in solutions], axis=1),
        np.array([one.rounds for one in solutions]),
        np.array([one.converged for one in solutions]),
    )


def tie_payments(
    L: Any,
    payments: npt.ArrayLike,
    external_liabilities: npt.ArrayLike = 0,
    *,
    seniority: Any = None,
) -> Any:
    """What each debtor pays to each creditor, of the shape of `L`, given the totals that `clear` returned.

    A total decides its division: class after class, alike inside a class. Arguments as in `clear`; one path
    or paths in both `L` and `payments` alike.
    """
    matrix, paths = square_matrix("L", L, OWES_ITSELF)
    n = matrix.shape[0]
    totals, paths = amounts("payments", payments, n, paths)
    outside, paths = amounts("external_liabilities", external_liabilities, n, paths)
    ranks, outside_ranks = seniority_ranks(seniority, n)
    if paths is None:
        return Network.of(matrix, outside, ranks, outside_ranks).divide(totals)
    if is_sparse(matrix):
        raise InputError("payments: found paths with sparse liabilities; expected one path at a time")
    divided = [
        Network.of(
            one_path(matrix, path) if matrix.ndim == 3 else matrix,
            one_path(outside, path) if outside.ndim == 2 else outside,
            ranks,
            outside_ranks,
        ).divide(one_path(totals, path) if totals.ndim == 2 else totals)
        for path in range(paths)
    ]
    return np.stack(divided, axis=-1)


def seniority_ranks(seniority: Any, n: int) -> tuple[Any, npt.NDArray[np.int64]]:
    """Ranks, dense or sparse, checked: those of the ties (None: all 0) and of the external liabilities."""
    if seniority is None:
        return None, np.zeros(n, dtype=np.int64)
    sparse_ranks = is_sparse(seniority)
    ranks: Any = sparse.csr_array(seniority, dtype=np.float64) if sparse_ranks else array("seniority", seniority)
    values = ranks.data if sparse_ranks else ranks
    if ranks.shape not in ((n, n), (n, n + 1)):
        raise InputError(f"seniority: found shape {ranks.shape}; expected ({n}, {n}) or ({n}, {n + 1})")
    if not np.isfinite(values).all() or np.any(values != np.rint(values)):
        raise InputError("seniority: found a rank that is not a whole number; expected 0, 1, 2, …")
    whole = ranks.astype(np.int64)
    if ranks.shape[1] == n:
        return whole, np.zeros(n, dtype=np.int64)
    last = whole[:, [n]].toarray().ravel() if sparse_ranks else whole[:, n]
    return whole[:, :n], last

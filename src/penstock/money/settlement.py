"""Clearing: who pays how much when debtors owe each other and not all can pay in full.

Everybody pays what it owes or all it has, nobody more than it owes (limited liability); senior creditors
first (absolute priority); creditors of one class alike (proportionality). Payments that satisfy this form a
fixed point, and there may be several: this module finds the greatest, the best outcome for everybody at once.

Sources: Eisenberg and Noe (2001), "Systemic risk in financial systems"; Rogers and Veraart (2013), "Failure
and rescue in an interbank network" (default costs); Elsinger (2009), "Financial networks, cross holdings,
and limited liability" (seniority).

Method: start from full payment. In each round fix who has defaulted and which class each defaulter is
paying; in that region payments are linear, so solve for them; where the solution would leave the region,
stop at its edge. Each such bound lies at or above the greatest clearing payments and below the last one, and
each round either adds a default, or moves a defaulter to a more senior class, or ends. The answer is
therefore exact up to rounding, also where plain iteration would creep.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from penstock.errors import InputError
from penstock.money.waterfall import Floats, Network, greatest_payments, is_sparse

ROUNDING = 1e-12
"""A shortfall below this part of a debtor's obligations and assets is rounding, not default."""


class Clearing(NamedTuple):
    """The greatest clearing payments. Arrays are `(n,)`, or `(n, paths)` where an input had paths."""

    payments: Floats
    """What each debtor pays in all, external liabilities included."""
    equity: Floats
    """What it has left: assets at hand less payments, never negative; zero for a defaulter."""
    defaults: npt.NDArray[np.bool_]
    """Whether it could not pay in full."""
    rounds: Any
    """Rounds of the method, 0 where nobody defaulted: an int, or an array over paths."""
    converged: Any
    """Whether the payments reproduce themselves to rounding: a bool, or an array over paths."""


def clear(
    L: Any,
    external_assets: npt.ArrayLike,
    external_liabilities: npt.ArrayLike = 0,
    *,
    alpha: float = 1,
    beta: float = 1,
    seniority: npt.ArrayLike | None = None,
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
    debtor's external liabilities in the last column.

    Raises InputError where an amount is negative or not a number, a debtor owes itself, or shapes do not
    meet.
    """
    matrix, paths = _liabilities(L)
    n = matrix.shape[0]
    assets, paths = _amounts("external_assets", external_assets, n, paths)
    outside, paths = _amounts("external_liabilities", external_liabilities, n, paths)
    _fraction("alpha", alpha)
    _fraction("beta", beta)
    ranks, outside_ranks = _ranks(seniority, n)

    payments = np.empty((n, paths or 1))
    equity = np.empty_like(payments)
    defaults = np.empty(payments.shape, dtype=np.bool_)
    rounds = np.zeros(payments.shape[1], dtype=np.int64)
    converged = np.ones(payments.shape[1], dtype=np.bool_)
    shared = None if matrix.ndim == 3 else matrix
    network: Network | None = None
    for path in range(payments.shape[1]):
        owed_outside = _path(outside, path) if outside.ndim == 2 else outside
        if network is None or shared is None or outside.ndim == 2:
            liabilities = _path(matrix, path) if shared is None else matrix
            network = Network.of(liabilities, owed_outside, ranks, outside_ranks)
        owned = _path(assets, path) if assets.ndim == 2 else assets
        solution = greatest_payments(network, owned, float(alpha), float(beta), ROUNDING)
        payments[:, path] = solution.payments
        equity[:, path] = solution.equity
        defaults[:, path] = solution.defaults
        rounds[path] = solution.rounds
        converged[path] = solution.converged
    if paths is None:
        return Clearing(payments[:, 0], equity[:, 0], defaults[:, 0], int(rounds[0]), bool(converged[0]))
    return Clearing(payments, equity, defaults, rounds, converged)


def tie_payments(
    L: Any,
    payments: npt.ArrayLike,
    external_liabilities: npt.ArrayLike = 0,
    *,
    seniority: npt.ArrayLike | None = None,
) -> Any:
    """What each debtor pays to each creditor, of the shape of `L`, given the totals that `clear` returned.

    A total decides its division: class after class, alike inside a class. Arguments as in `clear`; one path
    or paths in both `L` and `payments` alike.
    """
    matrix, paths = _liabilities(L)
    n = matrix.shape[0]
    totals, paths = _amounts("payments", payments, n, paths)
    outside, paths = _amounts("external_liabilities", external_liabilities, n, paths)
    ranks, outside_ranks = _ranks(seniority, n)
    if paths is None:
        return Network.of(matrix, outside, ranks, outside_ranks).divide(totals)
    if is_sparse(matrix):
        raise InputError("payments: found paths with sparse liabilities; expected one path at a time")
    divided = [
        Network.of(
            _path(matrix, path) if matrix.ndim == 3 else matrix,
            _path(outside, path) if outside.ndim == 2 else outside,
            ranks,
            outside_ranks,
        ).divide(_path(totals, path) if totals.ndim == 2 else totals)
        for path in range(paths)
    ]
    return np.stack(divided, axis=-1)


def _path(values: Floats, path: int) -> Floats:
    """One path of `values` whose last axis may be paths; in one layout, so that a path alone has the same
    bits."""
    return np.ascontiguousarray(values[..., path])


def _liabilities(L: Any) -> tuple[Any, int | None]:
    """Check the liabilities; a sparse matrix becomes CSR, anything else a float array."""
    matrix: Any
    paths: int | None
    if is_sparse(L):
        matrix = sparse.csr_array(L, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise InputError(f"L: found shape {matrix.shape}; expected (n, n)")
        _not_negative("L", matrix.data)
        diagonal = matrix.diagonal()
        paths = None
    else:
        matrix = _array("L", L)
        if matrix.ndim not in (2, 3) or matrix.shape[0] != matrix.shape[1] or 0 in matrix.shape:
            raise InputError(f"L: found shape {matrix.shape}; expected (n, n) or (n, n, paths)")
        _not_negative("L", matrix)
        diagonal = matrix.diagonal(axis1=0, axis2=1)
        paths = matrix.shape[2] if matrix.ndim == 3 else None
    if np.any(diagonal):
        raise InputError("L: found a debtor that owes itself; expected zeros on the diagonal")
    return matrix, paths


def _amounts(name: str, given: npt.ArrayLike, n: int, paths: int | None) -> tuple[Floats, int | None]:
    """Check amounts per debtor; returns `(n,)` or `(n, paths)`, and the number of paths known by now."""
    values = _array(name, given)
    if values.ndim == 0:
        values = np.full(n, values)
    if values.ndim > 2 or values.shape[0] != n or (values.ndim == 2 and values.shape[1] == 0):
        raise InputError(f"{name}: found shape {values.shape}; expected ({n},) or ({n}, paths)")
    if values.ndim == 2:
        if paths is not None and values.shape[1] != paths:
            raise InputError(f"{name}: found {values.shape[1]} paths; expected {paths}")
        paths = values.shape[1]
    _not_negative(name, values)
    return values, paths


def _ranks(seniority: npt.ArrayLike | None, n: int) -> tuple[npt.NDArray[np.int64] | None, npt.NDArray[np.int64]]:
    """Check the ranks; returns those of the ties (None: all 0) and those of the external liabilities."""
    if seniority is None:
        return None, np.zeros(n, dtype=np.int64)
    ranks = _array("seniority", seniority.toarray() if hasattr(seniority, "toarray") else seniority)
    if ranks.shape not in ((n, n), (n, n + 1)):
        raise InputError(f"seniority: found shape {ranks.shape}; expected ({n}, {n}) or ({n}, {n + 1})")
    if not np.isfinite(ranks).all() or np.any(ranks != np.rint(ranks)):
        raise InputError("seniority: found a rank that is not a whole number; expected 0, 1, 2, …")
    whole = ranks.astype(np.int64)
    return whole[:, :n], whole[:, n] if ranks.shape[1] > n else np.zeros(n, dtype=np.int64)


def _array(name: str, given: Any) -> Floats:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: found something that is not an array of numbers; expected numbers") from None


def _not_negative(name: str, values: Floats) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"{name}: found a value that is not finite; expected numbers of at least 0")
    if np.any(values < 0.0):
        raise InputError(f"{name}: found {values.min():g}; expected numbers of at least 0")


def _fraction(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise InputError(f"{name}: found {value}; expected a number from 0 to 1")

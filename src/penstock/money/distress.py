"""Distress: what a loss of some does to the equity of those that hold claims on them (DebtRank).

Sources: Battiston, Puliga, Kaushik, Tasca and Caldarelli (2012), "DebtRank: too central to fail?" (rule `once`);
Bardoscia, Battiston, Caccioli and Caldarelli (2015), "DebtRank: a microscopic foundation for shock propagation"
(rule `linear`); Furfine (2003), "Interbank exposures" (rule `threshold`, with nothing recovered).

Method of `linear`: the relative losses are the least solution of `h = min(1, (shock + A h) / E)`. Plain iteration
from below reaches it fast where distress dies out fast; where it creeps (near the critical leverage), the equations
are solved: the map is concave and rises, so among the firms that distress can reach it has one solution only. Newton's
method from where the sweeps lead finds it in few linear solves; where it does not, descending from "all failed" by
choosing who stays below 1 does.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse

from penstock.errors import InputError
from penstock.money.network_input import (
    Floats,
    amounts,
    compressed,
    one_path,
    side_by_side,
    square_matrix,
)
from penstock.money.sparse_solve import ROUGH, solved_by_passes, solved_roughly

Rule = Literal["linear", "threshold", "once"]
Flags = npt.NDArray[np.bool_]

SWEEPS = 1_000
"""Sweeps of plain iteration before the equations are solved."""
WORTH = 300
"""Where a large network would take more sweeps, solving takes less than going on."""
GUESSES = 16
"""Linear solves from one start, before the sure way from above."""
MOST_SWEEPS = 4_000
"""Sweeps in all where the equations cannot be solved."""
SETTLED = 1e-14
"""An estimated distance from the solution below this, in relative losses, ends plain iteration."""
GUESS_HOLDS = 1e-13
"""A solution from a guess must reproduce itself to this."""
CONVERGED = 1e-10
"""Relative losses that reproduce themselves to this count as converged."""
DENSE_LIMIT = 2_000
"""Systems up to this many firms are solved densely."""
ROUNDING = 1e-12
"""A loss short of equity by this part is rounding: the firm has failed."""


class DebtRank(NamedTuple):
    """What is left and what is lost. Arrays are `(n,)`, or `(n, paths)` where an input had paths."""

    equity: Floats
    """Equity less shock and losses on claims; negative where they exceed it."""
    loss: Floats
    """Shock plus losses on claims, in money."""
    relative_loss: Floats
    """Loss over equity before, at most 1."""
    defaults: Flags
    """Whether the loss reached the equity."""
    rounds: Any
    """Rounds of the method: an int, or an array over paths."""
    converged: Any
    """Whether the relative losses reproduce themselves: a bool, or an array over paths."""


def debtrank(exposures: Any, equity: npt.ArrayLike, shock: npt.ArrayLike, *, rule: Rule = "linear") -> DebtRank:
    """Equity after a shock has run through a network of claims.

    `exposures[i, j]` is what `i` can lose on `j`, the transpose of a matrix of liabilities: a dense array `(n, n)`
    or `(n, n, paths)`, or a SciPy sparse matrix `(n, n)`. `equity` is what absorbs losses, `shock` a loss that comes
    from outside; each `(n,)`, `(n, paths)` or a number. One unit of money throughout.

    `rule` says what `i` loses on `j`: `linear`, the exposure times the part of its equity that `j` has lost, at
    most all, round after round (Bardoscia et al. 2015); `threshold`, the whole exposure once `j` has lost its equity
    and nothing before; `once`, as linear with impacts `min(1, exposure / equity)`, but each firm passes its distress
    on a single time, in the round after it was first hit (Battiston et al. 2012). The solution is the one with the
    least losses. A firm without equity, or with less than none, fails with its first loss.

    Raises InputError where an exposure or shock is negative, a number is not finite, a firm is exposed to itself,
    shapes do not meet or the rule is unknown.
    """
    if rule not in get_args(Rule):
        raise InputError(f"rule: found {rule!r}; expected one of {', '.join(get_args(Rule))}")
    matrix, paths = square_matrix("exposures", exposures, "a firm exposed to itself")
    n = matrix.shape[0]
    own, paths = amounts("equity", equity, n, paths, signed=True)
    hit, paths = amounts("shock", shock, n, paths)
    wide = paths or 1
    equity_by_path, shock_by_path = side_by_side(own, wide), side_by_side(hit, wide)
    if matrix.ndim == 3:
        parts = [
            _spread(
                compressed(one_path(matrix, path)),
                equity_by_path[:, path : path + 1],
                shock_by_path[:, path : path + 1],
                rule,
            )
            for path in range(wide)
        ]
        loss, relative, rounds, converged = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    else:
        loss, relative, rounds, converged = _spread(compressed(matrix), equity_by_path, shock_by_path, rule)
    failed = relative >= 1.0
    left = equity_by_path - loss
    if paths is None:
        return DebtRank(left[:, 0], loss[:, 0], relative[:, 0], failed[:, 0], int(rounds[0]), bool(converged[0]))
    return DebtRank(left, loss, relative, failed, rounds, converged)


def _spread(matrix: Any, equity: Floats, shock: Floats, rule: Rule) -> tuple[Floats, Floats, Any, Any]:
    """Loss and relative loss `(n, paths)`, rounds and convergence by path."""
    if rule == "linear":
        return _linear(matrix, equity, shock)
    if rule == "threshold":
        return _threshold(matrix, equity, shock)
    return _once(matrix, equity, shock)


def _relative(loss: Floats, equity: Floats) -> Floats:
    """Loss over equity, at most 1; where there is no equity, 1 with the first loss."""
    solvent = equity > 0.0
    ratio = loss / np.where(solvent, equity, 1.0)
    reached = loss >= equity * (1.0 - ROUNDING)
    return np.where(solvent, np.where(reached, 1.0, ratio), np.where(loss > 0.0, 1.0, 0.0))


def _linear(matrix: Any, equity: Floats, shock: Floats) -> tuple[Floats, Floats, Any, Any]:
    paths = shock.shape[1]
    relative = np.ascontiguousarray(_relative(shock, equity).T)
    worth = SWEEPS if equity.shape[0] <= DENSE_LIMIT else WORTH
    rounds, settled = _swept(matrix, equity, shock, relative, SWEEPS, worth)
    relative = np.ascontiguousarray(relative.T)
    converged = np.ones(paths, dtype=np.bool_)
    for path in np.flatnonzero(~settled):
        own, hit = np.ascontiguousarray(equity[:, path]), np.ascontiguousarray(shock[:, path])
        exact, turns = _solved(matrix, own, hit, relative[:, path])
        relative[:, path] = exact
        rounds[path] += turns
        converged[path] = np.abs(_relative(hit + matrix @ exact, own) - exact).max() <= CONVERGED
    return shock + matrix @ relative, relative, rounds, converged


def _swept(matrix: Any, equity: Floats, shock: Floats, relative: Floats, most: int, worth: int) -> tuple[Any, Flags]:
    """Sweeps of each path, and whether it settled; raises `relative` `(paths, n)` in place."""
    from penstock.money.network_kernels import spread_distress

    rounds = np.zeros(relative.shape[0], dtype=np.int64)
    settled = np.ones(relative.shape[0], dtype=np.bool_)
    spread_distress(
        np.ascontiguousarray(matrix.indptr, dtype=np.int32),
        np.ascontiguousarray(matrix.indices, dtype=np.int32),
        np.ascontiguousarray(matrix.data, dtype=np.float64),
        np.ascontiguousarray(equity.T),
        np.ascontiguousarray(shock.T),
        relative,
        rounds,
        settled,
        most,
        worth,
        # a firm without equity fails with the smallest loss, so that none may be left out
        SETTLED if (equity > 0.0).all() else 0.0,
        ROUNDING,
    )
    return rounds, settled


def _solved(matrix: Any, equity: Floats, shock: Floats, below: Floats) -> tuple[Floats, int]:
    """The solution of one path, and how many linear systems it took; plain iteration where one fails."""
    reached = _reached(matrix, _relative(shock, equity) > 0.0)
    turns = 0
    for start in (_guess(matrix, equity, shock, below), reached.astype(np.float64)):
        if start is not None:
            found, more = _newton(matrix, equity, shock, below, reached, start)
            turns += more
            if found is not None:
                return found, turns
    h = reached.astype(np.float64)
    free = np.zeros(h.size, dtype=np.bool_)
    while True:
        wanted = _relative(shock + matrix @ h, equity)
        wider = free | (reached & (wanted < 1.0) & (equity > 0.0))
        if np.array_equal(wider, free):
            return h, turns
        turns += 1
        free = wider
        found = _with_free(matrix, equity, shock, free, reached, below)
        if found is None:
            return _crept(matrix, equity, shock, below), turns
        h = np.clip(found, 0.0, 1.0)


def _guess(matrix: Any, equity: Floats, shock: Floats, below: Floats) -> Floats | None:
    """Where the sweeps lead, after Aitken: the last changes go on at their pace; None where they grow."""
    first = np.maximum(_relative(shock + matrix @ below, equity), below)
    second = np.maximum(_relative(shock + matrix @ first, equity), first)
    before, last = float((first - below).sum()), float((second - first).sum())
    if not 0.0 < last < before:
        return None
    pace = last / before
    return np.minimum(second + (second - first) * (pace / (1.0 - pace)), 1.0)


def _newton(
    matrix: Any, equity: Floats, shock: Floats, below: Floats, reached: Flags, start: Floats
) -> tuple[Floats | None, int]:
    """The solution from a start, roughly until it is found who fails; None where it does not get there.

    Whatever the start was: what reproduces itself and is not below the sweeps is the solution, for there is one only.
    """
    h = start
    free = np.zeros(h.size, dtype=np.bool_)
    rough = True
    for turn in range(1, GUESSES + 1):
        wanted = _relative(shock + matrix @ h, equity)
        now = reached & (wanted < 1.0) & (equity > 0.0)
        if np.array_equal(now, free):
            if not rough:
                sure = np.abs(wanted - h).max() <= GUESS_HOLDS and (h >= below - GUESS_HOLDS).all()
                return (h if sure else None), turn - 1
            # who fails seems found: now to the last digit
            rough = False
        free = now
        found = _with_free(matrix, equity, shock, free, reached, h, rough=rough)
        if found is None or found.min() < -ROUGH:
            return None, turn
        h = np.clip(found, 0.0, 1.0)
    return None, GUESSES


def _with_free(
    matrix: Any, equity: Floats, shock: Floats, free: Flags, reached: Flags, near: Floats, *, rough: bool = False
) -> Floats | None:
    """Relative losses where the free firms stay below 1 and all others that distress reaches fail, uncapped."""
    rows = np.flatnonzero(free)
    inside = matrix[rows][:, rows]
    h = (reached & ~free).astype(np.float64)
    right = (shock + matrix @ h)[rows] / equity[rows]
    found = _solve(sparse.diags_array(1.0 / equity[rows]) @ inside, right, near[rows], rough=rough)
    if found is None:
        return None
    h[rows] = found
    return h


def _solve(scaled: Any, right: Floats, near: Floats, *, rough: bool = False) -> Floats | None:
    """Solve `h = right + scaled @ h`; None where no method gets there."""
    found: Floats
    if right.size <= DENSE_LIMIT:
        try:
            found = np.linalg.solve(np.eye(right.size) - scaled.toarray(), right)
        except np.linalg.LinAlgError:
            return None
        return found if np.isfinite(found).all() else None
    return solved_roughly(scaled, right, near) if rough else solved_by_passes(scaled, right, near)


def _crept(matrix: Any, equity: Floats, shock: Floats, below: Floats) -> Floats:
    """Plain iteration to its end, or to the most sweeps: the caller tests what it reached."""
    relative = np.ascontiguousarray(below[None])
    _swept(matrix, equity[:, None], shock[:, None], relative, MOST_SWEEPS, MOST_SWEEPS)
    return np.asarray(relative[0])


def _reached(matrix: Any, hit: Flags) -> Flags:
    """Flag the firms that are hit and those with claims on them, directly or not."""
    from scipy.sparse.csgraph import breadth_first_order

    n = hit.size
    # one more node stands for the shock; edges run from a debtor to those that lose on it
    edges = sparse.coo_array(matrix.T)
    sources = np.flatnonzero(hit)
    rows = np.concatenate([edges.row[edges.data > 0.0], np.full(sources.size, n)])
    columns = np.concatenate([edges.col[edges.data > 0.0], sources])
    graph = sparse.csr_matrix((np.ones(rows.size), (rows, columns)), shape=(n + 1, n + 1))
    order = breadth_first_order(graph, n, return_predecessors=False)
    reached = np.zeros(n + 1, dtype=np.bool_)
    reached[order] = True
    return reached[:n]


def _threshold(matrix: Any, equity: Floats, shock: Floats) -> tuple[Floats, Floats, Any, Any]:
    paths = shock.shape[1]
    rounds = np.zeros(paths, dtype=np.int64)
    loss = shock.copy()
    failed = _relative(loss, equity) >= 1.0
    active = np.flatnonzero(failed.any(axis=0))
    # a round adds a failure or ends, so that it ends
    while active.size:
        rounds[active] += 1
        loss[:, active] = shock[:, active] + matrix @ failed[:, active].astype(np.float64)
        more = failed[:, active] | (_relative(loss[:, active], equity[:, active]) >= 1.0)
        grown = (more != failed[:, active]).any(axis=0)
        failed[:, active] = more
        active = active[grown]
    return loss, _relative(loss, equity), rounds, np.ones(paths, dtype=np.bool_)


def _once(matrix: Any, equity: Floats, shock: Floats) -> tuple[Floats, Floats, Any, Any]:
    n, paths = shock.shape
    rounds = np.zeros(paths, dtype=np.int64)
    relative = _relative(shock, equity)
    same = bool(paths) and np.array_equal(equity, np.broadcast_to(equity[:, :1], equity.shape))
    for lanes in [np.arange(paths)] if same else np.arange(paths)[:, None]:
        own = equity[:, lanes[0]]
        impact = matrix.copy()
        row = np.repeat(np.arange(n), np.diff(impact.indptr))
        solvent = own[row] > 0.0
        part = impact.data / np.where(solvent, own[row], 1.0)
        impact.data = np.where(solvent, np.minimum(part, 1.0), np.where(impact.data > 0.0, 1.0, 0.0))
        h = relative[:, lanes]
        passing = h > 0.0
        done = np.zeros_like(passing)
        while passing.any():
            rounds[lanes[passing.any(axis=0)]] += 1
            done |= passing
            h = np.minimum(h + impact @ np.where(passing, h, 0.0), 1.0)
            passing = (h > 0.0) & ~done
        relative[:, lanes] = np.where(h >= 1.0 - ROUNDING, 1.0, h)
    loss = np.maximum(shock, relative * np.maximum(equity, 0.0))
    return loss, relative, rounds, np.ones(paths, dtype=np.bool_)

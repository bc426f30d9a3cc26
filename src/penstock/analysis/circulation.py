"""Loops in a network of payments: the largest circulation, and the loops that it is made of.

A flow on directed ties is the sum of loops and of paths that end (flow decomposition: Ahuja, Magnanti and Orlin,
Network Flows, 1993, theorem 3.5). The part in loops is a circulation; which circulation, a linear programme says.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import ModelError

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

TOLERANCE = 1e-11
"""Amounts below this part of the largest are rounding."""
KEYED = 0.1
"""Weight of the part of a tie's cost that is keyed to its id: it decides between circulations that are alike."""


@dataclass(frozen=True)
class Loop:
    """A loop: its ties in the order in which the money goes round, and the dollars that go round it."""

    ties: tuple[int, ...]
    amount: float


def financed_circulation(
    payer: Indices, payee: Indices, capacity: Array, financing: Mask, keys: Sequence[str]
) -> Array:
    """The circulation with most financing in it, (ties,), each amount between zero and the tie's capacity.

    Every unit pays in what it pays out. Of all circulations whose financing ties carry most, the one whose other
    ties carry least: money that was financed is counted on its shortest way back. What is still alike is decided by
    weights keyed to the ids, so the answer does not hang on the order of the ties. A linear programme (HiGHS, simplex).
    """
    inside = _in_loops(payer, payee, capacity)
    result = np.zeros(len(capacity))
    if not (inside & financing).any():
        return result
    rows = np.flatnonzero(inside)
    units = len(np.union1d(payer[rows], payee[rows]))
    # two circulations differ by loops of at most `units` ties, so financing goes before any saving of ties
    cost = np.where(financing[rows], -2.0 * units, 1.0) + KEYED * _weights(keys, rows)
    result[rows] = _solve(payer[rows], payee[rows], capacity[rows], cost)
    return result


def whole_circulation(payer: Indices, payee: Indices, capacity: Array, keys: Sequence[str]) -> Array:
    """The circulation with most in it, (ties,): without it no loop is left."""
    inside = _in_loops(payer, payee, capacity)
    result = np.zeros(len(capacity))
    if inside.any():
        rows = np.flatnonzero(inside)
        cost = -1.0 - KEYED * _weights(keys, rows)
        result[rows] = _solve(payer[rows], payee[rows], capacity[rows], cost)
    return result


def loops_of(payer: Indices, payee: Indices, flow: Array, start: Mask, keys: Sequence[str]) -> list[Loop]:
    """The loops of a circulation, shortest first, among loops of one length by the ids of their ties.

    Each begins at a tie of `start` and carries the smallest amount left on its ties, which uses one tie up: there are
    at most as many loops as ties, and the sum over the loops through a tie is its flow. `flow` is not changed.
    """
    left = flow.copy()
    smallest = TOLERANCE * max(float(flow.max(initial=0.0)), 1e-300)
    order = sorted(range(len(keys)), key=lambda row: keys[row])
    leaving: dict[int, list[int]] = {}
    for row in order:
        if left[row] > smallest:
            leaving.setdefault(int(payer[row]), []).append(row)
    waiting = [(2, place, row) for place, row in enumerate(order) if start[row] and left[row] > smallest]
    heapq.heapify(waiting)
    found: list[Loop] = []
    while waiting:
        length, place, row = heapq.heappop(waiting)
        if left[row] <= smallest:
            continue
        way = _way(int(payee[row]), int(payer[row]), leaving, payee, left, smallest)
        if way is None:
            continue
        ties = (row, *way)
        if len(ties) > length:
            heapq.heappush(waiting, (len(ties), place, row))
            continue
        amount = float(left[list(ties)].min())
        left[list(ties)] -= amount
        found.append(Loop(ties, amount))
        heapq.heappush(waiting, (length, place, row))
    return found


def _way(
    begin: int, end: int, leaving: dict[int, list[int]], payee: Indices, left: Array, smallest: float
) -> tuple[int, ...] | None:
    """Ties of the shortest way from one unit to another, by ids where there are several; None without one."""
    if begin == end:
        return ()
    came: dict[int, tuple[int, int]] = {begin: (-1, -1)}
    queue = deque([begin])
    while queue:
        here = queue.popleft()
        for row in leaving.get(here, ()):
            there = int(payee[row])
            if left[row] <= smallest or there in came:
                continue
            came[there] = (here, row)
            if there == end:
                way = []
                while there != begin:
                    there, row = came[there]
                    way.append(row)
                return tuple(reversed(way))
            queue.append(there)
    return None


def _in_loops(payer: Indices, payee: Indices, capacity: Array) -> Mask:
    """Ties with both ends in one strongly connected part of what carries money: all others are in no loop."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    carries = capacity > 0.0
    if not carries.any():
        return carries
    units = int(max(payer.max(), payee.max())) + 1
    ends = (payer[carries], payee[carries])
    graph = coo_array((np.ones(len(ends[0])), ends), shape=(units, units)).tocsr()
    _, part = connected_components(graph, directed=True, connection="strong")
    return np.asarray(carries & (part[payer] == part[payee]))


def _solve(payer: Indices, payee: Indices, capacity: Array, cost: Array) -> Array:
    """Flow of least cost in which every unit pays in what it pays out, between zero and capacity."""
    from scipy import optimize
    from scipy.sparse import coo_array

    # its stubs do not know sparse matrices
    linprog: Any = optimize.linprog
    units, place = np.unique(np.concatenate([payer, payee]), return_inverse=True)
    ties = len(capacity)
    scale = float(capacity.max())
    column = np.arange(ties)
    balance = coo_array(
        (np.concatenate([-np.ones(ties), np.ones(ties)]), (place, np.concatenate([column, column]))),
        shape=(len(units), ties),
    )
    solved = linprog(
        cost,
        A_eq=balance.tocsr(),
        b_eq=np.zeros(len(units)),
        bounds=[(0.0, float(most)) for most in capacity / scale],
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solved.status != 0:
        raise ModelError(f"circulation: {solved.message}")
    return np.clip(np.asarray(solved.x) * scale, 0.0, capacity)


def _weights(keys: Sequence[str], rows: Indices) -> Array:
    """A number in [0, 1) for each of these ties that hangs on its id alone."""
    digests = [hashlib.sha256(keys[int(row)].encode()).digest() for row in rows]
    return np.array([int.from_bytes(digest[:6], "big") / 2.0**48 for digest in digests])

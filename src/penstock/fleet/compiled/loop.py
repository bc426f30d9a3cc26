"""The compiled loop as Python calls it: state in arrays, time in seconds.

Each function looks at the arrays as grids and hands over to its namesake in `events`.
"""

from __future__ import annotations

from typing import Any

from penstock.fleet.compiled import events
from penstock.fleet.compiled.columns import State
from penstock.fleet.compiled.compiler import compiled, inlined
from penstock.fleet.compiled.grid import grid as _grid

grid: Any = _grid
_advance, _arrive_at, _cancel, _close = events.advance, events.arrive_at, events.cancel, events.close
_drain, _fall, _rise, _scale, _slow_down = events.drain, events.fall, events.rise, events.scale, events.slow_down


@inlined
def grids(a: State) -> State:
    """The state as grids."""
    return State(
        grid(a.qi),
        grid(a.qf),
        grid(a.ri),
        grid(a.rf),
        grid(a.pi),
        grid(a.pf),
        grid(a.steps),
        grid(a.knots),
        grid(a.heap_ends),
        grid(a.heap_who),
        grid(a.lists),
        grid(a.winners),
        grid(a.timer_who),
        grid(a.timer_at),
        grid(a.timer_when),
        grid(a.tf),
        grid(a.ti),
        grid(a.last_tag),
        grid(a.standing),
        grid(a.held),
        grid(a.groups),
        grid(a.cache),
        grid(a.windows),
        grid(a.usage),
        grid(a.counters),
        grid(a.scalars),
    )


@compiled
def advance(a: State, until: float, rows: int, most: int) -> int:
    """Handle events up to a time, at most so many; the number handled."""
    return _advance(grids(a), until, rows, most)


@compiled
def arrive_at(a: State, q: int, r: int) -> None:
    """Let the next request arrive at a replica of the caller's choice, -1 for the policy's."""
    _arrive_at(grids(a), q, r)


@compiled
def cancel(a: State, q: int, t: float) -> None:
    """The client calls a request off."""
    _cancel(grids(a), q, t)


@compiled
def close(a: State, t: float) -> None:
    """Bring all sums up to a time."""
    _close(grids(a), t)


@compiled
def drain(a: State, r: int, t: float) -> None:
    """A replica takes nothing new."""
    _drain(grids(a), r, t)


@compiled
def fall(a: State, r: int, t: float) -> None:
    """An outage reaches a replica."""
    _fall(grids(a), r, t)


@compiled
def rise(a: State, r: int, t: float) -> None:
    """An outage of a replica is over."""
    _rise(grids(a), r, t)


@compiled
def scale(a: State, p: int, wanted: int, t: float) -> None:
    """Bring a pool to so many replicas."""
    _scale(grids(a), p, wanted, t)


@compiled
def slow_down(a: State, p: int, decode: float, prefill: float, t: float) -> None:
    """Iterations of a pool take so many times as long."""
    _slow_down(grids(a), p, decode, prefill, t)

"""Linked lists, the heap of timers, the tournament of replicas, and random numbers keyed by request."""

from __future__ import annotations

import numpy as np

from penstock.fleet.compiled.columns import C_LEAVES, C_REPLICAS, C_TIMERS, LIST, NEXT, PREV, X_NEXT, State
from penstock.fleet.compiled.compiler import compiled


@compiled
def append(s: State, which: int, q: int) -> None:
    """Put request q at the end of a list."""
    qi, lists = s.qi, s.lists
    tail = lists[which, 1]
    qi[q, NEXT] = -1
    qi[q, PREV] = tail
    qi[q, LIST] = which
    if tail >= 0:
        qi[tail, NEXT] = q
    else:
        lists[which, 0] = q
    lists[which, 1] = q
    lists[which, 2] += 1


@compiled
def unlink(s: State, q: int) -> None:
    """Take request q out of the list it stands in."""
    qi, lists = s.qi, s.lists
    which, before, after = qi[q, LIST], qi[q, PREV], qi[q, NEXT]
    if before >= 0:
        qi[before, NEXT] = after
    else:
        lists[which, 0] = after
    if after >= 0:
        qi[after, PREV] = before
    else:
        lists[which, 1] = before
    lists[which, 2] -= 1
    qi[q, LIST] = -1


@compiled
def place(s: State, r: int) -> None:
    """Play the matches of replica r again after its next time has changed."""
    winners, rf = s.winners, s.rf
    replicas = s.counters[C_REPLICAS]
    node = (s.counters[C_LEAVES] + r) // 2
    while node >= 1:
        left, right = winners[2 * node], winners[2 * node + 1]
        if right >= replicas or (left < replicas and rf[left, X_NEXT] <= rf[right, X_NEXT]):
            winners[node] = left
        else:
            winners[node] = right
        node //= 2


@compiled
def _earlier(s: State, a: int, b: int) -> bool:
    """Whether the timer of a comes before that of b; equal times in order of number, so that runs repeat."""
    ta, tb = s.timer_when[a], s.timer_when[b]
    return ta < tb or (ta == tb and a < b)


@compiled
def _up(s: State, at: int) -> None:
    who, where = s.timer_who, s.timer_at
    moving = who[at]
    while at > 0:
        parent = (at - 1) // 2
        if not _earlier(s, moving, who[parent]):
            break
        who[at] = who[parent]
        where[who[at]] = at
        at = parent
    who[at] = moving
    where[moving] = at


@compiled
def _down(s: State, at: int) -> None:
    who, where, n = s.timer_who, s.timer_at, s.counters[C_TIMERS]
    moving = who[at]
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        if child + 1 < n and _earlier(s, who[child + 1], who[child]):
            child += 1
        if not _earlier(s, who[child], moving):
            break
        who[at] = who[child]
        where[who[at]] = at
        at = child
    who[at] = moving
    where[moving] = at


@compiled
def set_timer(s: State, owner: int, when: float) -> None:
    """Set or move the timer of a request (its row) or of a replica (N + its number)."""
    at = s.timer_at[owner]
    s.timer_when[owner] = when
    if at < 0:
        at = s.counters[C_TIMERS]
        s.counters[C_TIMERS] += 1
        s.timer_who[at] = owner
        s.timer_at[owner] = at
        _up(s, at)
    else:
        _up(s, at)
        _down(s, s.timer_at[owner])


@compiled
def drop_timer(s: State, owner: int) -> None:
    """Remove a timer, if there is one."""
    at = s.timer_at[owner]
    if at < 0:
        return
    s.counters[C_TIMERS] -= 1
    last = s.counters[C_TIMERS]
    s.timer_at[owner] = -1
    if at != last:
        moved = s.timer_who[last]
        s.timer_who[at] = moved
        s.timer_at[moved] = at
        _up(s, at)
        _down(s, s.timer_at[moved])


@compiled
def uniform(seed: float, a: int, b: int) -> float:
    """A number in [0, 1) that depends on seed, a and b only (SplitMix64, Steele et al., OOPSLA 2014)."""
    x = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(a) * np.uint64(0xD1B54A32D192ED03)
    x += np.uint64(b) * np.uint64(0x8CB92BA72F3D8DD7) + np.uint64(0x9E3779B97F4A7C15)
    for _ in range(2):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return np.float64(x >> np.uint64(11)) * (1.0 / 9007199254740992.0)

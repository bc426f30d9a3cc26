"""One replica: admit what fits, plan the next iterations, and account for them when they are done."""

from __future__ import annotations

import numpy as np

from penstock.fleet.compiled.columns import (
    C_ITERATIONS,
    C_MADE,
    C_PLANS,
    C_REPLICAS,
    C_TENANTS,
    CACHED,
    DECODE,
    DONE,
    DRAINING,
    EMITTED,
    ENDS,
    ENTERED,
    F_MAX_WAIT,
    F_SLOW_DECODE,
    F_SLOW_PREFILL,
    F_VIRTUAL,
    F_WAIT_ESTIMATE,
    IDLE,
    M_BACKFILL,
    M_PRIORITY,
    MARKED,
    N_IN,
    N_OUT,
    N_WEIGHT,
    ORPHAN,
    P_BACKFILL_SLOTS,
    P_CACHE,
    P_COUNT,
    P_FAIR,
    P_FIRST,
    P_MEMORY,
    P_QUEUED,
    P_SKIP,
    P_SLOTS,
    PREFILL,
    PREFIX,
    R_BATCH,
    R_CONTEXT,
    R_COUNTER,
    R_KIND,
    R_POOL,
    R_PREFILLING,
    R_PROMISED,
    R_RESERVED,
    R_STATE,
    R_STEPS,
    REJECTED,
    REPLICA,
    RUNNING,
    SHAREABLE,
    STATUS,
    TENANT,
    TIMED_OUT,
    UP,
    X_BEGAN,
    X_NEXT,
    X_SLOW,
    State,
)
from penstock.fleet.compiled.compiler import compiled, inlined
from penstock.fleet.compiled.iteration import decode_seconds, iterations_until
from penstock.fleet.compiled.lists import append, place, unlink
from penstock.fleet.compiled.outcome import fail_attempt, finalise, forfeit, leave_pool
from penstock.fleet.compiled.prompts import plan_prefill
from penstock.fleet.compiled.sharing import hold, need, room_for
from penstock.fleet.compiled.usual import affords, last, over, spend

SMOOTHING = 0.05
"""Weight of the newest wait in a pool's running mean of waits (assumption)."""


@inlined
def occupied(s: State, r: int) -> int:
    """Requests that run on a replica or wait at it."""
    return s.ri[r, R_BATCH] + s.ri[r, R_PREFILLING] + s.lists[r, 2]


@compiled
def has_room(s: State, r: int, q: int) -> bool:
    """Whether a replica could start a request at its next boundary."""
    p = s.ri[r, R_POOL]
    if s.ri[r, R_STATE] != UP:
        return False
    busy = occupied(s, r)
    if s.ti[s.qi[q, TENANT], M_BACKFILL] == 1 and busy >= s.pi[p, P_BACKFILL_SLOTS]:
        return False
    if busy >= s.pi[p, P_SLOTS] or s.ri[r, R_RESERVED] + s.ri[r, R_PROMISED] + need(s, q) > s.pi[p, P_MEMORY]:
        return False
    return room_for(s, r, q)


@inlined
def gateway(s: State, p: int, tenant: int) -> int:
    """Number of the list in which a tenant's requests wait for a pool."""
    return 2 * s.counters[C_REPLICAS] + p * s.counters[C_TENANTS] + tenant


@compiled
def next_of(s: State, p: int, tenant: int) -> int:
    """Who is next in a tenant's line: who came first; on credit, who came last.

    Those who have waited long in a backlog may have no patience left (adaptive last in, first out: B. Maurer, Fail at
    Scale, ACM Queue 13(8), 2015).
    """
    line = gateway(s, p, tenant)
    newest = s.lists[line, 1]
    if newest >= 0 and over(s, p, tenant) and affords(s, p, newest):
        return newest
    return s.lists[line, 0]


@compiled
def turn_of(s: State, p: int, q: int) -> float:
    """What decides among equal priorities, the least first: fair share of the tenant, or time of coming.

    Start-time fair queueing (P. Goyal, H. Vin and H. Cheng, SIGCOMM 1996): a tenant stands at the end of what it was
    given so far, tokens over weight, but not before the pool's own virtual time.
    """
    if s.pi[p, P_FAIR] == 1:
        return max(s.pf[p, F_VIRTUAL], s.last_tag[p, s.qi[q, TENANT]])
    return s.qf[q, ENTERED]


@compiled
def charge(s: State, p: int, q: int) -> None:
    """The tenant of a request that starts has had its tokens; what is shed is not charged."""
    if s.pi[p, P_FAIR] == 1:
        tenant, tag = s.qi[q, TENANT], turn_of(s, p, q)
        s.last_tag[p, tenant] = tag + need(s, q) / s.tf[tenant, N_WEIGHT]
        s.pf[p, F_VIRTUAL] = tag
        spend(s, p, q)


@compiled
def first_in_line(s: State, p: int, r: int, backfill_too: bool) -> int:
    """The request of a pool's gateway that is next at replica r: by priority, then by turn; -1 for none.

    Tenants over their share come after the others, and only where the replica may take them; with r of -1 they are
    left out.
    """
    best, best_turn, best_over = -1, np.inf, False
    for tenant in range(s.counters[C_TENANTS]):
        head = next_of(s, p, tenant)
        if head < 0 or (s.ti[tenant, M_BACKFILL] == 1 and not backfill_too):
            continue
        much = last(s, p, head)
        if much and (r < 0 or not room_for(s, r, head)):
            continue
        turn = turn_of(s, p, head)
        if best >= 0:
            mine, other = s.ti[tenant, M_PRIORITY], s.ti[s.qi[best, TENANT], M_PRIORITY]
            behind = much and not best_over
            level = much == best_over
            if mine > other or (mine == other and (behind or (level and turn >= best_turn))):
                continue
        best, best_turn, best_over = head, turn, much
    return best


@compiled
def push_end(s: State, r: int, q: int) -> None:
    """Add a running request to the replica's heap of ends."""
    ends, who = s.heap_ends, s.heap_who
    at = s.ri[r, R_BATCH]
    s.ri[r, R_BATCH] += 1
    key = s.qi[q, ENDS]
    while at > 0:
        parent = (at - 1) // 2
        if ends[r, parent] <= key:
            break
        ends[r, at] = ends[r, parent]
        who[r, at] = who[r, parent]
        at = parent
    ends[r, at] = key
    who[r, at] = q


@compiled
def remove_end(s: State, r: int, at: int) -> None:
    """Take the entry at a place out of the heap of ends."""
    ends, who = s.heap_ends, s.heap_who
    s.ri[r, R_BATCH] -= 1
    n = s.ri[r, R_BATCH]
    if at == n:
        return
    key, q = ends[r, n], who[r, n]
    while at > 0 and ends[r, (at - 1) // 2] > key:
        parent = (at - 1) // 2
        ends[r, at] = ends[r, parent]
        who[r, at] = who[r, parent]
        at = parent
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        if child + 1 < n and ends[r, child + 1] < ends[r, child]:
            child += 1
        if ends[r, child] >= key:
            break
        ends[r, at] = ends[r, child]
        who[r, at] = who[r, child]
        at = child
    ends[r, at] = key
    who[r, at] = q


@compiled
def join_decode(s: State, r: int, q: int) -> None:
    """A request whose prompt is done takes part in the following iterations."""
    qi = s.qi
    qi[q, ENDS] = s.ri[r, R_COUNTER] + qi[q, N_OUT] - qi[q, EMITTED]
    s.ri[r, R_CONTEXT] += qi[q, N_IN] + qi[q, EMITTED]
    push_end(s, r, q)


@compiled
def admit(s: State, r: int, q: int, t: float) -> None:
    """Give a request memory and a place on the replica."""
    qi = s.qi
    p = s.ri[r, R_POOL]
    s.ri[r, R_RESERVED] += need(s, q)
    qi[q, STATUS] = RUNNING
    qi[q, REPLICA] = r
    wait = t - s.qf[q, ENTERED]
    s.pf[p, F_WAIT_ESTIMATE] += SMOOTHING * (wait - s.pf[p, F_WAIT_ESTIMATE])
    if qi[q, DONE] >= qi[q, N_IN]:  # prefilled elsewhere
        join_decode(s, r, q)
        return
    prefix = qi[q, PREFIX]
    if prefix >= 0 and s.pi[p, P_CACHE] > 0:
        line = prefix % s.pi[p, P_CACHE]
        if s.cache[r, line] == prefix:
            qi[q, CACHED] = min(qi[q, SHAREABLE], qi[q, N_IN] - 1)
            qi[q, DONE] = qi[q, CACHED]
        s.cache[r, line] = prefix
    s.ri[r, R_PREFILLING] += 1
    append(s, s.counters[C_REPLICAS] + r, q)


@compiled
def shed(s: State, q: int, t: float) -> None:
    """A request that has waited too long, or met a full queue, is sent away."""
    orphan = s.qi[q, MARKED] == ORPHAN
    leave_pool(s, q, t)
    forfeit(s, q)
    if orphan:
        finalise(s, q, TIMED_OUT, t)
    else:
        fail_attempt(s, q, t, REJECTED)


@compiled
def cut_short(s: State, r: int, t: float) -> None:
    """End a run of identical iterations at the first boundary from now on."""
    ri = s.ri
    if ri[r, R_KIND] != DECODE or ri[r, R_STEPS] <= 1:
        return
    p = ri[r, R_POOL]
    slow = s.rf[r, X_SLOW]
    n = iterations_until(s, p, ri[r, R_BATCH], ri[r, R_CONTEXT], ri[r, R_STEPS], (t - s.rf[r, X_BEGAN]) / slow)
    if n < ri[r, R_STEPS]:
        ri[r, R_STEPS] = n
        s.rf[r, X_NEXT] = s.rf[r, X_BEGAN] + slow * decode_seconds(s, p, ri[r, R_BATCH], ri[r, R_CONTEXT], n)
        place(s, r)


@compiled
def nudge(s: State, p: int, t: float) -> None:
    """Someone else is first in line: replicas that have room for them look up at their next boundary."""
    for r in range(s.pi[p, P_FIRST], s.pi[p, P_FIRST] + s.pi[p, P_COUNT]):
        if s.ri[r, R_KIND] == DECODE and s.ri[r, R_STEPS] > 1 and s.ri[r, R_STATE] == UP:
            q = first_in_line(s, p, r, occupied(s, r) < s.pi[p, P_BACKFILL_SLOTS])
            if q >= 0 and has_room(s, r, q):
                cut_short(s, r, t)


@compiled
def take_in(s: State, r: int, t: float) -> None:
    """Admit those who wait at the replica, then those at the pool's gateway, while they fit."""
    p = s.ri[r, R_POOL]
    pi, ri = s.pi, s.ri
    while s.lists[r, 2] > 0:
        q = s.lists[r, 0]
        full = ri[r, R_BATCH] + ri[r, R_PREFILLING] >= pi[p, P_SLOTS]
        if full or ri[r, R_RESERVED] + need(s, q) > pi[p, P_MEMORY]:
            break
        unlink(s, q)
        ri[r, R_PROMISED] -= need(s, q)
        if t - s.qf[q, ENTERED] > s.pf[p, F_MAX_WAIT]:
            hold(s, r, q, -1)
            shed(s, q, t)
        else:
            admit(s, r, q, t)
    queued = pi[p, P_QUEUED]
    while ri[r, R_STATE] == UP and pi[p, P_QUEUED] > 0:
        q = first_in_line(s, p, r, occupied(s, r) < pi[p, P_BACKFILL_SLOTS])
        if q < 0:
            break
        if not has_room(s, r, q):
            break
        unlink(s, q)
        pi[p, P_QUEUED] -= 1
        if t - s.qf[q, ENTERED] > s.pf[p, F_MAX_WAIT]:
            shed(s, q, t)
        else:
            charge(s, p, q)
            hold(s, r, q, 1)
            admit(s, r, q, t)
    if 0 < pi[p, P_QUEUED] < queued:
        nudge(s, p, t)


@compiled
def start(s: State, r: int, t: float) -> None:
    """At a boundary: admit, then plan what runs next."""
    ri = s.ri
    if ri[r, R_STATE] == UP or ri[r, R_STATE] == DRAINING:
        take_in(s, r, t)
    p = ri[r, R_POOL]
    s.rf[r, X_BEGAN] = t
    s.rf[r, X_SLOW] = s.pf[p, F_SLOW_DECODE]
    if ri[r, R_PREFILLING] > 0:
        ri[r, R_KIND] = PREFILL
        ri[r, R_STEPS] = 1
        s.rf[r, X_NEXT] = t + s.pf[p, F_SLOW_PREFILL] * plan_prefill(s, r, p)
        s.counters[C_PLANS] += 1
    elif ri[r, R_BATCH] > 0:
        ri[r, R_KIND] = DECODE
        n = s.heap_ends[r, 0] - ri[r, R_COUNTER] if s.pi[p, P_SKIP] == 1 else 1
        ri[r, R_STEPS] = n
        s.rf[r, X_NEXT] = t + s.rf[r, X_SLOW] * decode_seconds(s, p, ri[r, R_BATCH], ri[r, R_CONTEXT], n)
        s.counters[C_PLANS] += 1
    else:
        ri[r, R_KIND] = IDLE
        s.rf[r, X_NEXT] = np.inf
    place(s, r)


@compiled
def progress(s: State, r: int, n: int) -> None:
    """n iterations of the batch are done: each made one token of every answer."""
    ri = s.ri
    ri[r, R_COUNTER] += n
    ri[r, R_CONTEXT] += n * ri[r, R_BATCH]
    s.counters[C_MADE] += n * ri[r, R_BATCH]
    s.counters[C_ITERATIONS] += n

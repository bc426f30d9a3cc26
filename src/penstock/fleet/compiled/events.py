"""The loop over events, and what the world outside may do to the fleet between them."""

from __future__ import annotations

import numpy as np

from penstock.fleet.compiled.boundary import (
    boundary,
    evacuate,
    switch_off,
)
from penstock.fleet.compiled.columns import (
    ARRIVAL,
    BACKOFF,
    BEGAN,
    C_ARRIVED,
    C_CAPACITY,
    C_EVENTS,
    C_FLIPPED,
    C_MANUAL,
    C_NEXT,
    C_REPLICAS,
    C_TIMERS,
    CANCELLED,
    DOWN,
    DRAINING,
    F_COLD_START,
    F_SLOW_DECODE,
    F_SLOW_PREFILL,
    FAILED,
    GONE,
    HANDED_ON,
    LATE,
    M_ORPHANS,
    MARKED,
    N_BUDGET,
    N_BUDGET_LEVEL,
    N_BURST,
    N_FILLED,
    N_LEVEL,
    N_RATE,
    N_TIMEOUT,
    OFF,
    ORPHAN,
    P_COUNT,
    P_FIRST,
    P_MEMORY,
    P_NEXT_POOL,
    P_QUEUED,
    P_UP,
    P_WANTED,
    POOL,
    R_BATCH,
    R_DOWN,
    R_MARKED,
    R_POOL,
    R_PREFILLING,
    R_PROMISED,
    R_STATE,
    REJECTED,
    REPLICA,
    RUNNING,
    S_NOW,
    STARTING,
    STATUS,
    TENANT,
    TIMED_OUT,
    TRANSFER,
    UP,
    W_UP_S,
    WAITING,
    X_NEXT,
    X_SINCE,
    State,
)
from penstock.fleet.compiled.compiler import compiled
from penstock.fleet.compiled.lists import drop_timer, set_timer, unlink
from penstock.fleet.compiled.outcome import (
    add_span,
    count_in,
    fail_attempt,
    finalise,
    forfeit,
    leave_pool,
    spawn,
)
from penstock.fleet.compiled.pools import choose_pool, enqueue, enqueue_at, look_again, send_back
from penstock.fleet.compiled.replica import cut_short, nudge, occupied, start
from penstock.fleet.compiled.sharing import hold, need

BUDGET_CAP = 100.0
"""Most retries that a tenant's budget can save up; assumption, 10 to 1,000."""


@compiled
def lets_in(s: State, q: int, t: float) -> bool:
    """Token buckets of the tenant: tokens and requests per second; takes from both if both suffice."""
    tf, tenant = s.tf, s.qi[q, TENANT]
    passed = t - tf[tenant, N_FILLED]
    tf[tenant, N_FILLED] = t
    size = float(need(s, q))
    if not np.isinf(tf[tenant, N_RATE]):
        tf[tenant, N_LEVEL] = min(tf[tenant, N_LEVEL] + passed * tf[tenant, N_RATE], tf[tenant, N_BURST])
        if tf[tenant, N_LEVEL] < size:
            return False
        tf[tenant, N_LEVEL] -= size
    return True


@compiled
def ask(s: State, q: int, t: float) -> None:
    """An attempt reaches the front door: admission, then a pool."""
    tenant = s.qi[q, TENANT]
    s.qf[q, BEGAN] = t
    if not lets_in(s, q, t):
        fail_attempt(s, q, t, REJECTED)
        return
    p = choose_pool(s, q, t)
    if p < 0:  # larger than the memory of any replica: trying again is no use
        finalise(s, q, REJECTED, t)
        return
    if not np.isinf(s.tf[tenant, N_TIMEOUT]):
        set_timer(s, q, t + s.tf[tenant, N_TIMEOUT])
    enqueue(s, q, p, t)


@compiled
def arrive(s: State, q: int, t: float) -> None:
    """A new request: counted in, its tenant's retry budget grows, and it asks."""
    s.counters[C_NEXT] = q + 1
    s.counters[C_ARRIVED] += 1
    count_in(s, 1, t)
    tenant = s.qi[q, TENANT]
    budget = s.tf[tenant, N_BUDGET]
    if not np.isinf(budget):
        s.tf[tenant, N_BUDGET_LEVEL] = min(s.tf[tenant, N_BUDGET_LEVEL] + budget, BUDGET_CAP)
    ask(s, q, t)


@compiled
def from_queue(s: State, q: int, t: float) -> None:
    """Take a waiting request out of its queue."""
    r = s.qi[q, REPLICA]
    unlink(s, q)
    p = s.qi[q, POOL]
    leave_pool(s, q, t)
    if r >= 0:
        s.ri[r, R_PROMISED] -= need(s, q)
        hold(s, r, q, -1)
        if s.lists[r, 2] > 0:  # the next may fit where this one did not
            cut_short(s, r, t)
    else:
        s.pi[p, P_QUEUED] -= 1
        if s.pi[p, P_QUEUED] > 0:
            nudge(s, p, t)


@compiled
def mark(s: State, q: int, t: float, why: int) -> None:
    """A running request is to be taken out of its replica at the next boundary."""
    r = s.qi[q, REPLICA]
    s.qi[q, MARKED] = why
    s.ri[r, R_MARKED] += 1
    cut_short(s, r, t)


@compiled
def timed_out(s: State, q: int, t: float) -> None:
    """The client's patience is over: it cancels its call, or leaves it to run and sends another."""
    tenant, status = s.qi[q, TENANT], s.qi[q, STATUS]
    if s.ti[tenant, M_ORPHANS] == 1:
        s.qi[q, MARKED] = ORPHAN
        spawn(s, q, t)
    elif status == WAITING:
        from_queue(s, q, t)
        forfeit(s, q)
        fail_attempt(s, q, t, TIMED_OUT)
    elif status == RUNNING:
        mark(s, q, t, LATE)


@compiled
def on_timer(s: State, owner: int, t: float) -> None:
    """A timer has run out: of a request, or of a replica that was starting."""
    rows = s.counters[C_CAPACITY]
    drop_timer(s, owner)
    if owner >= rows:
        r = owner - rows
        s.ri[r, R_STATE] = UP
        s.pi[s.ri[r, R_POOL], P_UP] += 1
        start(s, r, t)
        return
    status = s.qi[owner, STATUS]
    if status == BACKOFF:
        ask(s, owner, t)
    elif status == HANDED_ON:
        p = choose_pool(s, owner, t)
        if p < 0:
            finalise(s, owner, FAILED, t)
        else:
            enqueue(s, owner, p, t)
    elif status == TRANSFER:
        p = s.pi[s.qi[owner, POOL], P_NEXT_POOL]
        if need(s, owner) > s.pi[p, P_MEMORY]:
            forfeit(s, owner)
            finalise(s, owner, REJECTED, t)
        else:
            enqueue(s, owner, p, t)
    elif (status in (WAITING, RUNNING)) and s.qi[owner, MARKED] == 0:
        timed_out(s, owner, t)


@compiled
def advance(s: State, until: float, rows: int, most: int) -> int:
    """Handle events up to a time, at most so many; the number handled.

    Equal times: replicas first, then timers, then arrivals. Under C_MANUAL it stops before each arrival.
    """
    done = 0
    while done < most:
        nxt = s.counters[C_NEXT]
        t_arrival = s.qf[nxt, ARRIVAL] if nxt < rows else np.inf
        t_timer = s.timer_when[s.timer_who[0]] if s.counters[C_TIMERS] > 0 else np.inf
        r = s.winners[1]
        t_replica = s.rf[r, X_NEXT]
        t = min(t_arrival, t_timer, t_replica)
        if t > until or np.isinf(t):
            break
        done += 1
        if t_replica <= t:
            s.scalars[S_NOW] = t
            boundary(s, r, t)
        elif t_timer <= t:
            s.scalars[S_NOW] = t
            on_timer(s, s.timer_who[0], t)
        else:
            if s.counters[C_MANUAL] == 1:
                done -= 1
                break
            s.scalars[S_NOW] = t
            arrive(s, nxt, t)
        if s.counters[C_FLIPPED] == 1:
            look_again(s, t)
    s.counters[C_EVENTS] += done
    return done


@compiled
def cancel(s: State, q: int, t: float) -> None:
    """The client calls a request off; one that has ended, or has not come yet, stays as it is."""
    status = s.qi[q, STATUS]
    if status == WAITING:
        from_queue(s, q, t)
        forfeit(s, q)
        finalise(s, q, CANCELLED, t)
    elif status == RUNNING:
        mark(s, q, t, GONE)
    elif status in (BACKOFF, TRANSFER, HANDED_ON):
        forfeit(s, q)
        finalise(s, q, CANCELLED, t)
    look_again(s, t)


@compiled
def turn_on(s: State, r: int, t: float, delay: float) -> None:
    """A replica begins to start; it serves after the delay."""
    s.ri[r, R_STATE] = STARTING
    s.rf[r, X_SINCE] = t
    if delay > 0.0:
        set_timer(s, s.counters[C_CAPACITY] + r, t + delay)
    else:
        s.ri[r, R_STATE] = UP
        s.pi[s.ri[r, R_POOL], P_UP] += 1
        start(s, r, t)


@compiled
def drain(s: State, r: int, t: float) -> None:
    """A replica takes nothing new and goes off when its last request is done."""
    if s.ri[r, R_STATE] == STARTING:
        drop_timer(s, s.counters[C_CAPACITY] + r)
        switch_off(s, r, OFF, t)
    elif s.ri[r, R_STATE] == UP:
        s.pi[s.ri[r, R_POOL], P_UP] -= 1
        s.ri[r, R_STATE] = DRAINING
        send_back(s, r, t)
        if s.ri[r, R_BATCH] + s.ri[r, R_PREFILLING] == 0:
            switch_off(s, r, OFF, t)
    look_again(s, t)


@compiled
def active(s: State, p: int) -> int:
    """Replicas of a pool that serve or are starting."""
    n = 0
    for r in range(s.pi[p, P_FIRST], s.pi[p, P_FIRST] + s.pi[p, P_COUNT]):
        if s.ri[r, R_STATE] == UP or s.ri[r, R_STATE] == STARTING:
            n += 1
    return n


@compiled
def scale(s: State, p: int, wanted: int, t: float) -> None:
    """Bring a pool to so many replicas: start those that are off, drain those with the least to do."""
    s.pi[p, P_WANTED] = wanted
    first, last = s.pi[p, P_FIRST], s.pi[p, P_FIRST] + s.pi[p, P_COUNT]
    n = active(s, p)
    for r in range(first, last):  # one that drains is at hand at once
        if n < wanted and s.ri[r, R_STATE] == DRAINING and s.ri[r, R_DOWN] == 0:
            s.ri[r, R_STATE] = UP
            s.pi[p, P_UP] += 1
            n += 1
    for r in range(first, last):
        if n < wanted and s.ri[r, R_STATE] == OFF and s.ri[r, R_DOWN] == 0:
            turn_on(s, r, t, s.pf[p, F_COLD_START])
            n += 1
    while n > wanted:
        best, best_load = -1, 1 << 60
        for r in range(first, last):
            if s.ri[r, R_STATE] == STARTING:
                best, best_load = r, -1
            elif s.ri[r, R_STATE] == UP and occupied(s, r) < best_load:
                best, best_load = r, occupied(s, r)
        if best < 0:
            break
        drain(s, best, t)
        n -= 1
    look_again(s, t)


@compiled
def fall(s: State, r: int, t: float) -> None:
    """An outage reaches a replica. Outages count: it stays down until the last of them is over."""
    s.ri[r, R_DOWN] += 1
    state = s.ri[r, R_STATE]
    if state == STARTING:
        drop_timer(s, s.counters[C_CAPACITY] + r)
    if state != DOWN:
        switch_off(s, r, DOWN, t)
        evacuate(s, r, t)
    look_again(s, t)


@compiled
def rise(s: State, r: int, t: float) -> None:
    """An outage of a replica is over: it starts again where it is wanted."""
    if s.ri[r, R_DOWN] == 0:
        return
    s.ri[r, R_DOWN] -= 1
    p = s.ri[r, R_POOL]
    if s.ri[r, R_DOWN] == 0 and s.ri[r, R_STATE] == DOWN:
        s.ri[r, R_STATE] = OFF
        s.rf[r, X_SINCE] = t
        if active(s, p) < s.pi[p, P_WANTED]:
            turn_on(s, r, t, s.pf[p, F_COLD_START])
    look_again(s, t)


@compiled
def slow_down(s: State, p: int, decode: float, prefill: float, t: float) -> None:
    """A power cap, or its end: iterations of a pool take so many times as long from their next boundary on."""
    for r in range(s.pi[p, P_FIRST], s.pi[p, P_FIRST] + s.pi[p, P_COUNT]):
        cut_short(s, r, t)
    s.pf[p, F_SLOW_DECODE] = decode
    s.pf[p, F_SLOW_PREFILL] = prefill


@compiled
def close(s: State, t: float) -> None:
    """Bring all sums up to a time."""
    count_in(s, 0, t)
    for r in range(s.counters[C_REPLICAS]):
        if s.ri[r, R_STATE] == UP or s.ri[r, R_STATE] == STARTING or s.ri[r, R_STATE] == DRAINING:
            add_span(s, s.ri[r, R_POOL], W_UP_S, s.rf[r, X_SINCE], t, 1.0)
            s.rf[r, X_SINCE] = t


@compiled
def arrive_at(s: State, q: int, r: int) -> None:
    """A new request whose replica a caller has chosen; one that cannot take it leaves the choice to the policy."""
    t = s.qf[q, ARRIVAL]
    if r < 0 or s.ri[r, R_STATE] != UP or need(s, q) > s.pi[s.ri[r, R_POOL], P_MEMORY]:
        arrive(s, q, t)
        look_again(s, t)
        return
    s.scalars[S_NOW] = t
    s.counters[C_NEXT] = q + 1
    s.counters[C_ARRIVED] += 1
    s.qf[q, BEGAN] = t
    count_in(s, 1, t)
    if not lets_in(s, q, t):
        fail_attempt(s, q, t, REJECTED)
        return
    timeout = s.tf[s.qi[q, TENANT], N_TIMEOUT]
    if not np.isinf(timeout):
        set_timer(s, q, t + timeout)
    enqueue_at(s, q, r, t)
    look_again(s, t)

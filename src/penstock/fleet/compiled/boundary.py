"""What happens when a replica's plan is done: prompts finished, answers complete, requests taken out."""

from __future__ import annotations

from penstock.fleet.compiled.columns import (
    ATTEMPT,
    C_BREAKS,
    C_ERRORS,
    C_ESCALATED,
    C_ITERATIONS,
    C_MADE,
    C_PREFILLED,
    C_REPLICAS,
    CACHED,
    CANCELLED,
    CASCADE,
    DECODE,
    DONE,
    DOWN,
    DRAINING,
    EMITTED,
    ENDS,
    ERRORS,
    F_ERROR,
    F_OPEN_S,
    F_QUALITY,
    F_TRANSFER,
    FAILED,
    FIRST,
    G_COUNT,
    G_POLICY,
    GONE,
    GROUP,
    HANDED_ON,
    IDLE,
    LATE,
    MARKED,
    N_IN,
    N_OUT,
    NEXT,
    OFF,
    ORPHAN,
    P_BREAKER,
    P_CACHE,
    P_FAIR,
    P_MIXED,
    P_ROLE,
    P_UP,
    POOL,
    PREFILL,
    PREFILL_ONLY,
    R_BATCH,
    R_CONTEXT,
    R_COUNTER,
    R_KIND,
    R_MARKED,
    R_POOL,
    R_PREFILLING,
    R_RESERVED,
    R_STATE,
    R_STEPS,
    R_STRIKES,
    REPLICA,
    S_SEED,
    SERVED,
    STAGE,
    STATUS,
    TAKE,
    TENANT,
    TIMED_OUT,
    TRANSFER,
    U_CACHED,
    U_IN,
    U_OUT,
    U_REQUESTS,
    UP,
    W_BATCH_S,
    W_DECODE_S,
    W_PREFILL_S,
    W_UP_S,
    X_BEGAN,
    X_ERROR,
    X_NEXT,
    X_OPEN_UNTIL,
    X_SINCE,
    X_SLOW,
    State,
)
from penstock.fleet.compiled.compiler import compiled, inlined
from penstock.fleet.compiled.iteration import decode_seconds, iterations_until
from penstock.fleet.compiled.lists import place, set_timer, uniform, unlink
from penstock.fleet.compiled.outcome import add_span, fail_attempt, finalise, forfeit, leave_pool
from penstock.fleet.compiled.pools import send_back
from penstock.fleet.compiled.replica import join_decode, progress, remove_end, start
from penstock.fleet.compiled.sharing import hold, need


@compiled
def deliver(s: State, q: int) -> None:
    """Count what a complete answer used: the figures that are billed."""
    qi = s.qi
    tenant, p = qi[q, TENANT], qi[q, POOL]
    s.usage[tenant, p, U_REQUESTS] += 1
    s.usage[tenant, p, U_IN] += qi[q, N_IN]
    s.usage[tenant, p, U_CACHED] += qi[q, CACHED]
    s.usage[tenant, p, U_OUT] += qi[q, N_OUT]


@compiled
def complete(s: State, q: int, r: int, t: float) -> None:
    """The answer is made and its memory free: served, failed by chance, or handed to a larger model."""
    qi = s.qi
    p = s.ri[r, R_POOL]
    qi[q, EMITTED] = qi[q, N_OUT]
    leave_pool(s, q, t)
    if qi[q, MARKED] == ORPHAN:
        forfeit(s, q)
        finalise(s, q, TIMED_OUT, t)
        return
    risk = s.pf[p, F_ERROR] + s.rf[r, X_ERROR]
    if risk > 0.0 and uniform(s.scalars[S_SEED], q, 5003 + 64 * qi[q, STAGE] + qi[q, ATTEMPT]) < risk:
        s.counters[C_ERRORS] += 1
        qi[q, ERRORS] += 1
        s.ri[r, R_STRIKES] += 1
        if s.pi[p, P_BREAKER] > 0 and s.ri[r, R_STRIKES] >= s.pi[p, P_BREAKER]:
            s.rf[r, X_OPEN_UNTIL] = t + s.pf[p, F_OPEN_S]
            s.ri[r, R_STRIKES] = 0
            s.counters[C_BREAKS] += 1
        forfeit(s, q)
        fail_attempt(s, q, t, FAILED)
        return
    s.ri[r, R_STRIKES] = 0
    deliver(s, q)
    g = qi[q, GROUP]
    cascades = s.groups[g, G_POLICY] == CASCADE and qi[q, STAGE] < s.groups[g, G_COUNT] - 1
    # the request is as hard as its own draw says; a small model answers what is easier than its quality
    if cascades and uniform(s.scalars[S_SEED], q, 9001) >= s.pf[p, F_QUALITY]:
        # both models are used, both are billed; the next starts afresh, by a timer that runs out at once
        s.counters[C_ESCALATED] += 1
        qi[q, STAGE] += 1
        qi[q, EMITTED] = 0
        qi[q, DONE] = 0
        qi[q, CACHED] = 0
        qi[q, STATUS] = HANDED_ON
        set_timer(s, q, t)
        return
    finalise(s, q, SERVED, t)


@inlined
def release(s: State, q: int, r: int) -> None:
    """Give back the memory of a request that runs on a replica."""
    s.ri[r, R_RESERVED] -= need(s, q)
    hold(s, r, q, -1)


@compiled
def end_of_prompt(s: State, q: int, r: int, t: float) -> None:
    """The prompt is done and with it the first token."""
    qi = s.qi
    p = s.ri[r, R_POOL]
    unlink(s, q)
    s.ri[r, R_PREFILLING] -= 1
    qi[q, EMITTED] = 1
    s.counters[C_MADE] += 1
    s.qf[q, FIRST] = t
    if qi[q, N_OUT] == 1:
        release(s, q, r)
        complete(s, q, r, t)
    elif s.pi[p, P_ROLE] == PREFILL_ONLY:
        release(s, q, r)
        leave_pool(s, q, t)
        qi[q, STATUS] = TRANSFER
        qi[q, REPLICA] = -1
        set_timer(s, q, t + s.pf[p, F_TRANSFER] * qi[q, N_IN])
    else:
        join_decode(s, r, q)


@compiled
def after_prefill(s: State, r: int, t: float) -> None:
    """Account for an iteration that processed prompts."""
    ri, qi = s.ri, s.qi
    if s.pi[ri[r, R_POOL], P_MIXED] == 1 and ri[r, R_BATCH] > 0:
        progress(s, r, 1)
    else:
        s.counters[C_ITERATIONS] += 1
    q = s.lists[s.counters[C_REPLICAS] + r, 0]
    fair = s.pi[ri[r, R_POOL], P_FAIR] == 1  # there, those that were left out may stand before others
    while q >= 0 and (fair or qi[q, TAKE] > 0):
        following = qi[q, NEXT]
        if qi[q, TAKE] == 0:
            q = following
            continue
        qi[q, DONE] += qi[q, TAKE]
        s.counters[C_PREFILLED] += qi[q, TAKE]
        qi[q, TAKE] = 0
        if qi[q, DONE] >= qi[q, N_IN]:
            end_of_prompt(s, q, r, t)
        q = following


@compiled
def settle(s: State, q: int, t: float, mark: int) -> None:
    """End of a request that was taken out of its replica."""
    forfeit(s, q)
    leave_pool(s, q, t)
    if mark == LATE:
        fail_attempt(s, q, t, TIMED_OUT)
    else:
        finalise(s, q, CANCELLED, t)


@compiled
def take_out_marked(s: State, r: int, t: float) -> None:
    """Remove requests that were cancelled or timed out since the last boundary."""
    ri, qi = s.ri, s.qi
    ri[r, R_MARKED] = 0
    at = 0
    while at < ri[r, R_BATCH]:
        q = s.heap_who[r, at]
        mark = qi[q, MARKED]
        if mark in (GONE, LATE):
            qi[q, EMITTED] = qi[q, N_OUT] - (qi[q, ENDS] - ri[r, R_COUNTER])
            ri[r, R_CONTEXT] -= qi[q, N_IN] + qi[q, EMITTED]
            remove_end(s, r, at)
            release(s, q, r)
            settle(s, q, t, mark)
            at = 0
        else:
            at += 1
    q = s.lists[s.counters[C_REPLICAS] + r, 0]
    while q >= 0:
        following = qi[q, NEXT]
        mark = qi[q, MARKED]
        if mark in (GONE, LATE):
            unlink(s, q)
            ri[r, R_PREFILLING] -= 1
            release(s, q, r)
            settle(s, q, t, mark)
        q = following


@compiled
def account(s: State, r: int, t: float) -> None:
    """Add the time since the last boundary to the sums of its windows."""
    ri = s.ri
    p, began = ri[r, R_POOL], s.rf[r, X_BEGAN]
    if ri[r, R_KIND] == PREFILL:
        add_span(s, p, W_PREFILL_S, began, t, 1.0)
    else:
        add_span(s, p, W_DECODE_S, began, t, 1.0)
    add_span(s, p, W_BATCH_S, began, t, float(ri[r, R_BATCH] + ri[r, R_PREFILLING]))


@compiled
def boundary(s: State, r: int, t: float) -> None:
    """The plan of replica r is done: account for it and start the next."""
    ri = s.ri
    account(s, r, t)
    if ri[r, R_KIND] == DECODE:
        progress(s, r, ri[r, R_STEPS])
    else:
        after_prefill(s, r, t)
    ri[r, R_KIND] = IDLE
    # a boundary that hands work on must not be started from within
    s.rf[r, X_BEGAN] = t
    if ri[r, R_MARKED] > 0:
        take_out_marked(s, r, t)
    while ri[r, R_BATCH] > 0 and s.heap_ends[r, 0] <= ri[r, R_COUNTER]:
        q = s.heap_who[r, 0]
        ri[r, R_CONTEXT] -= s.qi[q, N_IN] + s.qi[q, N_OUT]
        remove_end(s, r, 0)
        release(s, q, r)
        complete(s, q, r, t)
    if ri[r, R_STATE] == DRAINING and ri[r, R_BATCH] + ri[r, R_PREFILLING] == 0:
        switch_off(s, r, OFF, t)
    start(s, r, t)


@compiled
def switch_off(s: State, r: int, state: int, t: float) -> None:
    """A replica leaves the state in which it costs and serves."""
    p = s.ri[r, R_POOL]
    if s.ri[r, R_STATE] != OFF and s.ri[r, R_STATE] != DOWN:
        add_span(s, p, W_UP_S, s.rf[r, X_SINCE], t, 1.0)
    if s.ri[r, R_STATE] == UP:
        s.pi[p, P_UP] -= 1
    s.ri[r, R_STATE] = state
    s.rf[r, X_SINCE] = t


@compiled
def evacuate(s: State, r: int, t: float) -> None:
    """A replica is lost: what it had finished by now counts, its requests fail, those who wait go elsewhere."""
    ri, qi = s.ri, s.qi
    p = ri[r, R_POOL]
    if ri[r, R_KIND] != IDLE:
        account(s, r, t)
    if ri[r, R_KIND] == DECODE:
        gone = (t - s.rf[r, X_BEGAN]) / s.rf[r, X_SLOW]
        n = iterations_until(s, p, ri[r, R_BATCH], ri[r, R_CONTEXT], ri[r, R_STEPS], gone)
        if decode_seconds(s, p, ri[r, R_BATCH], ri[r, R_CONTEXT], n) > gone:
            n -= 1
        progress(s, r, n)
    ri[r, R_KIND] = IDLE
    s.rf[r, X_NEXT] = float("inf")
    place(s, r)
    while ri[r, R_BATCH] > 0:
        q = s.heap_who[r, 0]
        qi[q, EMITTED] = qi[q, N_OUT] - (qi[q, ENDS] - ri[r, R_COUNTER])
        remove_end(s, r, 0)
        _lose(s, q, r, t)
    while s.lists[s.counters[C_REPLICAS] + r, 2] > 0:
        q = s.lists[s.counters[C_REPLICAS] + r, 0]
        unlink(s, q)
        ri[r, R_PREFILLING] -= 1
        _lose(s, q, r, t)
    ri[r, R_CONTEXT] = 0
    ri[r, R_MARKED] = 0
    for line in range(s.pi[p, P_CACHE]):
        s.cache[r, line] = -1
    send_back(s, r, t)


@compiled
def _lose(s: State, q: int, r: int, t: float) -> None:
    release(s, q, r)
    mark = s.qi[q, MARKED]
    leave_pool(s, q, t)
    forfeit(s, q)
    if mark == GONE:
        finalise(s, q, CANCELLED, t)
    elif mark == ORPHAN:
        finalise(s, q, TIMED_OUT, t)
    elif mark == LATE:
        fail_attempt(s, q, t, TIMED_OUT)
    else:
        s.qi[q, ERRORS] += 1
        fail_attempt(s, q, t, FAILED)

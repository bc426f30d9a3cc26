"""From a request to a place: which pool, which replica, or the gateway."""

from __future__ import annotations

import numpy as np

from penstock.fleet.compiled.columns import (
    ATTEMPT,
    C_FLIPPED,
    C_MOVED,
    C_POOLS,
    C_REPLICAS,
    C_TENANTS,
    CASCADE,
    DECODE,
    ENTERED,
    F_LATENCY,
    F_MAX_WAIT,
    F_PRICE,
    F_QUALITY,
    F_WAIT_ESTIMATE,
    FAILOVER,
    G_COUNT,
    G_FIRST,
    G_POLICY,
    GRANTED,
    GROUP,
    IDLE,
    LEAST_LOAD,
    LIST,
    M_BACKFILL,
    N_IN,
    N_OUT,
    N_WEIGHT,
    NEXT,
    P_CENTRAL,
    P_COUNT,
    P_FAIR,
    P_FIRST,
    P_FLIPPED,
    P_LOAD,
    P_MEMORY,
    P_OVERS,
    P_QUEUE_LIMIT,
    P_QUEUED,
    P_ROUTER,
    P_SLOTS,
    P_TURN,
    P_UP,
    POOL,
    POWER_OF_TWO,
    PREFIX,
    R_BATCH,
    R_KIND,
    R_POOL,
    R_PREFILLING,
    R_PROMISED,
    R_RESERVED,
    R_STATE,
    RANDOM,
    REPLICA,
    ROUND_ROBIN,
    S_SEED,
    S_W_LATENCY,
    S_W_QUALITY,
    SCORE,
    STAGE,
    STATUS,
    TENANT,
    UP,
    V_CREDIT,
    WAITING,
    X_OPEN_UNTIL,
    State,
)
from penstock.fleet.compiled.compiler import compiled, inlined
from penstock.fleet.compiled.lists import append, uniform, unlink
from penstock.fleet.compiled.replica import (
    charge,
    cut_short,
    first_in_line,
    gateway,
    has_room,
    next_of,
    nudge,
    occupied,
    shed,
    start,
)
from penstock.fleet.compiled.sharing import crowd, enter, hold, need
from penstock.fleet.compiled.usual import affords, behind, give_back, grant, large, last, over

MOST_OVER_MEAN = 1.25
"""Cache affinity gives way where a replica's load is above this many times the mean (bounded loads, Mirrokni et al.,
SODA 2018)."""


@inlined
def usable(s: State, r: int, t: float) -> bool:
    """Whether a router may choose a replica: up, its breaker closed."""
    return s.ri[r, R_STATE] == UP and s.rf[r, X_OPEN_UNTIL] <= t


@compiled
def least_loaded(s: State, p: int, t: float, q: int, only_room: bool) -> int:
    """The replica with the fewest requests, the first of equals after a turning start; -1 for none.

    Those of tenants over their share do not count: they take what is left, and others are not to crowd elsewhere.
    """
    first, count = s.pi[p, P_FIRST], s.pi[p, P_COUNT]
    best, best_load = -1, 1 << 60
    turn = s.pi[p, P_TURN] % count
    for k in range(count):
        r = first + (turn + k) % count
        if usable(s, r, t):
            load = occupied(s, r) - crowd(s, r)
            if load < best_load and (not only_room or has_room(s, r, q)):
                best, best_load = r, load
    return best


@compiled
def nth_usable(s: State, p: int, n: int, t: float) -> int:
    """The nth usable replica of a pool, counted round; -1 for none."""
    first, count = s.pi[p, P_FIRST], s.pi[p, P_COUNT]
    for k in range(count):
        r = first + (n + k) % count
        if usable(s, r, t):
            return r
    return -1


@compiled
def choose_replica(s: State, p: int, q: int, t: float) -> int:
    """The replica that the pool's router names; -1 where none is usable."""
    pi = s.pi
    router, count = pi[p, P_ROUTER], pi[p, P_COUNT]
    if router == ROUND_ROBIN:
        r = nth_usable(s, p, pi[p, P_TURN] % count, t)
        if r >= 0:
            pi[p, P_TURN] = r - pi[p, P_FIRST] + 1
        return r
    if router == LEAST_LOAD:
        pi[p, P_TURN] += 1
        return least_loaded(s, p, t, q, False)
    seed, attempt = s.scalars[S_SEED], s.qi[q, ATTEMPT]
    if router == RANDOM:
        return nth_usable(s, p, int(count * uniform(seed, q, 101 + attempt)), t)
    if router == POWER_OF_TWO:
        a = nth_usable(s, p, int(count * uniform(seed, q, 101 + attempt)), t)
        b = nth_usable(s, p, int(count * uniform(seed, q, 211 + attempt)), t)
        return a if a < 0 or occupied(s, a) - crowd(s, a) <= occupied(s, b) - crowd(s, b) else b
    if s.qi[q, PREFIX] >= 0:
        home = nth_usable(s, p, int(count * uniform(0, s.qi[q, PREFIX], 307)), t)
        if home >= 0 and occupied(s, home) <= MOST_OVER_MEAN * pi[p, P_LOAD] / max(pi[p, P_UP], 1) + 1.0:
            return home
    pi[p, P_TURN] += 1
    return least_loaded(s, p, t, q, False)


@compiled
def with_room(s: State, p: int, q: int, t: float) -> int:
    """For a pool with a central queue: a replica that can start the request now; -1 for none."""
    if s.pi[p, P_ROUTER] == LEAST_LOAD or s.pi[p, P_ROUTER] == RANDOM:
        s.pi[p, P_TURN] += 1
        return least_loaded(s, p, t, q, True)
    r = choose_replica(s, p, q, t)
    if r >= 0 and has_room(s, r, q):
        return r
    return least_loaded(s, p, t, q, True)


@compiled
def wait_at(s: State, r: int, q: int, t: float) -> None:
    """Queue a request at a replica and let the replica start it as soon as it can."""
    ri = s.ri
    startable = s.lists[r, 2] == 0
    append(s, r, q)
    ri[r, R_PROMISED] += need(s, q)
    hold(s, r, q, 1)
    s.qi[q, REPLICA] = r
    if ri[r, R_KIND] == IDLE:
        start(s, r, t)
    elif startable and ri[r, R_KIND] == DECODE:
        p = s.qi[q, POOL]
        fits = ri[r, R_RESERVED] + need(s, q) <= s.pi[p, P_MEMORY]
        if fits and ri[r, R_BATCH] + ri[r, R_PREFILLING] < s.pi[p, P_SLOTS]:
            cut_short(s, r, t)


@compiled
def wait_at_gateway(s: State, p: int, q: int) -> None:
    """Queue a request at the pool, in the line of its tenant."""
    append(s, gateway(s, p, s.qi[q, TENANT]), q)
    s.pi[p, P_QUEUED] += 1


@compiled
def make_way(s: State, p: int, q: int, t: float) -> bool:
    """At a full queue of a fair pool the last of the longest line, by weight, is shed for a shorter one."""
    tenant = s.qi[q, TENANT]
    if s.pi[p, P_FAIR] == 0:
        return False
    longest, most = -1, (s.lists[gateway(s, p, tenant), 2] + 1) / s.tf[tenant, N_WEIGHT]
    for other in range(s.counters[C_TENANTS]):
        line = s.lists[gateway(s, p, other), 2] / s.tf[other, N_WEIGHT]
        if line > most:
            longest, most = other, line
    if longest < 0:
        return False
    last = s.lists[gateway(s, p, longest), 1]
    unlink(s, last)
    s.pi[p, P_QUEUED] -= 1
    shed(s, last, t)
    return True


@compiled
def work_on_credit(s: State, p: int, tenant: int) -> None:
    """A large prompt of a tenant over its share goes on as if a usual one came now, where least is done."""
    best, best_load = -1, 1 << 60
    for r in range(s.pi[p, P_FIRST], s.pi[p, P_FIRST] + s.pi[p, P_COUNT]):
        load = occupied(s, r) - crowd(s, r)
        q = s.lists[s.counters[C_REPLICAS] + r, 0]
        while q >= 0 and load < best_load:
            if s.qi[q, TENANT] == tenant and s.qi[q, GRANTED] == 0 and behind(s, p, q) and large(s, p, q):
                best, best_load = q, load
            q = s.qi[q, NEXT]
    if best >= 0:
        line = s.qi[best, LIST]
        unlink(s, best)
        append(s, line, best)
        grant(s, p, best)


@compiled
def start_on_credit(s: State, p: int, t: float) -> None:
    """First in the lines of tenants over their share: what their credit pays for starts as if it came now."""
    for tenant in range(s.counters[C_TENANTS]):
        line = gateway(s, p, tenant)
        while over(s, p, tenant) and s.lists[line, 2] > 0:
            q = next_of(s, p, tenant)
            if not affords(s, p, q):
                break
            r = with_room(s, p, q, t) if first_in_line(s, p, -1, False) == q else -1
            if r < 0:
                break
            unlink(s, q)
            s.pi[p, P_QUEUED] -= 1
            if t - s.qf[q, ENTERED] > s.pf[p, F_MAX_WAIT]:
                shed(s, q, t)
            else:
                charge(s, p, q)
                wait_at(s, r, q, t)
        if over(s, p, tenant) and s.standing[p, tenant, V_CREDIT] > 0.0:
            work_on_credit(s, p, tenant)


@compiled
def enqueue(s: State, q: int, p: int, t: float) -> None:
    """Bring a request to a pool."""
    qi, pi = s.qi, s.pi
    qi[q, STATUS] = WAITING
    qi[q, POOL] = p
    qi[q, REPLICA] = -1
    s.qf[q, ENTERED] = t
    pi[p, P_LOAD] += 1
    enter(s, p, q, t)
    tenant = qi[q, TENANT]
    if pi[p, P_CENTRAL] == 1 or s.ti[tenant, M_BACKFILL] == 1:
        # nobody overtakes: only who would be first in line may go straight to a replica
        clear = pi[p, P_QUEUED] == 0 or first_in_line(s, p, -1, False) < 0
        if last(s, p, q) and s.lists[gateway(s, p, tenant), 2] > 0:
            clear = False
        r = with_room(s, p, q, t) if clear else -1
        if r >= 0:
            charge(s, p, q)
    else:
        r = choose_replica(s, p, q, t)
    if r >= 0:
        if s.pi[p, P_QUEUE_LIMIT] >= 0 and pi[p, P_CENTRAL] == 0:
            full = s.lists[r, 2] >= pi[p, P_QUEUE_LIMIT]
            if full and occupied(s, r) >= pi[p, P_SLOTS]:
                shed(s, q, t)
                return
        wait_at(s, r, q, t)
    elif pi[p, P_QUEUE_LIMIT] >= 0 and pi[p, P_QUEUED] >= pi[p, P_QUEUE_LIMIT] and not make_way(s, p, q, t):
        shed(s, q, t)
    else:
        wait_at_gateway(s, p, q)
        ahead = s.lists[gateway(s, p, tenant), 2] == 1 or (over(s, p, tenant) and affords(s, p, q))
        if s.pi[p, P_QUEUED] > 1 and ahead:
            nudge(s, p, t)


@compiled
def enqueue_at(s: State, q: int, r: int, t: float) -> None:
    """Bring a request to a replica of the caller's choice."""
    p = s.ri[r, R_POOL]
    s.qi[q, STATUS] = WAITING
    s.qi[q, POOL] = p
    s.qf[q, ENTERED] = t
    s.pi[p, P_LOAD] += 1
    enter(s, p, q, t)
    wait_at(s, r, q, t)


@compiled
def choose_pool(s: State, q: int, t: float) -> int:
    """The pool that serves a request: by the policy of the model asked for; -1 where it fits into none."""
    qi, groups = s.qi, s.groups
    g = qi[q, GROUP]
    policy, count = groups[g, G_POLICY], groups[g, G_COUNT]
    size = need(s, q)
    best, best_score = -1, np.inf
    begin = min(qi[q, STAGE], count - 1) if policy == CASCADE else 0
    for k in range(begin, count):
        p = groups[g, G_FIRST + k]
        if size > s.pi[p, P_MEMORY]:
            continue
        if policy in (FAILOVER, CASCADE):
            score = 0.0 if s.pi[p, P_UP] > 0 else 1.0
        elif policy == SCORE:
            score = s.pf[p, F_PRICE] * (qi[q, N_IN] + qi[q, N_OUT]) * 1e-6
            score += s.scalars[S_W_LATENCY] * (s.pf[p, F_LATENCY] + s.pf[p, F_WAIT_ESTIMATE])
            score += s.scalars[S_W_QUALITY] * (1.0 - s.pf[p, F_QUALITY])
            score += 0.0 if s.pi[p, P_UP] > 0 else 1e9
        else:
            score = s.pi[p, P_LOAD] / s.pi[p, P_UP] if s.pi[p, P_UP] > 0 else 1e9
        if score < best_score:
            best, best_score = p, score
    return best


@compiled
def wake(s: State, p: int, t: float) -> None:
    """Let idle replicas of a pool look at the gateway."""
    for r in range(s.pi[p, P_FIRST], s.pi[p, P_FIRST] + s.pi[p, P_COUNT]):
        if s.pi[p, P_QUEUED] == 0:
            return
        if s.ri[r, R_STATE] == UP and s.ri[r, R_KIND] == IDLE:
            start(s, r, t)


@compiled
def send_back(s: State, r: int, t: float) -> None:
    """Requests that wait at a replica which takes no more return to the pool's gateway."""
    p = s.ri[r, R_POOL]
    while s.lists[r, 2] > 0:
        q = s.lists[r, 0]
        unlink(s, q)
        s.ri[r, R_PROMISED] -= need(s, q)
        hold(s, r, q, -1)
        give_back(s, q)
        s.qi[q, REPLICA] = -1
        wait_at_gateway(s, p, q)
        s.counters[C_MOVED] += 1
    wake(s, p, t)
    nudge(s, p, t)


@compiled
def look_again(s: State, t: float) -> None:
    """Where it has changed who may start, idle replicas look at once and the others at their next boundary."""
    while s.counters[C_FLIPPED] == 1:
        s.counters[C_FLIPPED] = 0
        for p in range(s.counters[C_POOLS]):
            if s.pi[p, P_FLIPPED] == 1:
                s.pi[p, P_FLIPPED] = 0
                if s.pi[p, P_OVERS] > 0:
                    start_on_credit(s, p, t)
                if s.pi[p, P_QUEUED] > 0:
                    wake(s, p, t)
                    nudge(s, p, t)

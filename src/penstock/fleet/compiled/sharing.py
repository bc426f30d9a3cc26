"""Fairness within the batch: who takes more than a share of a pool, and how much the others may feel of it.

Fair queueing decides who starts next. It does not keep a tenant with a backlog from filling slots and memory, nor
from lengthening every iteration that the others take part in: a batch is shared at once, not in turns. So tenants of a
fair pool are held to more.

What a tenant *wants* is the largest of three shares of its pool: of slots, of memory (requests that wait are counted),
and of time, by a bucket into which the work of each call is poured when it comes and which leaks at the tenant's
share. A tenant is *over* when it wants more than its share by weight among the tenants that were there in the
last minute, and more than twice as much per weight as at least half of the others, who have no backlog; until it wants
less than a tenth of that. So where most want much, nobody is over: then the pool is too small, and turns alone decide.

Tenants that are over come last. Together they may lengthen an iteration of the others by a small share only
(`fair_stretch`), half of it by prompts, half by answers and their memory; they leave an eighth of slots and memory free
and keep to half of the replicas.
A tenant of which nothing runs may start one request, however large.

Everything here changes at arrivals and ends only, so that skipping ahead over iterations stays exact.
"""

from __future__ import annotations

from penstock.fleet.compiled.columns import (
    ATTEMPT,
    C_FLIPPED,
    C_TENANTS,
    F_ACTIVE,
    F_PER_REQUEST,
    F_PER_TOKEN,
    F_SLACK,
    GRANTED,
    H_INSIDE,
    H_INSIDE_TOKENS,
    H_REQUESTS,
    H_TOKENS,
    INSIDE,
    M_BACKFILL,
    N_IN,
    N_OUT,
    N_WEIGHT,
    P_COUNT,
    P_FAIR,
    P_FIRST,
    P_FLIPPED,
    P_MEMORY,
    P_OVERS,
    P_SLOTS,
    P_UP,
    R_POOL,
    TENANT,
    V_INSIDE,
    V_LAST,
    V_LEAKED,
    V_NOTED,
    V_OVER,
    V_REQUESTS,
    V_RUNNING,
    V_SEEN,
    V_THERE,
    V_TOKENS,
    V_USED,
    V_WANTS,
    V_WORK,
    State,
)
from penstock.fleet.compiled.compiler import compiled, inlined
from penstock.fleet.compiled.usual import earn, goes_over, known, last, note, over, rate, unpaid, work_seconds

REMEMBERED_S = 60.0
"""A tenant counts as there for so long after its last request; assumption, 10 to 600."""
AHEAD_S = 5.0
"""Seconds of its share of the pool's time by which a tenant may be ahead; assumption, 2 to 30."""
BACKLOG = 2.0
"""A tenant that wants so many times its share has a backlog; assumption, 1.5 to 4."""
RELEASED = 0.1
"""Part of its share below which a tenant that was over no longer is; assumption, 0.05 to 0.5."""
MOST_AHEAD = 12.0
"""Times that at most, of the whole pool: what came longer ago is forgotten; assumption, 2 to 20."""
EASED = 0.5
"""What is held of slots and memory counts for so much: it varies more than work does; assumption, 0.3 to 1."""
RETRIED = 10.0
"""First attempts for which a retry counts, of which clients that behave send a tenth; assumption, 3 to 20."""
GROWN = 1.5
"""A tenant may want so many times what is usual for it; assumption, 1.2 to 3."""
KEPT_FREE = 0.125
"""Share of slots and memory of a replica that tenants over their share leave free; assumption, 0.05 to 0.3."""


@inlined
def need(s: State, q: int) -> int:
    """Tokens of key-value memory that a request fills at its end."""
    return s.qi[q, N_IN] + s.qi[q, N_OUT]


@compiled
def flip(s: State, p: int) -> None:
    """Who may start has changed: the loop lets the pool's replicas look again after this event."""
    s.pi[p, P_FLIPPED] = 1
    s.counters[C_FLIPPED] = 1


@compiled
def leak(s: State, p: int, tenant: int, t: float) -> None:
    """The tenant's bucket of work leaks at what it may take of the pool's time."""
    v = s.standing
    pace = allowed(s, p, tenant) * max(s.pi[p, P_UP], 1)
    v[p, tenant, V_WORK] = max(v[p, tenant, V_WORK] - pace * (t - v[p, tenant, V_LEAKED]), 0.0)
    v[p, tenant, V_LEAKED] = t


@inlined
def share_of(s: State, p: int, tenant: int) -> float:
    """A tenant's share by weight among those that were there lately."""
    return s.tf[tenant, N_WEIGHT] / max(s.pf[p, F_ACTIVE], s.tf[tenant, N_WEIGHT])


@compiled
def allowed(s: State, p: int, tenant: int) -> float:
    """What a tenant may want: its share, or somewhat more than usual up to half of the pool."""
    if not known(s, p, tenant):
        return share_of(s, p, tenant)
    usual = GROWN * rate(s, p, tenant) / max(s.pi[p, P_UP], 1)
    return max(share_of(s, p, tenant), min(usual, 0.5))


@compiled
def dominates(s: State, p: int, tenant: int) -> bool:
    """Whether a tenant wants more than twice as much per weight as others that have half of their weight together.

    Others with a backlog of their own do not count: among those the turns of fair queueing share by weight.
    """
    v, mine = s.standing, 0.5 * s.standing[p, tenant, V_WANTS] / s.tf[tenant, N_WEIGHT]
    below, all_others = 0.0, 0.0
    for other in range(s.counters[C_TENANTS]):
        weight = s.tf[other, N_WEIGHT]
        if other != tenant and v[p, other, V_THERE] > 0.0:
            all_others += weight
            no_backlog = v[p, other, V_WANTS] <= BACKLOG * share_of(s, p, other)
            if no_backlog and v[p, other, V_WANTS] / weight < mine:
                below += weight
    return below > 0.0 and below >= 0.5 * all_others


@compiled
def judge(s: State, p: int, tenant: int, t: float) -> None:
    """Set what a tenant wants and whether it is over its share."""
    v, up = s.standing, float(max(s.pi[p, P_UP], 1))
    leak(s, p, tenant, t)
    slots = v[p, tenant, V_REQUESTS] / (s.pi[p, P_SLOTS] * up)
    memory = v[p, tenant, V_TOKENS] / (s.pi[p, P_MEMORY] * up)
    v[p, tenant, V_WANTS] = max(EASED * max(slots, memory), v[p, tenant, V_WORK] / (AHEAD_S * up))
    was, share = v[p, tenant, V_OVER] > 0.0, allowed(s, p, tenant)
    found = s.ti[tenant, M_BACKFILL] == 0 and dominates(s, p, tenant)
    if was:
        share = max(RELEASED * share, rate(s, p, tenant) / up)
    found = found and v[p, tenant, V_WANTS] > share
    if found != was:
        v[p, tenant, V_OVER] = 1.0 if found else 0.0
        v[p, tenant, V_NOTED] = t
        if found:
            goes_over(s, p, tenant)
        s.pi[p, P_OVERS] += 1 if found else -1
        flip(s, p)


@compiled
def look_round(s: State, p: int, t: float) -> None:
    """Set which tenants are there, and their weight; those of plan batch have rules of their own and do not count."""
    v, total = s.standing, 0.0
    for tenant in range(s.counters[C_TENANTS]):
        there = v[p, tenant, V_REQUESTS] > 0.0 or t - v[p, tenant, V_LAST] <= REMEMBERED_S
        there = there and s.ti[tenant, M_BACKFILL] == 0
        v[p, tenant, V_THERE] = 1.0 if there else 0.0
        if there:
            total += s.tf[tenant, N_WEIGHT]
    s.pf[p, F_ACTIVE] = total


@compiled
def enter(s: State, p: int, q: int, t: float) -> None:
    """A request comes to a pool: its tenant is there, and may now be over."""
    s.qi[q, INSIDE] = 0
    s.qi[q, GRANTED] = 0
    if s.pi[p, P_FAIR] == 0:
        return
    v, tenant = s.standing, s.qi[q, TENANT]
    v[p, tenant, V_REQUESTS] += 1.0
    v[p, tenant, V_TOKENS] += need(s, q)
    v[p, tenant, V_LAST] = t
    look_round(s, p, t)
    leak(s, p, tenant, t)
    most = MOST_AHEAD * AHEAD_S * max(s.pi[p, P_UP], 1)
    work = work_seconds(s, p, q)
    if not over(s, p, tenant) or not known(s, p, tenant):
        note(s, p, q, work, t)
    if over(s, p, tenant):  # a new one that is over may learn no more than its share
        most_usual = share_of(s, p, tenant) * max(s.pi[p, P_UP], 1) * v[p, tenant, V_SEEN]
        v[p, tenant, V_USED] = min(v[p, tenant, V_USED], most_usual)
    if s.qi[q, ATTEMPT] > 0:
        v[p, tenant, V_WORK] = min(v[p, tenant, V_WORK] + RETRIED * work, most)
    elif known(s, p, tenant):
        v[p, tenant, V_WORK] = min(v[p, tenant, V_WORK] + work, most)
    judge(s, p, tenant, t)


@compiled
def leave(s: State, p: int, q: int, t: float) -> None:
    """A request leaves a pool."""
    if s.pi[p, P_FAIR] == 1:
        tenant = s.qi[q, TENANT]
        s.standing[p, tenant, V_REQUESTS] -= 1.0
        s.standing[p, tenant, V_TOKENS] -= need(s, q)
        look_round(s, p, t)
        judge(s, p, tenant, t)
        if s.pi[p, P_OVERS] > 0 and not over(s, p, tenant):
            earn(s, p, work_seconds(s, p, q))
            flip(s, p)


@compiled
def hold(s: State, r: int, q: int, change: int) -> None:
    """A request takes (1), or gives back (-1), its place on a replica."""
    p = s.ri[r, R_POOL]
    if s.pi[p, P_FAIR] == 1:
        tenant = s.qi[q, TENANT]
        s.held[r, tenant, H_REQUESTS] += change
        s.held[r, tenant, H_TOKENS] += change * need(s, q)
        s.standing[p, tenant, V_RUNNING] += change
        if s.qi[q, INSIDE] == 1:
            s.held[r, tenant, H_INSIDE] += change
            s.held[r, tenant, H_INSIDE_TOKENS] += change * need(s, q)
            s.standing[p, tenant, V_INSIDE] += change
        if over(s, p, tenant) and alone(s, p, tenant):
            flip(s, p)


@inlined
def alone(s: State, p: int, tenant: int) -> bool:
    """Whether nothing of a tenant runs but what started on credit."""
    return s.standing[p, tenant, V_RUNNING] == s.standing[p, tenant, V_INSIDE]


@compiled
def crowd(s: State, r: int) -> int:
    """Requests of tenants over their share on a replica."""
    p, found = s.ri[r, R_POOL], 0
    if s.pi[p, P_FAIR] == 1 and s.pi[p, P_OVERS] > 0:
        for tenant in range(s.counters[C_TENANTS]):
            if over(s, p, tenant):
                found += s.held[r, tenant, H_REQUESTS] - s.held[r, tenant, H_INSIDE]
    return found


@compiled
def room_for(s: State, r: int, q: int) -> bool:
    """Whether a replica may take a request without its tenant, and others over their share, troubling the rest."""
    p, tenant = s.ri[r, R_POOL], s.qi[q, TENANT]
    if s.pi[p, P_FAIR] == 0 or not last(s, p, q) or alone(s, p, tenant):
        return True
    if s.counters[C_TENANTS] == 1 or (unpaid(s, p, q) and crowd(s, r) == 0):
        return True
    # a replica that works on nothing else starts a newcomer at once: they keep to half of the replicas
    aside = 2 * (r - s.pi[p, P_FIRST]) >= s.pi[p, P_COUNT]
    if aside and 2 * s.pi[p, P_UP] > s.pi[p, P_COUNT]:
        return False
    requests, tokens = 1, need(s, q)
    for other in range(s.counters[C_TENANTS]):
        if over(s, p, other):
            requests += s.held[r, other, H_REQUESTS] - s.held[r, other, H_INSIDE]
            tokens += s.held[r, other, H_TOKENS] - s.held[r, other, H_INSIDE_TOKENS]
    if requests > max((1.0 - KEPT_FREE) * s.pi[p, P_SLOTS], 1.0) or tokens > (1.0 - KEPT_FREE) * s.pi[p, P_MEMORY]:
        return False
    felt = requests * s.pf[p, F_PER_REQUEST] + tokens * s.pf[p, F_PER_TOKEN]
    return felt <= s.pf[p, F_SLACK]


@compiled
def watched(s: State, r: int) -> bool:
    """Whether tenants within their share are at work on a replica, so that prompts of the others must hold back."""
    p = s.ri[r, R_POOL]
    others = 0
    for tenant in range(s.counters[C_TENANTS]):
        others += s.held[r, tenant, H_INSIDE] if over(s, p, tenant) else s.held[r, tenant, H_REQUESTS]
    return others > 0

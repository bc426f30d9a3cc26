"""Fairness within the batch: who takes more than a share of a pool, and how much the others may feel of it.

Fair queueing decides who starts next. It does not keep a tenant with a backlog from filling slots and memory, nor
from lengthening every iteration that the others take part in: a batch is shared at once, not in turns. So tenants of a
fair pool are held to two rules more.

A tenant is *over* while its requests, waiting ones counted, want more than its share of the pool's slots or memory;
shares are by weight among the tenants that were there in the last minute. As long as those over are at most half of
all by weight, they may together lengthen an iteration of the others by a small share only (`fair_stretch`): half of
it by prompts, half by answers and their memory. When most are over the pool is too small, not somebody rude, and turns
alone decide. In both cases an eighth of slots and memory stays free for tenants that are not over, and a tenant of
which nothing runs may start one request, however large.

Everything here changes at arrivals and ends only, so that skipping ahead over iterations stays exact.
"""

from __future__ import annotations

from penstock.fleet.compiled.columns import (
    C_FLIPPED,
    C_TENANTS,
    F_ACTIVE,
    F_OVER,
    F_PER_REQUEST,
    F_PER_TOKEN,
    F_SLACK,
    H_REQUESTS,
    H_TOKENS,
    N_IN,
    N_OUT,
    N_WEIGHT,
    P_FAIR,
    P_FLIPPED,
    P_MEMORY,
    P_SLOTS,
    P_UP,
    R_POOL,
    TENANT,
    V_LAST,
    V_OVER,
    V_REQUESTS,
    V_RUNNING,
    V_TOKENS,
    State,
)
from penstock.fleet.compiled.compiler import compiled, inlined

REMEMBERED_S = 60.0
"""A tenant counts as there for so long after its last request; assumption, 10 to 600."""
KEPT_FREE = 0.125
"""Share of slots and memory of a replica that tenants over their share leave free; assumption, 0.05 to 0.3."""


@inlined
def need(s: State, q: int) -> int:
    """Tokens of key-value memory that a request fills at its end."""
    return s.qi[q, N_IN] + s.qi[q, N_OUT]


@inlined
def over(s: State, p: int, tenant: int) -> bool:
    """Whether a tenant wants more than its share of a fair pool."""
    return s.standing[p, tenant, V_OVER] > 0.0


@compiled
def flip(s: State, p: int) -> None:
    """Who may start has changed: the loop lets the pool's replicas look again after this event."""
    s.pi[p, P_FLIPPED] = 1
    s.counters[C_FLIPPED] = 1


@compiled
def judge(s: State, p: int, tenant: int) -> None:
    """Set whether a tenant is over its share."""
    v = s.standing
    share = s.tf[tenant, N_WEIGHT] / max(s.pf[p, F_ACTIVE], s.tf[tenant, N_WEIGHT])
    up = max(s.pi[p, P_UP], 1)
    many = v[p, tenant, V_REQUESTS] > share * s.pi[p, P_SLOTS] * up
    found = many or v[p, tenant, V_TOKENS] > share * s.pi[p, P_MEMORY] * up
    if found == (v[p, tenant, V_OVER] > 0.0):
        return
    v[p, tenant, V_OVER] = 1.0 if found else 0.0
    total = 0.0
    for other in range(s.counters[C_TENANTS]):
        if v[p, other, V_OVER] > 0.0:
            total += s.tf[other, N_WEIGHT]
    s.pf[p, F_OVER] = total
    flip(s, p)


@compiled
def enter(s: State, p: int, q: int, t: float) -> None:
    """A request comes to a pool: its tenant is there, and may now be over."""
    if s.pi[p, P_FAIR] == 0:
        return
    v, tenant, total = s.standing, s.qi[q, TENANT], 0.0
    v[p, tenant, V_REQUESTS] += 1.0
    v[p, tenant, V_TOKENS] += need(s, q)
    v[p, tenant, V_LAST] = t
    for other in range(s.counters[C_TENANTS]):
        if v[p, other, V_REQUESTS] > 0.0 or t - v[p, other, V_LAST] <= REMEMBERED_S:
            total += s.tf[other, N_WEIGHT]
    if total == s.pf[p, F_ACTIVE]:
        judge(s, p, tenant)
        return
    s.pf[p, F_ACTIVE] = total
    for other in range(s.counters[C_TENANTS]):
        judge(s, p, other)
    flip(s, p)


@compiled
def leave(s: State, p: int, q: int) -> None:
    """A request leaves a pool."""
    if s.pi[p, P_FAIR] == 1:
        tenant = s.qi[q, TENANT]
        s.standing[p, tenant, V_REQUESTS] -= 1.0
        s.standing[p, tenant, V_TOKENS] -= need(s, q)
        judge(s, p, tenant)


@compiled
def hold(s: State, r: int, q: int, change: int) -> None:
    """A request takes (1), or gives back (-1), its place on a replica."""
    p = s.ri[r, R_POOL]
    if s.pi[p, P_FAIR] == 1:
        tenant = s.qi[q, TENANT]
        s.held[r, tenant, H_REQUESTS] += change
        s.held[r, tenant, H_TOKENS] += change * need(s, q)
        s.standing[p, tenant, V_RUNNING] += change
        if over(s, p, tenant) and s.standing[p, tenant, V_RUNNING] == 0.0:
            flip(s, p)


@inlined
def minority(s: State, p: int) -> bool:
    """Whether those over their share are at most half of the tenants by weight."""
    return s.pf[p, F_OVER] <= 0.5 * s.pf[p, F_ACTIVE]


@compiled
def room_for(s: State, r: int, q: int) -> bool:
    """Whether a replica may take a request without its tenant, and others over their share, troubling the rest."""
    p, tenant = s.ri[r, R_POOL], s.qi[q, TENANT]
    if s.pi[p, P_FAIR] == 0 or not over(s, p, tenant) or s.standing[p, tenant, V_RUNNING] == 0.0:
        return True
    if s.counters[C_TENANTS] == 1:
        return True
    requests, tokens = 1, need(s, q)
    for other in range(s.counters[C_TENANTS]):
        if over(s, p, other):
            requests += s.held[r, other, H_REQUESTS]
            tokens += s.held[r, other, H_TOKENS]
    if requests > max((1.0 - KEPT_FREE) * s.pi[p, P_SLOTS], 1.0) or tokens > (1.0 - KEPT_FREE) * s.pi[p, P_MEMORY]:
        return False
    felt = requests * s.pf[p, F_PER_REQUEST] + tokens * s.pf[p, F_PER_TOKEN]
    return felt <= s.pf[p, F_SLACK] or not minority(s, p)


@compiled
def watched(s: State, r: int) -> bool:
    """Whether tenants within their share are at work on a replica, so that prompts of the others must hold back."""
    p = s.ri[r, R_POOL]
    others = 0
    for tenant in range(s.counters[C_TENANTS]):
        if not over(s, p, tenant):
            others += s.held[r, tenant, H_REQUESTS]
    return others > 0 and minority(s, p)

"""What a tenant usually takes of a pool, and how it goes on taking that while it is over its share.

A tenant that is over its share comes last (`sharing`). If all of it came last, what it asked for before it misbehaved
would be pushed aside with the rest, and the others would find a pool with less in it than before. So its usual part stays
where it was. The pool remembers how much work a tenant brings while it is within its share (first attempts, over the last
ten minutes). A tenant that is over has a *credit*, which grows with each request of the others by as much as it usually
brings beside them. A request that starts on credit is treated as one of a tenant within its share; one too large for
that has pieces of its prompt done on credit. What ends early gives back what it did not use.

A tenant of which little is known is taken to bring what the others bring per weight.

Credit changes at arrivals, starts, ends and iterations with prompts only, so that skipping ahead over other iterations
stays exact.
"""

from __future__ import annotations

import math

from penstock.fleet.compiled.columns import (
    ATTEMPT,
    C_FLIPPED,
    C_TENANTS,
    DONE,
    EMITTED,
    F_PER_REQUEST,
    F_PER_TOKEN,
    F_PF_ATTENTION,
    F_PF_TOKEN,
    INSIDE,
    N_IN,
    N_OUT,
    N_WEIGHT,
    P_FLIPPED,
    POOL,
    TENANT,
    V_COUNT,
    V_CREDIT,
    V_NOTED,
    V_OVER,
    V_SEEN,
    V_THERE,
    V_TYPICAL,
    V_USED,
    V_WORK,
    State,
)
from penstock.fleet.compiled.compiler import compiled, inlined

USUAL_S = 600.0
"""Time over which what is usual is forgotten; assumption, 120 to 3,600."""
KNOWN_S = 30.0
"""Seconds that a tenant must have been seen to count as much as what is known of the others; assumption, 5 to 120."""
DEEPEST = 8.0
"""Credit is kept for so many usual requests; larger ones start behind the others; assumption, 4 to 16."""


@inlined
def over(s: State, p: int, tenant: int) -> bool:
    """Whether a tenant wants more than its share of a fair pool."""
    return s.standing[p, tenant, V_OVER] > 0.0


@inlined
def behind(s: State, p: int, q: int) -> bool:
    """Whether a running request comes after those of the others."""
    return s.standing[p, s.qi[q, TENANT], V_OVER] > 0.0 and s.qi[q, INSIDE] == 0


@compiled
def work_seconds(s: State, p: int, q: int) -> float:
    """Seconds of a replica that a request takes, beside what an iteration takes anyway."""
    return part_seconds(s, p, q, 0, 0)


@compiled
def part_seconds(s: State, p: int, q: int, done: int, made: int) -> float:
    """The same for what is left after so many tokens of the prompt and of the answer."""
    n_in, n_out = s.qi[q, N_IN], s.qi[q, N_OUT]
    prompt = s.pf[p, F_PF_TOKEN] * (n_in - done)
    prompt += s.pf[p, F_PF_ATTENTION] * (float(n_in) * n_in - float(done) * done)
    return prompt + (n_out - made) * (s.pf[p, F_PER_REQUEST] + s.pf[p, F_PER_TOKEN] * n_in)


@compiled
def note(s: State, p: int, q: int, work: float, t: float) -> None:
    """A request comes from a tenant within its share: that is usual. Retries are not."""
    v, tenant = s.standing, s.qi[q, TENANT]
    passed = max(t - v[p, tenant, V_NOTED], 0.0)
    kept = math.exp(-passed / USUAL_S)
    v[p, tenant, V_NOTED] = t
    v[p, tenant, V_SEEN] = v[p, tenant, V_SEEN] * kept + USUAL_S * (1.0 - kept)
    v[p, tenant, V_USED] *= kept
    v[p, tenant, V_COUNT] *= kept
    if s.qi[q, ATTEMPT] == 0:
        v[p, tenant, V_USED] += work
        v[p, tenant, V_COUNT] += 1.0


@compiled
def goes_over(s: State, p: int, tenant: int) -> None:
    """A tenant is over from now on: what it is ahead by was not usual, and it has no credit yet."""
    v = s.standing
    kept = max(1.0 - v[p, tenant, V_WORK] / max(v[p, tenant, V_USED], 1e-12), 0.0)
    v[p, tenant, V_USED] *= kept
    v[p, tenant, V_COUNT] *= kept
    v[p, tenant, V_CREDIT] = 0.0


@inlined
def rate(s: State, p: int, tenant: int) -> float:
    """Work per second that a tenant within its share brings."""
    return s.standing[p, tenant, V_USED] / max(s.standing[p, tenant, V_SEEN], 1.0)


@compiled
def earn(s: State, p: int, work: float) -> None:
    """A request of one of the others came: those over their share get credit for what they usually bring beside it."""
    v = s.standing
    rates, weights, used, count = 0.0, 0.0, 0.0, 0.0
    for other in range(s.counters[C_TENANTS]):
        if v[p, other, V_THERE] > 0.0 and v[p, other, V_OVER] == 0.0:
            rates += rate(s, p, other)
            weights += s.tf[other, N_WEIGHT]
            used += v[p, other, V_USED]
            count += v[p, other, V_COUNT]
    if rates <= 0.0 or count <= 0.0:
        return
    for tenant in range(s.counters[C_TENANTS]):
        if v[p, tenant, V_OVER] > 0.0:
            likely = s.tf[tenant, N_WEIGHT] * rates / weights
            usual = (KNOWN_S * likely + v[p, tenant, V_USED]) / (KNOWN_S + v[p, tenant, V_SEEN])
            typical = (used / count + v[p, tenant, V_USED]) / (1.0 + v[p, tenant, V_COUNT])
            v[p, tenant, V_TYPICAL] = typical
            v[p, tenant, V_CREDIT] = min(v[p, tenant, V_CREDIT] + work * usual / rates, DEEPEST * typical)


@compiled
def affords(s: State, p: int, q: int) -> bool:
    """Whether a waiting request of a tenant over its share may start on credit.

    Credit may become less than nothing: were it to cover the request, small requests would be chosen.
    """
    v, tenant = s.standing, s.qi[q, TENANT]
    return v[p, tenant, V_CREDIT] > 0.0 and work_seconds(s, p, q) <= DEEPEST * v[p, tenant, V_TYPICAL]


@inlined
def last(s: State, p: int, q: int) -> bool:
    """Whether a waiting request comes after those of the others."""
    return over(s, p, s.qi[q, TENANT]) and not affords(s, p, q)


@compiled
def spend(s: State, p: int, q: int) -> None:
    """A request starts: on credit where its tenant is over its share and can afford it."""
    tenant = s.qi[q, TENANT]
    if over(s, p, tenant) and affords(s, p, q):
        s.standing[p, tenant, V_CREDIT] -= work_seconds(s, p, q)
        s.qi[q, INSIDE] = 1


@compiled
def give_back(s: State, q: int) -> None:
    """A request that started on credit ends early, or has to start again: what it did not use is credit again."""
    if s.qi[q, INSIDE] == 1:
        p = s.qi[q, POOL]
        s.standing[p, s.qi[q, TENANT], V_CREDIT] += part_seconds(s, p, q, s.qi[q, DONE], s.qi[q, EMITTED])
        s.qi[q, INSIDE] = 0
        s.pi[p, P_FLIPPED] = 1
        s.counters[C_FLIPPED] = 1


@compiled
def on_credit(s: State, p: int, q: int, tokens: int) -> int:
    """Tokens of a prompt, at most so many, that credit for a usual request pays for."""
    v, tenant, begin = s.standing, s.qi[q, TENANT], s.qi[q, DONE]
    credit = v[p, tenant, V_CREDIT]
    typical = v[p, tenant, V_TYPICAL]
    if credit <= 0.0 or work_seconds(s, p, q) <= DEEPEST * typical:
        return 0
    # linear in tokens but for attention to those before: the marginal work at the end bounds it
    dearest = s.pf[p, F_PF_TOKEN] + 2.0 * s.pf[p, F_PF_ATTENTION] * (begin + tokens)
    return min(tokens, int(typical / dearest))


@inlined
def pay(s: State, p: int, q: int, work: float) -> None:
    """Take work done for a tenant from its credit."""
    s.standing[p, s.qi[q, TENANT], V_CREDIT] -= work

"""What a tenant usually takes of a pool, and how it goes on taking that while it is over its share.

A tenant that is over its share comes last (`sharing`). If all of it came last, what it asked for before it misbehaved
would be pushed aside with the rest, and the others would find a pool with less in it than before. So its usual part
stays where it was. The pool remembers how much work a tenant brings while it is within its share (first attempts, over
the last ten minutes). A tenant that is over has a *credit*, which grows with each request of the others that ends, by
as much as it usually brings beside them. A request that starts on credit is treated as one of a tenant within its
share; one far larger than usual has pieces of its prompt done on credit, each as much work as a usual request.

A new tenant is taken to bring what the others bring per weight, and learns from its first attempts, up to its share
where it is over.

Credit changes at starts and ends only, so that skipping ahead over iterations stays exact.
"""

from __future__ import annotations

import math

from penstock.fleet.compiled.columns import (
    ATTEMPT,
    C_FLIPPED,
    C_TENANTS,
    DONE,
    F_PER_REQUEST,
    F_PER_TOKEN,
    F_PF_ATTENTION,
    F_PF_TOKEN,
    GRANTED,
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
"""Seconds after which it is known what is usual for a tenant; assumption, 10 to 120."""
PRIOR_S = 5.0
"""What the others bring per weight counts like so many seconds of having seen a tenant; assumption, 1 to 30."""
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


@inlined
def known(s: State, p: int, tenant: int) -> bool:
    """Whether a tenant has been seen for long enough to tell what is usual for it."""
    return s.standing[p, tenant, V_SEEN] >= KNOWN_S


@compiled
def goes_over(s: State, p: int, tenant: int) -> None:
    """A tenant is over from now on: what it is ahead by was not usual, and it has no credit yet."""
    v = s.standing
    v[p, tenant, V_CREDIT] = 0.0
    if not known(s, p, tenant):  # then first attempts are not in the bucket
        return
    kept = max(1.0 - v[p, tenant, V_WORK] / max(v[p, tenant, V_USED], 1e-12), 0.0)
    v[p, tenant, V_USED] *= kept
    v[p, tenant, V_COUNT] *= kept


@inlined
def rate(s: State, p: int, tenant: int) -> float:
    """Work per second that a tenant within its share brings."""
    return s.standing[p, tenant, V_USED] / max(s.standing[p, tenant, V_SEEN], 1.0)


@compiled
def earn(s: State, p: int, work: float) -> None:
    """A request of one of the others ended: those over their share get credit for what they usually bring beside it.

    At the end and not when it comes, lest two come at once.
    """
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
            usual = (PRIOR_S * likely + v[p, tenant, V_USED]) / (PRIOR_S + v[p, tenant, V_SEEN])
            typical = (used / count + v[p, tenant, V_USED]) / (1.0 + v[p, tenant, V_COUNT])
            v[p, tenant, V_TYPICAL] = typical
            v[p, tenant, V_CREDIT] = min(v[p, tenant, V_CREDIT] + work * usual / rates, DEEPEST * typical)


@inlined
def large(s: State, p: int, q: int) -> bool:
    """Whether a request of a tenant over its share is far larger than what is usual for it."""
    return work_seconds(s, p, q) > DEEPEST * s.standing[p, s.qi[q, TENANT], V_TYPICAL]


@inlined
def unpaid(s: State, p: int, q: int) -> bool:
    """Whether a large request may start, whose prompt is paid piece by piece."""
    return s.standing[p, s.qi[q, TENANT], V_CREDIT] > 0.0 and large(s, p, q)


@compiled
def affords(s: State, p: int, q: int) -> bool:
    """Whether a waiting request of a tenant over its share may start on credit.

    Credit may become less than nothing: were it to cover the request, small requests would be chosen.
    """
    return s.standing[p, s.qi[q, TENANT], V_CREDIT] > 0.0 and not large(s, p, q)


@inlined
def last(s: State, p: int, q: int) -> bool:
    """Whether a waiting request comes after those of the others."""
    return over(s, p, s.qi[q, TENANT]) and not affords(s, p, q)


@inlined
def pay(s: State, p: int, q: int, work: float) -> None:
    """Take work done for a tenant from its credit."""
    s.standing[p, s.qi[q, TENANT], V_CREDIT] -= work


@compiled
def spend(s: State, p: int, q: int) -> None:
    """A request starts: on credit where its tenant is over its share and can afford it.

    One that is too large pays for its answer; its prompt is paid piece by piece.
    """
    if over(s, p, s.qi[q, TENANT]):
        if affords(s, p, q):
            pay(s, p, q, work_seconds(s, p, q))
            s.qi[q, INSIDE] = 1
        elif large(s, p, q):
            pay(s, p, q, part_seconds(s, p, q, s.qi[q, N_IN], 0))


@compiled
def give_back(s: State, q: int) -> None:
    """A request that started on credit ends early, or has to start again: what is left of its prompt is credit again.

    Not so its answer: credit for prompts in place of answers would be felt in the others' first tokens.
    """
    if s.qi[q, INSIDE] == 1:
        p = s.qi[q, POOL]
        s.standing[p, s.qi[q, TENANT], V_CREDIT] += part_seconds(s, p, q, s.qi[q, DONE], s.qi[q, N_OUT])
        s.qi[q, INSIDE] = 0
        s.pi[p, P_FLIPPED] = 1
        s.counters[C_FLIPPED] = 1


@compiled
def grant(s: State, p: int, q: int) -> None:
    """As much of the prompt of a large request as is the work of a usual one is worked on next, on credit."""
    tenant, done = s.qi[q, TENANT], s.qi[q, DONE]
    left = s.qi[q, N_IN] - done
    per_token = s.pf[p, F_PF_TOKEN] + 2.0 * s.pf[p, F_PF_ATTENTION] * done
    tokens = max(min(int(s.standing[p, tenant, V_TYPICAL] / per_token), left), min(left, 1))
    s.qi[q, GRANTED] = tokens
    pay(s, p, q, per_token * tokens + s.pf[p, F_PF_ATTENTION] * float(tokens) * tokens)

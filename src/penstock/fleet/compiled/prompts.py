"""Which prompts an iteration works on, and how long it takes."""

from __future__ import annotations

from penstock.fleet.compiled.columns import (
    C_REPLICAS,
    DONE,
    F_HALF,
    F_MEM_K,
    F_PF_ATTENTION,
    F_PF_TOKEN,
    F_STRETCH,
    F_TRAFFIC,
    F_WORK,
    F_WORK_K,
    GRANTED,
    N_IN,
    NEXT,
    P_CHUNK,
    P_FAIR,
    P_KNOTS,
    P_MIXED,
    P_SLOTS,
    R_BATCH,
    R_CONTEXT,
    T_MEM,
    T_OVER,
    TAKE,
    State,
)
from penstock.fleet.compiled.compiler import compiled, inlined
from penstock.fleet.compiled.sharing import watched
from penstock.fleet.compiled.usual import behind

ALONE = 2.0
"""Longest iteration with prompts of tenants over their share where nobody else is at work, over one without;
assumption, 1.2 to 5."""


@compiled
def measured_seconds(s: State, p: int, tokens: int) -> float:
    """Seconds of an iteration with so many prompt tokens, between the points of a measured table and beyond them."""
    knots, n = s.knots, s.pi[p, P_KNOTS]
    if tokens <= knots[p, 0, 0]:
        return knots[p, 0, 1]
    k = 1
    while k < n - 1 and knots[p, k, 0] < tokens:
        k += 1
    share = (tokens - knots[p, k - 1, 0]) / (knots[p, k, 0] - knots[p, k - 1, 0])
    return knots[p, k - 1, 1] + share * (knots[p, k, 1] - knots[p, k - 1, 1])


@compiled
def mixed_seconds(s: State, p: int, batch: int, context: int, tokens: int, work: float) -> float:
    """Seconds at full speed of an iteration of so many prompt tokens, that are so much work, beside a batch.

    Prompts and, where the pool mixes them, answers are worked on together: bytes are read once, arithmetic adds up.
    """
    pf = s.pf
    if s.pi[p, P_KNOTS] > 0:
        decoding = s.steps[p, batch, T_OVER] + s.steps[p, batch, T_MEM] + pf[p, F_MEM_K] * context if batch > 0 else 0.0
        return measured_seconds(s, p, tokens) + work + decoding
    together = tokens + batch
    memory = s.steps[p, min(together, s.pi[p, P_SLOTS]), T_MEM] + pf[p, F_MEM_K] * context
    work += pf[p, F_WORK] * batch + pf[p, F_WORK_K] * context
    compute = work * (1.0 + pf[p, F_HALF] / max(together, 1))
    return s.steps[p, batch, T_OVER] + pf[p, F_TRAFFIC] * tokens + max(memory, compute)


@inlined
def prompt_work(s: State, p: int, begin: int, take: int) -> float:
    """Work of a part of a prompt: linear in its tokens, and attention to all before them."""
    end = begin + take
    squares = float(end) * end - float(begin) * begin
    return s.pf[p, F_PF_TOKEN] * take + s.pf[p, F_PF_ATTENTION] * squares


@compiled
def plan_prefill(s: State, r: int, p: int) -> float:
    """Share the chunk among prompts in order of admission; seconds of that iteration at full speed.

    In a fair pool prompts of tenants over their share come last, and while others are at work on the replica they get
    what lengthens the iteration by half of the stretch; else as much as doubles it.
    """
    ri, qi = s.ri, s.qi
    mixed = s.pi[p, P_MIXED] == 1
    batch = ri[r, R_BATCH] if mixed else 0
    context = ri[r, R_CONTEXT] if mixed else 0
    budget = max(s.pi[p, P_CHUNK] - batch, 1)
    work, tokens, later = 0.0, 0, -1
    fair = s.pi[p, P_FAIR] == 1
    q = s.lists[s.counters[C_REPLICAS] + r, 0]
    while q >= 0 and budget > 0:
        take = min(budget, qi[q, N_IN] - qi[q, DONE])
        if fair and behind(s, p, q):
            take = min(take, qi[q, GRANTED])
            qi[q, GRANTED] -= take
            if take == 0:
                later = q if later < 0 else later
        if take > 0:
            qi[q, TAKE] = take
            budget -= take
            tokens += take
            work += prompt_work(s, p, qi[q, DONE], take)
        q = qi[q, NEXT]
    if later < 0:
        return mixed_seconds(s, p, batch, context, tokens, work)
    return with_later(s, r, p, later, budget, tokens, work)


@compiled
def with_later(s: State, r: int, p: int, first: int, budget: int, tokens: int, work: float) -> float:
    """Add prompts of tenants over their share to an iteration, from the first of them on; its seconds."""
    qi = s.qi
    mixed = s.pi[p, P_MIXED] == 1
    batch = s.ri[r, R_BATCH] if mixed else 0
    context = s.ri[r, R_CONTEXT] if mixed else 0
    seconds = mixed_seconds(s, p, batch, context, tokens, work) if tokens + batch > 0 else 0.0
    if mixed and watched(s, r):
        bound = (1.0 + 0.5 * s.pf[p, F_STRETCH]) * seconds
    else:  # whoever comes next waits for the end of this iteration
        bound = ALONE * max(seconds, s.steps[p, 1, T_OVER] + s.steps[p, 1, T_MEM])
    q = first
    while q >= 0 and budget > 0:
        if behind(s, p, q) and qi[q, TAKE] == 0:
            begin = qi[q, DONE]
            low, high = 0, min(budget, qi[q, N_IN] - begin)
            if mixed_seconds(s, p, batch, context, tokens + high, work + prompt_work(s, p, begin, high)) <= bound:
                low = high
            while low < high:  # the most tokens that keep within the bound
                middle = (low + high + 1) // 2
                added = prompt_work(s, p, begin, middle)
                if mixed_seconds(s, p, batch, context, tokens + middle, work + added) <= bound:
                    low = middle
                else:
                    high = middle - 1
            if tokens == 0:  # something has to move
                low = max(low, 1)
            qi[q, TAKE] = low
            budget -= low
            tokens += low
            work += prompt_work(s, p, begin, low)
        q = qi[q, NEXT]
    return mixed_seconds(s, p, batch, context, tokens, work)

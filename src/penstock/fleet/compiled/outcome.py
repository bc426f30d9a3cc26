"""How a request ends, or comes back: final states, retries with backoff and a budget, lost work."""

from __future__ import annotations

import numpy as np

from penstock.fleet.compiled.columns import (
    ARRIVAL,
    ATTEMPT,
    BACKOFF,
    BEGAN,
    C_CAPACITY,
    C_FINAL,
    C_IN_SYSTEM,
    C_LOST,
    C_PREFILL_LOST,
    C_RETRIES,
    C_ROWS,
    C_SERVED,
    C_WINDOWS,
    CACHED,
    DONE,
    EMITTED,
    FINISH,
    FIRST,
    LIST,
    M_RETRIES,
    M_RETRY_REJECTED,
    MARKED,
    N_BACKOFF,
    N_BUDGET,
    N_BUDGET_LEVEL,
    P_LOAD,
    POOL,
    REJECTED,
    REPLICA,
    REQUEST_FLOATS,
    REQUEST_INTS,
    S_AREA,
    S_JITTER,
    S_LAST,
    S_SEED,
    S_WINDOW,
    SERVED,
    STATUS,
    TAKE,
    TENANT,
    State,
)
from penstock.fleet.compiled.compiler import compiled, inlined
from penstock.fleet.compiled.lists import drop_timer, set_timer, uniform
from penstock.fleet.compiled.sharing import leave
from penstock.fleet.compiled.usual import give_back

LONGEST_BACKOFF_S = 60.0
"""A client that tries again waits twice as long each time, but no longer than this (assumption)."""


@compiled
def count_in(s: State, change: int, t: float) -> None:
    """Requests in the system change now; their integral over time is kept for Little's law."""
    s.scalars[S_AREA] += s.counters[C_IN_SYSTEM] * (t - s.scalars[S_LAST])
    s.scalars[S_LAST] = t
    s.counters[C_IN_SYSTEM] += change


@compiled
def add_span(s: State, p: int, column: int, start: float, end: float, rate: float) -> None:
    """Add rate x time to the windows that the span touches."""
    width = s.scalars[S_WINDOW]
    last = s.counters[C_WINDOWS] - 1
    first = min(int(start / width), last)
    final = min(int(end / width), last)
    if first == final:
        s.windows[first, p, column] += (end - start) * rate
        return
    s.windows[first, p, column] += ((first + 1) * width - start) * rate
    for w in range(first + 1, final):
        s.windows[w, p, column] += width * rate
    s.windows[final, p, column] += (end - final * width) * rate


@compiled
def finalise(s: State, q: int, status: int, t: float) -> None:
    """The request has left for good."""
    s.qi[q, STATUS] = status
    s.qf[q, FINISH] = t
    if s.timer_at[q] >= 0:
        drop_timer(s, q)
    count_in(s, -1, t)
    s.counters[C_FINAL] += 1
    if status == SERVED:
        s.counters[C_SERVED] += 1


@inlined
def leave_pool(s: State, q: int, t: float) -> None:
    """A request leaves its pool at time t."""
    s.pi[s.qi[q, POOL], P_LOAD] -= 1
    leave(s, s.qi[q, POOL], q, t)


@compiled
def forfeit(s: State, q: int) -> None:
    """Count the work of an attempt as lost and make the request as new."""
    qi = s.qi
    s.counters[C_LOST] += qi[q, EMITTED]
    s.counters[C_PREFILL_LOST] += max(qi[q, DONE] - qi[q, CACHED], 0)
    give_back(s, q)
    qi[q, EMITTED] = 0
    qi[q, DONE] = 0
    qi[q, CACHED] = 0
    qi[q, TAKE] = 0
    qi[q, REPLICA] = -1
    qi[q, MARKED] = 0
    s.qf[q, FIRST] = np.nan


@compiled
def retries_left(s: State, q: int) -> bool:
    """Whether the client may ask once more; takes one from the retry budget if so."""
    tenant = s.qi[q, TENANT]
    if s.qi[q, ATTEMPT] >= s.ti[tenant, M_RETRIES]:
        return False
    if np.isinf(s.tf[tenant, N_BUDGET]):
        return True
    if s.tf[tenant, N_BUDGET_LEVEL] < 1.0:
        return False
    s.tf[tenant, N_BUDGET_LEVEL] -= 1.0
    return True


@compiled
def backoff_seconds(s: State, q: int) -> float:
    """Doubling waits with jitter: base x 2^(attempt - 1) x (1 + jitter (u - 1/2)), at most a minute."""
    tenant, attempt = s.qi[q, TENANT], s.qi[q, ATTEMPT]
    base = min(s.tf[tenant, N_BACKOFF] * 2.0 ** min(attempt - 1, 30), LONGEST_BACKOFF_S)
    return base * (1.0 + s.scalars[S_JITTER] * (uniform(s.scalars[S_SEED], q, 7919 + attempt) - 0.5))


@compiled
def fail_attempt(s: State, q: int, t: float, status: int) -> None:
    """An attempt came to nothing: the request waits to try again, or ends with `status`."""
    qi = s.qi
    can = status != REJECTED or s.ti[qi[q, TENANT], M_RETRY_REJECTED] == 1
    if can and retries_left(s, q):
        qi[q, ATTEMPT] += 1
        s.counters[C_RETRIES] += 1
        qi[q, STATUS] = BACKOFF
        set_timer(s, q, t + backoff_seconds(s, q))
    else:
        finalise(s, q, status, t)


@compiled
def spawn(s: State, q: int, t: float) -> int:
    """A client that does not wait for its first call to end sends another: a new row, or -1 where none is left."""
    new = s.counters[C_ROWS]
    if new >= s.counters[C_CAPACITY] or not retries_left(s, q):
        return -1
    s.counters[C_ROWS] += 1
    s.counters[C_RETRIES] += 1
    for column in range(REQUEST_INTS):
        s.qi[new, column] = s.qi[q, column]
    s.qi[new, ATTEMPT] += 1
    s.qi[new, LIST] = -1
    s.qi[new, EMITTED] = 0
    s.qi[new, DONE] = 0
    s.qi[new, CACHED] = 0
    s.qi[new, TAKE] = 0
    s.qi[new, MARKED] = 0
    s.qi[new, REPLICA] = -1
    for column in range(REQUEST_FLOATS):
        s.qf[new, column] = np.nan
    s.qf[new, ARRIVAL] = t
    s.qf[new, BEGAN] = t
    s.qi[new, STATUS] = BACKOFF
    count_in(s, 1, t)
    set_timer(s, new, t + backoff_seconds(s, new))
    return new

"""`simulate`: a fleet, a trace and a seed in; requests, windows, bills and figures out."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from penstock.errors import ModelError, UsageError
from penstock.fleet.build import Built, build
from penstock.fleet.compiled import columns as c
from penstock.fleet.config import FleetConfig
from penstock.fleet.config_file import load_config
from penstock.fleet.outages import Happening, happenings
from penstock.fleet.result import FleetResult, gather
from penstock.fleet.scaling import POLICIES, Memory, Scaler, Seen, decide
from penstock.fleet.trace import Trace, as_trace
from penstock.fleet.view import FleetView, Router

EVENTS_AT_ONCE = 200_000
"""Events that the compiled loop handles between two looks at the progress bar."""

OnProgress = Callable[[int, int, str], None]


def simulate(
    config: Any,
    trace: Any = None,
    seed: int = 7,
    *,
    router: Router | None = None,
    scaler: Scaler | None = None,
    on_progress: OnProgress | None = None,
) -> FleetResult:
    """What a fleet does with the requests of a trace, iteration by iteration.

    Args:
        config: path of a TOML file, a mapping of the same form, or a `FleetConfig`.
        trace: a `Trace`, a path, a data frame or columns; drawn from the config's [trace] if not given.
        seed: of everything that is random: tenants, routers, failures, jitter, the drawn trace.
        router: a Python function `(view, request) -> replica number or None` asked at each arrival, instead of the
            compiled router; slower by two orders of magnitude.
        scaler: a Python function `(seen, memory) -> replicas` instead of the autoscaling policies.
        on_progress: called with (requests come, all, note).

    Raises:
        InputError: config or trace not valid. UsageError: a seed below zero. ModelError: requests were lost.
    """
    if seed < 0:
        raise UsageError(f"seed: found {seed}; expected a whole number of at least 0")
    fleet = load_config(config)
    requests = as_trace(trace) if trace is not None else drawn_trace(fleet, seed)
    built = build(fleet, requests, seed)
    warm(built)
    started = time.perf_counter()
    run(built, seed, router=router, scaler=scaler, on_progress=on_progress)
    return gather(built, seed=seed, wall_s=time.perf_counter() - started)


def drawn_trace(config: FleetConfig, seed: int) -> Trace:
    """The trace that the config's [trace] describes."""
    from penstock.fleet.generators import draw

    return draw(config.trace, seed)


def run(
    built: Built,
    seed: int,
    *,
    router: Router | None = None,
    scaler: Scaler | None = None,
    on_progress: OnProgress | None = None,
    extra: list[Happening] | None = None,
) -> None:
    """Move the state to the end of the trace and on until every request has ended, or `drain_s` has passed."""
    from penstock.fleet.compiled import loop

    state, n = built.state, built.requests
    horizon = built.trace.span_s + built.config.drain_s
    counter = itertools.count()
    agenda: list[tuple[float, int, Callable[[float], None]]] = []

    def note(at: float, action: Callable[[float], None]) -> None:
        heapq.heappush(agenda, (at, next(counter), action))

    for happening in [*happenings(built, horizon, seed), *(extra or [])]:
        note(happening.at_s, partial(happen, built, happening))
    _schedule_scaling(built, scaler, note, horizon)
    view = FleetView(built) if router is not None else None
    state.counters[c.C_MANUAL] = router is not None
    while True:
        until = min(agenda[0][0], horizon) if agenda else horizon
        handled = loop.advance(state, until, n, EVENTS_AT_ONCE)
        if on_progress is not None:
            on_progress(int(state.counters[c.C_NEXT]), n, "requests come")
        if handled == EVENTS_AT_ONCE:
            continue
        nxt = int(state.counters[c.C_NEXT])
        if view is not None and router is not None and nxt < n and state.qf[nxt, c.ARRIVAL] <= until:
            view.place(nxt, router)
            continue
        if ended(state, n):
            break
        if not agenda or agenda[0][0] > horizon:
            break
        at, _, action = heapq.heappop(agenda)
        action(at)
    end = float(state.scalars[c.S_NOW]) if ended(state, n) else horizon
    loop.close(state, max(end, built.trace.span_s))
    _nothing_lost(built)


def warm(built: Built) -> None:
    """Have the loop compiled, or read from disk, before the clock starts: no event comes before time zero."""
    from penstock.fleet.compiled import loop

    loop.advance(built.state, -1.0, built.requests, 0)


def ended(state: c.State, n: int) -> bool:
    """Whether all requests have come and left."""
    return bool(state.counters[c.C_NEXT] >= n and state.counters[c.C_IN_SYSTEM] == 0)


def happen(built: Built, happening: Happening, t: float) -> None:
    """Let something from outside befall the fleet."""
    from penstock.fleet.compiled import loop

    state = built.state
    for member in happening.members:
        if happening.kind == "fall":
            loop.fall(state, member, t)
        elif happening.kind == "rise":
            loop.rise(state, member, t)
        elif happening.kind == "drain":
            loop.drain(state, member, t)
        else:
            loop.slow_down(state, member, happening.decode, happening.prompt, t)


def _schedule_scaling(
    built: Built, scaler: Scaler | None, note: Callable[[float, Callable[[float], None]], None], horizon: float
) -> None:
    from penstock.fleet.compiled import loop

    def tick(p: int, policy: Scaler, memory: Memory, t: float) -> None:
        loop.scale(built.state, p, decide(look(built, p, t), memory, policy), t)
        following = t + built.pools[p].autoscaling.interval_s
        if following <= horizon and not ended(built.state, built.requests):
            note(following, partial(tick, p, policy, memory))

    for p, pool in enumerate(built.pools):
        if scaler is not None or pool.autoscaling.policy != "fixed":
            policy = scaler or POLICIES[pool.autoscaling.policy]
            note(pool.autoscaling.interval_s, partial(tick, p, policy, Memory()))


def look(built: Built, p: int, t: float) -> Seen:
    """A pool as an autoscaler sees it."""
    own = built.replicas_of(p)
    states = built.state.ri[own.start : own.stop, c.R_STATE]
    return Seen(
        now_s=t,
        ready=int((states == c.UP).sum()),
        starting=int((states == c.STARTING).sum()),
        load=int(built.state.pi[p, c.P_LOAD]),
        queued=int(built.state.pi[p, c.P_QUEUED]),
        pool=built.pools[p],
    )


def _nothing_lost(built: Built) -> None:
    """Requests that came are in the system or have left; raises ModelError where the books do not close."""
    state = built.state
    rows = int(state.counters[c.C_ROWS])
    status = state.qi[:rows, c.STATUS]
    inside = int(np.isin(status, (c.WAITING, c.RUNNING, c.BACKOFF, c.TRANSFER, c.HANDED_ON)).sum())
    if inside != int(state.counters[c.C_IN_SYSTEM]):
        raise ModelError(
            f"fleet: found {inside} requests inside; expected {int(state.counters[c.C_IN_SYSTEM])}: some were lost"
        )

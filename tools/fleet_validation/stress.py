"""Isolation and overload: what a misbehaving tenant, three times the load and naive retries do."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.fleet import FleetResult, Trace, make_trace, simulate
from penstock.fleet.compiled import columns as c

TIMING = {
    "overhead_s": 0.008,
    "weights_s": 0.009,
    "request_s": 2e-5,
    "context_s": 2e-8,
    "prompt_s": 6e-5,
    "prompt_squared_s": 1e-9,
    "memory_tokens": 400_000,
}
"""Seconds of a 70B model on two H200, rounded, so that these studies do not move with the physics."""
GOOD_TENANTS = 7
BURST = 100
ENDLESS = 1000


def pool(replicas: int, **changes: Any) -> dict[str, Any]:
    """A pool of these studies."""
    own = {"name": "chat", "model": "chat", "replicas": replicas, "slots": 64, "chunk_tokens": 512, "timing": TIMING}
    return own | {"router": "least_load", "queue": "central"} | changes


def tokens(rng: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Prompts and answers of chat: geometric, means 600 and 120."""
    return rng.geometric(1 / 600, n), rng.geometric(1 / 120, n)


# ------------------------------------------------------------------ isolation


KINDS = ("100 times its load for a minute", "endless retries", "giant contexts", "all three at once")
RETRIES_OF = ("endless retries", "all three at once")


def tenants_trace(rate: float, seconds: float, kind: str | None, seed: int) -> Trace:
    """Seven well-behaved tenants and one that misbehaves in one of the ways of `KINDS`, from a third of the time on.

    The requests of the well-behaved are the same in all cases. Giant: prompts of 20,000 to 60,000 tokens, for one of
    fifty requests where they come a hundredfold.
    """
    parts = []
    for t in range(GOOD_TENANTS + 1):
        rng = np.random.default_rng([seed, t])
        n = int(rate * seconds)
        times = np.sort(rng.random(n) * seconds)
        n_in, n_out = tokens(rng, n)
        if kind == "giant contexts" and t == GOOD_TENANTS:
            n_in = np.where(times > seconds / 3, rng.integers(20_000, 60_000, n), n_in)
        parts.append((times, n_in, n_out, [f"tenant-{t}"] * n))
    if kind in ("100 times its load for a minute", "all three at once"):
        rng = np.random.default_rng([seed, 99])
        n = int(BURST * rate * 60.0)
        times = np.sort(seconds / 3 + 60.0 * rng.random(n))
        n_in, n_out = tokens(rng, n)
        if kind == "all three at once":
            n_in = np.where(rng.random(n) < 0.02, rng.integers(20_000, 60_000, n), n_in)
        parts.append((times, n_in, n_out, [f"tenant-{GOOD_TENANTS}"] * n))
    times, n_in, n_out = (np.concatenate([part[k] for part in parts]) for k in range(3))
    names = np.concatenate([part[3] for part in parts])
    order = np.argsort(times, kind="stable")
    return make_trace(times[order], n_in[order], n_out[order], tenant=list(names[order]), name="eight tenants")


def isolation_fleet(fair: bool, kind: str | None, replicas: int = 4) -> dict[str, Any]:
    """Weighted fair queueing or not; who retries endlessly gives up after a second and asks again at once."""
    rude = {"retries": ENDLESS, "retry_budget": 1000.0, "backoff_s": 0.05, "retry_rejected": True, "timeout_s": 1.0}
    return {
        "name": "isolation",
        "drain_s": 600.0,
        "pool": [pool(replicas, fair=fair)],
        "tenant": [
            {"name": f"tenant-{t}", **(rude if t == GOOD_TENANTS and kind in RETRIES_OF else {})}
            for t in range(GOOD_TENANTS + 1)
        ],
    }


def others_p99(result: FleetResult, measure: str) -> float:
    """99th percentile of a time over requests of the well-behaved tenants; those not answered count as endless."""
    own = result.requests.tenant != result.built.trace.tenants.index(f"tenant-{GOOD_TENANTS}")
    times = np.where(result.requests.status == c.SERVED, getattr(result.requests, measure), np.inf)
    return float(np.percentile(times[own], 99, method="higher"))


MEASURES = {"total": "total_s", "first token": "first_token_s"}
QUEUES = {"fair": True, "first come, first served": False}


def isolation(
    seconds: float = 900.0, rate: float = 4.5, seed: int = 1, kinds: tuple[str, ...] = KINDS
) -> list[dict[str, Any]]:
    """Rise of the others' 99th percentiles when one tenant misbehaves, with and without fair queueing."""
    rows = []
    for queue, fair in QUEUES.items():
        calm = simulate(isolation_fleet(fair, None), tenants_trace(rate, seconds, None, seed), seed)
        for kind in kinds:
            wild = simulate(isolation_fleet(fair, kind), tenants_trace(rate, seconds, kind, seed), seed)
            for name, measure in MEASURES.items():
                before, after = others_p99(calm, measure), others_p99(wild, measure)
                rows.append(
                    {
                        "misbehaviour": kind,
                        "queue": queue,
                        "time": name,
                        "before, s": before,
                        "after, s": after,
                        "change": after / before - 1.0,
                    }
                )
    return rows


# ------------------------------------------------------------------- overload


def flood_rate(replicas: int, seed: int) -> float:
    """Requests per second that the pool serves when it is never idle."""
    rng = np.random.default_rng(seed)
    n = 1500 * replicas
    n_in, n_out = tokens(rng, n)
    fleet = {"name": "flood", "drain_s": 36_000.0, "pool": [pool(replicas)], "tenant": [{"name": "all", "retries": 0}]}
    finish = np.sort(simulate(fleet, make_trace(np.arange(n) * 1e-3, n_in, n_out), seed).requests.finish_s)
    return float((n * 3 // 5 - n // 5) / (finish[n * 3 // 5] - finish[n // 5]))


def step_trace(rates: list[tuple[float, float]], seed: int) -> Trace:
    """Poisson arrivals at rates, each for so many seconds."""
    rng, start, times = np.random.default_rng(seed), 0.0, []
    for rate, seconds in rates:
        times.append(start + np.sort(rng.random(rng.poisson(rate * seconds)) * seconds))
        start += seconds
    joined = np.concatenate(times)
    return make_trace(joined, *tokens(rng, len(joined)), name="steps of load")


CALM_S, FLOOD_S, AFTER_S = 300.0, 600.0, 900.0
PATIENCE_S = 30.0


def overload_fleet(replicas: int, naive: bool) -> dict[str, Any]:
    """Default policies shed what has waited 1.5 s and keep retries within a tenth of requests; naive ones do neither:
    clients wait half a minute, then ask again, and what they left behind is still worked on."""
    if naive:
        client = {"timeout_s": PATIENCE_S, "retries": 6, "retry_budget": 99.0, "backoff_s": 0.1, "orphans": True}
        return _overload(pool(replicas), client)
    return _overload(pool(replicas, max_wait_s=1.5, queue_limit=64 * replicas), {"timeout_s": PATIENCE_S})


def _overload(own: dict[str, Any], client: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "overload",
        "window_s": 10.0,
        "drain_s": 600.0,
        "pool": [own],
        "tenant": [{"name": "all", **client}],
        "objectives": {"first_token_s": 2.0, "token_s": 0.1},
    }


def overload(replicas: int = 2, seed: int = 2, naive: bool = False, peak: float = 3.0) -> dict[str, float]:
    """Load at 0.6 of capacity, then `peak` times capacity for ten minutes, then 0.6 again.

    Goodput is good answers per second over the rate of a flood. Recovered: the end of the last 10 s window
    after the flood in which fewer than 97 of 100 ended requests were good, counted from the end of the flood.
    """
    capacity = flood_rate(replicas, seed)
    trace = step_trace([(0.6 * capacity, CALM_S), (peak * capacity, FLOOD_S), (0.6 * capacity, AFTER_S)], seed)
    result = simulate(overload_fleet(replicas, naive), trace, seed)
    table = result.windows
    good = table["good_share"] * (table["served"] + table["rejected"] + table["failed"])
    flood = (table["start_s"] >= CALM_S + 30) & (table["start_s"] < CALM_S + FLOOD_S)
    after = (table["start_s"] >= CALM_S + FLOOD_S) & (table["start_s"] < CALM_S + FLOOD_S + AFTER_S)
    bad = table["start_s"][after & (table["good_share"] < 0.97)]
    recovered = float(bad.max() + 10.0 - CALM_S - FLOOD_S) if len(bad) else 0.0
    last = table["start_s"] >= CALM_S + FLOOD_S + AFTER_S - 300
    last &= table["start_s"] < CALM_S + FLOOD_S + AFTER_S
    return {
        "capacity, requests per s": capacity,
        "goodput in the flood, share of capacity": float(good[flood].mean() / 10.0 / capacity),
        "recovered after, s": recovered,
        "good share of the last five minutes": float(table["good_share"][last].mean()),
        "retries per request": result.summary["retries"] / len(trace),
        "shed": float((result.requests.status == c.REJECTED).sum()),
    }

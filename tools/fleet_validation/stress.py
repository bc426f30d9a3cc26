"""Overload: what three times the load and naive retries do to a fleet."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.fleet import Trace, make_trace, simulate
from penstock.fleet.compiled import columns as c
from penstock.fleet.generators import quantile_draws

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


def pool(replicas: int, **changes: Any) -> dict[str, Any]:
    """A pool of these studies."""
    own = {"name": "chat", "model": "chat", "replicas": replicas, "slots": 64, "chunk_tokens": 512, "timing": TIMING}
    return own | {"router": "least_load", "queue": "central"} | changes


def tokens(rng: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Prompts and answers of chat: geometric, means 600 and 120."""
    return rng.geometric(1 / 600, n), rng.geometric(1 / 120, n)


def flood_rate(replicas: int, seed: int, fleet: dict[str, Any] | None = None, source: str | None = None) -> float:
    """Requests per second that a pool serves when it is never idle; tokens of chat or of a published trace."""
    rng = np.random.default_rng(seed)
    n = 1500 * replicas
    n_in, n_out = tokens(rng, n)
    if source is not None:
        n_in, n_out = (quantile_draws(source, k, rng.random(n)) for k in ("input_tokens", "output_tokens"))
    asked = fleet or {"pool": [pool(replicas)]}
    asked = asked | {"name": "flood", "drain_s": 36_000.0, "tenant": [{"name": "all", "retries": 0}]}
    finish = np.sort(simulate(asked, make_trace(np.arange(n) * 1e-3, n_in, n_out), seed).requests.finish_s)
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

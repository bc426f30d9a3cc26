"""Fleets and traces for the tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.fleet import Trace, make_trace

SECOND = 1_000_000
"""Tokens of a prompt that takes a second on `servers`."""


def servers(count: int, **pool: Any) -> dict[str, Any]:
    """A queue with `count` servers: one request at a time each, service as long as the prompt."""
    return {
        "name": f"{count} servers",
        "pool": [
            {
                "name": "servers",
                "model": "any",
                "replicas": count,
                "slots": 1,
                "chunk_tokens": 2**40,
                "queue": "central",
                "router": "least_load",
                "timing": {"prompt_s": 1.0 / SECOND, "memory_tokens": 2**40},
            }
            | pool
        ],
        "drain_s": 1e9,
        "window_s": 1e6,
        "tenant": [{"name": "all", "retries": 0}],
    }


def queue_trace(gaps: Any, services: Any) -> Trace:
    """One-token requests with these gaps and times of service in seconds."""
    tokens = np.maximum(np.rint(np.asarray(services) * SECOND), 1)
    return make_trace(np.cumsum(gaps), tokens, np.ones(len(tokens)))


def poisson(rate: float, n: int, seed: int, tokens_in: float = 500.0, tokens_out: float = 100.0) -> Trace:
    """Poisson arrivals with geometric tokens."""
    rng = np.random.default_rng(seed)
    return make_trace(
        np.cumsum(rng.exponential(1.0 / rate, n)),
        rng.geometric(1.0 / tokens_in, n),
        rng.geometric(1.0 / tokens_out, n),
    )


def chat(replicas: int = 2, **pool: Any) -> dict[str, Any]:
    """A pool of a 70B model on two H200 each, with timings of its own so that it does not move with the physics."""
    timing = {
        "overhead_s": 0.008,
        "weights_s": 0.009,
        "request_s": 2e-5,
        "context_s": 2e-8,
        "prompt_s": 6e-5,
        "prompt_squared_s": 1e-9,
        "memory_tokens": 400_000,
    }
    own = {
        "name": "chat",
        "model": "chat-70b",
        "replicas": replicas,
        "slots": 64,
        "chunk_tokens": 512,
        "timing": timing,
    }
    return {"name": "chat", "pool": [own | pool], "tenant": [{"name": "all"}], "drain_s": 3600.0}

"""Skipping ahead over identical iterations gives what iterating one by one gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock import fleet
from penstock.fleet.build import build
from penstock.fleet.compiled import columns as c
from penstock.fleet.compiled.columns import State
from penstock.fleet.config_file import load_config
from penstock.fleet.simulation import run
from penstock.fleet.trace import make_trace

CASES = 300
"""Of the thousand that the validation page counts (`python -m tools.fleet_validation`)."""
COUNTED = (c.C_ITERATIONS, c.C_MADE, c.C_LOST, c.C_PREFILLED, c.C_PREFILL_LOST, c.C_RETRIES, c.C_ESCALATED)


def random_case(seed: int) -> tuple[dict[str, Any], fleet.Trace]:
    """A small random fleet and trace: all routers and queues, tight memory, shedding, failures, cascades, splits."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 25))
    timing = {
        "overhead_s": float(rng.uniform(0, 0.02)),
        "weights_s": float(rng.uniform(0, 0.02)),
        "request_s": float(rng.uniform(0, 1e-3)),
        "context_s": float(rng.choice([0.0, 1e-6, 1e-5])),
        "prompt_s": float(rng.uniform(1e-5, 1e-3)),
        "prompt_squared_s": float(rng.choice([0.0, 1e-7])),
        "memory_tokens": int(rng.integers(900, 6000)),
    }
    pool = {
        "name": "a",
        "model": "m",
        "replicas": int(rng.integers(1, 4)),
        "slots": int(rng.integers(1, 9)),
        "chunk_tokens": int(rng.integers(10, 400)),
        "mixed": bool(rng.random() < 0.7),
        "queue": str(rng.choice(["central", "replica"])),
        "fair": bool(rng.random() < 0.5),
        "fair_stretch": float(rng.choice([0.04, 0.5])),
        "router": str(rng.choice(c.ROUTERS)),
        "timing": timing,
        "error_share": float(rng.choice([0.0, 0.1])),
        "cold_start_s": 0.5,
    }
    if rng.random() < 0.4:
        pool["max_wait_s"] = float(rng.uniform(0.2, 2.0))
    if rng.random() < 0.2:
        pool["queue_limit"] = int(rng.integers(0, 6))
    pools = [pool]
    kind = rng.random()
    config: dict[str, Any] = {"name": f"case {seed}"}
    if kind < 0.2:
        pools.append(pool | {"name": "b", "model": "large"})
        config["model"] = [{"name": "m", "quality": 0.5}, {"name": "large"}]
        config["route"] = [{"model": "m", "pools": ["a", "b"], "policy": "cascade"}]
    elif kind < 0.4:
        pools[0] = pool | {"role": "prefill", "decode_pool": "b"}
        pools.append(pool | {"name": "b", "role": "decode"})
    if rng.random() < 0.4:
        config["outage"] = [{"at_s": float(rng.uniform(0, 3)), "lasts_s": 1.0, "pool": "a", "replica": 0}]
    if rng.random() < 0.3:
        config["power_cap"] = [{"at_s": float(rng.uniform(0, 3)), "lasts_s": 2.0, "fraction": 0.5}]
    patient = {"timeout_s": float(rng.uniform(0.5, 3.0))} if rng.random() < 0.4 else {}
    config["tenant"] = [
        {"name": "x", "weight": 2.0, **patient},
        {"name": "y", "priority": int(rng.integers(0, 2)), "orphans": bool(rng.random() < 0.3), **patient},
        *({"name": name, "share": 0.2} for name in ("z", "u", "v")[: rng.integers(0, 4)]),
    ]
    config["pool"] = pools
    trace = make_trace(
        np.cumsum(rng.exponential(rng.uniform(0.02, 0.4), n)), rng.integers(1, 400, n), rng.integers(1, 120, n)
    )
    return config, trace


def without_skipping(config: dict[str, Any]) -> dict[str, Any]:
    return config | {"pool": [pool | {"skip_ahead": False} for pool in config["pool"]]}


def outcome(config: dict[str, Any], trace: fleet.Trace, seed: int) -> State:
    """The state after a run."""
    built = build(load_config(config), trace, seed)
    run(built, seed)
    return built.state


def test_random_cases_are_equal() -> None:
    skipped = 0
    for seed in range(CASES):
        config, trace = random_case(seed)
        ahead, plain = (outcome(version, trace, seed) for version in (config, without_skipping(config)))
        for column in (c.STATUS, c.POOL, c.REPLICA, c.ATTEMPT, c.STAGE, c.CACHED, c.ROOT):
            assert np.array_equal(ahead.qi[:, column], plain.qi[:, column]), (seed, column)
        for column in (c.FIRST, c.FINISH):
            gap = np.abs(ahead.qf[:, column] - plain.qf[:, column])
            assert np.array_equal(np.isnan(ahead.qf[:, column]), np.isnan(plain.qf[:, column])), seed
            assert np.nanmax(gap, initial=0.0) < 1e-9, seed
        assert np.array_equal(ahead.usage, plain.usage), seed
        for counter in (
            c.C_ITERATIONS,
            c.C_MADE,
            c.C_LOST,
            c.C_PREFILLED,
            c.C_PREFILL_LOST,
            c.C_RETRIES,
            c.C_ESCALATED,
        ):
            assert ahead.counters[counter] == plain.counters[counter], (seed, counter)
        skipped += ahead.counters[c.C_PLANS] < plain.counters[c.C_PLANS]
    assert skipped > CASES / 2

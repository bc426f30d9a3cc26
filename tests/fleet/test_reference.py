"""Against a plain simulator that iterates one by one: every time of every request, and the percentiles that matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference import Job, Machine, simulate

from penstock import fleet
from penstock.fleet.config_file import load_config
from penstock.fleet.performance import speed_of
from penstock.fleet.trace import Trace

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
FULL = SHARED / "azure_llm_2023_conv.csv.gz"
EXTRACT = {"kind": "bootstrap", "name": "azure_llm_2023_conv", "requests": 3000, "requests_per_s": 6.0}


def config(router: str, queue: str, replicas: int) -> fleet.FleetConfig:
    pool = {"name": "p", "model": "m", "chip": "h200", "chips": 2, "slots": 64, "chunk_tokens": 512}
    pool |= {"replicas": replicas, "router": router, "queue": queue}
    return load_config({"model": [{"name": "m", "shape": "dense_70b"}], "pool": [pool], "trace": EXTRACT})


def both(fleet_: fleet.FleetConfig, trace: Trace) -> tuple[fleet.FleetResult, list[Job]]:
    pool, speed = fleet_.pool[0], speed_of(fleet_.pool[0], fleet_.model[0])
    machine = Machine(
        overhead=list(speed.steps[:, 0]),
        weights=list(speed.steps[:, 1]),
        context_s=speed.context_s,
        work=speed.work_s,
        work_context=speed.work_context_s,
        prompt=speed.prompt_s,
        prompt_squared=speed.prompt_squared_s,
        half=speed.half_tokens,
        traffic=speed.traffic_s,
        slots=pool.slots,
        memory=speed.memory_tokens,
        chunk=pool.chunk_tokens,
    )
    jobs = [
        Job(k, float(a), int(i), int(o))
        for k, (a, i, o) in enumerate(zip(trace.arrival_s, trace.input_tokens, trace.output_tokens, strict=True))
    ]
    simulate(machine, jobs, pool.replicas, pool.router, pool.queue == "central")
    return fleet.simulate(fleet_, trace, 1), jobs


def gaps(result: fleet.FleetResult, jobs: list[Job]) -> dict[str, float]:
    """Relative gaps of percentiles between the simulator and the reference."""
    first = np.array([j.first - j.arrival for j in jobs])
    more = np.array([j.n_out > 1 for j in jobs])
    token = np.array([(j.finish - j.first) / max(j.n_out - 1, 1) for j in jobs])[more]
    found = {}
    for name, values in (("first_token_s", first), ("token_s", token)):
        for p in (50, 90, 99):
            found[f"{name} p{p}"] = abs(result.percentile(name, p) / float(np.percentile(values, p)) - 1.0)
    return found


@pytest.mark.parametrize(
    ("router", "queue"), [("round_robin", "replica"), ("least_load", "replica"), ("least_load", "central")]
)
def test_every_time_is_that_of_the_reference(router: str, queue: str) -> None:
    fleet_ = config(router, queue, 2)
    from penstock.fleet.generators import draw

    trace = draw(fleet_.trace, 5)
    result, jobs = both(fleet_, trace)
    assert np.allclose(result.requests.finish_s, [j.finish for j in jobs], rtol=1e-9)
    assert max(gaps(result, jobs).values()) < 1e-6


@pytest.mark.skipif(not FULL.exists(), reason="found no full Azure trace beside the checkout; the extract serves")
def test_percentiles_on_the_azure_conversation_trace() -> None:
    trace = fleet.load_trace(FULL)
    assert len(trace) == 19_366
    result, jobs = both(config("least_load", "replica", 2), trace)
    assert max(gaps(result, jobs).values()) < 0.02

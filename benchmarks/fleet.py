"""`python -m benchmarks.fleet`: how many requests a second the fleet simulator handles, beside SimPy and ciw.

The fleet: 64 replicas of a 70B model, iteration-level batching with chunked prefill. The trace: a million requests in
blocks of one minute of the Azure conversation trace of 2023, with its real tokens where the full file lies beside the
checkout, else drawn from the committed extract. The queue: M/M/16 at load 0.9, the same arrivals and services for all.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import ROOT, provenance

FULL_TRACE = ROOT.parent / "shared" / "data" / "azure_llm_2023_conv.csv.gz"
REPLICAS = 64
SERVERS, LOAD = 16, 0.9
KB_PER_GB = 1e6


def fleet_config(requests: int, rate: float, *, skip_ahead: bool = True) -> dict[str, Any]:
    """The fleet of the benchmark."""
    source: dict[str, Any] = {"kind": "bootstrap", "name": "azure_llm_2023_conv", "requests": requests}
    source |= {"requests_per_s": rate, "block_s": 60.0}
    if FULL_TRACE.exists():
        source["file"] = str(FULL_TRACE)
    pool = {"name": "chat", "model": "chat-70b", "chip": "h200", "chips": 2, "replicas": REPLICAS, "slots": 256}
    pool |= {"chunk_tokens": 2048, "router": "power_of_two", "skip_ahead": skip_ahead}
    return {"name": "speed", "model": [{"name": "chat-70b", "shape": "dense_70b"}], "pool": [pool], "trace": source}


def one_fleet(requests: int, rate: float, skip_ahead: bool) -> dict[str, Any]:
    """One run in this process, compiled code warm; the clock stands around the simulation, not the drawing."""
    from penstock.fleet import load_config, simulate
    from penstock.fleet.build import build
    from penstock.fleet.simulation import drawn_trace, run

    simulate(fleet_config(2000, rate, skip_ahead=skip_ahead), seed=1)
    config = load_config(fleet_config(requests, rate, skip_ahead=skip_ahead))
    began, all_cpu_s = time.perf_counter(), time.process_time()
    trace = drawn_trace(config, 7)
    drawn = time.perf_counter()
    result = simulate(config, trace, 7)
    all_s, all_cpu_s = time.perf_counter() - began, time.process_time() - all_cpu_s
    s = result.summary
    built = build(config, trace, 7)
    busy = time.process_time()
    run(built, 7)
    busy = time.process_time() - busy
    names = ("trace", "policy", "requests", "iterations_per_request", "tokens_per_request", "requests_per_s", "wall_s")
    return {name: s[name] for name in names} | {
        "draw_s": drawn - began,
        "all_s": all_s,
        "all_cpu_s": all_cpu_s,
        "requests_per_cpu_s": len(trace) / busy,
        "utilisation": s["utilisation"],
        "good_share": s["good_share"],
        "tokens_billed": s["tokens_billed"],
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_GB,
    }


def in_process(requests: int, rate: float, skip_ahead: bool) -> dict[str, Any]:
    """The same in a process of its own, whose peak memory is its own."""
    measured = f"one_fleet({requests}, {rate}, {skip_ahead})"
    call = f"import json; from benchmarks.fleet import one_fleet; print(json.dumps({measured}))"
    told = subprocess.run([sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


# -------------------------------------------------------------------- M/M/16


def queue_times(n: int) -> tuple[Any, Any]:
    """Gaps and services of a queue at load 0.9 of 16 servers."""
    rng = np.random.default_rng(5)
    return rng.exponential(1.0 / (LOAD * SERVERS), n), rng.exponential(1.0, n)


def by_penstock(gaps: Any, services: Any) -> float:
    """Mean wait by the fleet simulator: 16 replicas of one slot."""
    from penstock.fleet import make_trace, simulate

    tokens = np.maximum(np.rint(services * 1e6), 1)
    pool = {"name": "s", "model": "m", "replicas": SERVERS, "slots": 1, "chunk_tokens": 2**40, "queue": "central"}
    pool |= {"router": "least_load", "timing": {"prompt_s": 1e-6, "memory_tokens": 2**40}}
    config = {"name": "mm16", "pool": [pool], "drain_s": 1e9, "window_s": 1e6}
    result = simulate(config, make_trace(np.cumsum(gaps), tokens, np.ones(len(tokens))), 1)
    return float((result.requests.total_s - tokens / 1e6).mean())


def by_simpy(gaps: Any, services: Any) -> float:
    """Mean wait by SimPy."""
    import simpy

    env = simpy.Environment()
    desk = simpy.Resource(env, SERVERS)
    waits: list[float] = []

    def customer(service: float) -> Any:
        came = env.now
        with desk.request() as turn:
            yield turn
            waits.append(env.now - came)
            yield env.timeout(service)

    def source() -> Any:
        for gap, service in zip(gaps, services, strict=True):
            yield env.timeout(gap)
            env.process(customer(service))

    env.process(source())
    env.run()
    return float(np.mean(waits))


def by_ciw(gaps: Any, services: Any) -> float:
    """Mean wait by ciw."""
    import ciw

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, float("inf")])],
        service_distributions=[ciw.dists.Sequential(list(services))],
        number_of_servers=[SERVERS],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(len(gaps))
    return float(np.mean([record.waiting_time for record in simulation.get_all_records()]))


def queues(n: int) -> list[dict[str, Any]]:
    """Customers per second of each simulator on the same queue, best of three for the compiled one."""
    gaps, services = queue_times(n)
    by_penstock(gaps[:1000], services[:1000])
    rows = []
    for name, solve, times in (("penstock fleet", by_penstock, 3), ("SimPy", by_simpy, 1), ("ciw", by_ciw, 1)):
        taken, busy, wait = timed(solve, gaps, services, times)
        found = {"simulator": name, "customers": n, "wall_s": taken, "per_s": n / taken, "per_cpu_s": n / busy}
        rows.append(found | {"mean_wait": wait})
    return rows


def timed(solve: Callable[[Any, Any], float], gaps: Any, services: Any, times: int) -> tuple[float, float, float]:
    """Best wall time, best processor time, and what was found."""
    best, least, found = float("inf"), float("inf"), float("nan")
    for _ in range(times):
        began, busy = time.perf_counter(), time.process_time()
        found = solve(gaps, services)
        best, least = min(best, time.perf_counter() - began), min(least, time.process_time() - busy)
    return best, least, found


# --------------------------------------------------------------------- page


def page(fleets: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]], load: str) -> str:
    """The page as text."""
    lines = ["# Speed of the fleet simulator", ""]
    lines += [*provenance().lines(), f"Other load on the machine: {load}. Written by `python -m benchmarks.fleet`.", ""]
    head = fleets[0]
    lines += [
        f"Trace: {head['trace']}. Policy: {head['policy']}; {REPLICAS} replicas; one core.",
        "",
        "| way | requests | requests per s of wall time | of processor time | iterations per request | "
        "tokens per request | wall, s | with drawing, s | of which processor, s | "
        "peak, GB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, f in zip(("skipping ahead", "iteration by iteration"), fleets, strict=False):
        lines.append(
            f"| {name} | {f['requests']:,} | {f['requests_per_s']:,.0f} | {f['requests_per_cpu_s']:,.0f} | "
            f"{f['iterations_per_request']:.2f} | "
            f"{f['tokens_per_request']:,.0f} | {f['wall_s']:.2f} | {f['all_s']:.2f} | {f['all_cpu_s']:.2f} | "
            f"{f['peak_gb']:.2f} |"
        )
    lines += [
        "",
        "With drawing: from the TOML to the figures, tables of requests and windows included. Where other work shares "
        "the cores, wall time is that of the crowd; processor time is nearer the simulator's.",
        "",
        "Quoted, not rerun here: Vidur about 450, Splitwise-sim 380 requests per second on such a machine.",
        "Wanted: 200,000 requests per second; a million requests in 10 s and 2 GB.",
        "",
        f"The same M/M/{SERVERS} queue at load {LOAD} for all (no batching: what SimPy and ciw are made for):",
        "",
        "| simulator | customers | wall, s | customers per s | per s of processor time | mean wait found |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r in rows:
        lines.append(
            f"| {r['simulator']} | {r['customers']:,} | {r['wall_s']:.2f} | {r['per_s']:,.0f} | "
            f"{r['per_cpu_s']:,.0f} | {r['mean_wait']:.4f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the page."""
    import os

    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description="Speed of the fleet simulator.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000, help="of the M/M/16 queue")
    parser.add_argument("--rate", type=float, default=200.0, help="requests per second of the trace")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page is written")
    given = parser.parse_args(arguments)
    load = f"load average {os.getloadavg()[0]:.1f} over the last minute before"
    fleets = [in_process(given.requests, given.rate, True), in_process(min(given.requests, 200_000), given.rate, False)]
    text = page(fleets, queues(given.customers), load)
    target = given.docs / "validation" / "fleet_speed.md"
    target.write_text(text, encoding="utf-8")
    print(text)
    print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fidelity: the measured times of Splitwise, the ratios of MLPerf scenarios, the published day of DeepSeek."""

from __future__ import annotations

import csv
import gzip
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from penstock.fleet import make_trace, simulate
from penstock.fleet.config import Prices
from penstock.fleet.metering import margin, usage_charges

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
SPLITWISE = SHARED / "splitwise_perf_model.csv.gz"
HARDWARE = "h100-80gb"
FAULTY = {("llama2-70b", 2, 512, 64)}
"""Model, chips, prompt, batch: the prompt time of this row is a sixth of the trend; named in the data's notes."""


Cells = dict[tuple[int, int], tuple[float, float]]
"""Prompt and token seconds by (prompt, batch)."""


# ------------------------------------------------------------------ Splitwise


def splitwise_cells(path: Path = SPLITWISE) -> dict[tuple[str, int], Cells]:
    """Median prompt and token seconds on H100 by (model, chips) and (prompt, batch), faulty rows left out."""
    runs: dict[Any, list[tuple[float, float]]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["hardware"] == HARDWARE:
                key = (row["model"], int(row["tensor_parallel"]), int(row["prompt_size"]), int(row["batch_size"]))
                runs[key].append((float(row["prompt_time"]) / 1e3, float(row["token_time"]) / 1e3))
    cells: dict[tuple[str, int], Cells] = defaultdict(dict)
    for (model, chips, prompt, batch), times in runs.items():
        if (model, chips, prompt, batch) not in FAULTY:
            medians = tuple(statistics.median(column) for column in zip(*times, strict=True))
            cells[model, chips][prompt, batch] = (medians[0], medians[1])
    return dict(cells)


def runs_apart(path: Path = SPLITWISE) -> dict[tuple[Any, ...], float]:
    """Longest over shortest run of each cell, less one, by model, chips, prompt, batch and which time."""
    runs: dict[Any, list[float]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["hardware"] == HARDWARE:
                cell = (row["model"], int(row["tensor_parallel"]), int(row["prompt_size"]), int(row["batch_size"]))
                for what in ("prompt", "token"):
                    runs[*cell, what].append(float(row[f"{what}_time"]))
    return {cell: max(times) / min(times) - 1.0 for cell, times in runs.items()}


def fit_prompt(cells: Cells) -> tuple[Any, Any, float]:
    """Knots of seconds by tokens in the iteration, and seconds per squared token of a prompt.

    Attention makes one long prompt dearer than several short ones of the same sum: its coefficient is that of least
    squares over pairs of cells with equal sums; the rest is straight lines between points.
    """
    squares = {key: key[1] * key[0] ** 2 for key in cells}
    pairs = [
        (squares[a] - squares[b], cells[a][0] - cells[b][0])
        for a in cells
        for b in cells
        if a[0] * a[1] == b[0] * b[1] and squares[a] > squares[b]
    ]
    x, y = np.array(pairs).T if pairs else (np.zeros(1), np.zeros(1))
    attention = max(float((x * y).sum() / max((x * x).sum(), 1e-30)), 0.0)
    sums: dict[int, list[float]] = defaultdict(list)
    for key, (seconds, _) in cells.items():
        sums[key[0] * key[1]].append(seconds - attention * squares[key])
    tokens = sorted(sums)
    return np.array(tokens), np.array([statistics.mean(sums[t]) for t in tokens]), attention


def fit_token(cells: Cells) -> tuple[Any, Any]:
    """Knots of seconds of an iteration by batch: the mean over cells of the same batch."""
    by_batch: dict[int, list[float]] = defaultdict(list)
    for (_, batch), (_, seconds) in cells.items():
        by_batch[batch].append(seconds)
    batches = sorted(by_batch)
    return np.array(batches), np.array([statistics.mean(by_batch[b]) for b in batches])


def straight(x: float, xs: Any, ys: Any) -> float:
    """Straight lines between points, the last line beyond the end, flat before the beginning."""
    if x > xs[-1] and len(xs) > 1:
        return float(ys[-1] + (ys[-1] - ys[-2]) / (xs[-1] - xs[-2]) * (x - xs[-1]))
    return float(np.interp(x, xs, ys))


def roofline(x: float, xs: Any, ys: Any) -> float:
    """Between points: the larger of a floor and a line, as a roofline has it, but no more than the straight line.

    The floor is the point before; the line goes through the two points after. Elsewhere as `straight`.
    """
    after = int(np.searchsorted(xs, x))
    if after == 0 or after + 1 >= len(xs):
        return straight(x, xs, ys)
    slope = (ys[after + 1] - ys[after]) / (xs[after + 1] - xs[after])
    return float(min(max(ys[after - 1], ys[after] + slope * (x - xs[after])), straight(x, xs, ys)))


def growth(others: list[Cells], known: int, wanted: int) -> float | None:
    """How many times as long an iteration of a larger batch takes than of a smaller one on other layouts: their mean;
    None where no other layout has both."""
    ratios = []
    for cells in others:
        batches, times = fit_token(cells)
        by_batch = dict(zip(batches.tolist(), times.tolist(), strict=True))
        if known in by_batch and wanted in by_batch:
            ratios.append(by_batch[wanted] / by_batch[known])
    return statistics.mean(ratios) if ratios else None


def left_out(cells: Cells, others: list[Cells]) -> Cells:
    """Relative errors of prompt and token time of each cell, predicted without it.

    Beyond the largest batch that is left a straight line falls short, since arithmetic begins to weigh; there the time
    grows as on the other layouts of the table.
    """
    errors = {}
    for key in cells:
        rest = {k: v for k, v in cells.items() if k != key}
        tokens, seconds, attention = fit_prompt(rest)
        batches, times = fit_token(rest)
        prompt = roofline(key[0] * key[1], tokens, seconds) + attention * key[1] * key[0] ** 2
        token = straight(key[1], batches, times)
        if key[1] > batches[-1]:
            token = (growth(others, int(batches[-1]), key[1]) or token / times[-1]) * times[-1]
        errors[key] = (prompt / cells[key][0] - 1.0, token / cells[key][1] - 1.0)
    return errors


def replica_times(cells: Cells, prompt: int, batch: int) -> tuple[float, float]:
    """Prompt and token seconds of a simulated replica with these timings: a batch of equal requests at once."""
    tokens, seconds, attention = fit_prompt(cells)
    batches, times = fit_token(cells)
    timing = {
        "decode_batch": tuple(map(float, batches)),
        "decode_s": tuple(map(float, times)),
        "prompt_tokens": tuple(map(float, tokens)),
        "prompt_iteration_s": tuple(map(float, seconds)),
        "prompt_squared_s": attention,
        "memory_tokens": 10_000_000,
    }
    slots = max(batch, 2)
    pool = {"name": "r", "model": "m", "replicas": 1, "slots": slots, "chunk_tokens": 1_000_000, "timing": timing}
    # a request of one token just before, so that the batch stands ready when the replica is free
    times_ = [0.0] + [1e-6] * batch
    trace = make_trace(times_, [1] + [prompt] * batch, [1] + [128] * batch)
    result = simulate({"name": "splitwise", "pool": [pool], "drain_s": 1e6}, trace, 1)
    head = float(result.requests.finish_s[0])
    first = float(result.requests.first_token_s[1]) + 1e-6 - head
    return first, float(result.requests.token_s[1])


def splitwise(path: Path = SPLITWISE) -> dict[str, Any]:
    """Largest errors of simulated replicas over the grid, and of cells left out; cells beyond 10 % by name."""
    worst, beyond, count, out_errors = 0.0, [], 0, []
    table, apart = splitwise_cells(path), runs_apart(path)
    for (model, chips), cells in table.items():
        errors = left_out(cells, [other for layout, other in table.items() if layout != (model, chips)])
        for key, (prompt, token) in cells.items():
            found = replica_times(cells, *key)
            worst = max(worst, abs(found[0] / prompt - 1.0), abs(found[1] / token - 1.0))
            count += 1
            out_errors += [abs(e) for e in errors[key]]
            for what, error in zip(("prompt", "token"), errors[key], strict=True):
                if abs(error) > 0.10:
                    beyond.append((model, chips, key[0], key[1], what, error, apart[model, chips, *key, what]))
    return {
        "cells": count,
        "largest error of a simulated replica": worst,
        "left out, times within 10 %": sum(e <= 0.10 for e in out_errors),
        "left out, times": len(out_errors),
        "left out, median error": statistics.median(out_errors),
        "beyond": beyond,
    }


# --------------------------------------------------------------------- MLPerf

PROMISES = {"server": (2.0, 0.2), "interactive": (0.45, 0.04)}
"""First token and time per token of MLPerf Inference v5.1 for Llama 2 70B, seconds, 99th percentile."""
REPEATS = 3
"""Runs in which a promise must hold: a submitted rate has to pass whenever it is run."""
MEAN_TOKENS = 294.45
"""Mean prompt and answer of the benchmark load: Llama 2 70B, OpenOrca (the same figure as in the silicon layer)."""


def benchmark_trace(rate: float, n: int, seed: int) -> Any:
    """Poisson arrivals with log-normal tokens around the benchmark's means (variation 0.9 and 0.7, cut at 1,024)."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.exponential(1.0 / rate, n))

    def tokens(variation: float) -> Any:
        s = np.sqrt(np.log(1 + variation**2))
        drawn = np.clip(np.rint(MEAN_TOKENS * np.exp(s * rng.standard_normal(n) - s * s / 2)), 4, 1024)
        return np.maximum(np.rint(drawn * MEAN_TOKENS / drawn.mean()), 1)

    return make_trace(times, tokens(0.9), tokens(0.7))


SLOTS = (48, 96, 192, 512)
RESULTS = Path(__file__).parents[2] / "tests" / "data" / "mlperf_v5.1_llm.csv"
"""One line per visible result of MLPerf Inference v5.1 (MLCommons, Apache-2.0)."""


def published_ratio(benchmark: str, accelerator: str, scenario: str) -> float:
    """Median over systems of a scenario's result over the offline result of the same system; closed division."""
    found: dict[Any, dict[str, float]] = defaultdict(dict)
    with RESULTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["model"] == benchmark and row["category"] == "closed" and accelerator in row["accelerator"]:
                found[row["submitter"], row["system"], row["nodes"]][row["scenario"].lower()] = float(row["result"])
    return statistics.median(v[scenario] / v["offline"] for v in found.values() if scenario in v and "offline" in v)


def mlperf(
    chip: str = "h200",
    model: str = "dense_70b",
    sizes: tuple[int, ...] = (1, 2, 4),
    precision: str = "fp8",
    seconds: float = 300.0,
    slots_tried: tuple[int, ...] = SLOTS,
    scenarios: tuple[str, ...] = ("server", "interactive"),
    seed: int = 1,
) -> dict[str, float]:
    """Ratios of server and interactive to offline per chip; size and slots tuned to each promise, as submitters do.

    seconds: of arrivals at each rate.
    """

    def config(chips: int, slots: int) -> dict[str, Any]:
        own = {"name": "r", "model": "m", "replicas": 1, "chip": chip, "chips": chips, "slots": slots}
        return {
            "name": "mlperf",
            "drain_s": 36_000.0,
            "model": [{"name": "m", "shape": model, "precision": precision}],
            "pool": [own | {"chunk_tokens": max(1024, slots + 1), "queue": "central", "router": "least_load"}],
            "tenant": [{"name": "all", "retries": 0}],
        }

    def offline(chips: int, slots: int) -> float:
        requests = 6 * slots
        finish = np.sort(simulate(config(chips, slots), benchmark_trace(1e6, requests, seed), seed).requests.finish_s)
        low, high = requests // 5, requests * 3 // 5
        return float((high - low) / (finish[high] - finish[low])) / chips

    def kept(chips: int, slots: int, rate: float, first: float, token: float) -> bool:
        for run in range(seed, seed + REPEATS):
            trace = benchmark_trace(rate, int(rate * seconds) + 100, run)
            result = simulate(config(chips, slots), trace, run)
            if result.percentile("first_token_s", 99) > first or result.percentile("token_s", 99) > token:
                return False
        return True

    full = max(offline(chips, slots) for chips in sizes for slots in (256, 512, 1024))
    found = {}
    for name in scenarios:
        first, token = PROMISES[name]
        best = 0.0
        for chips in sizes:
            for slots in slots_tried:
                if best > 0.0 and not kept(chips, slots, 1.02 * best * chips, first, token):
                    continue
                low, high = best, full
                for _ in range(6):
                    rate = 0.5 * (low + high)
                    low, high = (rate, high) if kept(chips, slots, rate * chips, first, token) else (low, rate)
                best = max(best, low)
        found[name] = best / full
    return {"offline, requests per s and chip": full, **found}


# ------------------------------------------------------------------- DeepSeek


def deepseek_day() -> dict[str, float]:
    """PHYSICS R12: 608 bn tokens in of which 342 bn cached, 168 bn out; 226.75 nodes of eight chips at 2 USD."""
    prices = Prices(input_usd_per_mtok=0.55, cached_usd_per_mtok=0.14, output_usd_per_mtok=2.19)
    charges = usage_charges(prices, 608e9 - 342e9, 342e9, 168e9)
    revenue, cost = sum(charges.values()), 226.75 * 8 * 24 * 2.0
    return {
        "revenue, USD": revenue,
        "cost, USD": cost,
        "margin on cost": margin(revenue, cost),
        "peak over average nodes": 278 / 226.75,
    }

"""How many quarters of a path the engine computes in a second, in one process and in two."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from penstock.engine.executors import worker_environment
from penstock.engine.model import WIDTH, Model, prepare, simulate_paths
from penstock.world import load_world

SEED = 7


@dataclass(frozen=True)
class Throughput:
    """Speed of `jobs` processes; `seconds` of every repeat, the best of which counts."""

    jobs: int
    paths: int
    quarters: int
    seconds: tuple[float, ...]

    @property
    def path_quarters_per_s(self) -> float:
        return self.paths * self.quarters / min(self.seconds)

    def to_dict(self) -> dict[str, Any]:
        return {
            "jobs": self.jobs,
            "paths": self.paths,
            "quarters": self.quarters,
            "seconds": [round(s, 4) for s in self.seconds],
            "path_quarters_per_s": round(self.path_quarters_per_s, 1),
        }


def times_as_fast(many: Throughput, one: Throughput) -> float:
    """How many times as fast: the median over the turns, in each of which the two were measured one after the other."""
    return statistics.median(slow / fast for slow, fast in zip(one.seconds, many.seconds, strict=True))


def measure(paths: int, quarters: int, repeats: int, jobs: tuple[int, ...]) -> list[Throughput]:
    """Throughput of the baseline world for each number of processes, in turns: one of each, then the next repeat.

    A machine shared with others moves within minutes, and a ratio of figures taken minutes apart would tell of that.
    Every process is warmed by a block of paths and waits while another pool works; no tables are made and nothing is
    written.
    """
    model = prepare(load_world(), quarters=quarters, seed=SEED)
    seconds: dict[int, list[float]] = {count: [] for count in jobs}
    with ExitStack() as stack:
        pools = {count: stack.enter_context(_pool(model, count)) for count in seconds}
        for _ in range(repeats):
            for count, pool in pools.items():
                seconds[count].append(_seconds(pool, paths))
    return [Throughput(count, paths, quarters, tuple(took)) for count, took in seconds.items()]


def measure_long(paths: int, quarters: int, jobs: int) -> Throughput:
    """One long simulation by warm processes, once, from the first block to the last; nothing is written."""
    with _pool(prepare(load_world(), quarters=quarters, seed=SEED), jobs) as pool:
        return Throughput(jobs, paths, quarters, (_seconds(pool, paths),))


def _seconds(pool: ProcessPoolExecutor, paths: int) -> float:
    """How long a pool takes for so many paths, a block at a time."""
    blocks = [(first, min(WIDTH, paths - first)) for first in range(0, paths, WIDTH)]
    began = time.perf_counter()
    done = sum(pool.map(_simulate, blocks))
    took = time.perf_counter() - began
    if done != paths:
        raise RuntimeError(f"engine: found {done} paths; expected {paths}")
    return took


@contextmanager
def _pool(model: Model, jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes have all started and are warm."""
    context = multiprocessing.get_context("spawn")
    with (
        worker_environment(),
        ProcessPoolExecutor(jobs, mp_context=context, initializer=_warm, initargs=(model,)) as pool,
    ):
        # processes start as work comes: as many pieces as processes, each long enough for all to be taken
        list(pool.map(_nap, [0.5] * jobs))
        yield pool


_model: Model | None = None


def _warm(model: Model) -> None:
    global _model
    _model = model
    simulate_paths(model, 0, 1)


def _nap(seconds: float) -> None:
    time.sleep(seconds)


def _simulate(block: tuple[int, int]) -> int:
    assert _model is not None
    result = simulate_paths(_model, *block)
    return int(result.chain.shape[0])

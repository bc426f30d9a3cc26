"""The physical limit of a quarter: bytes that no program could spare, over the bandwidth measured beside them.

`python -m benchmarks.limit` prints the table. What is counted, and why it is a lower bound: `counting.py`.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks import step_profile
from benchmarks.counting import QUARTER, count_block
from benchmarks.machine import provenance
from penstock.engine import model as engine
from penstock.world import load_world

SEED = 7
LEAST_MB = 64.0
"""that a repeat of the bandwidth goes over"""
REPEATS = 9
MOST_RATIO = 5.0
"""times the limit that a quarter may take"""
CALL_ROUNDS = 20_000
LARGEST_GAPS = 6
"""stages whose gap is told in words"""
BYTES_PER_S = 1e9
MB = 1e6


@dataclass(frozen=True)
class Stage:
    """One step of the quarter; all figures per block-quarter."""

    name: str
    operations: float
    needed_mb: float
    moved_mb: float
    ms: float


@dataclass(frozen=True)
class Limit:
    """Stages of the quarter beside the bandwidths of one process."""

    paths: int
    quarters: int
    block_mb: float
    """bytes that a quarter passes over at least once: what the caches would have to hold"""
    block_gb_per_s: float
    """of products that go round arrays of so many MB in all"""
    cache_gb_per_s: float
    """of products of the same few arrays, which stay in the cache"""
    stages: tuple[Stage, ...]
    call_us: float = 0.0
    """least time of one operation: a product of one number a path"""

    def limit_ms(self, stage: Stage) -> float:
        """Least time for the bytes that a stage needs."""
        return 1e3 * stage.needed_mb * MB / (self.block_gb_per_s * BYTES_PER_S)

    def moved_ms(self, stage: Stage) -> float:
        """The same for all bytes that its operations move."""
        return 1e3 * stage.moved_mb * MB / (self.block_gb_per_s * BYTES_PER_S)

    def gap_ms(self, stage: Stage) -> tuple[float, float, float]:
        """What lies between limit and measured: bytes moved again, calls, and the rest.

        The rest is arithmetic, waiting for memory, and Python between the calls; below zero it says that bytes moved
        again came from the caches.
        """
        again = self.moved_ms(stage) - self.limit_ms(stage)
        calls = 1e-3 * self.call_us * stage.operations
        return again, calls, stage.ms - self.limit_ms(stage) - again - calls

    @property
    def total(self) -> Stage:
        """The whole quarter."""
        sums = [sum(getattr(s, name) for s in self.stages) for name in ("operations", "needed_mb", "moved_mb", "ms")]
        return Stage("quarter", *sums)

    @property
    def ratio(self) -> float:
        """Measured time over the limit."""
        return self.total.ms / self.limit_ms(self.total)

    @property
    def path_quarters_per_s(self) -> float:
        """Of one process at the limit."""
        return 1e3 * self.paths / self.limit_ms(self.total)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": round(self.ratio, 2)}


def bandwidth(array_mb: float, all_mb: float, repeats: int = REPEATS) -> float:
    """GB per second of one process that multiplies arrays, two read and one written, going round `all_mb` of them."""
    size = max(int(array_mb * MB / 8), 1)
    arrays = [np.ones(size) for _ in range(max(int(all_mb / array_mb), 3))]
    count = len(arrays)
    rounds = max(count, int(LEAST_MB / array_mb))
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        for first in range(rounds):
            np.multiply(arrays[first % count], arrays[(first + 1) % count], out=arrays[(first + 2) % count])
        best = min(best, (time.perf_counter() - began) / rounds)
    return 24.0 * size / best / BYTES_PER_S


def call_cost(width: int, repeats: int = REPEATS) -> float:
    """Microseconds of a NumPy operation that makes one number a path."""
    one, other, best = np.ones(width), np.ones(width), float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(CALL_ROUNDS):
            np.multiply(one, other)
        best = min(best, (time.perf_counter() - began) / CALL_ROUNDS)
    return 1e6 * best


def measure(quarters: int, repeats: int) -> Limit:
    """Counts and times of the baseline world on one process, and the bandwidths of the same minute."""
    model = engine.prepare(load_world(), quarters=quarters, seed=SEED)
    counter, counted = count_block(model, engine.WIDTH)
    profile = step_profile.measure(quarters, repeats)
    stages = []
    for name, ms in profile.ms.items():
        work = counter.work[name]
        stages.append(Stage(name, work.operations / counted, work.needed / counted / MB, work.moved / counted / MB, ms))
    array_mb = model.layout.firms * engine.WIDTH * 8 / MB
    block_mb = counter.work[QUARTER].needed / counted / MB
    fast, slow = bandwidth(array_mb, 3 * array_mb), bandwidth(array_mb, block_mb)
    return Limit(engine.WIDTH, quarters, block_mb, slow, fast, tuple(stages), call_cost(engine.WIDTH))


def table(found: Limit) -> str:
    """Markdown: the stages, and a line of the whole. Limit, moved again, calls and rest add to what was measured."""
    rows = [
        "| step | operations | MB needed | MB moved | limit, ms | moved again, ms | calls, ms | rest, ms "
        "| measured, ms | times the limit |"
    ]
    rows.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for stage in (*found.stages, found.total):
        limit = found.limit_ms(stage)
        times = f"{stage.ms / limit:.1f}" if limit > 0.0 else ""
        gap = " | ".join(f"{part:.3f}" for part in found.gap_ms(stage))
        rows.append(
            f"| `{stage.name}` | {stage.operations:,.0f} | {stage.needed_mb:.2f} | {stage.moved_mb:.2f} | "
            f"{limit:.3f} | {gap} | {stage.ms:.3f} | {times} |"
        )
    return "\n".join(rows)


def largest_gaps(found: Limit) -> str:
    """The stages that are furthest above their limits, and what of it is what."""
    stages = sorted(found.stages, key=lambda stage: found.limit_ms(stage) - stage.ms)[:LARGEST_GAPS]
    told = []
    for stage in stages:
        again, calls, rest = found.gap_ms(stage)
        above = stage.ms - found.limit_ms(stage)
        told.append(
            f"- `{stage.name}`, {above:.2f} ms above its limit: {again:.2f} ms of bytes written and read again, "
            f"{calls:.2f} ms of {stage.operations:,.0f} calls, {rest:.2f} ms of arithmetic and waiting."
        )
    return "\n".join(told)


def sentences(found: Limit) -> str:
    """What the table says."""
    total = found.total
    limit, moved = found.limit_ms(total), found.moved_ms(total)
    _, calls, rest = found.gap_ms(total)
    cached = 1e3 * total.needed_mb * MB / (found.cache_gb_per_s * BYTES_PER_S)
    return (
        f"A quarter of {found.paths} paths passes over {found.block_mb:.0f} MB at least once; its steps, one after the "
        f"other, need {total.needed_mb:.0f} MB. Bandwidth of one process, products of arrays: "
        f"{found.block_gb_per_s:.1f} GB/s going round as many arrays, {found.cache_gb_per_s:.1f} GB/s on few that stay "
        f"in the cache. The limit is {limit:.2f} ms a block-quarter, or {found.path_quarters_per_s:,.0f} path-quarters "
        f"per second of one process ({cached:.2f} ms were all of it in the cache). Measured: {total.ms:.2f} ms, "
        f"**{found.ratio:.1f} times the limit** (asked for: at most {MOST_RATIO:.0f}; {total.ms / cached:.1f} times "
        f"that of the cache). Operations as they run move {total.moved_mb / total.needed_mb:.1f} times the bytes "
        f"needed, written and read again between operations that are not fused: {moved:.2f} ms at that bandwidth. A "
        f"call takes at least {found.call_us:.2f} µs: {calls:.2f} ms for {total.operations:,.0f} of them. The rest, "
        f"{rest:.2f} ms, is arithmetic (exponentials, powers, divisions), waiting for memory, and Python between the "
        "calls; below zero it says that bytes moved again came from the caches. By stage:\n\n" + largest_gaps(found)
    )


def main() -> int:
    found = measure(40, 5)
    print("\n".join([*provenance().lines(), "", sentences(found), "", table(found)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

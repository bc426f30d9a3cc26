"""Ray on this machine beside the pool of processes, on the same run: `python -m benchmarks.cluster`.

Start-up is apart: the clock runs from the first pieces that are done to the last, when all workers have loaded. Both
write the run to disk as `penstock run` does, and both must leave the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import provenance
from penstock.engine.cluster import RayCluster
from penstock.engine.ensemble import simulate
from penstock.engine.executors import ProcessPool
from penstock.engine.storage import sha256_of
from penstock.world import load_world

MOST_SLOWER = 0.15
WARM = 4
"""pieces a worker that count as start-up"""


@dataclass(frozen=True)
class Pace:
    """One run."""

    executor: str
    path_quarters_per_s: float
    """between the warm pieces and the last"""
    whole_s: float
    """start-up and the tables over all paths with it"""
    bytes_hash: str


def pace(name: str, executor: Any, paths: int, quarters: int, jobs: int) -> Pace:
    """Run once into a directory of its own."""
    marks: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        run = simulate(
            load_world(), paths=paths, quarters=quarters, jobs=jobs, out=Path(place) / "run", executor=executor,
            on_progress=lambda done, total, note: marks.append((time.perf_counter(), done)),
        )  # fmt: skip
        whole = time.perf_counter() - began
        tables = sorted((Path(place) / "run").rglob("*.parquet"))
        together = "".join(sha256_of(table) for table in tables)
        problems = run.problems()
    if problems:
        raise RuntimeError(problems[0])
    (first_at, first), (last_at, last) = marks[min(WARM * jobs, len(marks) - 2)], marks[-1]
    return Pace(name, (last - first) * quarters / (last_at - first_at), whole, together)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in turns and print; 1 where Ray is slower than allowed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--paths", type=int, default=10_000)
    parser.add_argument("--quarters", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args(arguments)
    found: list[Pace] = []
    for _ in range(given.repeats):
        for name, executor in (("processes", ProcessPool(given.jobs)), ("ray", RayCluster(given.jobs))):
            found.append(pace(name, executor, given.paths, given.quarters, given.jobs))
            print(f"cluster: {name}: {found[-1].path_quarters_per_s:,.0f}", file=sys.stderr, flush=True)
    if len({one.bytes_hash for one in found}) != 1:
        raise RuntimeError("cluster: found runs with different bytes; expected the same of both executors")
    best = {name: max((p for p in found if p.executor == name), key=lambda p: p.path_quarters_per_s) for name in
            ("processes", "ray")}  # fmt: skip
    ratio = best["ray"].path_quarters_per_s / best["processes"].path_quarters_per_s
    print("\n".join(provenance().lines()))
    print(f"\n{given.paths:,} paths, {given.quarters} quarters, {given.jobs} workers, best of {given.repeats}:\n")
    print("| executor | path-quarters per second, start-up apart | whole call, s |\n| --- | ---: | ---: |")
    for name, one in best.items():
        print(f"| {name} | {one.path_quarters_per_s:,.0f} | {one.whole_s:.1f} |")
    print(f"\nRay: {ratio:.2f} of the pool (asked for: at least {1.0 - MOST_SLOWER:.2f}); the same bytes.")
    return 0 if ratio >= 1.0 - MOST_SLOWER else 1


if __name__ == "__main__":
    sys.exit(main())

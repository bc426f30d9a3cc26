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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import provenance
from penstock.engine.cluster import RayCluster
from penstock.engine.ensemble import simulate
from penstock.engine.executors import ProcessPool
from penstock.engine.storage import sha256_of
from penstock.world import load_world

PATHS = 10_000
MOST_SLOWER = 0.15
WARM = 4
"""pieces a worker that count as start-up"""


@dataclass(frozen=True)
class Pace:
    """One run."""

    executor: str
    paths: int
    path_quarters_per_s: float
    """between the warm pieces and the last"""
    whole_s: float
    """start-up and the tables over all paths with it"""
    bytes_hash: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


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
    return Pace(name, paths, (last - first) * quarters / (last_at - first_at), whole, together)


def measure(paths: int = PATHS, quarters: int = 40, jobs: int = 2, repeats: int = 2) -> list[Pace]:
    """The best of some runs in turns, of the pool and of Ray. Raises RuntimeError where their bytes differ."""
    found: list[Pace] = []
    for _ in range(repeats):
        for name, executor in (("processes", ProcessPool(jobs)), ("ray", RayCluster(jobs))):
            found.append(pace(name, executor, paths, quarters, jobs))
            print(f"cluster: {name}: {found[-1].path_quarters_per_s:,.0f}", file=sys.stderr, flush=True)
    if len({one.bytes_hash for one in found}) != 1:
        raise RuntimeError("cluster: found runs with different bytes; expected the same of both executors")
    by_name = [[one for one in found if one.executor == name] for name in ("processes", "ray")]
    return [max(runs, key=lambda one: one.path_quarters_per_s) for runs in by_name]


def ratio_of(found: Sequence[Pace]) -> float:
    """Speed of Ray over that of the pool."""
    pool, ray = found
    return ray.path_quarters_per_s / pool.path_quarters_per_s


def table(found: Sequence[Pace]) -> str:
    """Markdown, with the ratio below."""
    rows = ["| executor | paths | path-quarters per second, start-up apart | whole call, s |"]
    rows.append("| --- | ---: | ---: | ---: |")
    for one in found:
        rows.append(f"| {one.executor} | {one.paths:,} | {one.path_quarters_per_s:,.0f} | {one.whole_s:.1f} |")
    asked = f"asked for: at least {1.0 - MOST_SLOWER:.2f}"
    return "\n".join(rows) + f"\n\nRay: {ratio_of(found):.2f} of the pool ({asked}); the same bytes."


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in turns and print; 1 where Ray is slower than allowed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--paths", type=int, default=PATHS)
    parser.add_argument("--quarters", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args(arguments)
    found = measure(given.paths, given.quarters, given.jobs, given.repeats)
    print("\n".join([*provenance().lines(), "", table(found)]))
    return 0 if ratio_of(found) >= 1.0 - MOST_SLOWER else 1


if __name__ == "__main__":
    sys.exit(main())

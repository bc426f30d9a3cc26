"""A long run with files as `penstock run` writes them: how long it simulates, and what memory it takes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.command import Timing, timed
from benchmarks.machine import usable_cores

ASKED_PATHS, ASKED_QUARTERS = 10_000, 40
MOST_SECONDS, MOST_MEMORY_MB = 20.0, 3000.0

CODE = """
import json, sys, time
from pathlib import Path

import penstock

at = []


def note(done, total, what):
    at.append((time.perf_counter(), done))


if __name__ == "__main__":
    paths, quarters, jobs, place = *map(int, sys.argv[1:4]), Path(sys.argv[4])
    size = {"paths": paths, "quarters": quarters, "jobs": jobs}
    penstock.simulate(penstock.load_world(), "baseline", out=place / "run", on_progress=note, **size)
    (place / "progress.json").write_text(json.dumps(at))
"""


@dataclass(frozen=True)
class LongRun:
    """A run of many paths, report apart."""

    paths: int
    quarters: int
    jobs: int
    simulating_s: float
    """from the call for processes to the last chunk on disk"""
    simulating_warm_s: float
    """the same from the first chunk on, as if it had taken no time: without the start of processes"""
    whole: Timing

    def to_dict(self) -> dict[str, Any]:
        return {
            "paths": self.paths,
            "quarters": self.quarters,
            "jobs": self.jobs,
            "simulating_s": round(self.simulating_s, 3),
            "simulating_warm_s": round(self.simulating_warm_s, 3),
            "whole": self.whole.to_dict(),
        }

    def rows(self) -> list[tuple[str, str, str, bool | None]]:
        """What was asked for, its limit, what was found, and whether it holds."""
        size, peak = f"{self.paths:,} paths, {self.quarters} quarters", self.whole.peak_mb
        # a smaller run says nothing of the limits
        full = self.paths >= ASKED_PATHS and self.quarters >= ASKED_QUARTERS
        return [
            (f"simulating {size}, files included", f"below {MOST_SECONDS:.0f} s", f"{self.simulating_s:.1f} s",
             self.simulating_s < MOST_SECONDS if full else None),
            (f"peak memory of all processes, {size}", f"below {MOST_MEMORY_MB:,.0f} MB", f"{peak:,.0f} MB",
             peak < MOST_MEMORY_MB if full else None),
        ]  # fmt: skip

    def sentence(self) -> str:
        """For the page."""
        rate = self.paths * self.quarters / self.simulating_s
        return (
            f"`penstock.simulate` of {self.paths:,} paths and {self.quarters} quarters into a directory, {self.jobs} "
            f"processes: {self.simulating_s:.1f} s from the call for processes to the last chunk on disk "
            f"({rate:,.0f} path-quarters a second, their start and every file included; {self.simulating_warm_s:.1f} s "
            f"after the first chunk), {self.whole.seconds:.1f} s whole. Peak memory of all processes "
            f"{self.whole.peak_mb:,.0f} MB."
        )


def measure(paths: int = ASKED_PATHS, quarters: int = ASKED_QUARTERS) -> LongRun:
    """Simulate into a folder of its own, compiled code there."""
    jobs = min(2, usable_cores())
    with tempfile.TemporaryDirectory(prefix="penstock-benchmark-") as name:
        place = Path(name)
        script = place / "long.py"
        script.write_text(CODE, encoding="utf-8")
        whole = timed([str(script), *map(str, (paths, quarters, jobs)), name], place, {})
        at = json.loads((place / "progress.json").read_text())
    (begun, _), (first, done), (last, total) = at[0], at[1], at[-1]
    warm = (last - first) * total / max(total - done, 1)
    return LongRun(paths, quarters, jobs, last - begun, warm, whole)

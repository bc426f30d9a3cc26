"""The command as a person sees it: time from call to end, memory of all its processes, size of what it leaves."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.machine import usable_cores

SAMPLE_S = 0.02
MB = 1e6


@dataclass(frozen=True)
class Timing:
    """One call of the command."""

    seconds: float
    cpu_s: float
    """work of all its processes: well above or below `seconds` x cores tells of a machine that was not quiet"""
    peak_mb: float
    """of all its processes together; where the system does not tell, of the largest"""
    how_memory: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 3),
            "cpu_s": round(self.cpu_s, 3),
            "peak_mb": round(self.peak_mb, 1),
            "memory": self.how_memory,
        }


@dataclass(frozen=True)
class EndToEnd:
    """`penstock run` on empty caches and again on filled ones, and what one run takes on disk."""

    paths: int
    quarters: int
    jobs: int
    cold: Timing
    warm: tuple[Timing, ...]
    run_mb: float
    report_mb: float
    """within run_mb"""

    def to_dict(self) -> dict[str, Any]:
        return {
            "paths": self.paths,
            "quarters": self.quarters,
            "jobs": self.jobs,
            "cold": self.cold.to_dict(),
            "warm": [timing.to_dict() for timing in self.warm],
            "run_directory_mb": round(self.run_mb, 2),
            "report_mb": round(self.report_mb, 2),
        }


def measure_run(paths: int, quarters: int, repeats: int) -> EndToEnd:
    """Run the baseline into a folder of its own, report included, on all cores up to two."""
    jobs = min(2, usable_cores())
    with tempfile.TemporaryDirectory(prefix="penstock-benchmark-") as place:
        folder = Path(place)
        caches = {"NUMBA_CACHE_DIR": str(folder / "numba"), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        command = ["-m", "penstock", "run", "--no-progress", "-j", str(jobs)]
        command += ["-n", str(paths), "--quarters", str(quarters)]
        # to watch memory takes a core from the command: it is watched in calls of its own
        anew = {name: f"{place}-watched" for name, place in caches.items()}
        watched_cold = timed([*command, "-o", str(folder / "watched-cold")], folder, anew)
        cold = timed([*command, "-o", str(folder / "run0")], folder, caches, memory=False)
        cold = replace(cold, peak_mb=watched_cold.peak_mb, how_memory=watched_cold.how_memory)
        watched = timed([*command, "-o", str(folder / "watched")], folder, caches)
        calls = [
            timed([*command, "-o", str(folder / f"run{number}")], folder, caches, memory=False)
            for number in range(1, 1 + repeats)
        ]
        warm = [replace(call, peak_mb=watched.peak_mb, how_memory=watched.how_memory) for call in calls]
        run = folder / "run0"
        size = sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) / MB
        report = (run / "report.html").stat().st_size / MB
    return EndToEnd(paths, quarters, jobs, cold, tuple(warm), size, report)


SMALL_RUN = "penstock.simulate(penstock.load_world(), paths=16, quarters=4)"
STARTS = {
    "penstock --help": ["-m", "penstock", "--help"],
    "penstock --version": ["-m", "penstock", "--version"],
    "import penstock": ["-c", "import penstock"],
    "import penstock; penstock.load_world()": ["-c", "import penstock; penstock.load_world()"],
    SMALL_RUN: ["-c", f"import penstock; {SMALL_RUN}"],
    "penstock world show nvidia": ["-m", "penstock", "world", "show", "nvidia"],
}


def measure_starts(repeats: int) -> dict[str, float]:
    """Best time in seconds of each call that should feel instant, compiled files there."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="penstock-benchmark-") as place:
        for name, arguments in STARTS.items():
            timed(arguments, Path(place), {})
            found[name] = min(timed(arguments, Path(place), {}, memory=False).seconds for _ in range(repeats))
    return found


NOT_A_USERS = frozenset({"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"})
"""Settings of a developer's shell that would time something else: without byte code on disk every call compiles all of
it anew."""


def timed(arguments: list[str], folder: Path, more: dict[str, str], *, memory: bool = True) -> Timing:
    """Run this Python with the arguments in the folder. Raises RuntimeError where it does not end well."""
    environment = {key: value for key, value in os.environ.items() if key not in NOT_A_USERS} | more
    before = _work_s()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    watch = _Watch(process.pid) if memory and Path("/proc/self/stat").exists() else None
    _, told = process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: found exit code {process.returncode}: {told.decode()[-500:]}")
    cpu_s = _work_s() - before
    if watch is not None:
        return Timing(seconds, cpu_s, watch.stop() / MB, "sum over processes, shared pages once")
    unit = 1 if sys.platform == "darwin" else 1024
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / MB
    return Timing(seconds, cpu_s, largest, "largest process so far")


def _work_s() -> float:
    """Processor seconds of all children that have ended, their own children included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Watch:
    """Samples the memory of a process and of all that it starts."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Largest sum in bytes."""
        self._over.set()
        self._thread.join()
        return self.peak

    def _look(self) -> None:
        while not self._over.is_set():
            self.peak = max(self.peak, sum(resident_bytes(pid) for pid in family(self.pid)))
            self._over.wait(SAMPLE_S)


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # the name in brackets may hold spaces; the parent is the second field behind it
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue  # it ended meanwhile
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def resident_bytes(pid: int) -> int:
    """Proportional set size of a process, 0 where it has ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0

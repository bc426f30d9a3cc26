"""Does a run that is killed at a random moment go on to the same bytes, losing no finished chunk?"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import ROOT, Unit

from penstock.engine.checkpoints import STARTED
from penstock.engine.ensemble import simulate
from penstock.engine.manifest import MANIFEST, damaged_files
from penstock.engine.run import Run
from penstock.world import World, load_world

KILLED = -int(signal.SIGKILL)
PATIENCE_S = 300.0
WATCH_S = 0.001
WAIT_S = 0.02
"""Longest wait between the file that the kill waits for and the signal; some files are written in that time."""

MOMENTS = ("before the first file", "before the first chunk", "between chunks", "after the last chunk", "too late")


@dataclass(frozen=True)
class Options:
    kills: int = 50
    paths: int = 640
    quarters: int = 4
    seed: int = 7

    @property
    def units(self) -> int:
        return self.kills


@dataclass(frozen=True)
class Work:
    """Starts the command, kills it, goes on, and compares with a run that nothing happened to.

    When is drawn from the seed in files written, not in seconds, which would mostly fall into the start of the
    program; then some hundredths of a second more. Every second kill takes the workers too, the others leave them to
    notice that their parent is gone.
    """

    options: Options

    def __call__(self, number: int) -> Unit:
        draw = random.Random(self.options.seed * 1_000_003 + number)
        expected = _whole(self.options)
        files, delay_s = draw.randrange(-1, len(expected)), draw.uniform(0.0, WAIT_S)
        with tempfile.TemporaryDirectory(prefix="penstock-kill-") as folder:
            place = Path(folder) / "run"
            code = self._kill(place, files, delay_s, workers_too=number % 2 == 0)
            chunks = len(list(place.glob(".work/*.json")))
            moment = _moment(place, chunks, len([name for name in expected if name.startswith("economy/")]))
            seen: list[int] = []
            run = _run(self.options, place, seen)
            return {
                "code": code,
                "moment": moment,
                "chunks": chunks,
                # nothing is told where the run was complete already
                "paths_kept": seen[0] if seen else self.options.paths,
                "equal": _hashes(place) == expected,
                "damaged": len(damaged_files(place, run.manifest)),
                "left": len(list(place.rglob("*.part"))) + (place / ".work").exists(),
            }

    def _kill(self, place: Path, files: int, delay_s: float, *, workers_too: bool) -> int:
        """Exit code of the command, killed once there are more than so many tables; 0 where it ended before."""
        options = self.options
        size = ["--paths", options.paths, "--quarters", options.quarters, "--seed", options.seed, "--jobs", 2]
        line = [sys.executable, "-m", "penstock", "run", *map(str, size), "--no-progress", "--out", str(place)]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(line, cwd=ROOT, stdout=quiet, stderr=quiet, start_new_session=True)
        group, deadline = process.pid, time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < deadline:
            if (place / STARTED).exists() and len(list(place.rglob("[!.]*.parquet"))) > files:
                break
            time.sleep(WATCH_S)
        time.sleep(delay_s)
        if process.poll() is None:
            (os.killpg if workers_too else os.kill)(group, signal.SIGKILL)
        return process.wait()


@cache
def _world() -> World:
    return load_world()


def _run(options: Options, place: Path, seen: list[int]) -> Run:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return simulate(
                _world(),
                paths=options.paths,
                quarters=options.quarters,
                seed=options.seed,
                out=place,
                on_progress=lambda done, total, note: seen.append(done),
            )
        except Exception as error:
            # workers without a parent may hold files for a moment
            if "found a process writing this run" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(WAIT_S)


@cache
def _whole(options: Options) -> dict[str, str]:
    """Hashes of the tables of a run that nothing happened to."""
    with tempfile.TemporaryDirectory(prefix="penstock-kill-") as folder:
        _run(options, Path(folder), [])
        return _hashes(Path(folder))


def _hashes(place: Path) -> dict[str, str]:
    files = sorted(place.rglob("*.parquet"))
    return {file.relative_to(place).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _moment(place: Path, chunks: int, all_chunks: int) -> str:
    if (place / MANIFEST).exists():
        return MOMENTS[4]
    if not any(place.rglob("*.parquet")):
        return MOMENTS[0]
    if not chunks:
        return MOMENTS[1]
    return MOMENTS[2] if chunks < all_chunks else MOMENTS[3]


def result(options: Options, units: list[Unit]) -> Result:
    """How many kills ended in the same bytes, and when they struck."""
    count = len(units)
    equal = sum(unit["equal"] and not unit["damaged"] and not unit["left"] for unit in units)
    # where the parent alone was killed, a worker may finish one more after they were counted
    kept = sum(unit["paths_kept"] >= min(unit["chunks"] * 128, options.paths) for unit in units if unit["chunks"])
    whole = sum(bool(unit["chunks"]) for unit in units)
    struck = sum(unit["code"] == KILLED and unit["moment"] != MOMENTS[4] for unit in units)
    verdicts = (
        Verdict(
            "a killed run goes on to the same bytes, with nothing left over", equal == count, f"{equal} of {count}"
        ),
        Verdict("no finished chunk is simulated again", kept == whole, f"{kept} of {whole} runs that had one"),
        Verdict("kills strike before the run is complete", struck >= count / 2, f"{struck} of {count}"),
    )
    moments = Counter(unit["moment"] for unit in units)
    rows = [(moment, str(moments[moment])) for moment in MOMENTS]
    command = " ".join(["kills", *(f"--{name} {value}" for name, value in vars(options).items())])
    sections = (("When they struck", table(("moment", "kills"), rows)),)
    return Result("Campaign: runs that are killed", command, verdicts, sections)

"""Simulating from the studio: the same runs in the same directories as the command line, watched quarter by quarter."""

from __future__ import annotations

import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import InUseError, UsageError
from penstock.machine import usable_cores
from penstock.report.values import json_value

if TYPE_CHECKING:
    from penstock.studio.place import Place
    from penstock.studio.workers import Tell

ALONE_PATHS = 1024
"""Up to so many paths in all one process is as quick as several, which have to start first (measured on two cores)."""

LOOK_S = 0.2
WAIT_S = 0.5
PARTIAL = ("ai_revenue_usd_bn", "capex_usd_bn", "it_mw")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Watched:
    """Simulates paths as the engine does and notes in a file of its process how many path-quarters are done."""

    folder: Path
    quarters: int

    def __call__(self, model: Any, first_path: int, count: int) -> Any:
        from penstock.engine.model import WIDTH, simulate_paths

        note = self.folder / str(os.getpid())
        before = int(note.read_text()) if note.is_file() else 0
        seen = 0

        def on_quarter(now: Any, name: str) -> None:
            nonlocal seen
            seen += 1
            # a block is at most WIDTH paths wide; the blocks of a piece follow each other
            share = seen / (self.quarters * -(-count // WIDTH))
            _write(note, before + int(count * self.quarters * share))

        block = simulate_paths(model, first_path, count, on_quarter=on_quarter)
        _write(note, before + count * self.quarters)
        return block


def _write(note: Path, value: int) -> None:
    part = note.with_suffix(".part")
    part.write_text(str(value))
    part.replace(note)


def _watch(
    folder: Path, resumed: Callable[[], int], total: int, quarters: int, tell: Tell, stop: threading.Event
) -> None:
    while not stop.wait(LOOK_S):
        done = 0
        for note in folder.iterdir():
            if note.suffix != ".part":
                try:
                    done += int(note.read_text() or 0)
                except (OSError, ValueError):
                    continue
        tell(min(total - 1, resumed() + done // quarters), total, "paths")


def simulate_run(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Simulate scenarios into the workspace's run store and write the report; waits where another process writes it."""
    from dataclasses import replace

    from penstock.engine.ensemble import load_scenarios, simulate
    from penstock.engine.interface import penstock_engine
    from penstock.engine.manifest import default_directory, identity
    from penstock.engine.run import ModelWarning
    from penstock.report.html import write_report

    world = place.load_world()
    tell(0, 0, "reading the world")
    scenarios = load_scenarios([read_given(place, given) for given in arguments["scenarios"]], world)
    size = {key: arguments[key] for key in ("paths", "quarters", "seed", "prior")}
    wanted = identity(world, scenarios, **size, keep="summary")
    directory = place.workspace / default_directory(wanted)
    total = size["paths"] * len(scenarios)
    jobs = 1 if total <= ALONE_PATHS else usable_cores()
    resumed = 0

    def on_progress(done: int, total: int, note: str) -> None:
        nonlocal resumed
        if note == "resumed":
            resumed = done

    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        watched = Watched(Path(folder), size["quarters"])
        engine = replace(penstock_engine(), simulate_paths=watched, simulate_spans=None)
        teller = threading.Thread(
            target=_watch, args=(Path(folder), lambda: resumed, total, size["quarters"], tell, stop), daemon=True
        )
        teller.start()
        try:
            with warnings.catch_warnings():
                # the page tells it with the run
                warnings.simplefilter("ignore", ModelWarning)
                while True:
                    try:
                        run = simulate(
                            world, scenarios, **size, jobs=jobs, out=directory, on_progress=on_progress, engine=engine
                        )
                        break
                    except InUseError:
                        # the command line or another studio is at it: what it writes is what is wanted
                        tell(0, total, "another process writes this run; waiting for it")
                        time.sleep(WAIT_S)
        finally:
            stop.set()
            teller.join()
    report = directory / "report.html"
    if not report.exists():
        tell(total - 1, total, "report")
        write_report(run, report)
    return {"run": directory.name, "scenarios": [s.name for s in scenarios], "problems": run.problems()}


def read_given(place: Place, given: dict[str, str]) -> Any:
    """A scenario from its name in the library, or from a text."""
    from penstock.scenarios import read_scenario
    from penstock.scenarios.language import library

    if given.get("text"):
        return read_scenario(given["text"], file="scenario.toml", world=place.load_world())
    name = given.get("name", "")
    if name not in library():
        raise UsageError(f"scenario: found {name[:60]!r}; expected one of {', '.join(library())}, or a text")
    return name


def partial_fan(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Quantiles by quarter of the paths of an unfinished run that are on disk already."""
    import numpy as np

    from penstock.engine.storage import read_tables

    directory = place.run_directory(arguments["run"])
    work = directory / ".work"
    files = sorted(
        file
        for file in (directory / "economy").glob("*.parquet")
        if (work / f"{file.stem}.json").is_file() or (directory / "manifest.json").is_file()
    )
    if not files:
        return {"paths": 0, "scenarios": []}
    table = read_tables(files)
    table = table[table["region"].astype(str) == "world"]
    answers: list[dict[str, Any]] = []
    for scenario, part in table.groupby(table["scenario"].astype(str), sort=False):
        grouped = part.groupby(part["quarter"].astype(str))
        measures = {}
        for column in PARTIAL:
            found = grouped[column].quantile(np.array(QUANTILES)).unstack()
            measures[column] = {"quarters": list(found.index), "quantiles": found.to_numpy()}
        answers.append({"scenario": scenario, "paths": int(part["path"].nunique()), "measures": measures})
    return json_value({"paths": max(answer["paths"] for answer in answers), "scenarios": answers})

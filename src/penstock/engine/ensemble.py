"""An ensemble: many paths of one or several scenarios, simulated chunk by chunk and kept as tables."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.arrays import chosen
from penstock.engine import checkpoints
from penstock.engine.bands import ChunkArrays, band_table, chunk_arrays
from penstock.engine.chunks import (
    COLUMNS,
    Chunk,
    PathBlock,
    chunk_paths,
    chunk_tables,
    plan_blocks,
    plan_chunks,
    plan_pieces,
)
from penstock.engine.compiling import compiled_before
from penstock.engine.executors import Executor, executor_for, prepare_workers, require_main_guard
from penstock.engine.flows import flow_table
from penstock.engine.interface import Engine, penstock_engine
from penstock.engine.manifest import MANIFEST, identity, merge_checks, software
from penstock.engine.object_store import ObjectStore
from penstock.engine.progress import OnProgress, silent
from penstock.engine.run import MemoryTables, ModelWarning, Run, open_run
from penstock.engine.storage import prepare_to_write
from penstock.errors import OutputError, UsageError
from penstock.machine import usable_cores
from penstock.scenarios import load_scenario
from penstock.scenarios import quarters as calendar
from penstock.world import World
from penstock.world.inputs import rows_used

if TYPE_CHECKING:
    import pandas as pd

MAX_QUARTERS = 60
"""Contracted dues of the opening state are laid out for so many quarters."""

KEEP = ("summary", "full")
OVERALL = ("bands", "flows")
"""Tables over all paths of a scenario, one file each."""


def simulate(
    world: Any,
    scenario: Any = "baseline",
    *,
    paths: int = 1000,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    keep: str = "summary",
    out: str | Path | None = None,
    on_progress: OnProgress | None = None,
    prior: bool = False,
    engine: Engine | None = None,
    executor: Executor | None = None,
    store: str | None = None,
) -> Run:
    """Simulate `paths` futures of `world` under one scenario, or several on common random numbers.

    `scenario` is a name, a file, a scenario, or a list of these. With `out` the run lies in that directory,
    and the same call resumes or reads it; without, it stays in memory and nothing is written. keep="full"
    adds a table of every company on every path. jobs=1 works in this process; jobs > 1 spawns processes and
    needs a main guard in a script. `prior` draws parameters from their wide prior ranges. Results depend on
    neither `jobs` nor interruptions, bit for bit. `executor` works on the chunks in place of processes of this machine
    (`engine/cluster.py`); with `out` its workers must see that directory, unless `store` names an object store that all
    reach: then workers put what they finish there, it is fetched into `out`, and the finished run stays in both.

    Raises UsageError for a bad value, InputError for a bad scenario or world, OutputError for a place that
    cannot be used; warns with ModelWarning where a check of the model fails. Ctrl-C leaves a run that can be
    resumed.
    """
    if jobs > 1 and executor is None:
        require_main_guard()
    check_values(paths=paths, quarters=quarters, seed=seed, jobs=jobs, keep=keep)
    if chosen() is not None and (jobs > 1 or executor is not None):
        raise UsageError(f"jobs: found {jobs} processes with a device; expected 1, which drives it")
    if store is not None and out is None:
        raise UsageError(f"store: found {store!r} without out; expected a directory into which what is done is fetched")
    if jobs > 1 and executor is None and engine is None and not _finished(out) and compiled_before():
        prepare_workers()
    engine = engine or penstock_engine()
    scenarios = load_scenarios(scenario, world, engine.load_scenario)
    wanted = identity(world, scenarios, paths=paths, quarters=quarters, seed=seed, prior=prior, keep=keep)
    directory = checkpoints.RunDirectory(Path(out), wanted) if out is not None else None
    if directory and directory.finished:
        directory.tidy()
        run = open_run(directory.path, world=world, engine=engine)
    else:
        models = {s.name: engine.prepare(world, s, quarters=quarters, seed=seed, prior=prior) for s in scenarios}
        ensemble = _Ensemble(world, engine, wanted, models, directory, jobs, on_progress or silent, executor, store)
        run = ensemble.run()
    for problem in run.problems():
        warnings.warn(problem, ModelWarning, stacklevel=2)
    return run


def _finished(out: str | Path | None) -> bool:
    """Whether some run is complete there, so that nothing is left to do or this one is refused."""
    return out is not None and (Path(out) / MANIFEST).exists()


def load_scenarios(scenario: Any, world: Any, load: Callable[[Any, Any], Any] = load_scenario) -> list[Any]:
    """Scenarios from names, files, scenarios, or a list of these; names must differ."""
    given = list(scenario) if isinstance(scenario, list | tuple) else [scenario]
    if not given:
        raise UsageError("scenario: found none; expected at least one name or file")
    scenarios = [load(s, world) for s in given]
    names = [s.name for s in scenarios]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"scenario: found {name!r} twice; expected scenarios with different names")
    return scenarios


def check_values(*, paths: int, quarters: int, seed: int, jobs: int, keep: str = "summary") -> None:
    """Raises UsageError for a number that no run can have."""
    limits = {
        "paths": (paths, 1, 2**31 - 1),
        "quarters": (quarters, 1, MAX_QUARTERS),
        "seed": (seed, 0, 2**63 - 1),
        "jobs": (jobs, 1, 4096),
    }
    for name, (value, low, high) in limits.items():
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise UsageError(f"{name}: found {value!r}; expected a whole number from {low} to {high}")
    if keep not in KEEP:
        raise UsageError(f"keep: found {keep!r}; expected one of {', '.join(KEEP)}")


@dataclass(frozen=True)
class _Finished:
    """A chunk as it comes back from its worker: its record, or in memory its tables and arrays."""

    chunk: Chunk
    checks: dict[str, Any]
    files: list[dict[str, Any]]
    tables: dict[str, pd.DataFrame] | None = None
    arrays: ChunkArrays | None = None


@dataclass(frozen=True)
class _Worker:
    """Simulates pieces of work, chunks that are computed together; travels once to each process."""

    engine: Engine
    models: dict[str, Any]
    quarters: tuple[str, ...]
    full: bool
    directory: Path | None
    store: ObjectStore | None = None

    def __call__(self, piece: Sequence[Chunk]) -> list[_Finished]:
        model = self.models[piece[0].scenario]
        if self.directory is not None:
            prepare_to_write()
        blocks = self.engine.spans(model, [(chunk.first_path, chunk.count) for chunk in piece])
        keep = partial(self._keep, model)
        if chosen() is None:
            return list(map(keep, piece, blocks))
        # one process drives the device: its block holds many chunks, and every core makes tables and files of some
        with ThreadPoolExecutor(usable_cores()) as threads:
            return list(threads.map(keep, piece, blocks))

    def _keep(self, model: Any, chunk: Chunk, block: PathBlock) -> _Finished:
        make_tables = partial(chunk_tables, chunk, block, self.quarters, model.opening.firms, full=self.full)
        arrays = chunk_arrays(block)
        checks = merge_checks([block.checks])
        if self.directory is None:
            return _Finished(chunk, checks, [], make_tables(), arrays)
        if self.store is not None:
            with tempfile.TemporaryDirectory(prefix="penstock-chunk-") as place:
                record = checkpoints.save_chunk(Path(place), chunk, make_tables, arrays, checks)
                self.store.put_chunk(Path(place), chunk, record)
            return _Finished(chunk, record.checks, record.files)
        record = checkpoints.save_chunk(self.directory, chunk, make_tables, arrays, checks)
        return _Finished(chunk, record.checks, record.files)


@dataclass(frozen=True)
class _Ensemble:
    world: Any
    engine: Engine
    identity: dict[str, Any]
    models: dict[str, Any]
    directory: checkpoints.RunDirectory | None
    jobs: int
    on_progress: OnProgress
    executor: Executor | None = None
    store_url: str | None = None

    @property
    def store(self) -> ObjectStore | None:
        return None if self.store_url is None else ObjectStore(self.store_url)

    def run(self) -> Run:
        begun = time.monotonic()
        started: str | None = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with ExitStack() as stack:
            if self.directory and started is not None:
                started = stack.enter_context(self.directory.working(started))
                if started is None:
                    return open_run(self.directory.path, world=self.world, engine=self.engine, models=self.models)
            finished = self._chunks()
            overall = {name: self._overall(name, finished) for name in self.models}
            files = [entry for f in finished for entry in f.files]
            if self.directory:
                path = self.directory.path
                for table in OVERALL:
                    files += [checkpoints.save_table(path, table, name, overall[name][table]) for name in self.models]
            manifest = {
                **self.identity,
                **software(),
                "chunk_paths": chunk_paths(self.identity["paths"]),
                "started": started,
                "wall_s": round(time.monotonic() - begun, 3),
                "checks": merge_checks([f.checks for f in finished]),
                "inputs": rows_used(self.world) if isinstance(self.world, World) else {},
                "files": files,
                "tables": self._columns(overall),
            }
            if self.directory:
                if self.store:
                    names = [str(entry["path"]) for entry in files if str(entry["path"]).split("/")[0] in OVERALL]
                    self.store.finish(self.directory.path, names, manifest, [f.chunk for f in finished])
                self.directory.finish(manifest)
        if self.directory:
            return open_run(self.directory.path, world=self.world, engine=self.engine, models=self.models)
        tables = MemoryTables.of([f.tables or {} for f in finished], list(overall.values()))
        return Run(manifest, tables, world=self.world, engine=self.engine, models=self.models)

    def _columns(self, overall: Mapping[str, Mapping[str, pd.DataFrame]]) -> dict[str, list[str]]:
        """Columns of each table of the run."""
        full = self.identity["keep"] == "full"
        told = {name: list(columns) for name, columns in COLUMNS.items() if full or name != "company"}
        tables = next(iter(overall.values()))
        return told | {name: [str(column) for column in tables[name].columns] for name in OVERALL}

    def _chunks(self) -> list[_Finished]:
        """All chunks in order of scenario and path; those on disk already are not simulated again."""
        paths = self.identity["paths"]
        size = chunk_paths(paths)
        chunks = [chunk for name in self.models for chunk in plan_chunks(name, paths, size)]
        finished: dict[Chunk, _Finished] = {}
        if self.store:
            self.store.claim(self.identity)
        if self.directory:
            for chunk in chunks:
                record = checkpoints.finished_chunk(self.directory.path, chunk)
                if record is None and self.store:
                    record = self.store.fetch_chunk(self.directory.path, chunk)
                if record:
                    finished[chunk] = _Finished(chunk, record.checks, record.files)
        total = paths * len(self.models)
        done = sum(chunk.count for chunk in finished)
        self.on_progress(done, total, "resumed" if done else "started")
        missing = [chunk for chunk in chunks if chunk not in finished]
        worker = _Worker(
            self.engine,
            self.models,
            quarter_names(self.world.as_of, self.identity["quarters"]),
            self.identity["keep"] == "full",
            self.directory.path if self.directory else None,
            self.store,
        )
        pieces = self._pieces(missing)
        executor = self.executor or executor_for(self.jobs, len(pieces))
        with closing(executor.map(worker, pieces)) as results:
            for result in chain.from_iterable(results):
                self._fetch(result)
                self._refuse_unseen(result)
                finished[result.chunk] = result
                done += result.chunk.count
                self.on_progress(done, total, result.chunk.scenario)
        return [finished[chunk] for chunk in chunks]

    def _pieces(self, chunks: Sequence[Chunk]) -> list[tuple[Chunk, ...]]:
        """Pieces of work: some for each process, or blocks of the device."""
        device = chosen()
        if device is None or self.engine.most_paths is None:
            return plan_pieces(chunks, self.jobs)
        return plan_blocks(chunks, {name: self.engine.most_paths(model, device) for name, model in self.models.items()})

    def _fetch(self, result: _Finished) -> None:
        """What a worker put into the store, into the directory."""
        if self.store is None or self.directory is None:
            return
        if self.store.fetch_chunk(self.directory.path, result.chunk) is None:
            raise OutputError(
                f"{self.store_url}/{result.chunk.stem}: found no whole chunk of a worker; expected a store that all "
                "machines reach"
            )

    def _refuse_unseen(self, result: _Finished) -> None:
        """A machine that wrote to a disk of its own would leave a run without tables."""
        if self.directory is None or self.executor is None:
            return
        for entry in result.files:
            if not (path := self.directory.path / entry["path"]).is_file():
                raise OutputError(f"{path}: found no such file of a worker; expected a directory that all machines see")

    def _overall(self, scenario: str, finished: Sequence[_Finished]) -> dict[str, pd.DataFrame]:
        """The tables over all paths of a scenario."""
        arrays = []
        for result in finished:
            if result.chunk.scenario != scenario:
                continue
            if self.directory:
                arrays.append(checkpoints.load_arrays(self.directory.path, result.chunk))
            elif result.arrays is not None:
                arrays.append(result.arrays)
        quarters = quarter_names(self.world.as_of, self.identity["quarters"])
        firms = self.models[scenario].opening.firms
        return {
            "bands": band_table(scenario, quarters, firms, arrays),
            "flows": flow_table(scenario, quarters, [part.flows for part in arrays]),
        }


def quarter_names(as_of: dt.date, quarters: int) -> tuple[str, ...]:
    """Names of the quarters of a run of a world as of that date: 2026Q1 is the first after 2025-12-31."""
    first = calendar.ordinal(calendar.first_quarter(as_of))
    return tuple(calendar.text(first + number) for number in range(quarters))

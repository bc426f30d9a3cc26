"""Damaged files of a finished run, made again from its manifest: to the bytes that were written, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from penstock.engine.bands import ChunkArrays, band_table, chunk_arrays
from penstock.engine.checkpoints import WORK, holding
from penstock.engine.chunks import Chunk, PathBlock, chunk_tables, plan_chunks
from penstock.engine.ensemble import OVERALL, quarter_names
from penstock.engine.flows import flow_table
from penstock.engine.progress import OnProgress, silent
from penstock.engine.run import Run
from penstock.engine.storage import placing, sha256_of, write_table
from penstock.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd


def repair(run: Run, *, on_progress: OnProgress = silent) -> list[str]:
    """Simulate again what damaged files hold and put them back; returns their paths inside the run.

    A chunk costs its own paths, a table over all paths costs all paths of its scenario. Raises OutputError, and leaves
    the damaged file as it was, where other bytes come out than were written: versions of the software differ.
    """
    directory = run.directory
    if directory is None:
        raise OutputError("repair: found a run in memory; expected one in a directory")
    with holding(directory):
        damaged = [e for e in run.manifest["files"] if sha256_of(directory / e["path"]) != e["sha256"]]
        done = 0
        for scenario, entries in groupby(damaged, key=lambda entry: _scenario(run, entry["path"])):
            wanted = {entry["path"]: entry for entry in entries}
            for path, table in _tables(run, scenario, list(wanted)):
                _put_back(directory, path, table, wanted[path])
                done += 1
                on_progress(done, len(damaged), scenario)
        with placing(directory):
            shutil.rmtree(directory / WORK, ignore_errors=True)
    return [entry["path"] for entry in damaged]


def _scenario(run: Run, path: str) -> str:
    """Whose file it is: SCENARIO.parquet or SCENARIO-000000.parquet."""
    stem = PurePosixPath(path).stem
    name = stem if _table(path) in OVERALL else stem.rpartition("-")[0]
    if name not in run.scenarios:
        raise OutputError(f"{run.directory}/{path}: found a file of no scenario of the run; expected none")
    return name


def _table(path: str) -> str:
    return PurePosixPath(path).parts[0]


def _tables(run: Run, scenario: str, paths: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each wanted file of a scenario with its content."""
    manifest = run.manifest
    quarters = quarter_names(run.world.as_of, manifest["quarters"])
    firms = run.model(scenario).opening.firms
    overall = [path for path in paths if _table(path) in OVERALL]
    arrays: list[ChunkArrays] = []
    for chunk in plan_chunks(scenario, manifest["paths"], manifest["chunk_paths"]):
        mine = [path for path in paths if path not in overall and PurePosixPath(path).stem == chunk.stem]
        if not mine and not overall:
            continue
        block = _block(run, chunk)
        if overall:
            arrays.append(chunk_arrays(block))
        tables = chunk_tables(chunk, block, quarters, firms, full=manifest["keep"] == "full") if mine else {}
        for path in mine:
            yield path, tables[_table(path)]
    for path in overall:
        if _table(path) == "bands":
            yield path, band_table(scenario, quarters, firms, arrays)
        else:
            yield path, flow_table(scenario, quarters, [part.flows for part in arrays])


def _block(run: Run, chunk: Chunk) -> PathBlock:
    return run.engine.spans(run.model(chunk.scenario), [(chunk.first_path, chunk.count)])[0]


def _put_back(directory: Path, path: str, table: pd.DataFrame, entry: Mapping[str, Any]) -> None:
    made = directory / WORK / "repaired.parquet"
    if write_table(made, table) != entry["sha256"]:
        raise OutputError(
            f"{directory / path}: found other bytes than the run wrote, made by other versions of the software; "
            "expected those of its manifest: nothing was changed, run again into another directory"
        )
    with placing(directory / path):
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        made.replace(directory / path)

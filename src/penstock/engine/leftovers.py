"""What lies in run directories and serves no finished run: found first, removed only when asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.engine.checkpoints import STARTED, WORK, holding
from penstock.engine.manifest import MANIFEST, read_json
from penstock.engine.storage import PART, placing
from penstock.errors import InputError, InUseError


@dataclass(frozen=True)
class Leftover:
    """One file or folder that can go."""

    path: Path
    why: str
    megabytes: float


def leftovers(directory: Path, *, unfinished: bool = False) -> list[Leftover]:
    """Half-written files, working files of finished runs, tables that no manifest names; with `unfinished` the runs
    that never came to their end too. A run that a process writes now has none, and a broken manifest keeps all."""
    found = []
    for entry in sorted(directory.iterdir()) if directory.is_dir() else []:
        if entry.is_symlink() or not entry.is_dir():
            continue
        try:
            with holding(entry, create=False):
                found += list(_of_run(entry, unfinished))
        except (InUseError, InputError):
            continue
    return found


def _of_run(run: Path, unfinished: bool) -> Iterator[Leftover]:
    finished, started = (run / MANIFEST).is_file(), (run / STARTED).is_file()
    if not finished and not started:
        return
    if finished:
        named = {entry["path"] for entry in read_json(run / MANIFEST).get("files", [])}
        if (run / WORK).is_dir():
            yield Leftover(run / WORK, "working files of a finished run", _megabytes(run / WORK))
        for table in sorted(run.rglob("*.parquet")):
            if table.relative_to(run).as_posix() not in named and WORK not in table.parts:
                yield Leftover(table, "a table that the manifest does not name", _megabytes(table))
    elif unfinished:
        yield Leftover(run, "a run that was not finished", _megabytes(run))
        return
    for part in sorted(run.rglob(f".*{PART}")):
        if not finished or WORK not in part.parts:
            yield Leftover(part, "a half-written file", _megabytes(part))


def remove(found: Leftover) -> None:
    """Take it away. Raises OutputError where the place forbids it."""
    with placing(found.path):
        if found.path.is_dir():
            shutil.rmtree(found.path)
        else:
            found.path.unlink(missing_ok=True)


def _megabytes(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return round(sum(file.stat().st_size for file in files) / 1e6, 1)

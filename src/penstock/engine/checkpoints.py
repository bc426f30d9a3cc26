"""The directory of a run while it grows: what is finished is recorded, so that the same call goes on.

`run.json` says which run the directory holds; `.work/` keeps a record per finished chunk and the arrays
that the tables over all paths need. Both go when the manifest, written last, says that the run is complete.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from penstock.engine.bands import ChunkArrays
from penstock.engine.chunks import Array, Chunk
from penstock.engine.manifest import MANIFEST, damaged_files, identity_hash, read_json
from penstock.engine.schema import at_present
from penstock.engine.storage import (
    placing,
    remove_parts,
    sha256_of,
    write_atomically,
    write_json,
    write_table,
)
from penstock.errors import InputError, InUseError, OutputError

if TYPE_CHECKING:
    import pandas as pd

STARTED = "run.json"
WORK = ".work"
LOCK_TRIES = 100
"""Times that a lock is taken anew which its holder took away as it finished."""
ARRAYS = tuple(field.name for field in fields(ChunkArrays))
"""Arrays of a chunk that are kept until the run ends."""
PIECE_BYTES = 2**18
"""An array is written in pieces of about so many bytes, which the cache still holds after hashing. Pieces of a megabyte
and more may take the system ten times as long (measured on Linux 6.18, ext4)."""


@dataclass(frozen=True)
class ChunkRecord:
    """A finished chunk: its files with rows and hashes, the hashes of its arrays, its checks."""

    files: list[dict[str, Any]]
    arrays: dict[str, str]
    checks: dict[str, Any]


class RunDirectory:
    """One run on disk. Raises OutputError where the place holds something else or cannot be written."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self.identity = identity
        self.finished = self._refuse_other_run()

    def _refuse_other_run(self) -> bool:
        """Whether the wanted run is complete here; writes nothing."""
        with placing(self.path):
            if not self.path.exists():
                return False
            if not self.path.is_dir():
                raise OutputError(f"{self.path}: found a file; expected a directory for the run")
            names = {entry.name for entry in self.path.iterdir()}
        for name in (MANIFEST, STARTED):
            if name in names:
                stored = at_present(read_json(self.path / name), self.path / name)
                if not _is(stored, self.identity):
                    raise OutputError(
                        f"{self.path}: found another run ({_label(stored)}); "
                        f"expected {_label(self.identity)}: give another --out"
                    )
                if name == MANIFEST:
                    self._refuse_damage(stored)
                return name == MANIFEST
        if names - {WORK}:
            raise OutputError(f"{self.path}: found other files; expected an empty directory or this run")
        return False

    def _refuse_damage(self, manifest: Mapping[str, Any]) -> None:
        if damage := damaged_files(self.path, manifest):
            raise OutputError(
                f"{self.path}/{damage[0]}: call `penstock runs repair {self.path}`, or give another --out"
            )

    def tidy(self) -> None:
        """Drop what a process left that was killed after its last file, the manifest; nothing where another one is at
        it, or where the place is only for reading."""
        if not (self.path / WORK).is_dir() and not (self.path / STARTED).exists():
            return
        with suppress(OutputError), holding(self.path):
            self._drop_work()

    def _drop_work(self) -> None:
        with placing(self.path):
            (self.path / STARTED).unlink(missing_ok=True)
            shutil.rmtree(self.path / WORK, ignore_errors=True)

    @contextmanager
    def working(self, started: str) -> Iterator[str | None]:
        """Hold the directory for writing; yields the time at which the run was first started (ISO).

        None where another process has finished the run since this one looked. Raises InUseError where another one is
        at it, whose files are left alone.
        """
        created = not self.path.exists()
        with holding(self.path):
            if self._refuse_other_run():
                self._drop_work()
                yield None
                return
            try:
                remove_parts(self.path)
                yield self._begin(started)
            finally:
                with suppress(OSError):
                    remove_parts(self.path)
                if created and not (self.path / STARTED).exists() and not (self.path / MANIFEST).exists():
                    shutil.rmtree(self.path, ignore_errors=True)

    def _begin(self, started: str) -> str:
        note = self.path / STARTED
        if note.exists():
            return str(read_json(note)["started"])
        write_json(note, {**self.identity, "started": started})
        return started

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, then drop what only an unfinished run needs."""
        write_json(self.path / MANIFEST, manifest)
        self._drop_work()


@contextmanager
def holding(path: Path, *, create: bool = True) -> Iterator[None]:
    """Be the only process at work in a run directory; raises InUseError where another one is.

    Without `create` nothing is made: a directory that nobody holds needs no lock.
    """
    place = path / WORK
    if not create and not place.is_dir():
        yield
        return
    with _locked(path, place):
        yield


@contextmanager
def _locked(path: Path, place: Path) -> Iterator[None]:
    """Hold the lock in `place`, the one that others would find there now."""
    for _ in range(LOCK_TRIES):
        with placing(path):
            place.mkdir(parents=True, exist_ok=True)
            try:
                lock = (place / "lock").open("w")
            except FileNotFoundError:
                continue  # who finished took the folder away between the two calls
        with lock:
            try:
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InUseError(f"{path}: found a process writing this run; expected to be alone") from error
            # a lock that its holder took away as it finished keeps nobody out
            if _same_file(lock.fileno(), place / "lock"):
                yield
                return
    raise InUseError(f"{path}: found processes that take its lock away; expected to be alone")


def _same_file(number: int, path: Path) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False


def _is(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    try:
        return identity_hash(stored) == identity_hash(wanted)
    except (KeyError, TypeError):
        return False


def _label(run: Mapping[str, Any]) -> str:
    names = ", ".join(scenario["name"] for scenario in run.get("scenarios", []))
    size = f"{names}, {run.get('paths')} paths, {run.get('quarters')} quarters, seed {run.get('seed')}"
    return f"{size}, on {run['device']}" if "device" in run else size


def table_file(table: str, stem: str) -> str:
    """Path of a table inside the directory."""
    return f"{table}/{stem}.parquet"


def save_table(directory: Path, table: str, stem: str, content: pd.DataFrame) -> dict[str, Any]:
    """Write one table; returns its entry for the manifest."""
    path = table_file(table, stem)
    return {"path": path, "rows": len(content), "sha256": write_table(directory / path, content)}


def save_chunk(
    directory: Path,
    chunk: Chunk,
    make_tables: Callable[[], Mapping[str, pd.DataFrame]],
    arrays: ChunkArrays,
    checks: Mapping[str, Any],
) -> ChunkRecord:
    """Write a chunk; its record, written last, makes it count as finished."""
    # a thread waits for the disk and sums bytes up while the tables are made
    with ThreadPoolExecutor(1) as thread:
        hashes = thread.submit(_save_arrays, directory, chunk, arrays)
        files = [save_table(directory, name, chunk.stem, table) for name, table in make_tables().items()]
        record = ChunkRecord(files=files, arrays=hashes.result(), checks=dict(checks))
    write_json(directory / WORK / f"{chunk.stem}.json", {**vars(record), "sha256": _record_hash(record)})
    return record


def _save_arrays(directory: Path, chunk: Chunk, arrays: ChunkArrays) -> dict[str, str]:
    """Write the arrays of a chunk; their hashes by name."""
    return {name: _save_array(_array_file(directory, chunk, name), getattr(arrays, name)) for name in ARRAYS}


def _save_array(path: Path, parts: Sequence[Array]) -> str:
    """Write equal arrays as one, as `numpy.save` does, each piece once from where it lies; the hash of its numbers."""
    digest, first = hashlib.sha256(), parts[0]
    told = {"descr": np.lib.format.dtype_to_descr(first.dtype), "fortran_order": False}

    def write(file: IO[bytes]) -> None:
        np.lib.format.write_array_header_1_0(file, {**told, "shape": (len(parts), *first.shape)})
        for part in parts:
            step = max(1, PIECE_BYTES // max(1, part[0].nbytes))
            for row in range(0, len(part), step):
                piece = np.ascontiguousarray(part[row : row + step]).data
                digest.update(piece)
                file.write(piece)

    write_atomically(path, write)
    return digest.hexdigest()


def finished_chunk(directory: Path, chunk: Chunk) -> ChunkRecord | None:
    """The record of a chunk whose files are all there with the bytes that were written, else None.

    A record or an array that cannot be read counts as none: its chunk is simulated again.
    """
    note = directory / WORK / f"{chunk.stem}.json"
    if not note.is_file():
        return None
    try:
        stored = read_json(note)
        digest = stored.pop("sha256")
        record = ChunkRecord(**stored)
        whole = digest == _record_hash(record)
        whole = (
            whole
            and all(sha256_of(directory / entry["path"]) == entry["sha256"] for entry in record.files)
            and all(_array_hash(_load(directory, chunk, name)) == record.arrays[name] for name in ARRAYS)
        )
    except (InputError, OSError, EOFError, KeyError, TypeError, ValueError):
        return None
    return record if whole else None


def _record_hash(record: ChunkRecord) -> str:
    return hashlib.sha256(json.dumps(vars(record), sort_keys=True).encode()).hexdigest()


def load_arrays(directory: Path, chunk: Chunk) -> ChunkArrays:
    """The arrays of a finished chunk, mapped from disk."""
    company, economy = (_OnDisk(_array_file(directory, chunk, name)) for name in ("company", "economy"))
    return ChunkArrays(company, economy, _load(directory, chunk, "flows"))


class _OnDisk(Sequence[Array]):
    """An array of `numpy.save` along its first axis; a part that was read takes no memory once it is let go."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, self._dtype = np.lib.format.read_array_header_1_0(file)
            self._start = file.tell()
        if self._dtype.hasobject:
            raise ValueError(f"{path}: found objects; expected numbers")
        self._length, *self._shape = shape

    def __len__(self) -> int:
        return int(self._length)

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < self._length:
            raise IndexError(place)
        skip = place * math.prod(self._shape) * self._dtype.itemsize
        part = np.memmap(self._path, self._dtype, "r", self._start + skip, tuple(self._shape))
        return np.asarray(part)


def _load(directory: Path, chunk: Chunk, name: str) -> Array:
    # an array of objects would be unpickled, and so is refused
    array: Array = np.load(_array_file(directory, chunk, name), mmap_mode="r", allow_pickle=False)
    return array


def _array_file(directory: Path, chunk: Chunk, name: str) -> Path:
    return directory / WORK / f"{chunk.stem}-{name}.npy"


def _array_hash(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()

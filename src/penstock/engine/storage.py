"""Files of a run: whole or absent. Each is written under a temporary name, synced, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from penstock.errors import OutputError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

PART = ".part"
"""Ending of a file that is being written."""

PARQUET = "FORMAT parquet, COMPRESSION zstd, DICTIONARY_SIZE_LIMIT 512, USE_TMP_FILE false"
"""Numbers, of which hardly two are the same, are soon known to need no dictionary."""
READ_BLOCK = 1 << 20

NO_PLACE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENAMETOOLONG,
)
"""What keeps a file from being written, as the system counts it; DuckDB only quotes its words."""

INTERRUPTED = "Query interrupted"
"""What DuckDB says, as a RuntimeError, when Ctrl-C comes in the middle of a query."""


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file that appears at `path` only when it is whole and on disk.

    Raises OutputError when the place is not writable or full; nothing half-written stays behind.
    """

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            write(file)

    _write(path, fill)


def _write(path: Path, fill: Callable[[Path], None]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    with placing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fill(part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def placing(path: Path) -> Iterator[None]:
    """Turn what the system says about an output place into an OutputError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: found {reason.lower()}; expected a place with room that can be written") from error


def write_bytes(path: Path, data: bytes | memoryview) -> str:
    """Write a file atomically; returns the SHA-256 of its bytes."""
    write_atomically(path, lambda file: file.write(data))
    return hashlib.sha256(data).hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, readable by people."""
    write_bytes(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def write_table(path: Path, table: pd.DataFrame) -> str:
    """Write a Parquet file atomically; returns its SHA-256. Equal tables give equal bytes."""
    _write(path, lambda part: _copy(table, part))
    return sha256_of(path)


def _copy(content: pd.DataFrame, part: Path) -> None:
    """Fill a Parquet file. DuckDB looks for `content` among the names here: a table that is registered first is looked
    through twice, which takes as long as to write a small one."""
    with _plain_errors(), _reason_of_system():
        _database().execute(f"COPY content TO {_quoted(part)} ({PARQUET})")


def read_tables(paths: Sequence[Path]) -> pd.DataFrame:
    """Parquet files one below the other. Raises OSError where one cannot be read."""
    files = ", ".join(_quoted(path) for path in paths)
    with _plain_errors():
        return _database().execute(f"SELECT * FROM read_parquet([{files}])").df()


@contextmanager
def _reason_of_system() -> Iterator[None]:
    """A full disk or a forbidden place in the system's own words, which DuckDB wraps in a page of its own."""
    import duckdb

    try:
        yield
    except duckdb.IOException as error:
        for number in NO_PLACE:
            if os.strerror(number) in str(error):
                raise OSError(number, os.strerror(number)) from error
        raise


@contextmanager
def _plain_errors() -> Iterator[None]:
    """DuckDB's errors as Python's own: it meets Ctrl-C itself and calls that a RuntimeError."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(str(error)) from error
    except duckdb.Error as error:
        raise OSError(str(error)) from error
    except RuntimeError as error:
        if str(error) != INTERRUPTED:
            raise
        raise KeyboardInterrupt from error


_OF_THREAD = threading.local()
ALONE = {"threads": 1, "async_threads": 0}
"""No thread but the caller's. With several, the layout of a file, and so its bytes, would depend on their timing. And a
thread of DuckDB that has nothing to do gives back all free memory of the process (`malloc_trim`), large
pages in pieces: the engine takes its memory again with the next block, in small pages, and needs a third more time."""


def prepare_to_write() -> None:
    """Open the database of this thread: to be called before memory is taken and given back, for it opens by giving
    free memory back to the system, as the threads of `ALONE` would."""
    _database()


def _database() -> duckdb.DuckDBPyConnection:
    """The database of this thread: one at a time may use it."""
    if not hasattr(_OF_THREAD, "database"):
        import duckdb

        _OF_THREAD.database = duckdb.connect(config={**ALONE})
        _OF_THREAD.database.execute("SET enable_progress_bar = false")
    found: duckdb.DuckDBPyConnection = _OF_THREAD.database
    return found


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, or "" where there is none."""
    if not path.is_file():
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remove_parts(directory: Path) -> None:
    """Remove what a killed process had half-written."""
    for part in directory.rglob(f".*{PART}"):
        part.unlink(missing_ok=True)

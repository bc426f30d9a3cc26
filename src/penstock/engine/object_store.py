"""The files of a run in an object store: what workers write where no directory is seen by all, and what people fetch.

A store is named by an address that fsspec knows (`s3://bucket/run`, `gs://…`, `memory://…`, `file:///…`). Objects
appear whole or not at all and cannot be renamed, so an order takes the place of renaming: the record of a chunk is put
last, and the manifest last of all. Each file is checked against its hash when it comes back. fsspec comes with the
extra `cluster`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.engine.checkpoints import ARRAYS, STARTED, WORK, ChunkRecord, finished_chunk
from penstock.engine.chunks import Chunk
from penstock.engine.manifest import MANIFEST, damaged_files, identity_hash, read_json
from penstock.engine.schema import at_present
from penstock.engine.storage import write_bytes
from penstock.errors import InputError, OutputError, UsageError


@dataclass(frozen=True)
class ObjectStore:
    """A place for the files of one run. Picklable."""

    url: str

    def claim(self, identity: Mapping[str, Any]) -> None:
        """Make the store that of one run. Raises OutputError where it holds another: chunks are named alike."""
        for name in (MANIFEST, STARTED):
            if (content := self.read(name)) is not None:
                try:
                    same = identity_hash(json.loads(content)) == identity_hash(identity)
                except (ValueError, KeyError, TypeError, AttributeError):
                    same = False
                if not same:
                    raise OutputError(f"{self.url}/{name}: found another run; expected this one, or an empty place")
                return
        self.put_bytes(STARTED, json.dumps(identity).encode())

    def put_bytes(self, name: str, content: bytes) -> None:
        """One file. Raises OutputError where the store cannot be written."""
        with self._reached():
            files, root = self._open()
            place = f"{root}/{name}"
            files.makedirs(place.rpartition("/")[0], exist_ok=True)
            files.pipe_file(place, content)

    def put(self, directory: Path, names: list[str]) -> None:
        """Copy files of a directory into the store, in this order. Raises OutputError where it cannot be written."""
        for name in names:
            self.put_bytes(name, (directory / name).read_bytes())

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where the store has none. Raises OutputError where it cannot be reached."""
        with self._reached():
            files, root = self._open()
            try:
                content: bytes = files.cat_file(f"{root}/{name}")
            except FileNotFoundError:
                return None
            return content

    def remove(self, names: list[str]) -> None:
        """Take files away; those that are not there are no error."""
        with self._reached():
            files, root = self._open()
            for name in names:
                if files.exists(f"{root}/{name}"):
                    files.rm_file(f"{root}/{name}")

    def put_chunk(self, directory: Path, chunk: Chunk, record: ChunkRecord) -> None:
        """A finished chunk of a directory; its record last."""
        tables = [str(entry["path"]) for entry in record.files]
        *arrays, note = work_files(chunk)
        self.put(directory, [*tables, *arrays, note])

    def fetch_chunk(self, directory: Path, chunk: Chunk) -> ChunkRecord | None:
        """A chunk that a worker finished, copied into the directory; None where the store has none that is whole."""
        *arrays, note = work_files(chunk)
        if (told := self.read(note)) is None:
            return None
        for name in arrays:
            if (content := self.read(name)) is None:
                return None
            write_bytes(directory / name, content)
        write_bytes(directory / note, told)
        try:
            tables = [str(entry["path"]) for entry in read_json(directory / note)["files"]]
        except (InputError, KeyError, TypeError):
            return None
        for name in tables:
            # a record is no place to say where files go
            if Path(name).is_absolute() or ".." in Path(name).parts or (content := self.read(name)) is None:
                return None
            write_bytes(directory / name, content)
        return finished_chunk(directory, chunk)

    def finish(self, directory: Path, names: list[str], manifest: Mapping[str, Any], chunks: list[Chunk]) -> None:
        """The tables over all paths and the manifest; then what only an unfinished run needs goes."""
        self.put(directory, names)
        self.put_bytes(MANIFEST, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
        self.remove([STARTED, *(name for chunk in chunks for name in work_files(chunk))])

    def pull(self, directory: Path) -> int:
        """Copy a finished run into an empty or new directory; returns how many files it has.

        Raises InputError where the store holds none, or a file that is not what the manifest says.
        """
        if directory.exists() and any(directory.iterdir()):
            raise OutputError(f"{directory}: found files; expected an empty directory or none")
        if (told := self.read(MANIFEST)) is None:
            raise InputError(f"{self.url}: found no {MANIFEST}; expected a finished run")
        write_bytes(directory / f".{MANIFEST}", told)
        manifest = at_present(read_json(directory / f".{MANIFEST}"), Path(self.url) / MANIFEST)
        (directory / f".{MANIFEST}").unlink()
        for entry in manifest["files"]:
            name = str(entry["path"])
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise InputError(f"{self.url}/{MANIFEST}: files: found {name!r}; expected a path inside the run")
            if (content := self.read(name)) is None:
                raise InputError(f"{self.url}/{name}: found no file; expected one with {entry['rows']} rows")
            write_bytes(directory / name, content)
        if damage := damaged_files(directory, manifest):
            raise InputError(f"{self.url}/{damage[0]}")
        write_bytes(directory / MANIFEST, told)
        return len(manifest["files"])

    def _open(self) -> tuple[Any, str]:
        fsspec = load_fsspec()
        files, root = fsspec.core.url_to_fs(self.url)
        return files, str(root).rstrip("/")

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """What a store says, as one of our errors. Stores have exceptions of their own, hence the breadth."""
        try:
            yield
        except (InputError, OutputError, UsageError):
            raise
        except (ImportError, ValueError) as error:
            raise UsageError(f"--store: found {self.url} ({error}); expected an address that fsspec knows") from error
        except Exception as error:
            raise OutputError(
                f"{self.url}: found {type(error).__name__}: {error}; expected a store within reach"
            ) from error


def work_files(chunk: Chunk) -> list[str]:
    """What is kept of a chunk until the run ends, its record last."""
    return [*(f"{WORK}/{chunk.stem}-{name}.npy" for name in ARRAYS), f"{WORK}/{chunk.stem}.json"]


def load_fsspec() -> Any:
    """The package. Raises UsageError where it is not installed."""
    try:
        import fsspec
    except ImportError as error:
        raise UsageError(
            "--store: found fsspec, which is not installed; expected it: pip install 'penstock[cluster]'"
        ) from error
    return fsspec

"""Opening states kept beside the compiled code, so that a world is opened once and then read.

Opening the bundled world takes more time than simulating one of its paths. It is a function of the world and of the
source that opens it alone, so what came out is kept in Python's own folder of compiled files, under a name made of the
hashes of both; changed facts or changed source have another name. A file that is broken, or a folder that cannot be
written, means that the world is opened anew, to the same bits. Files hold numbers and text only, nothing to run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.engine.opening.assemble import open_world, refuse_stale_figures
from penstock.engine.opening.state import Opening
from penstock.engine.rules import rules_of
from penstock.engine.storage import write_atomically
from penstock.errors import OutputError
from penstock.kept_files import drop_oldest

if TYPE_CHECKING:
    from penstock.world.model import World

MOST_KEPT = 24
"""Files kept; of more, those that were used longest ago go."""
ENDING = ".opening.npz"
FACTS_HASH = re.compile("[0-9a-f]{64}")
"""Hash of a world that stands for its facts; worlds made by hand may carry any text."""
SOURCES = ("engine", "layers", "world", "scenarios")
"""Packages whose source decides an opening state."""
CELLS = (str, float, int, bool, type(None))
"""What a column of mixed content may hold to be kept."""
TREE = "tree"


def opening_of(world: World, removed_pairs: Iterable[tuple[str, str, str]] = ()) -> Opening:
    """Opening state of the world at its as-of date, kept from before where it was.

    Raises as `open_world`.
    """
    removed = tuple(removed_pairs)
    if not FACTS_HASH.fullmatch(world.hash):
        return open_world(world, removed)
    file = folder() / f"{key_of(world, removed)}{ENDING}"
    if (found := read(file, world)) is not None:
        refuse_stale_figures(world)
        return found
    opened = open_world(world, removed)
    if not sys.dont_write_bytecode:
        keep(file, opened)
    return opened


def folder() -> Path:
    """Where Python keeps the compiled form of this module."""
    return Path(importlib.util.cache_from_source(__file__)).parent


def key_of(world: World, removed: Sequence[Sequence[str]]) -> str:
    """Name of an opening state: of the facts, what is taken out, the source that opens it and what reads tables."""
    told = [world.hash, world.as_of.isoformat(), sorted(map(list, removed)), source_hash(), version("pandas")]
    return hashlib.sha256(json.dumps([*told, np.__version__]).encode()).hexdigest()[:32]


@cache
def source_hash() -> str:
    """SHA-256 of the modules and tables that decide an opening state."""
    package = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for file in [
        *sorted(package.glob("*.py")),
        *(file for name in SOURCES for file in sorted((package / name).rglob("*"))),
    ]:
        place = file.relative_to(package)
        # facts of the bundled world are in the world's own hash
        if file.suffix in (".py", ".csv") and place.parts[:2] != ("world", "data"):
            digest.update(place.as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def keep(file: Path, opening: Opening) -> None:
    """Write an opening state; nothing where it holds what cannot be kept, or the place cannot be written."""
    arrays: dict[str, Any] = {}
    try:
        tree = {
            field.name: _plain(getattr(opening, field.name), field.name, arrays)
            for field in fields(Opening)
            if field.name != "rules"
        }
    except TypeError:
        return
    arrays[TREE] = np.frombuffer(json.dumps(tree).encode(), np.uint8)
    with suppress(OutputError, OSError):
        write_atomically(file, partial(save, arrays))
        drop_oldest(file.parent, f"*{ENDING}", MOST_KEPT)


def read(file: Path, world: World) -> Opening | None:
    """The opening state in a file; None where there is none or it is broken."""
    try:
        # opened here, for NumPy leaves a broken file open
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        tree = json.loads(arrays[TREE].tobytes())
        content = {name: _whole(value, arrays) for name, value in tree.items()}
        found = Opening(**content, rules=rules_of(world))
    except (OSError, EOFError, KeyError, IndexError, TypeError, ValueError, zipfile.BadZipFile):
        return None
    with suppress(OSError):
        file.touch()
    return found


def save(arrays: dict[str, Any], file: Any) -> None:
    """Write arrays to an open file."""
    np.savez(file, **arrays)


def _plain(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Text and numbers of a field; its columns of numbers go to `arrays`. Raises TypeError for what is neither."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return [_text(part) for part in value]
    if isinstance(value, pd.Series):
        return {"series": _plain(value.to_frame(), name, arrays), "name": value.name}
    if not isinstance(value, pd.DataFrame):
        raise TypeError(type(value).__name__)
    columns = [_column(value[column], f"{name}.{number}", arrays) for number, column in enumerate(value.columns)]
    index = None if isinstance(value.index, pd.RangeIndex) else [_text(label) for label in value.index]
    return {
        "names": [_text(column) for column in value.columns],
        "columns": columns,
        "rows": len(value),
        "index": index,
        "index_name": value.index.name,
    }


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(type(value).__name__)
    return value


def _column(column: pd.Series, name: str, arrays: dict[str, Any]) -> Any:
    """A column: the name of its array, or its type and cells."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fib":
        arrays[name] = column.to_numpy()
        return name
    cells = column.tolist()
    if any(type(cell) not in CELLS for cell in cells):
        raise TypeError(name)
    return {"type": str(column.dtype), "cells": cells}


def _whole(value: Any, arrays: dict[str, Any]) -> Any:
    """A field again."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return tuple(value)
    if "series" in value:
        return _whole(value["series"], arrays).iloc[:, 0].rename(value["name"])
    rows, labels = value["rows"], value["index"]
    index = pd.RangeIndex(rows) if labels is None else pd.Index(labels, dtype="str", name=value["index_name"])
    columns = [
        pd.Series(arrays[column], index)
        if isinstance(column, str)
        else pd.Series(column["cells"], index, dtype=column["type"])
        for column in value["columns"]
    ]
    frame = pd.DataFrame(dict(enumerate(columns)), index=index)
    frame.columns = pd.Index(value["names"], dtype="str")
    return frame

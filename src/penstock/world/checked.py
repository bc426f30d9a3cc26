"""Marks of files that were checked and have no defect, so that the same bytes are not checked again.

The checks are a function of the files' bytes and of the source that checks them alone. Files without a defect leave a
mark in Python's own folder of compiled files, under a name made of the hashes of both: a changed byte or changed source
has another name. Files with a defect leave none and are told anew each time. A mark that is gone or broken, or a folder
that cannot be written, means that the files are checked.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from penstock.kept_files import drop_oldest
from penstock.world.checking import find_defects
from penstock.world.defects import Defect
from penstock.world.reading import RawWorld

MOST_MARKS = 100
"""Marks kept; of more, those that were made longest ago go."""
ENDING = ".checked"


def defects_of(world: RawWorld) -> list[Defect]:
    """Every defect of the files, as `find_defects` tells them; none without looking where these bytes had none."""
    if world.defects:
        return find_defects(world)
    name = name_of(world.read)
    mark = folder() / f"{name}{ENDING}"
    if _says(mark, name):
        return []
    defects = find_defects(world)
    if not defects and not sys.dont_write_bytecode:
        with suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text(name, encoding="ascii")
            drop_oldest(mark.parent, f"*{ENDING}", MOST_MARKS)
    return defects


def folder() -> Path:
    """Where Python keeps the compiled form of this module."""
    return Path(importlib.util.cache_from_source(__file__)).parent


def name_of(read: Iterable[tuple[str, str]]) -> str:
    """Name of the files read, of their place in each other's overlay, and of the source that checks them."""
    told = [sys.version, source_hash(), *map(list, read)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@cache
def source_hash() -> str:
    """SHA-256 of the modules that read and check a world."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _says(mark: Path, name: str) -> bool:
    try:
        return mark.read_bytes() == name.encode()
    except OSError:
        return False

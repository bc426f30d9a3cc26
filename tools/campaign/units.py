"""Work cut into units that are kept as they finish, so that a campaign goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.engine.executors import executor_for
from penstock.engine.storage import write_json

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("src/penstock", "tests/worlds.py", "tests/engine/audit.py", "tests/engine/faults.py", "tools/campaign")
ENDINGS = {".py", ".csv", ".toml"}

Unit = dict[str, Any]
Work = Callable[[int], Unit]


def source_hash() -> str:
    """SHA-256 of everything that decides a result, so that units of different sources never mix."""
    digest = hashlib.sha256()
    for start in SOURCES:
        place = ROOT / start
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in files:
            if path.suffix in ENDINGS and path.is_file():
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def unit_folder(place: Path, name: str, options: Mapping[str, Any]) -> Path:
    """Where the units of this campaign with these options and this source lie."""
    text = json.dumps({"name": name, "options": dict(options), "source": source_hash()}, sort_keys=True)
    return place / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def finish(folder: Path, work: Work, count: int, jobs: int) -> list[Unit]:
    """Results of units 0 to count - 1, those on disk read and the others worked out; each must be plain JSON."""
    missing = [number for number in range(count) if not _file(folder, number).is_file()]
    done = count - len(missing)
    if done:
        _say(f"{done} of {count} units were finished before")
    for number, result in executor_for(jobs, len(missing)).map(_Numbered(work), missing):
        write_json(_file(folder, number), result)
        done += 1
        _say(f"{done} of {count} units")
    return [json.loads(_file(folder, number).read_text(encoding="utf-8")) for number in range(count)]


class _Numbered:
    """The work of a unit with its number, since processes finish in any order."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, number: int) -> tuple[int, Unit]:
        return number, self.work(number)


def _file(folder: Path, number: int) -> Path:
    return folder / f"unit-{number:05d}.json"


def _say(text: str) -> None:
    print(f"campaign: {text}", file=sys.stderr, flush=True)

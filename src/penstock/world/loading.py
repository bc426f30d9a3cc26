"""Load a world: a bundled one by name or a folder, as of a date, with an overlay laid over it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from penstock.errors import InputError, UsageError
from penstock.machine import without_collector
from penstock.world.checked import defects_of
from penstock.world.defects import DefectsError
from penstock.world.frames import build_frames, cell_texts, known_tables, with_grades
from penstock.world.model import World
from penstock.world.naming import nearest_name
from penstock.world.overlay import lay_over
from penstock.world.past import rows_known
from penstock.world.reading import RawWorld, read_folder, unknown_files
from penstock.world.rules import hash_with_rules, read_rules
from penstock.world.schema import SCHEMA

BUNDLED = {"ai-2025": Path(__file__).parent / "data", "telecom-1999": Path(__file__).parent / "telecom_1999"}
"""Worlds that come with the package as folders, by name."""


@dataclass(frozen=True)
class Past:
    """A bundled world of an earlier day: the tables of another one, rows of its own time laid over, later rows cut."""

    tables: str
    rows: Path
    as_of: dt.date


WORLDS = Path(__file__).parent / "worlds"
PAST = {
    "ai-2024": Past("ai-2025", WORLDS / "ai-2024", dt.date(2024, 12, 31)),
    "ai-2022": Past("ai-2025", WORLDS / "ai-2022", dt.date(2022, 12, 31)),
}
"""Bundled worlds that are made by the rule of `world.past`, by name."""

NAMES = ("ai-2025", "ai-2024", "ai-2022", "telecom-1999")
"""Every bundled world, as told to people."""

ALIASES = {"telecom": "telecom-1999"}
"""Other names of bundled worlds."""

BASELINE = dt.date(2025, 12, 31)
DESCRIPTOR = "datapackage.json"
MAX_DESCRIPTOR_BYTES = 4 * 1024 * 1024


@without_collector()
def load_world(
    name: str | Path = "ai-2025",
    *,
    as_of: str | dt.date | None = None,
    overlay: str | Path | None = None,
) -> World:
    """The world of this name or folder.

    Args:
        name: a bundled world (`ai-2025`, `ai-2024`, `ai-2022`) or a folder of the same schema. A world of the past
            holds only the rows that were known on its day, by the rule of `penstock.world.past`.
        as_of: date of the facts; without one, the day of a past world, or the `as_of` of the folder's
            `datapackage.json`, else 2025-12-31.
        overlay: a folder with only some rows, laid over the world by their keys.

    Raises:
        UsageError: no such world or folder, or a date that is none.
        InputError: files with defects; the message is a line for each of them.
    """
    name = ALIASES.get(str(name), name)
    past = PAST.get(str(name))
    folder = find_folder(past.tables if past else name)
    raw = read_checked(folder, overlay, own_rows=past.rows if past else None)
    day = _parse_day(as_of) if as_of is not None else past.as_of if past else folder_as_of(folder)
    frames = known_tables(build_frames(raw))
    if past:
        if day > BASELINE:
            raise UsageError(f"--as-of: found {day} for the past world {name}; expected a day up to {BASELINE}")
        frames = rows_known(frames, day)
    kinds = dict(zip(frames["sources"]["id"], frames["sources"]["kind"], strict=True))
    graded = {key: with_grades(frame, kinds) for key, frame in frames.items()}
    rules = read_rules(past.rows if past else folder, day)
    label = str(name) + (f"+{Path(overlay).name}" if overlay is not None else "")
    return World(label, day, hash_with_rules(content_hash(frames, day), rules), graded, raw.messages, rules)


def find_folder(name: str | Path) -> Path:
    """Folder of a world.

    Raises:
        UsageError: neither a bundled world nor a folder.
    """
    known = ALIASES.get(str(name), str(name))
    if known in BUNDLED:
        return BUNDLED[known]
    if Path(name).is_dir():
        return Path(name)
    bundled = ", ".join(NAMES)
    near = nearest_name(str(name), NAMES)
    hint = f"; nearest {near}" if near else ""
    raise UsageError(f"--world: found {str(name)!r}; expected {bundled} or a folder of CSV files{hint}")


def read_checked(folder: Path, overlay: str | Path | None = None, own_rows: Path | None = None) -> RawWorld:
    """Files of a folder, a past world's own rows and then the overlay laid over, without defects.

    Raises:
        DefectsError: every defect of the files, in one go.
        UsageError: the overlay is not a folder.
    """
    raw = read_folder(folder)
    raw.defects.extend(unknown_files(folder))
    if own_rows is not None:
        raw = lay_over(raw, own_rows)
    if overlay is not None:
        if not Path(overlay).is_dir():
            raise UsageError(f"--overlay: found {str(overlay)!r}; expected a folder of CSV files")
        raw = lay_over(raw, Path(overlay))
    defects = defects_of(raw)
    if defects:
        raise DefectsError(defects)
    return raw


def content_hash(frames: Mapping[str, pd.DataFrame], as_of: dt.date) -> str:
    """SHA-256 of all cells in schema order and the date.

    Separator, byte order mark, column order, the way a number is written, the place of the folder and optional
    columns without a cell do not change it; any fact and the order of rows do.
    """
    digest = hashlib.sha256(as_of.isoformat().encode())
    for name, table in SCHEMA.items():
        cells = [(column, cell_texts(frames[name][column.name], column)) for column in table.columns]
        columns = [texts for column, texts in cells if any(texts) or not column.optional]
        digest.update(json.dumps([name, *columns], ensure_ascii=True, separators=(",", ":")).encode())
    return digest.hexdigest()


def folder_as_of(folder: Path) -> dt.date:
    """Date of the facts of a folder: `as_of` of its `datapackage.json`, else the baseline 2025-12-31.

    Raises:
        InputError: the descriptor is not JSON, or its `as_of` is not a date.
    """
    path = folder / DESCRIPTOR
    if not path.is_file():
        return BASELINE
    if path.stat().st_size > MAX_DESCRIPTOR_BYTES:
        raise InputError(f"{DESCRIPTOR}: size: found {path.stat().st_size:,} bytes; expected at most 4 MiB")
    try:
        descriptor = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        # besides what is not JSON: numbers of thousands of digits, thousands of brackets
        raise InputError(f"{DESCRIPTOR}: file: found text that is not JSON ({error}); expected JSON") from None
    found: Any = descriptor.get("as_of", BASELINE.isoformat()) if isinstance(descriptor, dict) else None
    try:
        return dt.date.fromisoformat(found)
    except (TypeError, ValueError):
        told = repr(found)[:60]
        raise InputError(f"{DESCRIPTOR}: as_of: found {told}; expected an ISO date, as 2025-12-31") from None


def _parse_day(text: str | dt.date) -> dt.date:
    if isinstance(text, dt.datetime):
        return text.date()
    if isinstance(text, dt.date):
        return text
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of: found {text!r}; expected an ISO date, as 2025-12-31") from None

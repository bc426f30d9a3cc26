"""Data that arrive after a forecast: a file with the columns of `series.csv`, read and checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from penstock.errors import InputError
from penstock.world.checking import (
    check_dates,
    check_duplicates,
    check_numbers,
)
from penstock.world.defects import Defect, DefectsError, shown
from penstock.world.frames import build_frames
from penstock.world.reading import RawWorld, read_file
from penstock.world.schema import SERIES

NEEDED = ("series", "entity", "date", "value")
"""Columns and cells that a point cannot do without; the others of `series.csv` may be absent or empty."""
CHECKS = (check_numbers, check_dates, check_duplicates)


def read_later(path: Path) -> pd.DataFrame:
    """Points of a file: series, entity, date (ISO text), value, unit and the other columns of `series.csv`.

    Raises:
        InputError: no such file, or every defect of it in one go.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise InputError(f"{path}: file: found {found}; expected a CSV file with the columns of series.csv")
    raw = read_file(path, SERIES)
    raw.defects.extend(_missing(raw))
    if not raw.defects:
        raw.defects.extend(defect for check in CHECKS for defect in check(raw))
    if raw.defects:
        raise DefectsError([replace(defect, file=path.name) for defect in raw.defects])
    return build_frames(raw)["series"]


def _missing(raw: RawWorld) -> list[Defect]:
    """Columns and cells that are needed and absent, and columns of another name."""
    table = raw.tables.get("series")
    if table is None:
        return []
    found = [
        Defect(table.file, 1, "header", f"no column {name!r}", "the columns of series.csv")
        for name in NEEDED
        if name not in table.header
    ]
    known = SERIES.column_names
    found += [
        Defect(table.file, 1, "header", shown(name), "a column of series.csv", known)
        for name in table.header
        if name not in known
    ]
    if found:
        return found
    return [
        Defect(table.file, row.line, name, "nothing", f"a {name}")
        for row in table.rows
        for name in NEEDED
        if not row.cells.get(name)
    ]

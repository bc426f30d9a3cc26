"""What came after: the facts of a back-test and the rows behind them. For scorers only.

Nothing but the modules `analysis/backtest*` reads these files: a test of the house holds that.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import InputError, UsageError
from penstock.world.naming import nearest_name

FOLDER = Path(__file__).parent / "outcomes"
COLUMNS = (
    "fact", "part", "formula", "measure", "firms", "other", "years", "low", "high", "share_needed", "headline",
    "accepted", "note",
)  # fmt: skip


@dataclass(frozen=True)
class FactPart:
    """One part of a fact: a formula on outputs of the model, and the band in which it is met."""

    fact: str
    part: str
    formula: str
    measure: str
    firms: str
    other: str
    years: str
    low: float
    high: float
    share_needed: float
    """least share of paths in the band"""
    headline: bool
    accepted: str
    note: str


def facts_of(world: str, file: str | Path | None = None) -> tuple[FactPart, ...]:
    """Facts of a bundled world, or of a file with the same columns.

    Raises UsageError for a world without facts or a file that is not there, InputError for a bad row.
    """
    path = Path(file) if file is not None else FOLDER / world.replace("-", "_") / "facts.csv"
    if not path.is_file():
        raise UsageError(f"facts: found no file {path.name}; expected a CSV file with the columns {', '.join(COLUMNS)}")
    with path.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            near = nearest_name(missing[0], list(reader.fieldnames or ()))
            hint = f"; nearest {near}" if near else ""
            raise InputError(f"{path.name}:1: {missing[0]}: found no such column; expected {', '.join(COLUMNS)}{hint}")
        found = tuple(_part(path.name, reader.line_num, row) for row in reader)
    if not found:
        raise InputError(f"{path.name}:1: fact: found no row; expected at least one")
    return found


def _part(file: str, line: int, row: dict[str, str]) -> FactPart:
    numbers = {}
    for name in ("low", "high", "share_needed"):
        try:
            numbers[name] = float(row[name])
        except (TypeError, ValueError):
            raise InputError(f"{file}:{line}: {name}: found {row[name]!r}; expected a number") from None
        if math.isnan(numbers[name]):
            raise InputError(f"{file}:{line}: {name}: found {row[name]!r}; expected a number")
    if numbers["low"] > numbers["high"]:
        raise InputError(f"{file}:{line}: low: found {row['low']}; expected at most high, {row['high']}")
    if row["headline"] not in ("true", "false", ""):
        raise InputError(f"{file}:{line}: headline: found {row['headline']!r}; expected true, false or nothing")
    cells = {name: (row[name] or "").strip() for name in COLUMNS}
    return FactPart(
        fact=cells["fact"],
        part=cells["part"],
        formula=cells["formula"],
        measure=cells["measure"],
        firms=cells["firms"],
        other=cells["other"],
        years=cells["years"],
        low=numbers["low"],
        high=numbers["high"],
        share_needed=numbers["share_needed"],
        headline=cells["headline"] == "true",
        accepted=cells["accepted"],
        note=cells["note"],
    )

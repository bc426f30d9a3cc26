"""Rows of CSV files as tables of Markdown, and where the files lie."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "penstock"
ENGINE = SOURCE / "engine"
OPENING = ENGINE / "opening"
Row = dict[str, str]


def rows_of(path: Path) -> list[Row]:
    """Rows of a CSV file as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cell(text: str) -> str:
    """Text that stays inside one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; columns of `right` hold numbers."""
    line = ["---:" if place in right else "---" for place in range(len(header))]
    out = [header, line, *rows]
    return "".join(f"| {' | '.join(cell(text) if row is not line else text for text in row)} |\n" for row in out)


def empty(what: str) -> str:
    """What stands where a table would have no row."""
    return f"*None: {what}.*\n"


def range_text(row: Row) -> str:
    """`central (low to high)`, short where all are equal."""
    if row["low"] == row["central"] == row["high"]:
        return row["central"]
    return f"{row['central']} ({row['low']} to {row['high']})"

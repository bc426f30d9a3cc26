"""Results on standard output: a table for people, one JSON object or CSV for programs; tables as files for `--out`."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from penstock.cli.context import Format, Settings
from penstock.cli.narrow_tables import Column, blocks
from penstock.cli.plain_tables import is_plain, plain_table
from penstock.report.values import json_value
from penstock.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.table import Table

    from penstock.world import World

SCHEMA_VERSION = 1
GRADES = "ABCDEF"
PIPED_WIDTH = 80
"""Columns of a table that goes to a pipe or file, unless COLUMNS says otherwise."""
ASKED_FOR_COLOUR = {"FORCE_COLOR", "TTY_COMPATIBLE"}
"""Variables by which a pipe can be taken for a terminal: those outputs are drawn by Rich."""
NOTICE = "Conditional on the scenario and assumptions shown; not a forecast, rating or advice."


@runtime_checkable
class Tabular(Protocol):
    """A result of an analysis: a table, and a dictionary of plain values."""

    def to_pandas(self) -> pd.DataFrame:
        """The result as a table."""

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values."""


@dataclass(frozen=True, slots=True)
class Section:
    """One titled part of a result of several parts. `key` names it in JSON, `note` stands under it."""

    key: str
    title: str
    body: pd.DataFrame | Mapping[str, Any]
    note: str = ""


def notice(world: World, grade_shares: Mapping[str, float] | None = None) -> str:
    """What must stand by every output that names a company.

    `grade_shares` holds the share (0-1) of the output's inputs by evidence grade A..F; without it the
    shares of the rows of the world's tables are taken.
    """
    shares = row_grade_shares(world) if grade_shares is None else grade_shares
    total = sum(shares.values())
    parts = [f"{g} {100 * shares.get(g, 0.0) / total:.0f} %" for g in GRADES] if total > 0 else ["none"]
    return (
        f"{NOTICE} Inputs by evidence grade: {', '.join(parts)}. "
        f"Penstock {__version__}, world {world.name} as of {world.as_of.isoformat()}."
    )


def row_grade_shares(world: World) -> dict[str, float]:
    """Share of graded rows (financials, contracts and sites) of each evidence grade, sum 1."""
    counts = dict.fromkeys(GRADES, 0)
    for name in ("financials", "contracts", "sites"):
        for grade, rows in world.table(name)["grade"].value_counts().items():
            counts[str(grade)] = counts.get(str(grade), 0) + int(rows)
    total = sum(counts.values())
    return {grade: rows / total for grade, rows in counts.items()} if total else {}


def emit(
    result: pd.DataFrame | Mapping[str, Any] | Sequence[Section] | Tabular,
    settings: Settings,
    *,
    notice: str = "",
    title: str = "",
) -> None:
    """Write a result to standard output in the format asked for.

    `result` is a data frame, a mapping of names to values, a sequence of `Section`, or anything with
    `to_pandas` and `to_dict`. `notice` (see the function `notice`) is required where a company is
    named: the foot of a table, a field of the JSON object, a line on standard error beside CSV.
    """
    if settings.format is Format.JSON:
        sys.stdout.write(json_text(result, notice=notice))
        return
    sections = _sections(result, title)
    if settings.format is Format.CSV:
        sys.stdout.write(csv_text(sections))
        if notice:
            print(notice, file=sys.stderr)
        return
    _print_tables(sections, notice)


def write_tables(directory: Path, tables: dict[str, Any]) -> None:
    """Write each table to a Parquet file of its name. Raises OutputError where the place cannot be written."""
    from penstock.engine.storage import write_table

    for name, frame in tables.items():
        write_table(directory / f"{name}.parquet", frame)


def json_text(result: Any, *, notice: str = "") -> str:
    """The result as one JSON object with `schema_version`, `notice` and `result`."""
    document = {"schema_version": SCHEMA_VERSION, "notice": notice, "result": plain(result)}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A value as JSON knows it: no NaN (null), dates as ISO text, data frames as lists of records."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if _is_sections(value):
        return {section.key: plain(section.body) for section in value}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        frame = _with_named_index(value)
        return [{str(k): plain(v) for k, v in row.items()} for row in frame.to_dict(orient="records")]
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return json_value(value)


def csv_text(sections: Sequence[Section]) -> str:
    """The sections as CSV; several are set apart by an empty line and a line `# key`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for number, section in enumerate(sections):
        if len(sections) > 1:
            out.write(("\n" if number else "") + f"# {section.key}\n")
        header, rows = _grid(section.body)
        writer.writerow(header)
        writer.writerows(["" if (v := plain(cell)) is None else v for cell in row] for row in rows)
    return out.getvalue()


def number(value: float) -> str:
    """A number for people: about three digits that matter, thousands set apart."""
    if not math.isfinite(value):
        return "" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    size = abs(value)
    if value == 0:
        return "0"
    if size >= 99.95:
        return f"{value:,.0f}"
    if size >= 9.995:
        return f"{value:.1f}"
    if size >= 0.995:
        return f"{value:.2f}"
    return f"{value:.3g}"


def _is_sections(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str | bytes)
        and len(value) > 0
        and all(isinstance(item, Section) for item in value)
    )


def _sections(result: Any, title: str) -> list[Section]:
    if isinstance(result, Mapping) or hasattr(result, "columns"):
        return [Section("result", title, result)]
    if isinstance(result, Tabular):
        return [Section("result", title, result.to_pandas())]
    return list(result)


def _with_named_index(frame: Any) -> Any:
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame


def _grid(body: Any) -> tuple[list[str], Iterable[Sequence[Any]]]:
    if isinstance(body, Mapping):
        return ["name", "value"], list(body.items())
    frame = _with_named_index(body)
    return [str(column) for column in frame.columns], frame.itertuples(index=False, name=None)


def _cell(value: Any) -> str:
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    return str(value)


def _columns(section: Section) -> list[Column]:
    header, rows = _grid(section.body)
    cells = [list(row) for row in rows]
    is_card = isinstance(section.body, Mapping)
    out = []
    for position, name in enumerate(header):
        column = [plain(row[position]) for row in cells]
        numeric = not is_card and any(isinstance(value, int | float) for value in column)
        out.append(Column(name, [_cell(value) for value in column], numeric))
    return out


def _table(columns: Sequence[Column], *, heading: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_header=heading, pad_edge=False)
    for column in columns:
        table.add_column(Text(column.heading), justify="right" if column.numeric else "left", overflow="fold")
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _print_tables(sections: Sequence[Section], notice: str) -> None:
    if not sys.stdout.isatty() and not ASKED_FOR_COLOUR & set(os.environ):
        text = _plain_text(sections, notice)
        if text is not None:
            sys.stdout.write(text)
            return

    from rich.console import Console

    # In a pipe or file tables have a width that does not depend on where the command runs. Sentences are left whole for
    # who searches them, and no line ends in spaces.
    piped = not Console(file=sys.stdout).is_terminal
    out = io.StringIO() if piped else sys.stdout
    console = Console(file=out, highlight=False, markup=False, emoji=False)
    if piped:
        console.width = _piped_width()
    for position, section in enumerate(sections):
        columns = _columns(section)
        if position:
            console.print()
        if section.title:
            console.print(section.title, style="bold", soft_wrap=piped)
        for block in blocks(columns, console.width):
            console.print(_table(block, heading=not isinstance(section.body, Mapping)))
        if section.note:
            console.print(section.note if piped else _reflowed(section.note), soft_wrap=piped)
    if notice:
        console.print(notice, style="dim", soft_wrap=piped)
    if isinstance(out, io.StringIO):
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines()))


def _piped_width() -> int:
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else PIPED_WIDTH


def _texts(sections: Sequence[Section], drawn: Sequence[Sequence[Column]], notice: str) -> Iterator[str]:
    """Every text of a result."""
    yield notice
    for section, columns in zip(sections, drawn, strict=True):
        yield from (section.title, section.note)
        for column in columns:
            yield from (column.heading, *column.cells)


def _plain_text(sections: Sequence[Section], notice: str) -> str | None:
    """The sections for a pipe or a file; None where a cell has to be folded or a text is for Rich to set."""
    drawn = [_columns(section) for section in sections]
    if not is_plain(_texts(sections, drawn, notice)):
        return None
    lines: list[str] = []
    for position, (section, columns) in enumerate(zip(sections, drawn, strict=True)):
        lines += ([""] if position else []) + ([section.title] if section.title else [])
        for block in blocks(columns, _piped_width()):
            table = plain_table(block, heading=not isinstance(section.body, Mapping))
            if any(len(line) > _piped_width() for line in table):
                return None
            lines += table
        lines += [section.note] if section.note else []
    lines += [notice] if notice else []
    return "".join(f"{line.rstrip()}\n" for text in lines for line in text.split("\n"))


def _reflowed(note: str) -> str:
    """A note without the line breaks inside its sentences: the terminal has a width of its own."""
    return re.sub(r"(?<!\.)\n(?!\s)", " ", note)

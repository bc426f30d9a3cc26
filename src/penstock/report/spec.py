"""The data contract between Python and the chart modules: one figure is one table and how to draw it.

Everything a figure offers (chart, table, CSV, JSON, finding, Python) comes from the same rows, so the
four can not disagree. `charts/README.md` describes the same contract for the chart modules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.report.numbers import percent, plain


@dataclass(frozen=True)
class Column:
    """One column of a figure's table. `label` carries the unit."""

    key: str
    label: str
    format: str = "number"
    hidden: bool = False
    """kept in CSV and JSON, not shown in the table on the page"""


@dataclass(frozen=True)
class Facet:
    """A choice above a figure: only rows whose `column` equals the choice are drawn and listed."""

    column: str
    label: str
    values: tuple[tuple[str, str], ...]
    """(value, label), the first is shown at opening"""


@dataclass(frozen=True)
class Figure:
    """A figure of the report."""

    id: str
    kind: str
    """how it is drawn: a key of `charts/kinds.js`"""
    title: str
    unit: str
    columns: tuple[Column, ...]
    rows: list[list[Any]]
    findings: dict[str, str]
    """one sentence per choice of facets, key = chosen values joined by '|'"""
    facets: tuple[Facet, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    python: str = ""
    note: str = ""
    table_open: bool = False

    def opening_choice(self) -> tuple[str, ...]:
        """The values of the facets that are shown first."""
        return tuple(facet.values[0][0] for facet in self.facets)

    def finding(self) -> str:
        """The sentence for the opening choice."""
        return self.findings["|".join(self.opening_choice())]

    def opening_rows(self) -> list[list[Any]]:
        """The rows for the opening choice."""
        keys = [column.key for column in self.columns]
        wanted = [(keys.index(f.column), value) for f, value in zip(self.facets, self.opening_choice(), strict=True)]
        return [row for row in self.rows if all(row[index] == value for index, value in wanted)]

    def shown_columns(self) -> list[tuple[int, Column]]:
        """Positions and columns of the table on the page: neither hidden nor fixed by a facet."""
        fixed = {facet.column for facet in self.facets}
        return [
            (index, column)
            for index, column in enumerate(self.columns)
            if not column.hidden and column.key not in fixed
        ]

    def to_json(self) -> dict[str, Any]:
        """The figure as the chart modules read it.

        Numbers are cut to five digits, sample paths (hidden columns) to three. Text repeats down a column, so
        it is stored once under `levels` and rows hold its position there: with six scenarios the file
        would otherwise pass its limit of 1.5 MB.
        """
        levels: list[list[str] | None] = []
        packed: list[list[Any]] = []
        for index, column in enumerate(self.columns):
            values = [row[index] for row in self.rows]
            if column.format == "text":
                known = list(dict.fromkeys(str(value) for value in values))
                position = {value: k for k, value in enumerate(known)}
                levels.append(known)
                packed.append([position[str(value)] for value in values])
            else:
                digits = 3 if column.hidden and column.format == "number" else 5
                levels.append(None)
                packed.append([compact(value, digits) for value in values])
        return {
            "id": self.id,
            "kind": self.kind,
            "title": self.title,
            "unit": self.unit,
            "columns": [{"key": c.key, "label": c.label, "format": c.format, "hidden": c.hidden} for c in self.columns],
            "levels": levels,
            "rows": [list(row) for row in zip(*packed, strict=True)],
            "findings": self.findings,
            "facets": [
                {"column": f.column, "label": f.label, "values": [list(v) for v in f.values]} for f in self.facets
            ],
            "options": self.options,
            "python": self.python,
        }


def compact(value: float | None, digits: int = 5) -> float | int | None:
    """A JSON number with so many significant digits, null for what is not known."""
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        return None
    if number == 0.0:
        return 0
    rounded = float(f"{number:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def cell_text(value: Any, form: str) -> str:
    """A table cell as text."""
    if value is None or value == "":
        return "n/a"
    if form == "text":
        return str(value)
    return percent(float(value)) if form == "share" else plain(float(value))


Rows = list[list[Any]]


def told_by(choices: Iterable[str], tell: Callable[..., tuple[Rows, str]]) -> tuple[Rows, dict[str, str]]:
    """Rows and findings of a figure, choice by choice: `tell` gives the rows of one, without it, and its sentence.

    A choice of several facets is their values with `|` between, as in the keys of `findings`; `tell` gets them apart.
    """
    rows: Rows = []
    findings: dict[str, str] = {}
    for choice in choices:
        values = choice.split("|")
        mine, findings[choice] = tell(*values)
        rows += [[*values, *row] for row in mine]
    return rows, findings


def scenario_facet(scenarios: Sequence[str]) -> Facet:
    """The choice of scenario that every figure shares."""
    return Facet("scenario", "Scenario", tuple((name, name.replace("_", " ")) for name in scenarios))


def run_python(directory: str, body: str) -> str:
    """Python that gives a figure's numbers from the run in a directory."""
    return f"import penstock as ps\n\nrun = ps.open_run({directory!r})\n{body.rstrip()}\n"


def world_python(directory: str, body: str) -> str:
    """Python that gives a figure's numbers anew from the world of the run in a directory."""
    return f"import penstock as ps\n\nworld = ps.open_run({directory!r}).world\n{body}\n"

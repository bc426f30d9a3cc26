"""Turn checked text into typed tables, and typed tables back into the data set's text."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import pandas as pd

from penstock.world.grading import grade_of
from penstock.world.reading import RawWorld
from penstock.world.schema import SCHEMA, Column, Table


def build_frames(world: RawWorld) -> dict[str, pd.DataFrame]:
    """Typed tables of files without defects: one per file found, all columns of the schema, in its order."""
    return {name: _frame(raw.table, [row.cells for row in raw.rows]) for name, raw in world.tables.items()}


def with_grades(frame: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """The table with a `grade` column A to E after its own; as it is when it carries no evidence."""
    if "evidence" not in frame:
        return frame
    pairs = zip(frame["evidence"], frame["source_id"], strict=True)
    grades = [grade_of(str(evidence), str(source), kinds) for evidence, source in pairs]
    return frame.assign(grade=pd.Series(grades, index=frame.index, dtype="str"))


def to_csv(table: Table, frame: pd.DataFrame) -> str:
    """The table as the data set's CSV text: schema columns only, empty for unknown, `true`/`false`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    cells = [cell_texts(frame[column.name], column) for column in table.columns]
    writer.writerows(zip(*cells, strict=True))
    return out.getvalue()


def cell_texts(values: pd.Series, column: Column) -> list[str]:
    """Cells of a column as text; numbers in their shortest exact form."""
    if column.kind == "boolean":
        return ["true" if value else "false" for value in values]
    cells = zip(values.tolist(), values.isna().tolist(), strict=True)
    if column.kind in ("number", "integer"):
        return ["" if unknown else number_text(float(value)) for value, unknown in cells]
    return ["" if unknown else str(value) for value, unknown in cells]


def number_text(value: float) -> str:
    """Shortest text that reads back as the same number; whole numbers without a point."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def empty_frame(table: Table) -> pd.DataFrame:
    """A table without rows."""
    return _frame(table, [])


def _frame(table: Table, rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(
        {column.name: _typed(column, [row.get(column.name, "") for row in rows]) for column in table.columns}
    )


def _typed(column: Column, cells: Sequence[str]) -> pd.Series:
    if column.kind in ("number", "integer"):
        return pd.Series([float(cell) if cell else float("nan") for cell in cells], dtype="float64")
    if column.kind == "boolean":
        return pd.Series([cell == "true" for cell in cells], dtype="bool")
    return pd.Series([cell or None for cell in cells], dtype="str")


def known_tables(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables of the schema in its order; those without a file have no rows."""
    return {name: frames[name] if name in frames else empty_frame(table) for name, table in SCHEMA.items()}

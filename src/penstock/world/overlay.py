"""Lay a folder with only some rows over a world, row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from penstock.world.defects import Defect, shown
from penstock.world.reading import RawRow, RawTable, RawWorld, read_folder, unknown_files


def lay_over(base: RawWorld, folder: Path) -> RawWorld:
    """The world with the overlay's rows put in the place of those with the same key, or added at the end.

    An overlay file carries the key columns and any others of the schema. In a row that exists, the columns
    it does not carry keep their cells; a cell that it carries replaces the old one, empty ones too. Columns
    that a new row does not carry are empty. All checks run on the merged world.
    """
    label = f"{folder.name}/"
    over = read_folder(folder, label=label)
    merged = RawWorld(base.folder, dict(base.tables))
    merged.defects = [*base.defects, *over.defects, *unknown_files(folder, label)]
    merged.messages = [*base.messages, *over.messages]
    merged.unreadable = base.unreadable | over.unreadable
    merged.read = [*base.read, *over.read]
    for name, raw in over.tables.items():
        merged.defects.extend(_header_defects(raw))
        merged.tables[name] = _merge(base.tables.get(name), raw)
    return merged


def _header_defects(raw: RawTable) -> list[Defect]:
    """Defects of an overlay's header: it must carry the key and only columns of the schema."""
    found = []
    for place, name in enumerate(raw.header):
        if name in raw.header[:place]:
            found.append(Defect(raw.file, 1, "header", f"column {shown(name)} twice", "each column once"))
        elif name not in raw.table.column_names:
            valid = raw.table.column_names
            found.append(Defect(raw.file, 1, "header", shown(name), "a column of the schema", valid))
    for name in raw.table.key:
        if name not in raw.header:
            expected = f"the key {','.join(raw.table.key)}, by which rows are laid over"
            found.append(Defect(raw.file, 1, "header", f"no column {name!r}", expected))
    seen: dict[tuple[str, ...], int] = {}
    for row in raw.rows:
        key = _key(raw, row)
        if key in seen:
            field = ",".join(raw.table.key)
            again = f"{shown(','.join(key))} again"
            found.append(Defect(row.file, row.line, field, again, f"a key not used before (line {seen[key]})"))
        seen.setdefault(key, row.line)
    return found


def _merge(base: RawTable | None, over: RawTable) -> RawTable:
    columns = over.table.column_names
    blank = dict.fromkeys(columns, "")
    merged = {_key(base, row): row for row in base.rows} if base else {}
    # a base with duplicate keys keeps them all, so that its own check still tells them
    repeated = base is not None and len(merged) != len(base.rows)
    for row in over.rows:
        key = _key(over, row)
        carried = {name: cell for name, cell in row.cells.items() if name in columns}
        old = merged[key].cells if key in merged else blank
        merged[key] = RawRow(row.file, row.line, {**blank, **old, **carried})
    rows = [*base.rows, *merged.values()] if repeated and base else list(merged.values())
    header = tuple(dict.fromkeys([*(base.header if base else ()), *columns]))
    filled = [replace(row, cells={**dict.fromkeys(header, ""), **row.cells}) for row in rows]
    broken = [*(base.broken if base else ()), *over.broken]
    return RawTable(over.table, base.file if base else over.file, header, filled, broken)


def _key(raw: RawTable, row: RawRow) -> tuple[str, ...]:
    return tuple(row.cells.get(name, "") for name in raw.table.key)

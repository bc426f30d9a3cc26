"""Read CSV files as cells with their line numbers, telling what is wrong with the file itself."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

from penstock.world.defects import Defect, shown
from penstock.world.schema import KEPT_BESIDE, MAX_FILE_BYTES, SCHEMA, Table


@dataclass(frozen=True)
class RawRow:
    """One row as text: the line on which it starts and its cells by column."""

    file: str
    line: int
    cells: dict[str, str]


@dataclass
class RawTable:
    """One file as text.

    Attributes:
        header: the columns found, in file order.
        rows: every row that has as many cells as the header.
        broken: rows with more or fewer cells; their first cells still name things for other files.
    """

    table: Table
    file: str
    header: tuple[str, ...] = ()
    rows: list[RawRow] = field(default_factory=list)
    broken: list[RawRow] = field(default_factory=list)


@dataclass
class RawWorld:
    """The files of one folder as text, with defects met while reading and remarks on what was accepted.

    Attributes:
        read: each file as it is told in messages and the SHA-256 of its bytes, in the order of reading.
    """

    folder: Path
    tables: dict[str, RawTable] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    read: list[tuple[str, str]] = field(default_factory=list)

    def rows(self, name: str) -> list[RawRow]:
        """Rows of a table; none when its file is absent."""
        raw = self.tables.get(name)
        return raw.rows if raw else []


def read_folder(folder: Path, *, label: str = "") -> RawWorld:
    """Read every file of the schema that the folder holds.

    Args:
        folder: folder of the CSV files.
        label: put before file names in messages (a folder laid over another tells itself by it).
    """
    world = RawWorld(folder)
    for table in SCHEMA.values():
        path = folder / table.file
        if path.is_file():
            raw = _read_table(path, table, f"{label}{table.file}", world)
            if raw is None:
                world.unreadable.add(table.name)
            else:
                world.tables[table.name] = raw
    return world


def read_file(path: Path, table: Table) -> RawWorld:
    """One file of a table, wherever it lies and whatever its name; defects of the file itself are told in it."""
    world = RawWorld(path.parent)
    raw = _read_table(path, table, path.name, world)
    if raw is None:
        world.unreadable.add(table.name)
    else:
        world.tables[table.name] = raw
    return world


def unknown_files(folder: Path, label: str = "") -> list[Defect]:
    """CSV files that no table is read from: a misspelt name would otherwise be passed over in silence."""
    known = tuple(table.file for table in SCHEMA.values())
    return [
        Defect(f"{label}{path.name}", 0, "file", shown(path.name), "a file of the schema", known)
        for path in sorted(folder.glob("*.csv"))
        if path.name not in known and path.name not in KEPT_BESIDE
    ]


def _read_table(path: Path, table: Table, file: str, world: RawWorld) -> RawTable | None:
    text = _read_text(path, file, world)
    if text is None:
        return None
    first_line = text.split("\n", 1)[0]
    semicolon = ";" in first_line and "," not in first_line
    if semicolon:
        world.messages.append(f"{file}: columns are split by ';' instead of ','; accepted")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if semicolon else ",", strict=True)
    raw = RawTable(table, file)
    line = 1
    try:
        raw.header = tuple(name.strip() for name in next(reader, []))
        line = reader.line_num + 1
        for cells in reader:
            named = dict(zip(raw.header, (cell.strip() for cell in cells), strict=False))
            if cells and len(cells) == len(raw.header):
                raw.rows.append(RawRow(file, line, named))
            elif cells:
                raw.broken.append(RawRow(file, line, named))
                expected = f"{len(raw.header)} as in the header (quote a cell that holds a comma)"
                world.defects.append(Defect(file, line, "cells", str(len(cells)), expected))
            line = reader.line_num + 1
    except csv.Error as error:
        world.defects.append(
            Defect(file, line, "row", f"text that cannot be split ({error})", "cells with quotes closed")
        )
        return None
    if not raw.header:
        world.defects.append(Defect(file, 1, "header", "an empty file", ",".join(table.column_names)))
        return None
    return raw


def _read_text(path: Path, file: str, world: RawWorld) -> str | None:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        limit = f"at most {MAX_FILE_BYTES:,} bytes"
        world.defects.append(Defect(file, 0, "size", f"{size:,} bytes", limit))
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        world.defects.append(
            Defect(file, 0, "file", f"a file that cannot be read ({error.strerror})", "a readable file")
        )
        return None
    world.read.append((file, hashlib.sha256(content).hexdigest()))
    if content.startswith(b"\xef\xbb\xbf"):
        world.messages.append(f"{file}: starts with a byte order mark; accepted")
        content = content[3:]
        offset = 3
    else:
        offset = 0
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x} at position {error.start + offset}"
        world.defects.append(Defect(file, line, "encoding", found, "UTF-8 text"))
        return None

"""Read CSV files of a network as text, with the line of each row; what cannot be read is told in one line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import InputError

if TYPE_CHECKING:
    from penstock.analysis.network_tables import TextTable

MAX_FILE_BYTES = 500_000_000


def read_text_table(path: Path) -> TextTable:
    """The cells of a CSV file in UTF-8. Raises InputError where it cannot be read or split."""
    from penstock.analysis.network_tables import TextTable

    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(f"{path}: size: found {size:,} bytes; expected at most {MAX_FILE_BYTES:,}")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: file: found none that can be read ({error.strerror}); expected a CSV file") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"a byte 0x{content[error.start]:02x} that is not UTF-8"
        raise InputError(f"{path}:{line}: encoding: found {found}; expected text in UTF-8") from None
    if "\0" in text:
        raise InputError(f"{path}: encoding: found a zero byte; expected text in UTF-8")
    first_line = text.partition("\n")[0]
    # spreadsheets of half the world put semicolons between cells
    semicolon = ";" in first_line and "," not in first_line
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if semicolon else ",", strict=True)
    rows: list[tuple[int, tuple[str, ...]]] = []
    line = 1
    try:
        header = tuple(name.strip() for name in next(reader, []))
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                rows.append((line, tuple(cell.strip() for cell in cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path}:{line}: row: found text that cannot be split ({error}); expected cells with quotes closed"
        ) from None
    if not header:
        raise InputError(f"{path}:1: header: found an empty file; expected names of columns")
    return TextTable(str(path), header, tuple(rows))

"""The rows of an exposures file, one by one, and what is wrong with the file itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import InputError
from penstock.world.defects import shown

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("company", "instrument", "amount")
OPTIONAL = ("currency", "lgd")
COLUMNS = (*REQUIRED, *OPTIONAL)
EXPECTED_HEADER = "company,instrument,amount[,currency,lgd]"
READ_BLOCK = 1 << 20


@dataclass
class ExposureRows:
    """Cells of a file row by row: (line on which the row starts, cells in the order of COLUMNS, or a defect's text).

    Iterating reads the file once; `remarks` tells what was accepted with a note.
    """

    name: str
    rows: Iterator[tuple[int, Sequence[str] | str]]
    remarks: list[str] = field(default_factory=list)


def open_exposures(source: str | Path | pd.DataFrame) -> ExposureRows:
    """Rows of a CSV file, or of a data frame with the same columns.

    Raises InputError for a file that is not there, empty, not UTF-8, without its columns, or with a column twice.
    """
    if not isinstance(source, str | Path):
        return _from_frame(source)
    path = Path(source)
    if not path.exists():
        raise InputError(f"{path}: file: found nothing; expected a file of exposures ({EXPECTED_HEADER})")
    if not path.is_file():
        raise InputError(f"{path}: file: found a folder; expected a file of exposures ({EXPECTED_HEADER})")
    _check_text(path)
    found = ExposureRows(str(path), iter(()))
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
    semicolon = ";" in first and "," not in first
    if semicolon:
        found.remarks.append(f"{path}: columns are split by ';' instead of ','; accepted")
    found.rows = _rows(path, ";" if semicolon else ",", found)
    return found


def _check_text(path: Path) -> None:
    """The whole file is UTF-8 text: told before anything else is made of it."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")()
    read, line = 0, 1
    try:
        with path.open("rb") as file:
            while block := file.read(READ_BLOCK):
                waiting = len(decoder.getstate()[0])
                try:
                    decoder.decode(block)
                except UnicodeDecodeError as error:
                    at = read - waiting + error.start
                    row = line + block.count(b"\n", 0, max(error.start - waiting, 0))
                    byte = error.object[error.start]
                    raise InputError(
                        f"{path}:{row}: encoding: found byte 0x{byte:02x} at position {at}; expected UTF-8 text"
                    ) from None
                read += len(block)
                line += block.count(b"\n")
    except OSError as error:
        raise InputError(f"{path}: file: found one that cannot be read ({error.strerror}); expected a file") from error
    if decoder.getstate()[0]:
        raise InputError(f"{path}:{line}: encoding: found a character cut off at the end; expected UTF-8 text")
    if not read:
        raise InputError(f"{path}: header: found an empty file; expected {EXPECTED_HEADER}")


def _rows(path: Path, delimiter: str, found: ExposureRows) -> Iterator[tuple[int, Sequence[str] | str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise InputError(f"{path}:1: header: found text that cannot be split ({error})") from error
        # an optional column that is absent stands at -1, which is the empty cell put behind each row
        pick = itemgetter(*_places(header, str(path), found))
        count, line = len(header), reader.line_num + 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    raise InputError(
                        f"{path}:{line}: row: found a quote that is never closed; expected cells with quotes closed"
                    ) from error
                yield line, f"row: found text that cannot be split ({error}); expected cells with quotes closed"
                line = reader.line_num + 1
                continue
            if len(cells) == count:
                cells.append("")
                yield line, pick(cells)
            elif cells:
                yield line, f"cells: found {len(cells)}; expected {count} as in the header"
            line = reader.line_num + 1


def _places(header: Sequence[str], name: str, found: ExposureRows) -> list[int]:
    """Place of each of COLUMNS in the header, -1 where an optional one is absent."""
    names = [cell.strip().lower() for cell in header]
    if not any(names):
        raise InputError(f"{name}:1: header: found nothing; expected {EXPECTED_HEADER}")
    for column in COLUMNS:
        if names.count(column) > 1:
            raise InputError(f"{name}:1: header: found {column!r} twice; expected each column once")
    missing = [column for column in REQUIRED if column not in names]
    if missing:
        told = f"found {shown(','.join(names))}; expected {EXPECTED_HEADER} ({', '.join(missing)} missing)"
        raise InputError(f"{name}:1: header: {told}")
    others = [cell.strip() for cell, text in zip(header, names, strict=True) if text not in COLUMNS]
    if others:
        found.remarks.append(f"{name}: columns not read: {', '.join(shown(text) for text in others)}")
    return [names.index(column) if column in names else -1 for column in COLUMNS]


def _from_frame(frame: pd.DataFrame) -> ExposureRows:
    """Rows of a data frame, numbered as its CSV file would be: the first is row 2."""
    found = ExposureRows("exposures", iter(()))
    places = _places([str(column) for column in frame.columns], found.name, found)

    def text(value: Any) -> str:
        return "" if value is None or value != value else str(value)

    def rows() -> Iterator[tuple[int, Sequence[str] | str]]:
        for line, cells in enumerate(frame.itertuples(index=False, name=None), start=2):
            yield line, [text(cells[place]) if place >= 0 else "" for place in places]

    found.rows = rows()
    return found

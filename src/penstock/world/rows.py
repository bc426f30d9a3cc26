"""Tables of assumptions that come with the code: a CSV file beside a module, a dataclass a row."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")

_READ: dict[str, Callable[[str], Any]] = {"str": str, "float": float, "int": lambda text: int(text or 0)}


def read_rows(path: Path, kind: type[Row]) -> tuple[Row, ...]:
    """Every row of a file as a `kind`, a dataclass whose fields are its columns: text, numbers, whole numbers.

    An empty cell of a whole number is 0. The files are part of the package: what does not fit is a fault of ours and
    fails with Python's own error.
    """
    readers = {field.name: _READ[str(field.type)] for field in dataclasses.fields(kind)}
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(kind(**{name: readers[name](text) for name, text in row.items()}) for row in csv.DictReader(file))

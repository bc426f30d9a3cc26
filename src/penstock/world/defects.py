"""A defect of an input file, and the error that tells all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.errors import InputError
from penstock.world.naming import nearest_name

MAX_TOLD = 500
"""Defects printed in one message; the rest are counted."""
LONGEST_PART = 500
"""Letters of what was found, or expected, that a message shows: what is expected may quote another cell."""


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong in one place.

    Attributes:
        file: file name (or path) as the person knows it.
        row: line number in the file, the header being line 1; 0 when it is about the whole file.
        field: column, or what part of the file is meant.
        found: the value found.
        expected: what would be right.
        candidates: valid names, of which the nearest is told.
    """

    file: str
    row: int
    field: str
    found: str
    expected: str
    candidates: tuple[str, ...] = ()

    @property
    def nearest(self) -> str:
        """The valid name most like what was found, or empty."""
        return nearest_name(self.found.strip("'\""), self.candidates) if self.candidates else ""

    def __str__(self) -> str:
        """`FILE:ROW: FIELD: found X; expected Y; nearest Z`, leaving out what does not apply."""
        place = f"{self.file}:{self.row}" if self.row else self.file
        hint = f"; nearest {_cut(self.nearest)}" if self.nearest else ""
        return f"{place}: {self.field}: found {_cut(self.found)}; expected {_cut(self.expected)}{hint}"


class DefectsError(InputError):
    """An input with defects: the message is a line for each, `defects` holds them all."""

    def __init__(self, defects: Sequence[Defect]) -> None:
        self.defects = tuple(defects)
        lines = [str(defect) for defect in self.defects[:MAX_TOLD]]
        if len(self.defects) > MAX_TOLD:
            lines.append(f"and {len(self.defects) - MAX_TOLD} more defects")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[DefectsError], tuple[tuple[Defect, ...]]]:
        # exceptions pickle by their message; this one is rebuilt from its defects
        return (DefectsError, (self.defects,))


def shown(value: str, limit: int = 60) -> str:
    """A cell as it is quoted in a message: `nothing` when empty, cut when long."""
    if value == "":
        return "nothing"
    return repr(_cut(value, limit))


def _cut(text: str, limit: int = LONGEST_PART) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."

"""Tables on a terminal that is too narrow for them: words stay whole, and columns that do not fit stand below.

A cell is folded between words. A long identifier may be folded behind one of its joints (`:`, `>`, `_`, `.`, `/`).
Where the columns do not fit side by side, the table is cut into blocks that begin with the same key columns, as data
frames are commonly shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

GAP = 3
"""Characters between two columns."""
EDGES = 2
"""Characters beside the first and the last column."""
LONG_WORD = 24
"""A word longer than this may be folded behind its joints."""
WIDEST_KEY = 0.45
"""Part of a line that repeated key columns may take; beyond it only the first is repeated."""

_PIECES = re.compile(r"[^:>_./]*[:>_./]*")


@dataclass(frozen=True)
class Column:
    """A column as text: its heading, its cells, and whether it holds numbers."""

    heading: str
    cells: Sequence[str]
    numeric: bool

    @property
    def natural(self) -> int:
        """Width at which nothing is folded."""
        return max((len(line) for cell in (self.heading, *self.cells) for line in cell.split("\n")), default=0)

    @property
    def least(self) -> int:
        """Width below which a word would be cut."""
        heading = [len(part) for word in self.heading.split() for part in _joints(word)]
        return max([*heading, *map(self._least_of, self.cells)], default=0)

    def _least_of(self, cell: str) -> int:
        if self.numeric:
            return len(cell)
        return max((_hang(line) + _longest(line) for line in cell.split("\n")), default=0)

    def at(self, width: int) -> Column:
        """The same column folded to a width."""
        heading = _lines(self.heading.split(), width)
        cells = list(self.cells) if self.numeric else [fold(cell, width) for cell in self.cells]
        return Column("\n".join(heading), cells, self.numeric)


def fold(text: str, width: int) -> str:
    """Text folded between words; a line that is set in stays so, and what follows of it a little farther."""
    out = []
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        hang = _hang(line)
        first, *rest = _lines(line.split(), width - hang) or [""]
        out += [" " * indent + first, *(" " * hang + more for more in rest)]
    return "\n".join(out)


def blocks(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """The columns in blocks that fit a width, folded where needed; one block where that is enough."""
    room = width - EDGES
    if _together([column.natural for column in columns]) <= room:
        return [list(columns)]
    if _together([column.least for column in columns]) <= room:
        return [_folded(columns, room)]
    keys = _keys(columns, room)
    groups: list[list[Column]] = []
    group = list(keys)
    for column in columns[len(keys) :]:
        if len(group) > len(keys) and _together([item.least for item in (*group, column)]) > room:
            groups.append(group)
            group = list(keys)
        group.append(column)
    groups.append(group)
    return [_folded(group, room) for group in groups]


def _lines(words: Sequence[str], width: int) -> list[str]:
    """Words in lines of at most a width; one that is longer is folded behind its joints."""
    lines: list[str] = []
    line, space = "", ""
    for word in words:
        for piece in [word] if len(word) <= width else _joints(word):
            if line and len(line) + len(space) + len(piece) > width:
                lines.append(line)
                line, space = "", ""
            line, space = f"{line}{space}{piece}", ""
        space = " "
    return [*lines, line] if line else lines


def _keys(columns: Sequence[Column], room: int) -> list[Column]:
    """What says which row is meant: all up to the first column of text."""
    first_text = next((place for place, column in enumerate(columns) if not column.numeric), 0)
    keys = list(columns[: first_text + 1])
    return keys if _together([key.least for key in keys]) <= WIDEST_KEY * room else keys[-1:] or keys


def _folded(columns: Sequence[Column], room: int) -> list[Column]:
    """Columns at widths that fit: each as wide as its words, what is left over to those that are folded most."""
    widths = [column.least for column in columns]
    spare = room - _together(widths)
    while spare > 0:
        folded = [column.natural / width if width else 0.0 for column, width in zip(columns, widths, strict=True)]
        most = max(range(len(columns)), key=lambda place: folded[place])
        if folded[most] <= 1.0:
            break
        widths[most] += 1
        spare -= 1
    return [column.at(max(width, 1)) for column, width in zip(columns, widths, strict=True)]


def _together(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _longest(line: str) -> int:
    """The longest piece into which a line may be folded."""
    pieces = [piece for word in line.split() for piece in (_joints(word) if len(word) > LONG_WORD else [word])]
    return max(map(len, pieces), default=0)


def _hang(line: str) -> int:
    """How far lines that continue this one are set in."""
    indent = len(line) - len(line.lstrip())
    return indent + 2 if indent else 0


def _joints(word: str) -> list[str]:
    return [piece for piece in _PIECES.findall(word) if piece]

"""Tables as plain lines, for a pipe or a file: what Rich draws there, in a tenth of the time.

Nothing is coloured and columns are folded before they come here, so that a cell need only be set to the width of its
column. Text with what Rich takes out or expands (tabs, control characters, empty lines) is left to Rich.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from penstock.cli.narrow_tables import EDGES, GAP, Column


def is_plain(texts: Iterable[str]) -> bool:
    """Whether texts hold printable characters alone, and no empty line among several."""
    return all(not text or all(line and line.isprintable() for line in text.split("\n")) for text in texts)


def plain_table(columns: Sequence[Column], *, heading: bool) -> list[str]:
    """Lines of a table between two empty ones; its heading stands over a rule."""
    texts = [(column.heading, *column.cells) if heading else column.cells for column in columns]
    widths = [max((_width(line) for text in column for line in text.split("\n")), default=0) for column in texts]
    rule = max(sum(widths) + GAP * (len(widths) - 1), 1)
    edge, gap = " " * (EDGES // 2), " " * GAP
    lines = [""]
    for place, row in enumerate(zip(*texts, strict=True)):
        stacks = [cell.split("\n") for cell in row]
        if heading and place == 0:  # a heading stands on the rule
            height = max(map(len, stacks))
            stacks = [[""] * (height - len(stack)) + stack for stack in stacks]
        for parts in zip_longest(*stacks, fillvalue=""):
            cells = map(_set, parts, widths, (column.numeric for column in columns))
            lines.append((edge + gap.join(cells)).rstrip())
        if heading and place == 0:
            lines.append(edge + "─" * rule)
    return [*lines, ""]


def _set(text: str, width: int, to_the_right: bool) -> str:
    if to_the_right:
        text = text.rstrip()
        return " " * (width - _width(text)) + text
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Places that a text takes in a terminal: some characters take two or none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)

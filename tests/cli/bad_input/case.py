"""One kind of bad input, and how a folder is prepared for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Prepare = Callable[[Path], None]
"""What is done to the folder first."""

SMALL_RUN = "run -n 1 --quarters 1 -j 1"
IN_MY_WORLD = "run --world mine -n 1 --quarters 1 -o out"
"""A run that would write a folder `out` if the world or scenario were sound."""


@dataclass(frozen=True)
class Case:
    """What is done to the folder first, the command line, and what it must end with."""

    line: str
    code: int
    told: str
    prepare: Prepare | None = None


def spoil(file: str, old: str, new: str) -> Prepare:
    """Replaces the first `old` in a file of the small world."""

    def change(folder: Path) -> None:
        text = (folder / "mine" / file).read_text(encoding="utf-8")
        assert old in text
        (folder / "mine" / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")

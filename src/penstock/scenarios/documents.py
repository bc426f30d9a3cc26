"""One scenario document: its raw tables, and the line each of its keys stands on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import InputError
from penstock.world.defects import Defect, DefectsError, shown

MAX_BYTES = 1024 * 1024
"""Largest scenario file that is read (1 MiB); checked before reading."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z_]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=")


@dataclass(frozen=True)
class Document:
    """`file`: how messages name it; `folder`: where siblings are looked for; `lines`: (table, index, key)
    to line number, table "" being the top and key "" the header of a table."""

    file: str
    raw: Mapping[str, Any]
    folder: Path | None = None
    stem: str = ""
    lines: Mapping[tuple[str, int, str], int] = field(default_factory=dict)

    def line(self, table: str, index: int, key: str) -> int:
        """Line of a key (`opening.revenue` stands on that of `opening`), else of its table, else 0."""
        own = self.lines.get((table, index, key.split(".")[0]))
        return own or self.lines.get((table, index, ""), 0)


@dataclass(frozen=True)
class FoundDefect(Defect):
    """A defect whose nearest valid value is known by rule rather than by likeness of names."""

    hint: str = ""

    @property
    def nearest(self) -> str:
        """The value that was meant, where one is near."""
        return self.hint or super().nearest


def read_path(path: Path) -> Document:
    """Reads a file.

    Raises:
        InputError: missing, a folder, too large, not UTF-8, or not TOML.
    """
    name = str(path)
    if path.is_dir():
        raise InputError(f"{name}: file: found a folder; expected a scenario file such as {path / 'x.toml'}")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{name}: file: found {size / 1e6:.1f} MB; expected at most {MAX_BYTES / 1e6:.1f} MB")
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{name}: file: found nothing; expected a scenario file") from None
    except OSError as error:
        raise InputError(
            f"{name}: file: found one that cannot be read ({error.strerror}); expected a scenario file"
        ) from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        found = f"byte 0x{data[error.start]:02x}"
        raise DefectsError([Defect(name, line, "encoding", found, "text in UTF-8")]) from None
    return read_text(text, file=name, folder=path.parent, stem=path.stem)


def read_text(text: str, *, file: str, folder: Path | None = None, stem: str = "") -> Document:
    """Reads TOML text. Raises InputError where it is not TOML."""
    # a byte order mark is what some editors put first; TOML has none
    text = text.removeprefix("\ufeff")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        reason = re.sub(r"\s*\(at .*\)$", "", str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        content = (text.splitlines() or [""])[min(line, text.count("\n") + 1) - 1 :][:1]
        found = shown(content[0].strip() if content else "")
        raise DefectsError([Defect(file, line, "syntax", found, f"TOML ({reason})")]) from None
    except (RecursionError, ValueError):
        # what Python's reader does not call an error of TOML
        found = "too deep a nesting or too long a number"
        raise DefectsError([Defect(file, 0, "syntax", found, "TOML")]) from None
    return Document(file, raw, folder, stem, _lines(text))


def _lines(text: str) -> dict[tuple[str, int, str], int]:
    lines: dict[tuple[str, int, str], int] = {}
    counts: dict[str, int] = {}
    table, index = "", 0
    quoted = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if quoted:
            # inside a text of several lines nothing is a key
            quoted = "" if quoted in line else quoted
            continue
        if header := _HEADER.match(line):
            table = header[2]
            index = counts.get(table, 0) if header[1] == "[[" else 0
            counts[table] = index + 1
            lines[(table, index, "")] = number
            continue
        if key := _KEY.match(line):
            lines.setdefault((table, index, key[1]), number)
            for mark in ('"""', "'''"):
                if line.count(mark) % 2:
                    quoted = mark
    return lines

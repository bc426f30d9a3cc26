"""The log of scores: one row for each score, never changed after it is written."""

from __future__ import annotations

import csv
import datetime as dt
import subprocess
from collections.abc import Mapping
from pathlib import Path

from penstock.errors import InputError, OutputError
from penstock.version import __version__

COLUMNS = ("date", "commit", "reason", "figures")
FILE = "score_log.csv"


def add_score(folder: Path, what: str, reason: str, figures: Mapping[str, float | int], day: dt.date) -> Path:
    """Add a row to the log of a folder; the file is made where there is none.

    Args:
        what: the study, as `backtest ai`; it stands before the reason.
        figures: numbers by name, written as `name value; name value`.

    Raises:
        InputError: the file there is not such a log.
        OutputError: it cannot be written.
    """
    path = folder / FILE
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
        if tuple(header) != COLUMNS:
            raise InputError(f"{path}:1: header: found {','.join(header)!r}; expected {','.join(COLUMNS)}")
    told = "; ".join(f"{name} {_number(value)}" for name, value in figures.items())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = not path.is_file()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(COLUMNS)
            writer.writerow([day.isoformat(), commit_of_source(), f"{what}: {reason}", told])
    except OSError as error:
        found = f"found a place that cannot be written ({error.strerror})"
        raise OutputError(f"{path}: {found}; expected a writable one") from None
    return path


def commit_of_source() -> str:
    """Short name of the commit that the source stands at, with `-changed` where files differ; else the version."""
    here = Path(__file__).parent
    try:
        name = _git(here, "rev-parse", "--short=10", "HEAD")
        return f"{name}-changed" if _git(here, "status", "--porcelain", "--", ".") else name
    except (OSError, subprocess.CalledProcessError):
        return f"penstock {__version__}"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _number(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"

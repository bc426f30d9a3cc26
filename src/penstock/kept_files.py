"""Files that the program keeps for itself so that the next call is faster: none is missed when it is gone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def drop_oldest(place: Path, pattern: str, most: int) -> None:
    """Keep so many files of a folder that fit a pattern, those that were written last.

    What cannot be removed stays, and so do the rest where another process removes files at the same time: the next
    call drops them.
    """
    with suppress(OSError):
        files = sorted(place.glob(pattern), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[most:]:
            file.unlink(missing_ok=True)

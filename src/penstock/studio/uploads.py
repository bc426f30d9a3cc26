"""Exposures that are handed in: streamed to the workspace under a name of ours, never more than the limit."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from penstock.errors import InputError, OutputError
from penstock.studio.place import Place

KEEP_FILES = 20
"""Older uploads are removed."""

PACKED = {
    b"PK\x03\x04": "a ZIP archive or a workbook",
    b"\x1f\x8b": "a GZIP file",
    b"BZh": "a BZIP2 file",
    b"\xfd7zXZ": "an XZ file",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
}


async def keep_upload(place: Place, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
    """Write a body to the workspace as it comes; returns its name and size.

    Raises InputError for an empty or a packed file, which would have to be unpacked to be read.
    """
    try:
        place.uploads.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=place.uploads, prefix=".part-")
    except OSError as error:
        raise OutputError(f"{place.uploads}: found {error.strerror}; expected a place that can be written") from error
    size, head = 0, b""
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in chunks:
                if len(head) < 8:
                    head = (head + chunk)[:8]
                    _refuse_packed(head)
                size += len(chunk)
                file.write(chunk)
        if not size:
            raise InputError("exposures: found an empty file; expected company,instrument,amount[,currency,lgd]")
        name = secrets.token_hex(16)
        os.replace(part, place.uploads / f"{name}.csv")
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    _forget_old(place)
    return name, size


def _refuse_packed(head: bytes) -> None:
    for mark, what in PACKED.items():
        if head.startswith(mark):
            raise InputError(f"exposures: found {what}; expected a CSV file in plain text")


def _forget_old(place: Place) -> None:
    files = sorted(place.uploads.glob("*.csv"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[KEEP_FILES:]:
        file.unlink(missing_ok=True)

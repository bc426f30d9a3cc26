"""Files that may be gzipped, unpacked to a limit: a small file can unpack to more than the memory holds."""

from __future__ import annotations

import zlib

from penstock.errors import InputError

MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31
BLOCK = 1 << 20


def unpacked(raw: bytes, where: str, most_bytes: int) -> bytes:
    """The bytes themselves, or what they unpack to where they are gzipped.

    Raises InputError, with `where` first, for a broken file and for one of more than `most_bytes` unpacked.
    """
    if raw[:2] != MAGIC:
        if len(raw) > most_bytes:
            raise InputError(f"{where}: found {len(raw):,} bytes; expected at most {most_bytes:,}")
        return raw
    parts: list[bytes] = []
    size = 0
    while raw[:2] == MAGIC:
        reader = zlib.decompressobj(GZIP_WINDOW)
        while not reader.eof:
            try:
                part = reader.decompress(raw, BLOCK)
            except zlib.error:
                raise InputError(f"{where}: found a broken gzip file; expected a whole one, or plain text") from None
            size += len(part)
            if size > most_bytes:
                raise InputError(f"{where}: found more than {most_bytes:,} bytes unpacked; expected at most that")
            parts.append(part)
            raw = reader.unconsumed_tail
            if not part and not raw and not reader.eof:
                raise InputError(f"{where}: found a gzip file that breaks off; expected a whole one, or plain text")
        # a gzip file may be several, one after the other; what else follows is padding
        raw = reader.unused_data
    return b"".join(parts)

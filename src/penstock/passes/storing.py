"""Keep the machine code of all passes in one file, with a function for each that Python can call (`stored.py`)."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock.passes import Pass, declared, stored
from penstock.passes.ways_in import ways_in

WAY_IN = frozenset({
    "NRT_Free", "NRT_MemInfo_call_dtor", "NRT_adapt_ndarray_from_python", "numba_adapt_ndarray", "numba_do_raise",
    "numba_gil_ensure", "numba_gil_release", "numba_runtime_build_excinfo_struct", "numba_unpickle",
})  # fmt: skip
"""What Numba's own way into a pass calls, and a pass that makes no arrays does not."""


def store() -> Path | None:
    """Keep all passes that this process has loaded; the file, or None where nothing could be kept.

    For a process that has loaded the model. Another process may do the same at once: the last file stands.
    """
    if not stored.can_store():
        return None
    kept, refused, objects, never_called = [], [], [], set()
    for dispatcher in _dispatchers():
        codes = [_object_code(dispatcher, result) for result in dispatcher.overloads.values()]
        own = {name for code in codes for name in _outside(code) if not _known_to_system(name)}
        if own <= WAY_IN:
            kept.append(dispatcher)
            objects += codes
            never_called |= own
        else:
            refused.append(stored.name_of(dispatcher.py_func))
    entries = {stored.name_of(dispatcher.py_func): f"penstock_pass_{k}" for k, dispatcher in enumerate(kept)}
    objects.append(ways_in(kept, list(entries.values())))
    head = {
        "circumstances": stored.circumstances(),
        "never_called": sorted(never_called),
        "passes": list(entries.items()),
        "refused": refused,
        "lengths": [len(code) for code in objects],
    }
    return _write(json.dumps(head).encode(), objects)


def store_what_is_new() -> None:
    """`store`, where this process has loaded a pass that is not stored yet."""
    if all(stored.knows(each.py_func) for each in declared()):
        return
    # what Numba keeps is its own affair: where it is not found, later processes load Numba, as this one did
    with suppress(AttributeError, KeyError, IndexError, LookupError, OSError, RuntimeError, TypeError, struct.error):
        store()


def _dispatchers() -> list[Any]:
    """All passes of this process, as Numba has them."""
    return [each.dispatcher if isinstance(each, Pass) else each for each in declared()]


def _write(head: bytes, objects: Sequence[bytes]) -> Path | None:
    rest = b"".join([len(head).to_bytes(8, "little"), head, *objects])
    whole = stored.MAGIC + hashlib.sha256(rest).digest() + rest
    for place in stored.places():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=place.parent, prefix=place.stem)
        except OSError:
            continue
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(whole)
            os.replace(name, place)
        except OSError:
            with suppress(OSError):
                os.unlink(name)
            continue
        return place
    return None


def _object_code(dispatcher: Any, result: Any) -> bytes:
    """What Numba's compiler made of a pass: kept since it was compiled, or in Numba's cache."""
    try:
        return bytes(result.library._get_compiled_object())
    except RuntimeError:
        cache = dispatcher._cache
        key = cache._index_key(result.signature, result.library.codegen)
        libdata = cache._cache_file.load(key)[0]
        return bytes(libdata[2][0])


def _known_to_system(name: str) -> bool:
    """Whether a process finds a function of this name without Numba."""
    return hasattr(ctypes.CDLL(None), name)


def _outside(code: bytes) -> Iterator[str]:
    """Names that an object file does not define (ELF of 64 bits, little-endian: System V ABI, chapter 4)."""
    (sections_at,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, sections_at + k * size) for k in range(count)]
    for _, kind, _, _, start, length, link, *_ in sections:
        if kind != 2:  # a table of symbols
            continue
        names_at = sections[link][4]
        for place in range(start, start + length, 24):
            name_at, _, _, section, _, _ = struct.unpack_from("<IBBHQQ", code, place)
            if section == 0 and name_at:
                end = code.index(b"\0", names_at + name_at)
                yield code[names_at + name_at : end].decode()

"""Machine code of passes, read from the file that `storing.py` wrote: what a process needs to call them without Numba.

Objects in the file are what Numba's compiler made of each pass, and one object with a function for each that Python can
call. Nothing of the file is used unless all of it is as written (a hash), for this processor and these versions of
Python and the libraries; and of a pass nothing unless it says the same (`said.py`).
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

from penstock.passes.said import said_by

MAGIC = b"penstock passes 1\n"
PACKAGE = Path(__file__).resolve().parents[1]
WRITERS = ("__init__", "access", "compiler", "ranges", "said", "stored", "storing", "ways_in")
"""Modules that decide what the file holds."""
FASTCALL = 0x80
"""`METH_FASTCALL` of CPython: arguments come as an array and its length."""


def code_of(function: Callable[..., object]) -> Callable[..., object] | None:
    """What runs the stored machine code of a pass; None where it is not stored."""
    return _all_stored().get(name_of(function)) if isinstance(function, FunctionType) else None


def anything_stored() -> bool:
    """Whether this process has found stored passes."""
    return bool(_all_stored())


def knows(function: FunctionType) -> bool:
    """Whether the file in use has a pass, or says that it cannot be stored."""
    return name_of(function) in _all_stored()


def name_of(function: FunctionType) -> str:
    """A name of a pass that no other has, and that changes with what the pass says."""
    return f"{function.__module__}:{function.__qualname__}:{said_by(function)}"


@cache
def _all_stored() -> Mapping[str, Callable[..., object] | None]:
    """Of each pass what Python calls; None for one that cannot be stored."""
    if not can_store():
        return {}
    for place in places():
        found = _read(place)
        if found is not None:
            return _loaded(*found)
    return {}


def can_store() -> bool:
    """Whether stored code knows this Python: objects of CPython with its usual layout, files of Linux."""
    usual = sys.implementation.name == "cpython" and sys.platform == "linux" and sys.maxsize > 2**32
    free_threads = not getattr(sys, "_is_gil_enabled", lambda: True)()
    return usual and not free_threads and not hasattr(sys, "gettotalrefcount")


def places() -> Iterator[Path]:
    """Files that may hold stored passes: beside the code, as Numba's own, or where a user's caches are."""
    mark = hashlib.sha256(str(PACKAGE).encode()).hexdigest()[:12]
    name = f"passes-{sys.implementation.cache_tag}-{mark}.bin"
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen) / name
        return
    yield PACKAGE / "__pycache__" / name
    try:
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penstock" / name
    except RuntimeError:
        # nobody's home
        return


NO_CODE = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")
"""Settings of Numba that change no machine code of a pass. Workers have another number of threads than their caller."""


def circumstances() -> dict[str, Any]:
    """What machine code depends on, besides the source of passes."""
    import llvmlite.binding as llvm
    import numpy

    libraries = {name: _version_file(name) for name in ("numba", "llvmlite")}
    return {
        "written_by": written_by(),
        "python": sys.version,
        "numpy": numpy.__version__,
        **libraries,
        "processor": [llvm.get_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()],
        "settings": {k: v for k, v in sorted(os.environ.items()) if k.startswith("NUMBA_") and k not in NO_CODE},
    }


@cache
def written_by() -> str:
    """Hash of the source of what decides how a pass is compiled and stored."""
    here = Path(__file__)
    return hashlib.sha256(b"".join(here.with_name(f"{name}.py").read_bytes() for name in WRITERS)).hexdigest()


def _version_file(library: str) -> str:
    """What a library says of its version, without loading it."""
    spec = find_spec(library)
    place = Path(spec.origin).with_name("_version.py") if spec is not None and spec.origin else None
    return hashlib.sha256(place.read_bytes()).hexdigest() if place is not None and place.exists() else ""


def _read(place: Path) -> tuple[dict[str, Any], list[bytes]] | None:
    """Head and objects of a file; None where it is not there, damaged, or written under other circumstances."""
    try:
        found = _head_and_objects(place.read_bytes())
    except OSError:
        return None
    return found if found is not None and found[0]["circumstances"] == circumstances() else None


def _head_and_objects(whole: bytes) -> tuple[dict[str, Any], list[bytes]] | None:
    """What a file says, unless it is not whole."""
    start = len(MAGIC) + hashlib.sha256().digest_size
    rest = memoryview(whole)[start:]
    if not whole.startswith(MAGIC) or hashlib.sha256(rest).digest() != whole[len(MAGIC) : start]:
        return None
    size = int.from_bytes(rest[:8], "little")
    head = json.loads(bytes(rest[8 : 8 + size]))
    objects, place = [], 8 + size
    for length in head["lengths"]:
        objects.append(bytes(rest[place : place + length]))
        place += length
    return head, objects


class _Method(ctypes.Structure):
    """CPython's `PyMethodDef`."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


_kept: list[Any] = []
"""What calls need as long as the process lives."""


def _loaded(head: dict[str, Any], objects: list[bytes]) -> Mapping[str, Callable[..., object] | None]:
    import llvmlite.binding as llvm
    import numpy

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # names of our own: Numba gives Python's names of errors another meaning in a process that has loaded it
    for name, thing in (("ndarray", numpy.ndarray), ("type_error", TypeError), ("runtime_error", RuntimeError)):
        llvm.add_symbol(f"penstock_{name}", id(thing))
    nothing = ctypes.cast(ctypes.pythonapi.Py_FatalError, ctypes.c_void_p).value
    for name in head["never_called"]:
        # Numba's own way into a pass is in its object too, and wants to be linked
        if llvm.address_of_symbol(name) is None:
            llvm.add_symbol(name, nothing)
    target = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    for code in objects:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    passes = head["passes"]
    methods = (_Method * len(passes))()
    _kept.extend((engine, methods))
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    made: dict[str, Callable[..., object] | None] = dict.fromkeys(head["refused"])
    for method, (name, entry) in zip(methods, passes, strict=True):
        module, short, _ = name.split(":")
        method.name, method.flags = short.encode(), FASTCALL
        method.function = engine.get_function_address(entry)
        made[name] = make(ctypes.addressof(method), None, module)
    return made

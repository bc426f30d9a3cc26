"""What a pass says: its own code, all functions of this package that it calls, and all numbers that they read.

Machine code is good as long as that is the same. The file of a pass says too little: a formula or a number of another
module is compiled into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType

import numpy as np

PACKAGE = "penstock."
NUMPY = "penstock.arrays.np"
"""NumPy's name where a device is chosen: none of this package's modules."""
NUMBERS = (int, float, complex, str, bytes, tuple, np.generic)


@cache
def said_by(function: FunctionType) -> str:
    """Hash of what a pass says, as its module stood when this was first asked."""
    digest = hashlib.sha256()
    told: dict[FunctionType, None] = {function: None}
    for each in (waiting := [function]):
        parts, called = _own(each)
        digest.update(parts.encode())
        for other in called:
            if other not in told:
                told[other] = None
                waiting.append(other)
    return digest.hexdigest()


@cache
def _own(function: FunctionType) -> tuple[str, tuple[FunctionType, ...]]:
    """What a function says by itself, and what it calls."""
    names: dict[str, None] = {}
    parts = [function.__module__, function.__qualname__, *_code(function.__code__, names)]
    called: dict[FunctionType, None] = {}
    read = {name: function.__globals__[name] for name in names if name in function.__globals__}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        read[name] = cell.cell_contents
    for name, thing in list(read.items()):
        if isinstance(thing, ModuleType) and thing.__name__.startswith(PACKAGE) and thing.__name__ != NUMPY:
            read |= {f"{name}.{other}": getattr(thing, other) for other in names if hasattr(thing, other)}
    for name, thing in read.items():
        code = getattr(thing, "py_func", getattr(thing, "typing", thing))
        if isinstance(code, FunctionType) and code.__module__.startswith(PACKAGE):
            called[code] = None
        elif isinstance(thing, NUMBERS):
            parts.append(f"{name} = {thing!r}")
        elif isinstance(thing, np.ndarray):
            parts.append(f"{name} = {thing.dtype} {thing.shape} {thing.tobytes()!r}")
    return "\n".join(parts), tuple(called)


def _code(code: CodeType, names: dict[str, None]) -> Iterator[str]:
    """What is done, in what order, with which numbers; adds the names that are read."""
    names |= dict.fromkeys(code.co_names)
    yield f"{code.co_code!r} {code.co_names} {code.co_varnames} {code.co_freevars}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant, names)
        elif constant != code.co_consts[0] or not isinstance(constant, str):
            # what is documented is not what is done
            yield repr(constant)

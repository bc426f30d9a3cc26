"""How the functions of the loop are compiled, said once, with types that survive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call, keep the machine code on disk, let other threads run, divide as NumPy does."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """The same for what is so short that a call would cost more."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy", inline="always")(function))

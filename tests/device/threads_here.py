"""The threads of a device on this machine: the same views and functions, compiled here, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import cgutils, types
from numba.core.typing import signature
from numba.extending import intrinsic
from numba.np import arrayobj

from penstock.engine.device import signature_of
from penstock.engine.threads import Target, cutter, for_threads

HERE = Target(types, signature, intrinsic, arrayobj, cgutils, numba.njit(error_model="numpy"))


def threads(compiled: Any, cuts: tuple[int, ...]) -> Callable[..., Any]:
    """A pass as so many threads run it, one after the other, the last first."""
    work, cut = for_threads(compiled.py_func, HERE), cutter(cuts, HERE)

    @numba.njit(error_model="numpy")
    def run(starts: Any, entries: Any, answer: Any, args: Any) -> None:
        for one in range(answer.shape[0] - 1, -1, -1):
            first, last = starts[one], starts[one + 1]
            answer[one] = work(*cut(args, one, first, last, entries[first], entries[last])) or False

    @numba.njit(error_model="numpy")
    def run_silently(starts: Any, entries: Any, answer: Any, args: Any) -> None:
        for one in range(answer.shape[0] - 1, -1, -1):
            first, last = starts[one], starts[one + 1]
            work(*cut(args, one, first, last, entries[first], entries[last]))

    return run if signature_of(compiled)[2] else run_silently

"""The threads of a device on this machine: the same views and functions, compiled here, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import cgutils, types
from numba.core.typing import signature
from numba.extending import intrinsic
from numba.np import arrayobj

from penstock.engine.device import PAIR, signature_of
from penstock.engine.threads import Target, thread_of_pairs, thread_of_path

HERE = Target(types, signature, intrinsic, arrayobj, cgutils, numba.njit(error_model="numpy"))


def threads(compiled: Any, cuts: tuple[int, ...]) -> Callable[..., Any]:
    """A pass as so many threads run it, one after the other, the last first.

    It takes the path of each pair and where its entries end (of pairs only), what each thread answered, the arguments.
    """
    if PAIR in cuts:
        of_pairs = thread_of_pairs(compiled.py_func, cuts, HERE)

        @numba.njit(error_model="numpy")
        def run_pairs(path: Any, ends: Any, answer: Any, args: Any) -> None:
            for one in range(answer.shape[0] - 1, -1, -1):
                of_pairs(one, path, ends, args)

        return run_pairs
    of_path = thread_of_path(compiled.py_func, cuts, HERE)

    @numba.njit(error_model="numpy")
    def run(path: Any, ends: Any, answer: Any, args: Any) -> None:
        for one in range(answer.shape[0] - 1, -1, -1):
            answer[one] = of_path(one, args) or False

    @numba.njit(error_model="numpy")
    def run_silently(path: Any, ends: Any, answer: Any, args: Any) -> None:
        for one in range(answer.shape[0] - 1, -1, -1):
            of_path(one, args)

    return run if signature_of(compiled)[2] else run_silently

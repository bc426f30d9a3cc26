"""A GPU that holds blocks of paths: CuPy's arrays, and the engine's passes compiled for it by Numba.

Needs the extra `gpu`. Not loaded without `--device gpu`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy

from penstock import arrays
from penstock.engine.device import ENTRY, PAIR, cuts_of, from_device, runs_of, signature_of, to_device
from penstock.engine.threads import Target, cutter, for_threads
from penstock.errors import UsageError

THREADS = 128
"""Threads of a group. Neighbours read neighbouring paths."""
MOST_PATHS = 131_072
"""Paths of a block at the most: more only hold more memory."""
FILLED = 0.6
"""Share of free memory that a block may take (assumption, 0.5 to 0.8)."""
WITH_STEPS = 1.5
"""Memory of a block with what its steps hand on to each other, over that of the block alone (assumption, 1.3 to 2)."""
WITH_TABLES = 2.0
"""Memory here of what stays of a block with tables made of it, over that alone (assumption, 1.5 to 3)."""
INSTALL = "pip install 'penstock[gpu]'"


def load_gpu() -> Gpu:
    """The GPU of this machine. Raises UsageError where it, its driver or a package is missing."""
    try:
        cupy = import_module("cupy")
        import_module("numba_cuda")
    except ImportError as error:
        missing = error.name or str(error)
        raise UsageError(f"--device: found gpu, without the package {missing}; expected it: {INSTALL}") from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # whatever the driver says: there is none to compute on
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(
            f"--device: found gpu, on a machine without a GPU and driver that CUDA 12 can use ({why}); "
            "expected one, or --device cpu"
        ) from error
    if not count:
        raise UsageError(
            "--device: found gpu, on a machine without a GPU that CUDA 12 can use; expected one, or --device cpu"
        )
    return Gpu(cupy)


class Gpu:
    """The first GPU."""

    name = "gpu"
    least_width = 4096
    """Lanes of a block at the least: more than lists of firms or ties of most worlds are long"""

    def __init__(self, cupy: Any) -> None:
        self.library = cupy
        self._most: dict[tuple[float, float], int] = {}
        """paths of a block, by its bytes a path: blocks to come fit where those before them fitted"""

    def take(self, tree: Any) -> Any:
        """A tree of objects with its arrays on the GPU."""
        cupy = self.library

        def view(owner: Any, here: numpy.ndarray, offset: int) -> Any:
            return cupy.ndarray(here.shape, here.dtype, owner.data + offset, strides=here.strides)

        return to_device(tree, lambda array: cupy.array(array, order="K"), view)

    def give_back(self, tree: Any) -> Any:
        """The same with its arrays here, each for itself: CuPy keeps no note of what shows memory of another.

        Measures by quarter, nine tenths of what stays of a block, come into memory that the system does not move: it is
        filled without a detour and, having the same size with each block, taken again (CuPy's pool). Rows of tables are
        as long as they happen to be, and come into memory of their own.
        """

        def get(array: Any) -> numpy.ndarray:
            return array.get(out=self.room_here(array)) if array.ndim > 1 else array.get()

        return from_device(tree, self.library.ndarray, get)

    def room_here(self, array: Any) -> numpy.ndarray:
        """Memory of this machine for an array of the GPU, which the system does not move."""
        return import_module("cupyx").empty_pinned(array.shape, array.dtype)

    def launched(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...]) -> Callable[..., Any]:
        """What runs a pass on arrays of the GPU, and the compiled pass on those here."""
        return Launch(compiled, pairs, entries, self.library)

    def most_paths(self, bytes_there: float, bytes_here: float) -> int:
        """Paths that the free memory of the GPU has room for, and that of this machine for what stays of them."""
        asked = bytes_there, bytes_here
        if asked not in self._most:
            self._most[asked] = self._room_for(*asked)
        return self._most[asked]

    def _room_for(self, bytes_there: float, bytes_here: float) -> int:
        free = self.library.cuda.runtime.memGetInfo()[0] + self.library.get_default_memory_pool().free_bytes()
        here = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        room = min(FILLED * free / (WITH_STEPS * bytes_there), FILLED * here / (WITH_TABLES * bytes_here))
        return int(min(max(room, self.least_width), MOST_PATHS))


class Launch:
    """A pass of the engine on the GPU."""

    def __init__(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...], cupy: Any) -> None:
        self.compiled, self.pairs, self.entries, self.cupy = compiled, pairs, entries, cupy
        self.names, self.axes, self.answers = signature_of(compiled)
        self.kernels: dict[tuple[int, ...], Any] = {}
        """compiled for what a path gets of the arguments"""

    def __call__(self, *args: Any) -> Any:
        cupy = self.cupy
        if not any(isinstance(one, cupy.ndarray) for one in args):
            return self.compiled(*args)
        for name, one in zip(self.names, args, strict=True):
            if isinstance(one, numpy.ndarray) and not isinstance(one, cupy.ndarray):
                raise TypeError(
                    f"{self.compiled.__name__}: {name}: found an array of the host; expected one of the GPU"
                )
        cuts = cuts_of(self.names, self.axes, args, self.pairs, self.entries)
        if cuts not in self.kernels:
            self.kernels[cuts] = kernel_of(self.compiled.py_func, cuts, self.answers)
        return self._over_pairs(cuts, args) if self.pairs else self._over_paths(cuts, args)

    def _over_paths(self, cuts: tuple[int, ...], args: tuple[Any, ...]) -> Any:
        width = arrays.width_on_device()
        answer = self.cupy.zeros(width if self.answers else 1, dtype=bool)
        self.kernels[cuts][_groups(width), THREADS](width, _shown(answer), _numbers(args))
        return bool(answer.any()) if self.answers else None

    def _over_pairs(self, cuts: tuple[int, ...], args: tuple[Any, ...]) -> None:
        named = dict(zip(self.names, args, strict=True))
        starts, entries = runs_of(self.cupy, named["path"], named.get("firm"), named.get("first"), ENTRY in cuts)
        if len(starts) > 1:
            runs = len(starts) - 1
            self.kernels[cuts][_groups(runs), THREADS](runs, _shown(starts), _shown(entries), _numbers(args))


def _groups(threads: int) -> int:
    return -(-threads // THREADS)


_VIEWS: dict[tuple[Any, ...], Any] = {}
"""By place, shape, strides and kind of numbers: what Numba sees of such an array. It holds no memory."""
MOST_VIEWS = 20_000
"""Views kept: a quarter shows some 1,600 arrays, most of them in the places of the quarter before."""


def _shown(array: Any) -> Any:
    """An array of CuPy as Numba sees it: the same memory. A view is made once, which takes Numba longer than to look it
    up; the memory is CuPy's, whose next user on the same stream comes after the pass."""
    key = array.data.ptr, array.shape, array.strides, array.dtype
    view = _VIEWS.get(key)
    if view is None:
        if len(_VIEWS) >= MOST_VIEWS:
            _VIEWS.clear()
        view = _VIEWS[key] = _cuda().from_cuda_array_interface(array.__cuda_array_interface__, sync=False)
    return view


def _numbers(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments as Numba takes them."""
    return tuple(_shown(one) if getattr(one, "ndim", 0) else one for one in args)


def _cuda() -> Any:
    return import_module("numba.cuda")


@lru_cache(maxsize=1)
def target() -> Target:
    """Numba for CUDA."""
    part = import_module
    return Target(
        types=part("numba.cuda.types"),
        signature=part("numba.cuda.typing").signature,
        intrinsic=part("numba.cuda.extending").intrinsic,
        array_parts=part("numba.cuda.np.arrayobj"),
        code_parts=part("numba.cuda.cgutils"),
        inner=_cuda().jit(device=True),
    )


def kernel_of(function: Callable[..., Any], cuts: tuple[int, ...], answers: bool) -> Any:
    """The kernel that runs a pass with one thread a path, or one thread for the pairs of a path."""
    return _cuda().jit(kernel_source(function, cuts, answers))


def kernel_source(function: Callable[..., Any], cuts: tuple[int, ...], answers: bool) -> Callable[..., Any]:
    """The kernel before it is compiled."""
    cuda = _cuda()
    work, cut = for_threads(function, target()), cutter(cuts, target())

    def over_pairs(runs: int, starts: Any, entries: Any, args: Any) -> None:
        run = cuda.grid(1)
        if run < runs:
            first, last = starts[run], starts[run + 1]
            work(*cut(args, 0, first, last, entries[first], entries[last]))

    def over_paths(width: int, answer: Any, args: Any) -> None:
        path = cuda.grid(1)
        if path < width:
            work(*cut(args, path, 0, 0, 0, 0))

    def asked_of_paths(width: int, answer: Any, args: Any) -> None:
        path = cuda.grid(1)
        if path < width:
            answer[path] = work(*cut(args, path, 0, 0, 0, 0))

    if PAIR in cuts:
        return over_pairs
    return asked_of_paths if answers else over_paths

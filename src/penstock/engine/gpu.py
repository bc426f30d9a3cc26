"""A GPU that holds blocks of paths: CuPy's arrays, and the engine's passes as its code (`engine/gpu_code.py`).

Needs the extra `gpu`. Not loaded without `--device gpu`.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy

from penstock import arrays
from penstock.engine.device import ends_of, from_device, to_device
from penstock.engine.gpu_code import ENTRY_POINT, code_file, kernel_form, reason
from penstock.engine.launch import Kernel, Launch
from penstock.engine.series_copy import HostMemory, SeriesCopy
from penstock.errors import UsageError

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
            f"--device: found gpu, on a machine without a GPU and driver that CuPy can use ({why}); "
            "expected one, or --device cpu"
        ) from error
    if not count:
        raise UsageError(
            "--device: found gpu, on a machine without a GPU that CuPy can use; expected one, or --device cpu"
        )
    return Gpu(cupy)


class Gpu:
    """The first GPU."""

    name = "gpu"
    least_width = 4096
    """Lanes of a block at the least: more than lists of firms or ties of most worlds are long"""

    def __init__(self, cupy: Any) -> None:
        self.library = cupy
        self.memory = HostMemory(cupy)
        self.notes: list[str] = self.memory.notes
        """what was found otherwise than hoped for, and what was done instead"""
        self.waits = False
        """whether each launch is waited for: slow, and names the pass that fails"""
        self._most: dict[tuple[float, float], int] = {}
        """paths of a block, by its bytes a path: blocks to come fit where those before them fitted"""
        self._ends: tuple[Any, Any, Any] | None = None

    def take(self, tree: Any) -> Any:
        """A tree of objects with its arrays on the GPU."""
        cupy = self.library

        def view(owner: Any, here: numpy.ndarray, offset: int) -> Any:
            return cupy.ndarray(here.shape, here.dtype, owner.data + offset, strides=here.strides)

        return to_device(tree, lambda array: cupy.array(array, order="K"), view)

    def bring(self, series: Sequence[Any]) -> SeriesCopy | None:
        """What takes rows of series here while the quarters go on; None where the system gives no memory for that."""
        here = [self.memory.taken(one.shape, one.dtype) for one in series]
        return None if any(one is None for one in here) else SeriesCopy(self.library, series, here)

    def give_back(self, tree: Any, home: SeriesCopy | None = None) -> Any:
        """The same with its arrays here: those that `home` took are shown as they lie, the others are brought now.

        They come into memory that the system does not move, which is filled without a detour. One wait for all.
        """
        sent: list[Any] = []

        def get(array: Any) -> numpy.ndarray:
            if home is not None and (shown := home.shown(array)) is not None:
                return shown
            if (room := self.memory.taken(array.shape, array.dtype)) is None:
                return numpy.asarray(array.get())
            sent.append(self.library.ascontiguousarray(array))
            sent[-1].get(out=room, blocking=False)
            return room

        found = from_device(tree, self.library.ndarray, get)
        self.library.cuda.get_current_stream().synchronize()
        return found

    def launched(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...]) -> Callable[..., Any]:
        """What runs a pass on arrays of the GPU, and the compiled pass on those here."""
        return Launch(compiled, pairs, entries, self)

    def kernel_of(self, compiled: Any, cuts: tuple[int, ...]) -> Kernel:
        """A pass as a function of the GPU. Raises UsageError that names the pass where it cannot be had."""
        name = f"{compiled.py_func.__module__}.{compiled.py_func.__qualname__}"
        for left in (1, 0):
            with arrays.on_device(0):
                file = code_file(compiled, cuts, self.capability)
            try:
                function = self.library.RawModule(path=str(file)).get_function(ENTRY_POINT)
                return Kernel(self, function, kernel_form(compiled, cuts), name)
            except MemoryError:
                raise
            except Exception as error:  # whatever the driver says of the file
                file.unlink(missing_ok=True)
                if not left:
                    raise UsageError(
                        f"--device: {name}: found code that the GPU does not load ({reason(error)}); expected code for "
                        f"compute capability {self.capability[0]}.{self.capability[1]}, or --device cpu"
                    ) from error
        raise AssertionError

    @property
    def capability(self) -> tuple[int, int]:
        """Compute capability of the GPU."""
        told = str(self.library.cuda.Device().compute_capability)
        return int(told[:-1]), int(told[-1])

    def ends_of(self, firm: Any, first: Any) -> Any:
        """`device.ends_of`; passes that follow on each other over the same pairs ask once."""
        if self._ends is None or self._ends[0] is not firm or self._ends[1] is not first:
            self._ends = firm, first, ends_of(self.library, firm, first)
        return self._ends[2]

    def narrow(self) -> bool:
        """After a block that found no room: blocks to come are half as wide. False where they cannot be narrower."""
        self._ends = None
        gc.collect()
        self.library.get_default_memory_pool().free_all_blocks()
        widest = max(self._most.values(), default=0)
        if widest <= self.least_width:
            return False
        self._most = {asked: max(paths // 2, self.least_width) for asked, paths in self._most.items()}
        self.notes.append(f"out of memory with blocks of {widest:,} paths: blocks of half that width")
        return True

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

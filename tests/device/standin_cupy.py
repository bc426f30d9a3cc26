"""A library that stands for the whole of CuPy: `penstock.engine.gpu` drives it as it drives the real one.

Kernels get what the GPU would get, words in memory; arrays are found again by their addresses alone. So a word that is
missing, wrong or at another place shows as other numbers, or not at all.
"""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from standin import Library, StandIn
from standin_device import in_threads, run_pass
from standin_streams import NULL, Event, RefusedError, Stream, Work

from penstock import arrays
from penstock.engine import gpu, gpu_code
from penstock.engine.device import ENTRY, LANE, PAIR, ROW, signature_of

MOST_THREADS = 96
"""Threads of a group at the most, as for a pass that takes many registers."""


class ByValue:
    """A number that a kernel gets by value: where it lies is looked up when the kernel is launched."""

    def __init__(self, held: np.ndarray) -> None:
        self.held = held


class Function:
    """A pass as a kernel: it reads its arguments as words."""

    max_threads_per_block = MOST_THREADS

    def __init__(self, library: Any, compiled: Any, cuts: tuple[int, ...]) -> None:
        self.library, self.compiled, self.cuts = library, compiled, cuts
        self.names, self.axes, _ = signature_of(compiled)
        self.run: Any = None

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[ByValue, ...]) -> None:
        Work.done += 1
        name = self.compiled.py_func.__qualname__
        self.library.launches[name] = self.library.launches.get(name, 0) + 1
        if block[0] > MOST_THREADS:
            raise RuntimeError("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES: too many resources requested for launch")
        words = [int(one.held[0]) for one in arguments]
        count = words.pop(0)
        if not 0 <= grid[0] * block[0] - count < block[0]:
            raise RefusedError(f"{name}: {grid} groups of {block} threads for {count}")
        path = read_array(words, np.dtype(np.intp), 1) if PAIR in self.cuts else None
        if ENTRY in self.cuts:
            ends = read_array(words, np.dtype(np.intp), 1)
        args: list[Any] = []
        for kind, axes, how in zip(self.compiled.nopython_signatures[0].args, self.axes, self.cuts, strict=True):
            number = np.dtype(str(getattr(kind, "dtype", kind).name))
            args.append(read_array(words, number, axes + (how == ROW)) if axes else number_of(words.pop(0), number))
        if words:
            raise RefusedError(f"{name}: {len(words)} words too many")
        for one, how, axes in zip(args, self.cuts, self.axes, strict=True):
            if axes and how in (LANE, ROW) and one.shape[-1] != arrays.width_on_device():
                raise RefusedError(f"{name}: {one.shape} is not as wide as the block")
        named = dict(zip(self.names, args, strict=True))
        if path is not None and path.ctypes.data != named["path"].ctypes.data:
            raise RefusedError(f"{name}: the paths of its pairs are not those of its arguments")
        if ENTRY in self.cuts:
            counts = named["first"][named["firm"] + 1] - named["first"][named["firm"]]
            if not np.array_equal(ends, np.cumsum(counts)):
                raise RefusedError(f"{name}: entries do not end where their pairs end")
        if not self.library.threads:
            run_pass(self.compiled, args, self.cuts, self.names, False)
            return
        if self.run is None:
            from threads_here import threads

            self.run = threads(self.compiled, self.cuts)
        in_threads(self.run, args, self.cuts, self.names)


def read_array(words: list[int], number: np.dtype[Any], axes: int) -> np.ndarray:
    """The array that the next words tell of; they are taken off."""
    head, rest = words[:5], words[5 : 5 + 2 * axes]
    del words[: 5 + 2 * axes]
    shape, strides = tuple(rest[:axes]), tuple(rest[axes:])
    if head[:2] != [0, 0] or head[2] != int(np.prod(shape)) or head[3] != number.itemsize:
        raise RefusedError(f"an array of {shape} is told by {head}")
    if not head[2]:
        return np.empty(shape, number)
    size = number.itemsize + sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    memory = (ctypes.c_char * size).from_address(head[4])
    return np.ndarray(shape, number, memory, 0, strides)


def number_of(word: int, number: np.dtype[Any]) -> Any:
    """The number that a word holds."""
    found = np.frombuffer(struct.pack("q", word), number, 1)[0]
    # a number without a sign stays one: Python's have none
    return found if number.kind == "u" else found.item()


class StandInCupy(Library):
    """CuPy. `refuses`: bytes of memory that stays in its place of which no more is given."""

    def __init__(self, threads: bool = False, free: float = 1e12, refuses: float = float("inf")) -> None:
        self.threads, self.free, self.refuses = threads, free, refuses
        self.launches: dict[str, int] = {}
        self.pinned: list[int] = []
        self.freed = 0
        runtime = SimpleNamespace(
            memGetInfo=lambda: (int(self.free), int(self.free)),
            deviceSynchronize=NULL.synchronize,
            getDeviceCount=lambda: 1,
            driverGetVersion=lambda: 12080,
            runtimeGetVersion=lambda: 12090,
            getDeviceProperties=lambda number: {"name": b"stand-in"},
        )
        self.cuda = SimpleNamespace(
            Event=Event, Stream=Stream, runtime=runtime, get_current_stream=lambda: NULL,
            Device=lambda: SimpleNamespace(compute_capability="90"), function=SimpleNamespace(CNumpyArray=ByValue),
        )  # fmt: skip
        self.codes: dict[str, tuple[Any, tuple[int, ...]]] = {}

    def get_default_memory_pool(self) -> Any:
        return SimpleNamespace(free_bytes=lambda: 0, free_all_blocks=self._give_up, total_bytes=lambda: 0)

    def _give_up(self) -> None:
        self.freed += 1

    def empty_pinned(self, size: int, number: Any) -> np.ndarray:
        if size > self.refuses:
            raise RuntimeError("cudaErrorMemoryAllocation: out of memory")
        self.pinned.append(size)
        return np.empty(size, number)

    def RawModule(self, path: str) -> Any:  # noqa: N802 - CuPy's name
        return SimpleNamespace(get_function=lambda name: Function(self, *self.codes[path]))


def stand_in_gpu(library: StandInCupy) -> gpu.Gpu:
    """The GPU that this library would drive; passes become code by their names only."""

    def code_file(compiled: Any, cuts: tuple[int, ...], capability: tuple[int, int]) -> Path:
        key = f"{compiled.py_func.__module__}.{compiled.py_func.__qualname__} {cuts}"
        library.codes[key] = compiled, cuts
        return Path(key)

    gpu.code_file = code_file  # type: ignore[assignment]
    gpu.Gpu.least_width = 8
    library_of = gpu_code.import_module
    from penstock.engine import series_copy

    series_copy.import_module = lambda name: library if name == "cupyx" else library_of(name)  # type: ignore[assignment]
    return gpu.Gpu(library)


__all__ = ["Function", "StandIn", "StandInCupy", "stand_in_gpu"]

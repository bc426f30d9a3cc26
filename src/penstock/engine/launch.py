"""Launches of the engine's passes on a GPU, prepared once: what a launch costs is Python, and the GPU waits for it."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy

from penstock import arrays
from penstock.engine.device import ENTRY, WHOLE, cuts_of, signature_of
from penstock.engine.gpu_code import WORD, reason
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.engine.gpu import Gpu

THREADS = 128
"""Threads of a group. Neighbours read neighbouring paths."""
MOST_READY = 4_000
"""Shapes of arguments that a pass remembers."""


class Kernel:
    """A pass on the GPU, with room for the words of its arguments."""

    def __init__(self, device: Gpu, function: Any, form: str, name: str) -> None:
        self.device, self.function, self.form, self.name = device, function, struct.Struct(form), name
        self.words = numpy.zeros(self.form.size // WORD, dtype=numpy.int64)
        self.memory = self.words.data
        # CuPy hands an array of one number over by value; so each word is an argument, laid out once
        by_value = getattr(device.library.cuda.function, "CNumpyArray", numpy.asarray)
        self.arguments = tuple(by_value(self.words[place : place + 1]) for place in range(len(self.words)))
        self.group = min(THREADS, int(function.max_threads_per_block))

    def __call__(self, threads: int, words: list[Any]) -> None:
        """Runs it in so many threads, on CuPy's stream; the words are read before this returns."""
        self.form.pack_into(self.memory, 0, *words)
        try:
            self.function((-(-threads // self.group),), (self.group,), self.arguments)
            if self.device.waits:
                self.device.library.cuda.get_current_stream().synchronize()
        except MemoryError:
            raise
        except Exception as error:  # whatever the driver says
            raise UsageError(
                f"--device: {self.name}: found {reason(error)} in {threads:,} threads, {self.group} in a group, "
                f"{self.form.size:,} bytes of arguments; expected a pass that runs"
            ) from error


class Launch:
    """A pass of the engine on the GPU.

    What a call needs is looked up by the shapes of its arguments: a pass is launched 130 times a quarter, and where it
    takes longer to say what is to be done than to do it, the GPU waits.
    """

    def __init__(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...], device: Gpu) -> None:
        self.compiled, self.pairs, self.entries, self.device = compiled, pairs, entries, device
        self.names, self.axes, self.answers = signature_of(compiled)
        self.arrays = tuple(place for place, axes in enumerate(self.axes) if axes)
        free = {*pairs, *entries}
        self.telling = tuple(place for place in self.arrays if self.names[place] not in free)
        """places of arguments whose shape tells what a path gets of them"""
        self.numbers = tuple(
            numpy.dtype(str(kind.dtype.name)) if axes else None
            for kind, axes in zip(compiled.nopython_signatures[0].args, self.axes, strict=True)
        )
        self.ready: dict[tuple[Any, ...], tuple[Kernel, tuple[int, ...]]] = {}
        """by width of the block and those shapes: what is launched, and what a path gets of each argument"""
        self.kernels: dict[tuple[int, ...], Kernel] = {}
        """by what a path gets of the arguments"""

    def __call__(self, *args: Any) -> Any:
        array = self.device.library.ndarray
        if not isinstance(args[self.arrays[0]], array) and not any(isinstance(one, array) for one in args):
            return self.compiled(*args)
        try:
            key = (arrays.width_on_device(), *[args[place].shape for place in self.telling])
            found = self.ready.get(key)
            kernel, cuts = self._prepared(key, args) if found is None else found
            words = self._words(args, cuts)
        except AttributeError:
            self._refuse(args)
            raise
        if self.pairs:
            self._over_pairs(kernel, cuts, args, words)
            return None
        width = key[0]
        kernel(width, [width, *words])
        # whether work is to be done on any path: on some path of so many it is, and to ask would be to wait
        return True if self.answers else None

    def _over_pairs(self, kernel: Kernel, cuts: tuple[int, ...], args: tuple[Any, ...], words: list[Any]) -> None:
        named = dict(zip(self.names, args, strict=True))
        path = named["path"]
        if pairs := len(path):
            ends = words_of(self.device.ends_of(named["firm"], named["first"])) if ENTRY in cuts else ()
            kernel(pairs, [pairs, *words_of(path), *ends, *words])

    def _words(self, args: tuple[Any, ...], cuts: tuple[int, ...]) -> list[Any]:
        """The words of all arguments, in order."""
        words: list[Any] = []
        for one, number, how in zip(args, self.numbers, cuts, strict=True):
            if number is None:
                words.append(one)
                continue
            before, after, dense = _shape_words(one.shape, one.strides, one.dtype)
            if (how == WHOLE and not dense) or (one.dtype is not number and one.dtype != number):
                self._refuse(args)
            words += before
            words.append(one.data.ptr)
            words += after
        return words

    def _prepared(self, key: tuple[Any, ...], args: tuple[Any, ...]) -> tuple[Kernel, tuple[int, ...]]:
        self._refuse(args)
        cuts = cuts_of(self.names, self.axes, args, self.pairs, self.entries)
        if cuts not in self.kernels:
            self.kernels[cuts] = self.device.kernel_of(self.compiled, cuts)
        if len(self.ready) >= MOST_READY:
            self.ready.clear()
        self.ready[key] = self.kernels[cuts], cuts
        return self.ready[key]

    def _refuse(self, args: tuple[Any, ...]) -> None:
        """Raises TypeError for an argument that no kernel takes."""
        array, name = self.device.library.ndarray, self.compiled.__name__
        cuts = cuts_of(self.names, self.axes, args, self.pairs, self.entries)
        for label, one, number, how in zip(self.names, args, self.numbers, cuts, strict=True):
            if number is None:
                continue
            if not isinstance(one, array):
                raise TypeError(f"{name}: {label}: found an array of the host; expected one of the GPU")
            if one.dtype != number:
                raise TypeError(f"{name}: {label}: found numbers of {one.dtype}; expected {number}")
            if how == WHOLE and not one.flags.c_contiguous:
                raise TypeError(f"{name}: {label}: found rows with gaps; expected one after the other")


def words_of(array: Any) -> list[Any]:
    """What a kernel is told of an array."""
    before, after, _ = _shape_words(array.shape, array.strides, array.dtype)
    return [*before, array.data.ptr, *after]


@lru_cache(maxsize=20_000)
def _shape_words(shape: tuple[int, ...], strides: tuple[int, ...], number: Any) -> tuple[Any, Any, bool]:
    """Words before and after the place of an array, and whether its rows stand one after the other."""
    size, step, dense = math.prod(shape), number.itemsize, True
    for length, found in zip(reversed(shape), reversed(strides), strict=True):
        dense &= length == 1 or found == step or not size
        step *= length
    return (0, 0, size, number.itemsize), (*shape, *strides), dense

"""Series of a block on their way from a device: row by row, while the next quarter is computed.

A device copies beside its work where three things hold: the copy is on a stream of its own, that stream waits until the
row is written, and the memory here is such that the system does not move it. Nothing here may be read, and nothing
there given away, before the copies are done (`wait`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import numpy

EIGHTH = 4
"""Bits of a size that are kept: lists of nearly the same length, one a block, come into the same memory."""
LEAST_STEP = 512


class HostMemory:
    """Memory of this machine that the system does not move, from CuPy's pool, which takes it back and gives it again.

    To get it takes seconds the first time, and some machines give none, or less than is asked for. What does not come
    that way comes slower, into ordinary memory, and is noted once.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self.notes: list[str] = []
        self._refused = False

    def taken(self, shape: tuple[int, ...], number: Any) -> numpy.ndarray | None:
        """Room for such an array; None where the system refuses it."""
        number = numpy.dtype(number)
        size = number.itemsize
        for length in shape:
            size *= length
        if not size:
            return numpy.empty(shape, number)
        if self._refused:
            return None
        try:
            room = import_module("cupyx").empty_pinned(rounded(size), numpy.uint8)
        except Exception as error:  # the driver's own: it has no memory, or none that may stay
            self._refused = True
            why = " ".join(str(error).split())[:200] or type(error).__name__
            self.notes.append(
                f"{size / 1e9:.1f} GB of memory that stays in its place were refused ({why}): "
                "results come back slower, after the last quarter"
            )
            return None
        found: numpy.ndarray = room[:size].view(number).reshape(shape)
        return found


def rounded(size: int) -> int:
    """A size to eighths of the power of two below it, upwards."""
    step = max(LEAST_STEP, 1 << max(size.bit_length() - EIGHTH, 0))
    return -(-size // step) * step


class SeriesCopy:
    """Copies rows of arrays of a device into arrays of this machine."""

    def __init__(self, library: Any, there: Sequence[Any], here: Sequence[numpy.ndarray | None]) -> None:
        self._library, self._there = library, tuple(there)
        self._here: tuple[Any, ...] = tuple(here)
        self._stream = library.cuda.Stream(non_blocking=True)

    def send(self, rows: Iterable[tuple[int, int]]) -> None:
        """Copy rows, (array, row) each, that are written by now and that nobody changes again."""
        written = self._library.cuda.Event(disable_timing=True)
        written.record()
        self._stream.wait_event(written)
        for which, row in rows:
            self._there[which][row].get(stream=self._stream, out=self._here[which][row], blocking=False)

    def wait(self) -> None:
        """Return when all that was sent is here."""
        self._stream.synchronize()

    def shown(self, array: Any) -> numpy.ndarray | None:
        """What an array of the device shows of the series, as the same view of what came here; None: nothing of it."""
        for there, here in zip(self._there, self._here, strict=True):
            offset = array.data.ptr - there.data.ptr
            if 0 <= offset < there.nbytes:
                return numpy.ndarray(array.shape, array.dtype, here, offset, array.strides)
        return None

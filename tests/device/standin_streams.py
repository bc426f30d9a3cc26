"""Streams of a stand-in: what they copy lies here when it was waited for, and what was changed meanwhile is told."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np


class RefusedError(TypeError):
    """A device would not do this."""


class Work:
    """How much was asked of the device so far: each operation, copy and pass counts one."""

    done = 0


class Event:
    """A point in the work of a stream."""

    def __init__(self, disable_timing: bool = False) -> None:
        self.at: int | None = None

    def record(self, stream: Stream | None = None) -> None:
        self.at = Work.done


class Stream:
    """A stream of copies that is as late as a device may make it: what it copies lies here when it was waited for, and
    not before; what was changed or given away in the meantime is told.
    """

    def __init__(self, non_blocking: bool = False, null: bool = False) -> None:
        self.null, self.waited_for = null, -1
        self.pending: list[tuple[Any, np.ndarray, np.ndarray, np.ndarray]] = []

    def wait_event(self, event: Event) -> None:
        if event.at is None:
            raise RefusedError("a stream waits for an event that nobody recorded")
        self.waited_for = max(self.waited_for, event.at)

    def copy(self, there: np.ndarray, here: np.ndarray) -> None:
        if not (there.flags.c_contiguous and here.flags.c_contiguous):
            raise RefusedError("rows with gaps are not copied in one piece")
        if not self.null and self.waited_for < Work.done:
            raise RefusedError("a row is copied on a stream that did not wait until it was written")
        here.reshape(-1).view(np.uint8)[:] = 0xA5
        owner = there
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        place = there.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        self.pending.append((weakref.ref(owner), there.copy(), here, np.array([place, *there.strides])))

    def synchronize(self) -> None:
        for owner, before, here, (place, *strides) in self.pending:
            if owner() is None:
                raise RefusedError("memory was given away while it was copied")
            now = np.ndarray(before.shape, before.dtype, owner(), place, tuple(map(int, strides)))
            if before.tobytes() != now.tobytes():
                raise RefusedError("a row was changed while it was copied")
            here[...] = now
        self.pending.clear()


NULL = Stream(null=True)
"""The stream of all work but copies."""

"""Where arrays of paths live: in the machine's memory, or on a device.

Modules of the quarter take `np` from here. It is NumPy itself, unless a device is chosen before they are loaded: then
it is a namespace that hands out the device's functions while a block is on the device, and NumPy's at all other times,
so that the same source looks up here what blocks share, and opens blocks there. Compiled passes ask `launched` what
stands for them. The choice is made once a process, where a module is loaded, and costs nothing in a call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from penstock.errors import ModelError

__all__ = ["Device", "chosen", "launched", "np", "on_device", "room", "use"]

READ_BY = (
    "penstock.money.kernels", "penstock.engine.quarter", "penstock.engine.parameters", "penstock.scenarios.program",
)  # fmt: skip
"""Modules that read the choice where they are loaded."""


class Device(Protocol):
    """What holds arrays of paths and runs passes on them."""

    name: str
    library: Any
    """NumPy's functions for its arrays, as CuPy has them"""

    least_width: int
    """lanes of a block at the least"""

    def most_paths(self, bytes_there: float, bytes_here: float) -> int:
        """Most paths of a block that takes so many bytes a path there, of which so many come here at its end."""

    def take(self, tree: Any) -> Any:
        """A tree of objects with its arrays on the device."""

    def bring(self, series: Sequence[Any]) -> Any:
        """What takes rows of these arrays here while the device works on (`engine.series_copy`); None: nothing does."""

    def give_back(self, tree: Any, home: Any = None) -> Any:
        """The same with its arrays here, those of the series as `home` brought them."""

    def narrow(self) -> bool:
        """After a block for which there was no room: whether blocks to come are narrower, so that another try helps."""

    def launched(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...]) -> Callable[..., Any]:
        """What runs a pass on the device's arrays, and the compiled pass itself on the machine's."""


class _Here:
    """The device of this process, and the width of the block that it works on; 0 while it works on none."""

    device: Device | None = None
    width: int = 0


class _Namespace(ModuleType):
    """NumPy's functions, or those of the device while a block is on it. A module, so that Numba reads it as one."""

    def __getattr__(self, name: str) -> Any:
        device = _Here.device
        if device is not None and _Here.width and hasattr(device.library, name):
            return getattr(device.library, name)
        return getattr(sys.modules["numpy"], name)


def use(device: Device) -> None:
    """Choose the device of this process. Raises ModelError where the quarter was loaded without it."""
    global np
    if found := [name for name in READ_BY if name in sys.modules]:
        raise ModelError(f"device: found {found[0]} loaded; expected the choice of a device before it")
    _Here.device = device
    np = _Namespace("penstock.arrays.np")


def chosen() -> Device | None:
    """The device of this process; None where paths stay in the machine's memory."""
    return _Here.device


@contextmanager
def on_device(width: int) -> Iterator[None]:
    """Within, arrays that are made live on the device; `width` paths are in the block."""
    before = _Here.width
    _Here.width = width
    try:
        yield
    finally:
        _Here.width = before


def width_on_device() -> int:
    """Paths of the block that is on the device; 0 where none is."""
    return _Here.width


def launched(compiled: Any, pairs: tuple[str, ...] = (), entries: tuple[str, ...] = ()) -> Any:
    """What callers of a compiled pass call: the pass itself, or what also runs it on the device."""
    return compiled if _Here.device is None else _Here.device.launched(compiled, pairs, entries)


def room(*shape: int, dtype: Any = float) -> np.ndarray:
    """Room for a pass to work in on one path after the other: on a device, where paths go side by side, for each."""
    return np.empty((*shape, _Here.width) if _Here.width else shape, dtype=dtype)

"""What is moved to a device, a model, and back, what stays of a block: every array, in whatever holds it.

What shares memory before shares it after: a view becomes the same view of the moved array, an object that stands in
two places stays one object. The objects themselves are left as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PACKAGE = "penstock."
"""Objects of these packages are looked into; all others (tables, text, numbers) are kept as they are."""


@dataclass
class Mover:
    """Moves trees of objects. `holds`: whether something is an array to move; `take`: the moved array."""

    holds: Callable[[Any], bool]
    take: Callable[[Any], Any]
    known: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    """by identity: what was moved, kept so that its identity stays its own, and what it became"""

    def moved(self, thing: Any) -> Any:
        """`thing` with its arrays moved."""
        if id(thing) in self.known:
            return self.known[id(thing)][1]
        if self.holds(thing):
            return self._keep(thing, self.take(thing))
        if isinstance(thing, dict):
            return self._keep(thing, {key: self.moved(value) for key, value in thing.items()})
        if isinstance(thing, list):
            return self._keep(thing, [self.moved(value) for value in thing])
        if isinstance(thing, tuple):
            parts = [self.moved(value) for value in thing]
            return self._keep(thing, type(thing)(*parts) if hasattr(thing, "_fields") else tuple(parts))
        if type(thing).__module__.startswith(PACKAGE) and hasattr(thing, "__dict__"):
            return self._object(thing)
        return thing

    def _object(self, thing: Any) -> Any:
        """A copy of an object of this package, made before its parts are, which may point back to it."""
        other = self._keep(thing, copy.copy(thing))
        for name, value in vars(thing).items():
            # dataclasses may be frozen
            object.__setattr__(other, name, self.moved(value))
        return other

    def _keep(self, thing: Any, other: Any) -> Any:
        self.known[id(thing)] = (thing, other)
        return other


def bytes_held(tree: Any) -> int:
    """Memory of all arrays of a tree, each counted once."""
    sizes: dict[int, int] = {}

    def note(array: np.ndarray) -> np.ndarray:
        owner = owner_of(array)
        sizes[id(owner)] = owner.nbytes
        return array

    Mover(lambda thing: isinstance(thing, np.ndarray), note).moved(tree)
    return sum(sizes.values())


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def offset_in(array: np.ndarray, owner: np.ndarray) -> int:
    """Bytes from the first of `owner` to the first of a view of it."""
    return int(array.__array_interface__["data"][0] - owner.__array_interface__["data"][0])

"""A device that holds a block of paths: what of it does not hang on the library that drives the device.

Passes run path by path on it, each path as if the block had no other: `cuts_of` tells what of its arguments a path
gets. That rests on a rule that all passes keep (`money.kernels`): lanes never mix.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from penstock import arrays
from penstock.engine.moved import Mover, offset_in, owner_of
from penstock.errors import ModelError

WHOLE, LANE, ROW, PAIR, ENTRY = range(5)
"""What a path gets of an argument: all of it; its own lane, as the only one; its lane of an array that has one axis
more than the pass expects; the numbers of its pairs (firm, path); the entries of its pairs."""


def cuts_of(
    names: Sequence[str], axes: Sequence[int], args: Sequence[Any], pairs: Sequence[str], entries: Sequence[str]
) -> tuple[int, ...]:
    """What a path gets of each argument of a pass, which expects so many `axes` of each (0: a number).

    An array belongs to paths where its last axis is as long as the block is wide. The width of a block on a device is
    chosen so that no list of firms or ties has its length (`wide_enough`).
    """
    width = arrays.width_on_device()
    cuts = []
    for name, expected, value in zip(names, axes, args, strict=True):
        if name in pairs:
            cuts.append(PAIR)
        elif name in entries:
            cuts.append(ENTRY)
        elif not expected:
            cuts.append(WHOLE)
        elif value.ndim == expected + 1 and value.shape[-1] == width:
            cuts.append(ROW)
        elif value.ndim != expected:
            raise ModelError(f"device: {name}: found {value.ndim} axes; expected {expected}")
        else:
            # a pass over pairs looks up the path of each itself
            cuts.append(LANE if value.shape[-1] == width and not pairs else WHOLE)
    return tuple(cuts)


def signature_of(compiled: Any) -> tuple[tuple[str, ...], tuple[int, ...], bool]:
    """Names and axes of a compiled pass's arguments, and whether it answers with a flag."""
    types = compiled.nopython_signatures[0]
    code = compiled.py_func.__code__
    names = code.co_varnames[: code.co_argcount]
    return names, tuple(getattr(kind, "ndim", 0) for kind in types.args), types.return_type.name == "bool"


def ends_of(library: Any, firm: Any, first: Any) -> Any:
    """Where the entries of each pair end in a list of them; `first`: the compressed index of ties that they belong to,
    `firm`: of each pair. The pairs of a path stand together where the order of its additions matters
    (`money.failure.pairs` gives them so on a device)."""
    return library.cumsum(first[1:][firm] - first[firm])


def wide_enough(paths: int, model: Any, step: int, least: int, lists: Collection[int] = ()) -> int:
    """Lanes of a block on a device: enough for the paths, a multiple of `step`, of no list's length.

    lists: lengths of lists that the model does not hold.
    """
    lengths = set(lists)

    def note(array: np.ndarray) -> np.ndarray:
        lengths.add(array.shape[-1])
        return array

    held = Mover(lambda thing: isinstance(thing, np.ndarray) and thing.ndim > 0, note)
    layout = model.layout
    held.moved((layout, model.facts))
    lengths |= {len(ties) for ties in layout.category.values()} | {layout.firms, layout.unit_count, layout.owners + 1}
    width = max(-(-paths // step) * step, least)
    while width in lengths:
        width += step
    return width


def to_device(tree: Any, put: Callable[[np.ndarray], Any], view: Callable[[Any, np.ndarray, int], Any]) -> Any:
    """`tree` with its arrays of numbers on the device. `view` shows memory that was put there as an array is shown
    here: (the memory's array there, the array here, bytes from its start)."""
    owners: dict[int, tuple[np.ndarray, Any]] = {}

    def take(array: np.ndarray) -> Any:
        owner = owner_of(array)
        if not (owner.flags.c_contiguous or owner.flags.f_contiguous):
            # memory of something else, with gaps: nothing here shares it
            return put(array)
        if id(owner) not in owners:
            owners[id(owner)] = (owner, put(owner))
        there = owners[id(owner)][1]
        return there if owner is array else view(there, array, offset_in(array, owner))

    return Mover(lambda thing: isinstance(thing, np.ndarray) and thing.dtype.kind in "fiub", take).moved(tree)


def from_device(tree: Any, array_type: type, get: Callable[[Any], np.ndarray]) -> Any:
    """`tree` with its arrays of the device here."""
    return Mover(lambda thing: isinstance(thing, array_type), get).moved(tree)

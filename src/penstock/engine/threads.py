"""A compiled pass as the threads of a device run it: one thread a path, each with its own lane of the arrays.

The function of the pass is the one that runs here; nothing of it is written twice. A thread hands it views that show
its lane as the only one (`cutter`), so that its inner loops go round once. What drives the compiler is given as a
`Target`: Numba's for CUDA on a GPU, Numba's own in tests, which so run the same views here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import numpy

from penstock.engine.device import ENTRY, LANE, PAIR, ROW, WHOLE
from penstock.passes import intrinsic

PACKAGE = "penstock."


@dataclass(frozen=True)
class Target:
    """What compiles: parts of Numba, which stand in other modules for each target."""

    types: Any
    signature: Any
    intrinsic: Callable[..., Any]
    array_parts: Any
    """module with `make_array` and `populate_array`"""
    code_parts: Any
    """module with `unpack_tuple` and `pointer_add`"""
    inner: Callable[[Callable[..., Any]], Any]
    """compiles what threads call"""


def cutter(cuts: Sequence[int], target: Target) -> Any:
    """A function for threads: (arguments, lane, pairs from, to, entries from, to) -> what the thread gets of them."""
    types, parts, code = target.types, target.array_parts, target.code_parts

    def shown(kind: Any, how: int) -> Any:
        if how == WHOLE:
            return kind
        return kind.copy(ndim=kind.ndim - (how == ROW), layout="A")

    def cut(typing: Any, args: Any, lane: Any, first: Any, last: Any, first_entry: Any, last_entry: Any) -> Any:
        out = types.Tuple([shown(kind, how) for kind, how in zip(args, cuts, strict=True)])

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            values, place, *ends = given
            made = []
            for number, how in enumerate(cuts):
                kind, other = signature.args[0][number], signature.return_type[number]
                value = builder.extract_value(values, number)
                if how == WHOLE:
                    if context.enable_nrt:
                        # this machine counts who holds an array
                        context.nrt.incref(builder, kind, value)
                    made.append(value)
                    continue
                array = parts.make_array(kind)(context, builder, value)
                shape = code.unpack_tuple(builder, array.shape, kind.ndim)
                strides = code.unpack_tuple(builder, array.strides, kind.ndim)
                if how in (LANE, ROW):
                    start, shape[-1] = place, context.get_constant(types.intp, 1)
                else:
                    start, stop = ends[:2] if how == PAIR else ends[2:]
                    shape[-1] = builder.sub(stop, start)
                skip = builder.mul(start, strides[-1])
                axes = kind.ndim - (how == ROW)
                view = parts.make_array(other)(context, builder)
                parts.populate_array(
                    view, data=code.pointer_add(builder, array.data, skip, array.data.type), shape=shape[:axes],
                    strides=strides[:axes], itemsize=array.itemsize, meminfo=None,
                )  # fmt: skip
                made.append(view._getvalue())
            return context.make_tuple(builder, signature.return_type, made)

        return target.signature(out, args, lane, first, last, first_entry, last_entry), generate

    return target.intrinsic(cut)


def thread_of_path(function: Callable[..., Any], cuts: Sequence[int], target: Target) -> Any:
    """What a thread runs for one path: (path, arguments of all) -> the pass's answer."""
    work, cut = for_threads(function, target), cutter(cuts, target)

    def run(path: int, args: Any) -> Any:
        return work(*cut(args, path, 0, 0, 0, 0))

    return target.inner(run)


def thread_of_pairs(function: Callable[..., Any], cuts: Sequence[int], target: Target) -> Any:
    """What a thread runs for one pair of a list: (its place, path of each pair, where the entries of each end,
    arguments of all) -> nothing. Where the pairs of a path begin it runs the pass on all of them; elsewhere, nothing.

    So no list is made of where they begin, for which a device would have to be waited.
    """
    work, cut, with_entries = for_threads(function, target), cutter(cuts, target), ENTRY in cuts

    def run(place: int, path: Any, ends: Any, args: Any) -> None:
        if place > 0 and path[place] == path[place - 1]:
            return
        last = place + 1
        while last < path.shape[0] and path[last] == path[place]:
            last += 1
        if with_entries:
            work(*cut(args, 0, place, last, ends[place - 1] if place > 0 else 0, ends[last - 1]))
        else:
            work(*cut(args, 0, place, last, 0, 0))

    return target.inner(run)


def for_threads(function: Callable[..., Any], target: Target) -> Any:
    """A pass compiled for threads, with all that it calls of this package."""
    return target.inner(_bound(function, target, {}))


def _bound(function: Any, target: Target, known: dict[Any, Any]) -> Any:
    """The same function; the names that it reads mean what threads can call."""
    names = dict(function.__globals__)
    other = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    for name in function.__code__.co_names:
        if name in names:
            names[name] = _callable(names[name], function.__code__.co_names, target, known)
    return other


def _callable(thing: Any, read: Sequence[str], target: Target, known: dict[Any, Any]) -> Any:
    """What threads call in the place of a function or a module; numbers stay."""
    function = getattr(thing, "py_func", thing)
    if isinstance(function, FunctionType) and function.__module__.startswith(PACKAGE):
        if function not in known:
            known[function] = target.inner(_bound(function, target, known))
        return known[function]
    if isinstance(thing, intrinsic):
        # instructions for the compiler, which each target is told anew
        if thing not in known:
            known[thing] = target.intrinsic(thing.typing)
        return known[thing]
    if isinstance(thing, ModuleType) and thing.__name__ in ("numpy", "penstock.arrays.np"):
        return _numpy(read)
    if isinstance(thing, ModuleType) and thing.__name__.startswith(PACKAGE):
        module = ModuleType(thing.__name__)
        for name in read:
            if hasattr(thing, name):
                setattr(module, name, _callable(getattr(thing, name), read, target, known))
        return module
    return thing


def _numpy(read: Sequence[str]) -> ModuleType:
    """NumPy for single numbers: its functions of one number as those of `math`, which every target has."""
    module = ModuleType("numpy")
    for name in read:
        if hasattr(numpy, name):
            setattr(module, name, getattr(math, name, getattr(numpy, name)))
    return module

"""How a pass counts through `range`: the same loop as Numba's, from a third of the instructions.

Numba keeps start, stop and step of a range on the stack, divides to learn how often to count, and asks whether the step
is zero, each time; the compiler takes it away again where the step is 1. Here a step of 1 is seen beforehand. Only
passes are compiled so (they count no references); all else is left to Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba.cpython.rangeobj  # noqa: F401 - enters what Numba does
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import builtin_registry
from numba.extending import lower_builtin

Lowering = Callable[[Any, Any, Any, Any], Any]
"""Writes the instructions of one operation: of a context, a builder, a signature and values."""

_RANGE, _COUNTER = types.range_state64_type, types.range_iter64_type


def _by_ones(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """`range(stop)` or `range(start, stop)`: start, stop and step."""
    one = ir.Constant(ir.IntType(64), 1)
    start, stop = values if len(values) == 2 else (one.type(0), values[0])
    whole = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    for place, value in enumerate((start, stop, one)):
        whole = builder.insert_value(whole, value, place)
    return whole


def _bounds(whole: Any) -> tuple[Any, Any] | None:
    """Start and stop, where `whole` is what `_by_ones` has just made."""
    found = []
    for place in (2, 1, 0):
        if not isinstance(whole, ir.InsertValue) or whole.indices != [place]:
            return None
        found.append(whole.operands[1])
        whole = whole.operands[0]
    step, stop, start = found
    return (start, stop) if isinstance(step, ir.Constant) and step.constant == 1 else None


def _begin(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """What a loop makes of a range: where it is, how far it goes, its step, and how often it still counts."""
    bounds = _bounds(values[0])
    if bounds is None:
        return None
    start, stop = bounds
    at, left = cgutils.alloca_once(builder, start.type), cgutils.alloca_once(builder, start.type)
    often = builder.sub(stop, start)
    zero = often.type(0)
    builder.store(start, at)
    builder.store(builder.select(builder.icmp_signed(">", often, zero), often, zero), left)
    counter = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    for place, value in enumerate((at, stop, zero.type(1), left)):
        counter = builder.insert_value(counter, value, place)
    return counter


def _count(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """The next number, and whether there is one."""
    at, step, left = (builder.extract_value(values[0], place) for place in (0, 2, 3))
    number, often = builder.load(at), builder.load(left)
    more = builder.icmp_signed(">", often, often.type(0))
    with builder.if_then(more):
        builder.store(builder.sub(often, often.type(1), flags=["nsw"]), left)
        builder.store(builder.add(number, step), at)
    pair = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    return builder.insert_value(builder.insert_value(pair, number, 0), more, 1)


def _in_passes(ours: Lowering, numbas_own: Lowering) -> Lowering:
    """Ours in a pass, where it knows how (its answer is not None); else what Numba does."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        found = None if context.enable_nrt else ours(context, builder, signature, values)
        return numbas_own(context, builder, signature, values) if found is None else found

    return lower


def tell_numba() -> None:
    """Have Numba ask here first: what is told later is asked first. Where its own is not found, it is not told."""
    told = []
    for operation, kinds, ours in (
        (range, (types.int64,), _by_ones),
        (range, (types.int64, types.int64), _by_ones),
        ("getiter", (_RANGE,), _begin),
        ("iternext", (_COUNTER,), _count),
    ):
        known = [made for made, *asked in builtin_registry.functions if asked == [operation, kinds]]
        if len(known) != 1:
            return
        told.append((operation, kinds, _in_passes(ours, known[0])))
    for operation, kinds, lower in told:
        lower_builtin(operation, *kinds)(lower)

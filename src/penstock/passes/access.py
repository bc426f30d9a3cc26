"""How a pass reads and writes one number of an array: the same code as Numba's, from a third of the instructions.

Numba copies the whole description of an array to the stack for each access, and reads its fields back from there. The
compiler takes it all away again, which is most of what it does to a pass of many accesses. Here the fields are taken
from the description itself. Only passes are compiled so (they count no references); all else is left to Numba.
"""

from __future__ import annotations

import operator
from typing import Any

from numba.core import types
from numba.extending import lower_builtin
from numba.np.arrayobj import getitem_array_tuple, getitem_arraynd_intp, setitem_array


def _is_one_number(context: Any, array: Any, index: Any) -> bool:
    """Whether a whole number for each axis points into a C-contiguous array of numbers, in a pass."""
    axes = getattr(index, "types", (index,))
    return (
        not (context.enable_nrt or context.enable_boundscheck)
        and isinstance(array, types.Array)
        and array.layout == "C"
        and array.aligned
        and isinstance(array.dtype, types.Number | types.Boolean)
        and len(axes) == array.ndim
        and all(isinstance(axis, types.Integer) for axis in axes)
    )


def _place(context: Any, builder: Any, kinds: tuple[Any, Any], values: tuple[Any, Any]) -> Any:
    """Where the number lies. A negative index counts from the end of its axis, as everywhere in Python."""
    (array, index), (described, found) = kinds, values
    axes = getattr(index, "types", None)
    indices = [found] if axes is None else [builder.extract_value(found, k) for k in range(len(axes))]
    field = context.data_model_manager[array].get
    shape = field(builder, described, "shape")
    offset = None
    for k, axis in enumerate(axes or (index,)):
        length = builder.extract_value(shape, k)
        place = context.cast(builder, indices[k], axis, types.intp if axis.signed else types.uintp)
        if axis.signed:
            negative = builder.icmp_signed("<", place, place.type(0))
            place = builder.select(negative, builder.add(place, length), place)
        offset = place if offset is None else builder.add(builder.mul(offset, length), place)
    return builder.gep(field(builder, described, "data"), [offset])


def _read(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    array, index = signature.args
    if _is_one_number(context, array, index):
        return context.unpack_value(builder, array.dtype, _place(context, builder, signature.args, values))
    numbas_own = getitem_array_tuple if isinstance(index, types.BaseTuple) else getitem_arraynd_intp
    return numbas_own(context, builder, signature, values)


def _write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    array, index, kind = signature.args
    if not _is_one_number(context, array, index):
        return setitem_array(context, builder, signature, values)
    place = _place(context, builder, signature.args[:2], values[:2])
    return context.pack_value(builder, array.dtype, context.cast(builder, values[2], kind, array.dtype), place)


def tell_numba() -> None:
    """Have Numba ask here first, where the index of an array is a whole number or a tuple."""
    for index in (types.Integer, types.BaseTuple):
        lower_builtin(operator.getitem, types.Array, index)(_read)
        lower_builtin(operator.setitem, types.Array, index, types.Any)(_write)

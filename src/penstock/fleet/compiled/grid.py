"""A grid: the address of an array's numbers and how far apart its rows lie, and nothing else.

The loop hands its whole state from one compiled function to the next. As arrays that is some two hundred machine words
and a count of references for each; as grids it is seventy words. Python keeps the arrays alive; indices are not
checked, as in any compiled loop.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model


class Grid(types.Type):
    """Numba's type of a grid of one to three dimensions."""

    def __init__(self, dtype: Any, ndim: int) -> None:
        self.dtype, self.ndim = dtype, ndim
        super().__init__(name=f"Grid({dtype}, {ndim})")


@register_model(Grid)
class GridModel(models.StructModel):
    """Address, and numbers from one row, and from one column, to the next."""

    def __init__(self, dmm: Any, fe_type: Grid) -> None:
        members = [("data", types.CPointer(fe_type.dtype)), ("row", types.intp), ("column", types.intp)]
        super().__init__(dmm, fe_type, members)


@intrinsic
def grid(typingctx: Any, array: Any) -> Any:
    """The grid of a C-contiguous array."""
    result = Grid(array.dtype, array.ndim)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source = context.make_array(sig.args[0])(context, builder, args[0])
        made = cgutils.create_struct_proxy(result)(context, builder)
        made.data = source.data
        size = ir.Constant(context.get_value_type(types.intp), array.dtype.bitwidth // 8)
        strides = cgutils.unpack_tuple(builder, source.strides)
        made.row = builder.sdiv(strides[0], size)
        made.column = builder.sdiv(strides[1], size) if array.ndim == 3 else ir.Constant(size.type, 1)
        return made._getvalue()

    return signature(result, array), codegen


@infer_global(operator.getitem)
class GetItem(AbstractTemplate):
    """grid[i], grid[i, j], grid[i, j, k]."""

    def generic(self, args: Any, kws: Any) -> Any:
        """The number that a grid holds, for the compiler."""
        if isinstance(args[0], Grid):
            return signature(args[0].dtype, *args)
        return None


@infer_global(operator.setitem)
class SetItem(AbstractTemplate):
    """grid[i, j] = value."""

    def generic(self, args: Any, kws: Any) -> Any:
        """What may be written into a grid, for the compiler."""
        if isinstance(args[0], Grid):
            return signature(types.none, args[0], args[1], args[0].dtype)
        return None


def _place(context: Any, builder: Any, grid_type: Grid, where: Any, index_type: Any, index: Any) -> Any:
    """Address of an element."""
    made = cgutils.create_struct_proxy(grid_type)(context, builder, value=where)
    if isinstance(index_type, types.BaseTuple):
        kinds: Any = index_type
        parts = list(zip(cgutils.unpack_tuple(builder, index), kinds, strict=True))
    else:
        parts = [(index, index_type)]
    steps = [context.cast(builder, value, kind, types.intp) for value, kind in parts]
    if len(steps) == 1:
        offset = steps[0]
    elif len(steps) == 2:
        offset = builder.add(builder.mul(steps[0], made.row), steps[1])
    else:
        rows = builder.add(builder.mul(steps[0], made.row), builder.mul(steps[1], made.column))
        offset = builder.add(rows, steps[2])
    return builder.gep(made.data, [offset])


@lower_builtin(operator.getitem, Grid, types.BaseTuple)
@lower_builtin(operator.getitem, Grid, types.Integer)
def _get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(_place(context, builder, sig.args[0], args[0], sig.args[1], args[1]))


@lower_builtin(operator.setitem, Grid, types.BaseTuple, types.Any)
@lower_builtin(operator.setitem, Grid, types.Integer, types.Any)
def _set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = _place(context, builder, sig.args[0], args[0], sig.args[1], args[1])
    builder.store(context.cast(builder, args[2], sig.args[2], sig.args[0].dtype), place)
    return context.get_dummy_value()

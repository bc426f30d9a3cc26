"""How Numba compiles a pass."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from types import FunctionType
from typing import Any

import numba
from numba.core.compiler import CompilerBase, DefaultPassBuilder, Flags
from numba.core.errors import NumbaError
from numba.core.options import DefaultOptions

from penstock.machine import without_collector
from penstock.passes.said import said_by
from penstock.passes.stored import written_by

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # Numba's second way into a pass, for code written in C
    "no_cfunc_wrapper": True,
    # a pass makes no arrays and keeps none: there are no references to count
    **({"_nrt": False} if hasattr(DefaultOptions, "_nrt") else {}),
}
"""For `numba.njit`; what Numba no longer knows is left out."""


class Settings(Flags):
    """Numba's settings of one compilation, read in a tenth of the time: it compares them for every operation."""

    __slots__ = ()
    defaults = {name: option.default for name, option in Flags.options.items()}  # noqa: RUF012

    def values(self) -> dict[str, Any]:
        """Of each setting what was set, else its default."""
        return {**self.defaults, **self._values}


class Apart(CompilerBase):
    """Compiles what reads no number through one argument that it writes through another: no array overlaps another."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        if hasattr(self.state.flags, "_values"):
            self.state.flags = Settings(self.state.flags)

    def define_pipelines(self) -> list[Any]:
        """Numba's stages for code without Python."""
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


def compile_pass(function: FunctionType, types: Sequence[Any]) -> Any:
    """A pass as Numba compiles it or has it in its cache."""
    with without_collector():
        try:
            return _for_types(function, types, OPTIONS)
        except NumbaError:
            # what makes arrays must count references; another error is raised again
            return _for_types(function, types, OPTIONS | {"_nrt": True})


def _for_types(function: FunctionType, types: Sequence[Any], options: dict[str, Any]) -> Any:
    """For these types and no others."""
    compiled = kept_by_what_it_says(numba.njit(cache=True, pipeline_class=Apart, **options)(function), function)
    for each in types:
        compiled.compile(each)
    compiled.disable_compile()
    return compiled


def kept_by_what_it_says(dispatcher: Any, function: FunctionType) -> Any:
    """Have Numba take from its cache only what was compiled of the same: it looks at the file of the function alone."""
    file: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = (said_by(function), written_by())
    return dispatcher


@cache
def tell_numba() -> None:
    """Have Numba write fewer instructions for what passes do most; where it does not listen, it writes its own."""
    strange = (ImportError, AttributeError, ValueError)
    with suppress(*strange):
        from penstock.passes import access

        access.tell_numba()
    with suppress(*strange):
        from penstock.passes import ranges

        ranges.tell_numba()

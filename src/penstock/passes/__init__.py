"""Passes: functions over arrays of paths that are compiled to machine code, and how a process comes by that code.

A pass states the kinds of its arguments, so that it is compiled once, at the first import on a machine, by Numba. When
all passes of the quarter are there, their machine code is stored in one file (`storing.py`). Later processes load that
file (`stored.py`) in a twentieth of the time that Numba needs to load itself and its own cache, and never load Numba.
Where there is no such file, or a pass, the processor or a library has changed since, Numba does it, as the first time.

Rules that callers keep: arrays are C-contiguous and of the stated kind, an argument of another type or layout is a
TypeError before anything is touched. No array that a pass writes may overlap another argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from types import FunctionType
from typing import Any, ClassVar, TypeVar, cast

from penstock import arrays
from penstock.passes import stored

F = TypeVar("F", bound=Callable[..., object])

__all__ = [
    "Kind",
    "Pass",
    "Signature",
    "array",
    "boolean",
    "declared",
    "float32",
    "float64",
    "inlined",
    "inner",
    "int32",
    "intp",
    "intrinsic",
    "is_pass",
    "kernel",
    "over_pairs",
    "uint64",
    "void",
    "when_called",
]


@dataclass(frozen=True)
class Kind:
    """Type of an argument: numbers, or C-contiguous arrays of them with so many axes."""

    number: str
    axes: int = 0
    readonly: bool = False

    def __call__(self, *arguments: Kind) -> Signature:
        """The signature of a pass that takes these and answers with this."""
        return Signature(self, arguments)

    def to_numba(self) -> Any:
        """The same for Numba."""
        import numba

        number = getattr(numba.types, self.number)
        return numba.types.Array(number, self.axes, "C", readonly=self.readonly) if self.axes else number


@dataclass(frozen=True)
class Signature:
    """What a pass takes and answers."""

    answer: Kind
    arguments: tuple[Kind, ...]

    def to_numba(self) -> Any:
        """The same for Numba."""
        return self.answer.to_numba()(*(kind.to_numba() for kind in self.arguments))


void, boolean, int32, intp, uint64, float32, float64 = map(
    Kind, ("void", "boolean", "int32", "intp", "uint64", "float32", "float64")
)


def array(number: Kind, axes: int, readonly: bool = False) -> Kind:
    """C-contiguous arrays of such numbers; a pass does not write into one that is `readonly`."""
    return Kind(number.number, axes, readonly)


def kernel(*signatures: Signature, pairs: tuple[str, ...] = (), entries: tuple[str, ...] = ()) -> Callable[[F], F]:
    """A pass for these kinds of arguments, which does not hold Python's lock while it runs.

    Divisions follow NumPy: a test for zero in a loop would keep it from using wide registers. No array that a pass
    writes may overlap another argument: a number that was read need not be read again (`tests/engine/test_apart.py`).

    On a device a pass runs path by path. A pass over pairs (firm, path) names the arguments that have a number a pair,
    and those with one for each tie of each pair.
    """

    def make(function: F) -> F:
        vars(function)["over_pairs"] = pairs + entries
        return cast(F, arrays.launched(_made(function, signatures), pairs, entries))

    return make


def over_pairs(found: Any) -> tuple[str, ...]:
    """Names of the arguments of a pass that have a number for each pair (firm, path) or tie of one; none for a pass
    over whole arrays."""
    return cast(tuple[str, ...], vars(found.py_func).get("over_pairs", ()))


def inner(*signatures: Signature) -> Callable[[F], F]:
    """`kernel` for what only passes call."""

    def make(function: F) -> F:
        return cast(F, _made(function, signatures))

    return make


def inlined(function: F) -> F:
    """A function of numbers or arrays that passes and NumPy code both call; in a pass it is part of the pass."""
    _Declared.inlined.append(function)
    if _Declared.numba_is_told:
        _tell_numba(function)
    return function


class _Declared:
    """What this process has declared so far."""

    passes: ClassVar[list[Any]] = []
    """dispatchers of Numba or `Pass` objects, in the order in which their modules were loaded"""

    inlined: ClassVar[list[Callable[..., object]]] = []
    numba_is_told: ClassVar[bool] = False


class intrinsic:  # noqa: N801 - stands for Numba's function of that name
    """Numba's `intrinsic`, made when something is compiled: a function that writes instructions itself."""

    def __init__(self, typing: Callable[..., Any]) -> None:
        self.typing = typing
        self._numba_kind: Any = None

    @property
    def _numba_type_(self) -> Any:
        if self._numba_kind is None:
            from numba.core.registry import cpu_target
            from numba.extending import intrinsic as made_by_numba

            context: Any = cpu_target.typing_context
            function = made_by_numba(self.typing)
            context.refresh()
            self._numba_kind = context.resolve_value_type(function)
        return self._numba_kind


class Pass:
    """A pass that Numba has not been asked for yet. It is loaded when something asks for what only it knows."""

    def __init__(
        self,
        function: Callable[..., object],
        compile_now: Callable[[], Any],
        signatures: tuple[Signature, ...] = (),
    ) -> None:
        self.py_func = function
        self._compile_now = compile_now
        self._signatures = signatures
        self._dispatcher: Any = None
        update_wrapper(cast(Any, self), function)

    def __call__(self, *arguments: Any) -> Any:
        return self.dispatcher(*arguments)

    @property
    def dispatcher(self) -> Any:
        """The same pass as Numba has it."""
        if self._dispatcher is None:
            self._dispatcher = self._compile_now()
        return self._dispatcher

    @property
    def nopython_signatures(self) -> Any:
        """Signatures for which it is compiled, as Numba gives them; of a pass that states them, before it is."""
        return [one.to_numba() for one in self._signatures] or self.dispatcher.nopython_signatures

    @property
    def _numba_type_(self) -> Any:
        # asked by Numba where another pass, which is not stored, calls this one
        return self.dispatcher._numba_type_


def when_called(function: F) -> F:
    """A function that Numba compiles when it is first called, for the types that it is called with.

    For what no quarter calls: to load a module costs nothing then.
    """
    return cast(F, Pass(function, partial(_compiled_when_called, function)))


def _compiled_when_called(function: Any) -> Any:
    numba = _numba()
    from penstock.passes.compiler import kept_by_what_it_says

    return kept_by_what_it_says(numba.njit(cache=True, nogil=True)(function), function)


def _made(function: Callable[..., object], signatures: tuple[Signature, ...]) -> Any:
    """A pass: its stored machine code, or what Numba compiles now. With a device, which runs code of its own, Numba
    compiles for this machine what is called here."""
    code = stored.code_of(function) if arrays.chosen() is None else None
    if arrays.chosen() is not None:
        made: Any = Pass(function, partial(_compiled_here, function, signatures), signatures)
    else:
        made = compiled(function, signatures) if code is None else _callable(function, signatures, code)
    _Declared.passes.append(made)
    return made


def _callable(function: Callable[..., object], signatures: tuple[Signature, ...], code: Callable[..., object]) -> Pass:
    # a class of its own: Python then calls the machine code without a function of Python in between
    kind = type(function.__name__, (Pass,), {"__call__": code, "__module__": function.__module__})
    return cast(Pass, kind(function, partial(compiled, function, signatures)))


def _compiled_here(function: Callable[..., object], signatures: tuple[Signature, ...]) -> Any:
    # what Numba reads as NumPy is NumPy, also in the midst of a block of a device
    with arrays.on_device(0):
        return compiled(function, signatures)


def compiled(function: Callable[..., object], signatures: tuple[Signature, ...]) -> Any:
    """A pass as Numba compiles it or has it in its cache."""
    _numba()
    from penstock.passes.compiler import compile_pass

    return compile_pass(cast(FunctionType, function), [signature.to_numba() for signature in signatures])


def _numba() -> Any:
    """Numba, told of all functions that passes may call."""
    import numba

    if not _Declared.numba_is_told:
        _Declared.numba_is_told = True
        from penstock.passes.compiler import tell_numba

        tell_numba()
        for each in _Declared.inlined:
            _tell_numba(each)
    return numba


def _tell_numba(function: Callable[..., object]) -> None:
    from numba.extending import register_jitable

    register_jitable(function)


def is_pass(thing: object) -> bool:
    """Whether this is a pass of this package, stored or by Numba."""
    return isinstance(thing, Pass) or hasattr(type(thing), "nopython_signatures")


def declared() -> list[Any]:
    """All passes that this process has loaded, in that order."""
    return list(_Declared.passes)

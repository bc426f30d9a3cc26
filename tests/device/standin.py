"""An array that stands for one of a device: NumPy within, and as strict as CuPy without.

It answers only the functions and methods that CuPy has (`cupy_14.2.0.csv`, read off that release), takes no array of
the host into any of them, never turns into a NumPy array by itself, and is no index of anything but its like. So what
runs on it names no function that CuPy lacks, and mixes no memory. What it does not show: CuPy's own results, and speed.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from standin_streams import NULL, Event, RefusedError, Stream, Work

NAMES: dict[str, set[str]] = {}
with (Path(__file__).parent / "cupy_14.2.0.csv").open(encoding="utf-8") as _file:
    for _row in csv.DictReader(_file):
        NAMES.setdefault(_row["where"], set()).add(_row["name"])

TAKES_LISTS = {"array", "asarray", "ascontiguousarray", "stack", "concatenate", "broadcast_arrays", "vstack", "hstack"}
"""Functions of CuPy that take lists."""
SHAPES = {"zeros", "ones", "empty", "full", "arange", "eye", "identity", "linspace", "broadcast_to", "reshape"}
"""Functions that take a shape or numbers."""
UFUNC_METHODS = {"at": {"add", "subtract"}, "reduce": {"add", "multiply"}}
"""Methods that CuPy gives only some of its universal functions."""


def inner(value: Any) -> Any:
    """What stands within stand-ins, in lists and tuples too. Raises RefusedError for an array of the host."""
    if isinstance(value, StandIn):
        return value.within
    if isinstance(value, np.ndarray):
        raise RefusedError(f"an array of the host of shape {value.shape} among those of the device")
    if isinstance(value, (list, tuple)):
        return type(value)(inner(one) for one in value)
    return value


def outer(value: Any) -> Any:
    """Results as stand-ins: CuPy gives arrays without axes where NumPy gives numbers."""
    Work.done += 1
    if isinstance(value, (np.ndarray, np.generic)):
        return StandIn(np.asarray(value))
    if isinstance(value, (list, tuple)):
        return type(value)(outer(one) for one in value)
    return value


class Place:
    """A place in memory, to which bytes are added."""

    def __init__(self, owner: np.ndarray, offset: int = 0) -> None:
        self.owner, self.offset = owner, offset

    def __add__(self, offset: int) -> Place:
        return Place(self.owner, self.offset + offset)

    @property
    def ptr(self) -> int:
        """Its address."""
        return int(self.owner.__array_interface__["data"][0]) + self.offset


class StandIn:
    """One array."""

    __array_priority__ = 100.0
    __hash__ = None  # type: ignore[assignment]  # Python's own way to say that it has none

    def __init__(self, within: Any, dtype: Any = None, memptr: Any = None, strides: Any = None) -> None:
        self.within = within if memptr is None else np.ndarray(within, dtype, memptr.owner, memptr.offset, strides)

    @property
    def data(self) -> Place:
        """Where it lies."""
        return Place(self.within)

    def get(
        self, stream: Stream | None = None, order: str = "C", out: np.ndarray | None = None, blocking: bool = True
    ) -> np.ndarray:
        """A copy here, as CuPy's: `blocking=False` returns before it is made."""
        if blocking and out is None:
            return self.within.copy()
        here = np.empty(self.within.shape, self.within.dtype) if out is None else out
        if (here.shape, here.dtype) != (self.within.shape, self.within.dtype):
            raise RefusedError("a copy into an array of another shape or kind")
        on = stream or NULL
        on.copy(self.within, here)
        if blocking:
            on.synchronize()
        return here

    # what NumPy asks
    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise RefusedError("an array of the device is not turned into one of the host in silence")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if ufunc.__name__ not in NAMES["ufunc"] or method != "__call__":
            raise RefusedError(f"numpy.{ufunc.__name__}.{method} is none of CuPy's")
        if out is not None:
            Work.done += 1
            ufunc(*map(inner, args), out=tuple(map(inner, out)), **kwargs)
            return out[0]
        return outer(ufunc(*map(inner, args), **kwargs))

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return called(func.__name__, func)(*args, **kwargs)

    # what Python asks
    def __len__(self) -> int:
        return len(self.within)

    def __iter__(self) -> Iterator[StandIn]:
        return (StandIn(np.asarray(self.within[number])) for number in range(len(self.within)))

    def __bool__(self) -> bool:
        return bool(self.within)

    def __int__(self) -> int:
        return int(self.within)

    def __float__(self) -> float:
        return float(self.within)

    def __getitem__(self, key: Any) -> StandIn:
        return StandIn(np.asarray(self.within[_key(key)]))

    def __setitem__(self, key: Any, value: Any) -> None:
        Work.done += 1
        self.within[_key(key)] = inner(value)

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES["method"]:
            raise AttributeError(name)
        found = getattr(self.within, name)
        if name == "flags":
            return Flags(found.c_contiguous, found.f_contiguous, found.owndata)
        if name in ("shape", "ndim", "size", "dtype", "strides", "nbytes", "itemsize"):
            return found
        return _outer_of(found) if callable(found) else outer(found)

    def __repr__(self) -> str:
        return f"StandIn({self.within!r})"


class Flags(NamedTuple):
    """What CuPy's arrays tell of their memory; nothing of it can be set."""

    c_contiguous: bool
    f_contiguous: bool
    owndata: bool


def _key(key: Any) -> Any:
    """An index; arrays in it must be stand-ins with axes, numbers plain."""
    for one in key if isinstance(key, tuple) else (key,):
        if isinstance(one, StandIn) and not one.within.ndim:
            raise RefusedError("an array without axes as an index")
        if isinstance(one, list):
            raise RefusedError("a list as an index is copied to the device at each use")
        if isinstance(one, slice) and any(isinstance(end, StandIn) for end in (one.start, one.stop, one.step)):
            raise RefusedError("a slice of arrays")
    return inner(key)


def _outer_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: outer(function(*inner(args), **{key: inner(one) for key, one in kwargs.items()}))


def _operator(name: str, reflected: bool = False, in_place: bool = False) -> Callable[..., Any]:
    def work(self: StandIn, *other: Any) -> Any:
        args = tuple(inner(one) for one in other)
        if in_place:
            Work.done += 1
            getattr(np, name)(self.within, *args, out=self.within)
            return self
        both = (*args, self.within) if reflected else (self.within, *args)
        return outer(getattr(np, name)(*both))

    return work


for _name, _function in (
    ("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide"), ("floordiv", "floor_divide"),
    ("mod", "remainder"), ("pow", "power"), ("and", "bitwise_and"), ("or", "bitwise_or"), ("xor", "bitwise_xor"),
):  # fmt: skip
    setattr(StandIn, f"__{_name}__", _operator(_function))
    setattr(StandIn, f"__r{_name}__", _operator(_function, reflected=True))
    setattr(StandIn, f"__i{_name}__", _operator(_function, in_place=True))
for _name, _function in (
    ("lt", "less"), ("le", "less_equal"), ("gt", "greater"), ("ge", "greater_equal"), ("eq", "equal"),
    ("ne", "not_equal"), ("neg", "negative"), ("invert", "invert"), ("abs", "absolute"),
):  # fmt: skip
    setattr(StandIn, f"__{_name}__", _operator(_function))


def called(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy as CuPy has it."""
    if name not in NAMES["function"]:
        raise RefusedError(f"numpy.{name} is none of CuPy's")

    def call(*args: Any, **kwargs: Any) -> Any:
        if name in ("array", "asarray", "ascontiguousarray"):
            # the one way up: CuPy copies what it is given
            args = (args[0].within if isinstance(args[0], StandIn) else np.asarray(args[0]), *args[1:])
            return outer(function(*args, **kwargs))
        if name not in TAKES_LISTS | SHAPES and args and isinstance(args[0], list):
            raise RefusedError(f"cupy.{name} of a list")
        if (
            name in SHAPES
            and args
            and any(isinstance(one, StandIn) for one in _flat(args[0]))
            and name != "broadcast_to"
        ):
            raise RefusedError(f"cupy.{name} with a length that is an array")
        return outer(function(*inner(args), **{key: inner(one) for key, one in kwargs.items()}))

    return call


def _flat(shape: Any) -> tuple[Any, ...]:
    return tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)


class _Universal:
    """A universal function with the methods that CuPy gives it."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc = ufunc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "out" in kwargs:
            Work.done += 1
            self._ufunc(*map(inner, args), out=inner(kwargs["out"]))
            return kwargs["out"]
        return outer(self._ufunc(*map(inner, args), **kwargs))

    def __getattr__(self, method: str) -> Any:
        if self._ufunc.__name__ not in UFUNC_METHODS.get(method, ()):
            raise RefusedError(f"cupy.{self._ufunc.__name__}.{method}")
        return _outer_of(getattr(self._ufunc, method))


class Cuda:
    """Streams as CuPy has them."""

    Event, Stream = Event, Stream

    @staticmethod
    def get_current_stream() -> Stream:
        return NULL


class Library:
    """CuPy's functions."""

    ndarray, cuda = StandIn, Cuda

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if isinstance(found, np.ufunc) and name in NAMES["ufunc"]:
            return _Universal(found)
        if isinstance(found, type) or not callable(found) or name not in NAMES["function"]:
            # dtypes and numbers are NumPy's own; what CuPy lacks falls to NumPy, which asks the arrays
            raise AttributeError(name)
        return called(name, found)

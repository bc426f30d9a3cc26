"""An array that stands for one of a device: NumPy within, and as strict as CuPy without.

It answers only the functions and methods that CuPy has (`cupy_14.2.0.csv`, read off that release), takes no array of
the host into any of them, never turns into a NumPy array by itself, and is no index of anything but its like. So what
runs on it names no function that CuPy lacks, and mixes no memory. What it does not show: CuPy's own results, and speed.
"""

from __future__ import annotations

import csv
import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from penstock import arrays
from penstock.engine.device import ENTRY, LANE, PAIR, ROW, WHOLE, cuts_of, ends_of, from_device, signature_of, to_device
from penstock.engine.series_copy import SeriesCopy

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


class RefusedError(TypeError):
    """A device would not do this."""


def inner(value: Any) -> Any:
    """What stands within stand-ins, in lists and tuples too. Raises RefusedError for an array of the host."""
    if isinstance(value, StandIn):
        return value.within
    if isinstance(value, np.ndarray):
        raise RefusedError(f"an array of the host of shape {value.shape} among those of the device")
    if isinstance(value, (list, tuple)):
        return type(value)(inner(one) for one in value)
    return value


class Work:
    """How much was asked of the device so far: each operation, copy and pass counts one."""

    done = 0


class Event:
    """A point in the work of a stream."""

    def __init__(self, disable_timing: bool = False) -> None:
        self.at: int | None = None

    def record(self, stream: Stream | None = None) -> None:
        self.at = Work.done


class Stream:
    """A stream of copies that is as late as a device may make it: what it copies lies here when it was waited for, and
    not before; what was changed or given away in the meantime is told.
    """

    def __init__(self, non_blocking: bool = False, null: bool = False) -> None:
        self.null, self.waited_for = null, -1
        self.pending: list[tuple[Any, np.ndarray, np.ndarray, np.ndarray]] = []

    def wait_event(self, event: Event) -> None:
        if event.at is None:
            raise RefusedError("a stream waits for an event that nobody recorded")
        self.waited_for = max(self.waited_for, event.at)

    def copy(self, there: np.ndarray, here: np.ndarray) -> None:
        if not (there.flags.c_contiguous and here.flags.c_contiguous):
            raise RefusedError("rows with gaps are not copied in one piece")
        if not self.null and self.waited_for < Work.done:
            raise RefusedError("a row is copied on a stream that did not wait until it was written")
        here.reshape(-1).view(np.uint8)[:] = 0xA5
        owner = there
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        place = there.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        self.pending.append((weakref.ref(owner), there.copy(), here, np.array([place, *there.strides])))

    def synchronize(self) -> None:
        for owner, before, here, (place, *strides) in self.pending:
            if owner() is None:
                raise RefusedError("memory was given away while it was copied")
            now = np.ndarray(before.shape, before.dtype, owner(), place, tuple(map(int, strides)))
            if before.tobytes() != now.tobytes():
                raise RefusedError("a row was changed while it was copied")
            here[...] = now
        self.pending.clear()


NULL = Stream(null=True)
"""The stream of all work but copies."""


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


class Device:
    """A device of stand-ins: passes run on all lanes at once or, slowly, on each alone; or as the threads of a GPU do,
    compiled for this machine, which takes a second a pass.
    """

    name = "stand-in"
    least_width = 0

    def __init__(self, lane_by_lane: bool = False, threads: bool = False, most: int = 64) -> None:
        self.library = Library()
        self.moves, self.widths, self.bytes_back = 0, [], 0
        """trees that were moved there; lanes of the blocks that came back, and their bytes"""
        self.lane_by_lane, self.threads, self.most = lane_by_lane, threads, most
        self.calls: dict[str, int] = {}
        self.seen: dict[tuple[str, tuple[int, ...]], tuple[Any, list[Any]]] = {}
        """by pass and what a path gets of its arguments: the pass, and the arguments of its first call"""

    def launched(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...]) -> Callable[..., Any]:
        return Pass(compiled, pairs, entries, self)

    def most_paths(self, bytes_there: float, bytes_here: float) -> int:
        return self.most

    def take(self, tree: Any) -> Any:
        def view(owner: StandIn, here: np.ndarray, offset: int) -> StandIn:
            return StandIn(np.ndarray(here.shape, here.dtype, owner.within, offset, here.strides))

        def put(array: np.ndarray) -> StandIn:
            return StandIn(array.copy(order="K"))

        self.moves += 1
        return to_device(tree, put, view)

    def bring(self, series: Any) -> SeriesCopy:
        return SeriesCopy(self.library, series, [np.empty(one.shape, one.dtype) for one in series])

    def give_back(self, tree: Any, home: SeriesCopy) -> Any:
        def get(array: StandIn) -> np.ndarray:
            self.bytes_back += array.nbytes
            shown = home.shown(array)
            return array.get() if shown is None else shown

        self.widths.append(len(tree.chain))
        return from_device(tree, StandIn, get)

    def narrow(self) -> bool:
        return False


class Pass:
    """A compiled pass on stand-ins."""

    def __init__(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...], device: Device) -> None:
        self.compiled, self.pairs, self.entries, self.device = compiled, pairs, entries, device
        self.names, self.axes, self.answers = signature_of(compiled)
        self.kernels: dict[tuple[int, ...], Callable[..., Any]] = {}

    def __call__(self, *args: Any) -> Any:
        if not any(isinstance(one, StandIn) for one in args):
            return self.compiled(*args)
        code = self.compiled.py_func
        name = f"{code.__module__}.{code.__qualname__}"
        self.device.calls[name] = self.device.calls.get(name, 0) + 1
        for label, one in zip(self.names, args, strict=True):
            if isinstance(one, np.ndarray):
                raise RefusedError(f"{name}: {label}: an array of the host of shape {one.shape}")
        cuts = cuts_of(self.names, self.axes, args, self.pairs, self.entries)
        within = [one.within if isinstance(one, StandIn) else one for one in args]
        self.device.seen.setdefault((name, cuts), (self.compiled, [copied(one) for one in within]))
        Work.done += 1
        if self.device.threads:
            return self._in_threads(cuts, within)
        return run_pass(self.compiled, within, cuts, self.names, self.device.lane_by_lane)

    def _in_threads(self, cuts: tuple[int, ...], args: list[Any]) -> bool:
        if cuts not in self.kernels:
            from threads_here import threads

            self.kernels[cuts] = threads(self.compiled, cuts)
        return in_threads(self.kernels[cuts], args, cuts, self.names)


def run_pass(compiled: Any, args: list[Any], cuts: tuple[int, ...], names: tuple[str, ...], lane_by_lane: bool) -> Any:
    """A pass as a device runs it, without its threads: the pairs of each path by themselves, paths too if asked."""
    if PAIR in cuts:
        return run_by_run(compiled, args, cuts, names)
    if ROW in cuts or lane_by_lane:
        return path_by_path(compiled, args, cuts)
    return compiled(*args)


def in_threads(run: Callable[..., Any], args: list[Any], cuts: tuple[int, ...], names: tuple[str, ...]) -> bool:
    """A pass as the threads of a device run it (`threads_here`)."""
    path = ends = np.zeros(0, dtype=np.intp)
    count = arrays.width_on_device()
    if PAIR in cuts:
        named = dict(zip(names, args, strict=True))
        path, count = named["path"], len(named["path"])
        ends = ends_of(np, named["firm"], named["first"]) if ENTRY in cuts else path
    answer = np.zeros(count, dtype=bool)
    run(path, ends, answer, tuple(args))
    return bool(answer.any())


def runs_of(path: np.ndarray, firm: Any, first: Any, with_entries: bool) -> tuple[Any, Any]:
    """Where the pairs of each path begin in a list of pairs (firm, path), and where the entries of each pair begin."""
    pairs = len(path)
    starts = np.flatnonzero(path[1:] != path[:-1]) + 1
    ends = ends_of(np, firm, first) if with_entries else np.zeros(pairs, dtype=int)
    runs = [0, *starts.tolist(), pairs] if pairs else [0]
    return np.array(runs), np.concatenate([[0], ends])


def copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def path_by_path(compiled: Any, args: list[Any], cuts: tuple[int, ...]) -> Any:
    """Run a pass for each path with nothing but what that path gets, as threads of a device do; changes `args`."""
    answer, before = False, [copied(one) for one, how in zip(args, cuts, strict=True) if how == WHOLE]
    for lane in range(arrays.width_on_device()):
        cut = [
            np.ascontiguousarray(one[..., lane : lane + 1]) if how == LANE
            else np.ascontiguousarray(one[..., lane]) if how == ROW
            else one
            for one, how in zip(args, cuts, strict=True)
        ]  # fmt: skip
        answer = bool(compiled(*cut)) or answer
        for one, mine, how in zip(args, cut, cuts, strict=True):
            if how == LANE and one.flags.writeable:
                one[..., lane : lane + 1] = mine
            elif how == ROW and one.flags.writeable:
                one[..., lane] = mine
    for one, other in zip((one for one, how in zip(args, cuts, strict=True) if how == WHOLE), before, strict=True):
        if isinstance(one, np.ndarray) and not np.array_equal(one, other):
            raise RefusedError(f"{compiled.py_func.__qualname__}: all threads write into one list")
    return answer


def run_by_run(compiled: Any, args: list[Any], cuts: tuple[int, ...], names: tuple[str, ...]) -> None:
    """Run a pass for the pairs of each path on its own, the last path first: a device keeps no order among them."""
    named = dict(zip(names, args, strict=True))
    starts, entries = runs_of(named["path"], named.get("firm"), named.get("first"), ENTRY in cuts)
    for first, last in reversed(list(pairwise(starts))):
        of_pairs, of_entries = slice(first, last), slice(entries[first], entries[last])
        kept = {PAIR: of_pairs, ENTRY: of_entries}
        mine = [
            np.ascontiguousarray(one[..., kept[how]]) if how in kept else one
            for one, how in zip(args, cuts, strict=True)
        ]
        compiled(*mine)
        for one, cut, how in zip(args, mine, cuts, strict=True):
            if how in kept and one.flags.writeable:
                one[..., kept[how]] = cut

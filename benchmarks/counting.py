"""Counts what the steps of a quarter do to arrays: operations, bytes moved, and bytes that no program could spare.

Counts hang on the model and its random numbers, not on the machine or what else runs on it: a gate can hold them, and
over a measured bandwidth they give a limit of time. Arrays of a block are replaced by ones that tell of each NumPy
operation and of each call of a compiled kernel.

- **moved** bytes: every operation reads its inputs and writes its output, as NumPy does it.
- **needed** bytes of a step: what it reads of what was there before it, once, and what it leaves behind, once.
  Arrays made and dropped within the step need not leave the registers.

Passes over pairs (firm, path) touch a few numbers of large arrays: of each array they move as many numbers as there are
pairs, and count nothing needed, so that it stays a lower bound.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from penstock.engine.moment import written_out
from penstock.passes import is_pass, over_pairs

FAILURES_ONLY = ("penstock.money.failure", "penstock.money.backing")
"""Modules whose other kernels, too, walk over what has failed, not over whole arrays."""
FEW_ROWS = ("clear_short",)
QUARTER = "quarter"
"""The whole quarter: its own operations are those outside the steps, its needed bytes those of one pass over all."""
HELD_BY_US = 2
"""References to an array of which only the counter knows: its own, and that of asking."""
MAKERS = ("zeros", "ones", "empty", "full")


@dataclass
class Work:
    """What a step did, summed over its calls."""

    calls: int = 0
    operations: int = 0
    """NumPy operations and kernel calls on arrays of the block"""
    moved: int = 0
    """bytes"""
    needed: int = 0
    """bytes"""


@dataclass
class _Call:
    """One call of a step while it runs."""

    name: str
    made: set[int] = field(default_factory=set)
    read: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    written: dict[int, list[tuple[int, int]]] = field(default_factory=dict)


class Counter:
    """Adds up work by step; operations outside any step stand under `rest`."""

    def __init__(self) -> None:
        self.work: dict[str, Work] = {}
        self._calls = [_Call("rest")]
        self._held: dict[int, Any] = {}
        """arrays met within the present outermost step: while they are held, no other has their number"""

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its work counted under a name."""
        self.work.setdefault(name, Work())

        def counted(*given: Any, **more: Any) -> Any:
            call = _Call(name)
            self._calls.append(call)
            try:
                return function(*given, **more)
            finally:
                self._calls.pop()
                self._close(call)

        return counted

    def note(self, read: Iterable[Any], written: Iterable[Any], *, whole: bool = True) -> None:
        """One operation; `whole` where it touches all of its arrays."""
        call = self._calls[-1]
        work = self.work.setdefault(call.name, Work())
        work.operations += 1
        for arrays, kept in ((read, call.read), (written, call.written)):
            for array in arrays:
                work.moved += array.nbytes
                if whole and array.size:
                    kept.setdefault(self._number(array), []).append(np.lib.array_utils.byte_bounds(array))

    def made(self, array: Any) -> None:
        """A new array, made within the present step."""
        number = self._number(array)
        for call in self._calls:
            call.made.add(number)

    def _number(self, array: Any) -> int:
        root = _root(array)
        self._held[id(root)] = root
        return id(root)

    def _lives(self, number: int) -> bool:
        """Whether someone else holds an array."""
        return sys.getrefcount(self._held[number]) > HELD_BY_US

    def _close(self, call: _Call) -> None:
        needed = 0
        for root, spans in call.read.items():
            if root not in call.made:
                needed += _covered(spans)
        for root, spans in call.written.items():
            if root not in call.made or self._lives(root):
                needed += _covered(spans)
        work = self.work[call.name]
        work.calls += 1
        work.needed += needed
        # what a call within a call took or left passes through the outer one too
        outer = self._calls[-1]
        for mine, its in ((call.read, outer.read), (call.written, outer.written)):
            for root, spans in mine.items():
                if root not in call.made:
                    its.setdefault(root, []).extend(spans)
        if len(self._calls) == 1:
            self._held.clear()
            outer.read.clear()
            outer.written.clear()
            outer.made.clear()


def _root(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _covered(spans: list[tuple[int, int]]) -> int:
    """Bytes in the union of spans of addresses."""
    total, end = 0, 0
    for low, high in sorted(spans):
        total += max(high - max(low, end), 0)
        end = max(end, high)
    return total


_counter: list[Counter] = []


def _plain(value: Any) -> Any:
    """The value with plain arrays in it."""
    if isinstance(value, Counted):
        return value.view(np.ndarray)
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value


def _arrays(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, list | tuple):
        return [array for part in value for array in _arrays(part)]
    if isinstance(value, dict):
        return _arrays(list(value.values()))
    return []


def _counted(value: Any) -> Any:
    if type(value) is np.ndarray:
        return value.view(Counted)
    if isinstance(value, tuple):
        return tuple(_counted(part) for part in value)
    if isinstance(value, list):
        return [_counted(part) for part in value]
    return value


class Counted(np.ndarray[Any, np.dtype[Any]]):
    """An array that tells the present counter of what is done with it."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **more: Any) -> Any:
        plain = _plain(inputs)
        if out is not None:
            more["out"] = _plain(out)
        result = getattr(ufunc, method)(*plain, **_plain(more))
        _note(_arrays(plain), _arrays(result) if out is None else _arrays(more["out"]), new=out is None)
        if method == "at":
            return None
        return _counted(result) if out is None else out[0] if len(out) == 1 else out

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        given, named = _plain(args), _plain(kwargs)
        result = func(*given, **named)
        read = _arrays(given) + _arrays({key: part for key, part in named.items() if key != "out"})
        for array in _arrays(result):
            if named.get("out") is not None or not any(np.may_share_memory(array, one) for one in read):
                _note(read, [array], new=named.get("out") is None)
                break
        return kwargs["out"] if named.get("out") is not None else _counted(result)

    def __getitem__(self, key: Any) -> Any:
        result = self.view(np.ndarray)[_plain(key)]
        if not isinstance(result, np.ndarray):
            return result
        if not np.may_share_memory(result, self):
            _note([result], [result], new=True, whole_read=self)
        return result.view(Counted)

    def __setitem__(self, key: Any, value: Any) -> None:
        plain = self.view(np.ndarray)
        plain[_plain(key)] = _plain(value)
        target = plain[_plain(key)]
        if isinstance(target, np.ndarray):
            shared = np.may_share_memory(target, plain)
            _note(_arrays(_plain(value)), [target], whole=shared)

    def copy(self, order: Any = "C") -> Any:
        result = self.view(np.ndarray).copy(order)
        _note([self], [result], new=True)
        return result.view(Counted)

    def astype(self, *given: Any, **more: Any) -> Any:
        result = self.view(np.ndarray).astype(*given, **more)
        if not np.may_share_memory(result, self):
            _note([self], [result], new=True)
        return result.view(Counted)


def _note(
    read: list[Any], written: list[Any], *, new: bool = False, whole: bool = True, whole_read: Any = None
) -> None:
    if not _counter:
        return
    if new:
        for array in written:
            _counter[-1].made(array)
    # rows that are looked up: as many bytes as come out, and which ones is not known
    _counter[-1].note(read, written, whole=whole and whole_read is None)


@contextmanager
def counting(*holders: Any) -> Iterator[Counter]:
    """A counter of all work on arrays that `holders` (dataclasses, dictionaries) hold, which are changed for it.

    Give copies (`copy.deepcopy`): their arrays stay of the counting kind.
    """
    for holder in holders:
        _convert(holder, set())
    kernels = _kernels()
    makers = {name: getattr(np, name) for name in MAKERS}
    # numbers written out once a process: counted in each block, and none of the counting kind stays, for no pass that
    # is stored takes it
    written_out.cache_clear()
    counter = Counter()
    _counter.append(counter)
    try:
        for module, name, kernel in kernels:
            setattr(module, name, _told(kernel))
        for name, maker in makers.items():
            setattr(np, name, _made(maker))
        yield counter
    finally:
        _counter.pop()
        written_out.cache_clear()
        for name, maker in makers.items():
            setattr(np, name, maker)
        for module, name, kernel in kernels:
            setattr(module, name, kernel)


def _convert(holder: Any, seen: set[int]) -> None:
    if id(holder) in seen:
        return
    seen.add(id(holder))
    if isinstance(holder, dict):
        for key, value in holder.items():
            if type(value) is np.ndarray:
                holder[key] = value.view(Counted)
            else:
                _convert(value, seen)
    elif isinstance(holder, list):
        for place, value in enumerate(holder):
            if type(value) is np.ndarray:
                holder[place] = value.view(Counted)
            else:
                _convert(value, seen)
    elif is_dataclass(holder) and not isinstance(holder, type):
        for one in fields(holder):
            value = getattr(holder, one.name, None)
            if type(value) is np.ndarray:
                object.__setattr__(holder, one.name, value.view(Counted))
            else:
                _convert(value, seen)


def _kernels() -> list[tuple[Any, str, Any]]:
    """Every name under which a loaded module of the package holds a compiled kernel."""
    found = []
    for name, module in list(sys.modules.items()):
        if name.startswith("penstock."):
            found += [(module, key, value) for key, value in vars(module).items() if is_pass(value)]
    return found


def _told(kernel: Any) -> Callable[..., Any]:
    of_pair = over_pairs(kernel)
    few = bool(of_pair) or kernel.py_func.__module__ in FAILURES_ONLY or kernel.py_func.__name__ in FEW_ROWS
    names = kernel.py_func.__code__.co_varnames

    def called(*given: Any) -> Any:
        plain = _plain(given)
        result = kernel(*plain)
        writes = [_is_written(kernel, place) for place in range(len(plain))]
        touched = _at_pairs(dict(zip(names, plain, strict=False)), of_pair) if of_pair else plain
        arrays = [(part, wrote) for part, wrote in zip(touched, writes, strict=True) if isinstance(part, np.ndarray)]
        read = [part for part, wrote in arrays if not wrote]
        _note(read, [part for part, wrote in arrays if wrote], whole=not few)
        return _counted(result)

    told: Any = called
    told.py_func = kernel.py_func
    return called


def _at_pairs(given: dict[str, Any], of_pair: tuple[str, ...]) -> list[Any]:
    """Of arrays with no number a pair, as many numbers as there are pairs: what a pass over pairs touches at most
    times."""
    pairs = given[of_pair[0]].shape[-1]
    return [
        value if name in of_pair or not isinstance(value, np.ndarray) else value.reshape(-1)[:pairs]
        for name, value in given.items()
    ]


def _is_written(kernel: Any, place: int) -> bool:
    """Whether the kernel's signature lets it write to this argument; one without a signature counts as reading."""
    for signature in kernel.nopython_signatures:
        if place < len(signature.args):
            return bool(getattr(signature.args[place], "mutable", False))
    return False


def _made(maker: Callable[..., Any]) -> Callable[..., Any]:
    def make(*given: Any, **more: Any) -> Any:
        result = maker(*_plain(given), **_plain(more))
        _note([], [result], new=True)
        return result.view(Counted)

    return make


def count_block(model: Any, width: int, first_path: int = 0) -> tuple[Counter, int]:
    """Work of the quarters of one block of a prepared model by step, and how many quarters."""
    from benchmarks.step_profile import CHECK, RECORD, calls
    from penstock.engine import model as engine
    from penstock.engine import quarter as page
    from penstock.engine.begin import begin_block
    from penstock.engine.moment import Moment
    from penstock.engine.record import Recorder

    model = copy.deepcopy(model)
    block, state = begin_block(
        model.layout, model.facts, model.program,
        seed=model.seed, first_path=first_path, width=width, prior=model.prior, trend=model.trend,
        posterior=model.posterior,
    )  # fmt: skip
    recorder = Recorder.begin(block, state, model.first_quarter)
    places: list[tuple[Any, str, str]] = [
        (getattr(page, module) if module else page, name, f"{module}.{name}" if module else name)
        for module, name in calls()
    ]
    before = [(holder, name, getattr(holder, name)) for holder, name, _ in places]
    with counting(block, state, vars(recorder)) as counter:
        try:
            for (holder, name, label), (_, _, function) in zip(places, before, strict=True):
                setattr(holder, name, counter.wrap(label, function))
            record = counter.wrap(RECORD, recorder.record)
            check = counter.wrap(CHECK, engine.conservation_error)

            def whole(now: Any) -> None:
                page.quarter(now)
                record(now)
                check(now)

            quarter = counter.wrap(QUARTER, whole)
            for number in range(model.program.quarters):
                quarter(Moment(block, state, number))
        finally:
            for holder, name, function in before:
                setattr(holder, name, function)
    return counter, model.program.quarters

"""A device of stand-ins, and passes on it: all lanes at once, each alone, or as the threads of a GPU."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from standin import Library, StandIn
from standin_streams import RefusedError, Work

from penstock import arrays
from penstock.engine.device import ENTRY, LANE, PAIR, ROW, WHOLE, cuts_of, ends_of, from_device, signature_of, to_device
from penstock.engine.series_copy import SeriesCopy


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

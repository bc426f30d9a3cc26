"""What drives the GPU, with a library that stands for CuPy and threads compiled for this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from threads_here import threads

from penstock import arrays
from penstock.engine import gpu
from penstock.money import failure, kernels


class There(np.ndarray):
    """An array of the device; as CuPy's, one made from a place in memory keeps no note of whose it is."""

    def get(self) -> np.ndarray:
        return np.array(self)


class Library:
    """The few functions of CuPy that the module calls itself."""

    ndarray = There

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        return lambda *args, **kwargs: function(*args, **kwargs).view(There)


class Place:
    """A place in memory, to which bytes are added."""

    def __init__(self, owner: np.ndarray, offset: int = 0) -> None:
        self.owner, self.offset = owner, offset

    def __add__(self, offset: int) -> Place:
        return Place(self.owner, self.offset + offset)


def test_what_shares_memory_shares_it_there_and_all_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[np.ndarray] = []

    class Moving(Library):
        def array(self, here: np.ndarray, order: str) -> Any:
            moved.append(here)
            return Owner(here.copy(order=order))

        def ndarray(self, shape: Any, dtype: Any, place: Place, strides: Any) -> Any:
            return Owner(np.ndarray(shape, dtype, place.owner, place.offset, strides))

    class Owner:
        def __init__(self, within: np.ndarray) -> None:
            self.within, self.data = within, Place(within)
            self.shape, self.dtype, self.strides = within.shape, within.dtype, within.strides

        @property
        def ndim(self) -> int:
            return self.within.ndim

        def get(self, out: np.ndarray | None = None) -> np.ndarray:
            if out is None:
                return self.within.copy(order="K")
            out[...] = self.within
            return out

    rooms: list[np.ndarray] = []

    def room_here(_: Any, array: Any) -> np.ndarray:
        rooms.append(np.empty(array.shape, array.dtype))
        return rooms[-1]

    monkeypatch.setattr(gpu.Gpu, "room_here", room_here)
    device = gpu.Gpu(Moving())
    table = np.arange(12.0).reshape(4, 3)
    there = device.take({"table": table, "column": table[:, 1], "rows": table[2:]})
    assert len(moved) == 1
    there["column"].within[:] = -1.0
    device.library.ndarray = Owner
    back = device.give_back(there)
    assert back["table"][:, 1].tolist() == [-1.0] * 4
    assert back["rows"][0].tolist() == [6.0, -1.0, 8.0]
    assert back["column"].tolist() == [-1.0] * 4
    # what has more axes than one goes into memory that is kept for it
    assert [id(one) for one in rooms] == [id(back["table"]), id(back["rows"])]
    assert table[0, 1] == 1.0


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pass as the GPU would launch it, its threads here."""

    def kernel_of(function: Any, cuts: tuple[int, ...], answers: bool) -> Any:
        run = threads(COMPILED[function.__name__], cuts)

        def over(count: int, *lists: np.ndarray) -> None:
            *given, args = lists
            here = tuple(one.view(np.ndarray) if isinstance(one, np.ndarray) else one for one in args)
            if len(given) == 2:
                starts, entries = (one.view(np.ndarray).astype(np.intp) for one in given)
                run(starts, entries, np.zeros(count, dtype=bool), here)
            else:
                run(
                    np.zeros(count + 1, dtype=np.intp),
                    np.zeros(count + 1, dtype=np.intp),
                    given[0] if answers else np.zeros(count, dtype=bool),
                    here,
                )

        # so few paths are one group of threads
        return {(1, gpu.THREADS): over}

    monkeypatch.setattr(gpu, "kernel_of", kernel_of)
    monkeypatch.setattr(gpu, "_shown", lambda array: array.view(np.ndarray))
    return lambda compiled, pairs=(), entries=(): gpu.Launch(compiled, pairs, entries, Library())


COMPILED = {one.__name__: one for one in (kernels.post, failure.write_down)}
RANDOM = np.random.default_rng(11)


def there(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one.copy().view(There) if isinstance(one, np.ndarray) else one for one in args)


def test_a_launch_runs_a_pass_on_each_path(launch: Any) -> None:
    paths = 11
    args = (RANDOM.random((6, paths)), np.array([0, 1, 2, 0, 1, 2]), np.array([1, 2, 0, 3, 3, 3]), np.ones((4, paths)))
    moved, here = there(args), tuple(one.copy() for one in args)
    kernels.post(*here)
    with arrays.on_device(paths):
        launch(kernels.post)(*moved)
        np.testing.assert_array_equal(moved[3], here[3])
        with pytest.raises(TypeError, match="post: payer: found an array of the host; expected one of the GPU"):
            launch(kernels.post)(moved[0], args[1], *moved[2:])
    # arrays of the host alone are the pass's own matter
    launch(kernels.post)(*args)
    np.testing.assert_array_equal(args[3], here[3])


def test_a_launch_over_pairs_runs_them_path_by_path(launch: Any) -> None:
    paths, ties, units = 9, 12, 5
    first, rows = failure.by_firm(RANDOM.integers(0, units, ties), units)
    mask = RANDOM.random((units, paths)) < 0.4
    firm, path = failure.pairs(mask)
    lanes, firms = np.divmod(np.flatnonzero(mask.T), units)
    assert sorted(zip(path, firm, strict=True)) == list(zip(lanes, firms, strict=True))
    size = int((first[firms + 1] - first[firms]).sum())
    args = (
        firms, lanes, first, rows, RANDOM.integers(0, units, ties), RANDOM.random(ties) < 0.5,
        RANDOM.random(len(firms)), RANDOM.random(len(firms)), RANDOM.random((ties, paths)),
        RANDOM.random((units, paths)), *(np.zeros(size, dtype=np.intp) for _ in range(3)), np.zeros(size),
        np.zeros(size),
    )  # fmt: skip
    moved, here = there(args), tuple(one.copy() for one in args)
    failure.write_down(*here)
    named = {
        "pairs": ("firm", "path", "kept_secured", "kept_other"),
        "entries": ("debtor", "lane", "tie", "claim", "lost"),
    }
    with arrays.on_device(paths):
        launch(failure.write_down, **named)(*moved)
    for one, other in zip(moved, here, strict=True):
        np.testing.assert_array_equal(one, other)
    none = tuple(one[:0] if number in (0, 1, 6, 7) or number >= 10 else one for number, one in enumerate(moved))
    with arrays.on_device(paths):
        launch(failure.write_down, **named)(*none)


def test_a_block_is_as_wide_as_memory_was_free_when_first_asked() -> None:
    free = [100_000_000]

    class Runtime:
        @staticmethod
        def memGetInfo() -> tuple[int, int]:  # noqa: N802 - CUDA's name
            return free[0], 0

    class Pool:
        @staticmethod
        def free_bytes() -> int:
            return 20_000_000

    class Measured(Library):
        cuda = type("cuda", (), {"runtime": Runtime})
        get_default_memory_pool = Pool

    device = gpu.Gpu(Measured())
    assert device.most_paths(10_000.0, 1.0) == int(gpu.FILLED * 120e6 / (gpu.WITH_STEPS * 10_000.0))
    # what a block has left to the pools is no less room for the next one
    free[0] = 0
    assert device.most_paths(10_000.0, 1.0) == int(gpu.FILLED * 120e6 / (gpu.WITH_STEPS * 10_000.0))
    assert device.most_paths(10_000.5, 1.0) == gpu.Gpu.least_width


def test_an_array_is_shown_to_numba_once_for_each_place_shape_and_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []

    class Cuda:
        @staticmethod
        def from_cuda_array_interface(interface: dict[str, Any], sync: bool) -> Any:
            made.append(interface)
            return object()

    class Shown:
        def __init__(self, place: int, shape: tuple[int, ...], kind: type) -> None:
            self.data, self.shape, self.dtype = SimpleNamespace(ptr=place), shape, np.dtype(kind)
            self.strides = np.empty(shape, kind).strides
            self.__cuda_array_interface__ = {"data": (place, False), "shape": shape, "typestr": self.dtype.str}

    monkeypatch.setattr(gpu, "_cuda", Cuda)
    monkeypatch.setattr(gpu, "_VIEWS", {})
    one = gpu._shown(Shown(64, (3, 5), float))
    assert gpu._shown(Shown(64, (3, 5), float)) is one
    # another place, shape or kind is another view
    others = [gpu._shown(Shown(*of)) for of in ((128, (3, 5), float), (64, (5, 3), float), (64, (3, 5), np.int64))]
    assert len({id(view) for view in (one, *others)}) == 4 == len(made)
    # no more views are kept than so many
    monkeypatch.setattr(gpu, "MOST_VIEWS", 4)
    gpu._shown(Shown(256, (3, 5), float))
    assert len(gpu._VIEWS) == 1

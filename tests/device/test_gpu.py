"""What drives the GPU, driving a library that stands for CuPy: launches, moves, memory, what is said of failures."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from compared import compared_apart
from standin import StandIn
from standin_cupy import MOST_THREADS, StandInCupy, stand_in_gpu
from standin_streams import NULL, RefusedError

from penstock import arrays
from penstock.engine import gpu, gpu_code, launch, series_copy
from penstock.engine.device import LANE, WHOLE
from penstock.engine.gpu import Gpu
from penstock.errors import UsageError
from penstock.money import failure, kernels

RANDOM = np.random.default_rng(11)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """The GPU of a stand-in."""
    for module, name in ((gpu, "code_file"), (series_copy, "import_module")):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(Gpu, "least_width", Gpu.least_width)
    return stand_in_gpu(StandInCupy())


def there(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(StandIn(one.copy()) if isinstance(one, np.ndarray) else one for one in args)


def test_a_run_driven_as_a_gpu_is_the_same_to_the_bit() -> None:
    # a machine that refuses large pieces of memory brings the series back after the last quarter
    for refuses in (1e12, 100_000.0):
        asked = {"scenario": "perfect_storm", "paths": 72, "quarters": 5, "gpu": True, "refuses": refuses}
        found = compared_apart(asked)
        assert found["differ"] == []
        assert found["checks"][0] == found["checks"][1]
        assert found["passes"] > 90
        assert found["moves"] == 1
        assert len(found["notes"]) == (refuses < 1e12)
        assert all("results come back slower, after the last quarter" in note for note in found["notes"])


def test_what_shares_memory_shares_it_there_and_all_comes_back(device: Gpu) -> None:
    table = np.arange(12.0).reshape(4, 3)
    moved = device.take({"table": table, "column": table[:, 1], "rows": table[2:]})
    moved["column"].within[:] = -1.0
    back = device.give_back(moved)
    assert back["table"][:, 1].tolist() == [-1.0] * 4
    assert back["rows"][0].tolist() == [6.0, -1.0, 8.0]
    # rows with gaps are put together there before they come
    assert back["column"].tolist() == [-1.0] * 4
    assert table[0, 1] == 1.0
    assert not NULL.pending


POST = (LANE, WHOLE, WHOLE, LANE)
"""What a path gets of the arguments of `post`."""


def post_args(paths: int) -> tuple[Any, ...]:
    return RANDOM.random((6, paths)), np.array([0, 1, 2, 0, 1, 2]), np.array([1, 2, 0, 3, 3, 3]), np.ones((4, paths))


def test_a_launch_runs_a_pass_on_each_path(device: Gpu) -> None:
    paths = 211
    args = post_args(paths)
    moved, here = there(args), tuple(one.copy() for one in args)
    kernels.post(*here)
    run = device.launched(kernels.post, (), ())
    with arrays.on_device(paths):
        run(*moved)
        np.testing.assert_array_equal(moved[3].within, here[3])
        # again, in another place: nothing of the first call is left in the words
        again = there(args)
        run(*again)
        np.testing.assert_array_equal(again[3].within, here[3])
    assert device.library.launches == {"post": 2}
    assert list(run.kernels) == [POST]
    # as many threads a group as the pass allows
    assert run.kernels[POST].group == MOST_THREADS < launch.THREADS
    # arrays of the host alone are the pass's own matter
    run(*args)
    np.testing.assert_array_equal(args[3], here[3])


@pytest.mark.parametrize(
    ("place", "change", "said"),
    [
        (1, lambda one: one.within, "post: payer: found an array of the host; expected one of the GPU"),
        (2, lambda one: StandIn(one.within.astype(np.int32)), "post: payee: found numbers of int32; expected int64"),
        (
            1,
            lambda one: StandIn(np.repeat(one.within, 2)[::2]),
            "post: payer: found rows with gaps; expected one after",
        ),
    ],
)
def test_what_no_kernel_takes_is_named(device: Gpu, place: int, change: Any, said: str) -> None:
    args = list(there(post_args(16)))
    run = device.launched(kernels.post, (), ())
    with arrays.on_device(16):
        run(*args)
        args[place] = change(args[place])
        with pytest.raises(TypeError, match=said):
            run(*args)


def test_a_launch_over_pairs_runs_them_path_by_path(device: Gpu) -> None:
    paths, ties, units = 9, 12, 5
    first, rows = failure.by_firm(RANDOM.integers(0, units, ties), units)
    lanes, firms = np.divmod(np.flatnonzero(RANDOM.random((paths, units)) < 0.4), units)
    size = int((first[firms + 1] - first[firms]).sum())
    args = (
        firms, lanes, first, rows, RANDOM.integers(0, units, ties), RANDOM.random(ties) < 0.5,
        RANDOM.random(len(firms)), RANDOM.random(len(firms)), RANDOM.random((ties, paths)),
        RANDOM.random((units, paths)), *(np.zeros(size, dtype=np.intp) for _ in range(3)), np.zeros(size),
        np.zeros(size),
    )  # fmt: skip
    moved, here = there(args), tuple(one.copy() for one in args)
    failure.write_down(*here)
    named = ("firm", "path", "kept_secured", "kept_other"), ("debtor", "lane", "tie", "claim", "lost")
    run = device.launched(failure.write_down, *named)
    with arrays.on_device(paths):
        run(*moved)
        for one, other in zip(moved, here, strict=True):
            np.testing.assert_array_equal(one.within, other)
        # where entries end is asked once of the same pairs
        ends = device.ends_of(moved[0], moved[2])
        assert device.ends_of(moved[0], moved[2]) is ends
        # no pairs, no launch
        none = tuple(one[:0] if number in (0, 1, 6, 7) or number >= 10 else one for number, one in enumerate(moved))
        run(*none)
    assert device.library.launches == {"write_down": 1}


def test_a_pass_that_fails_is_named(device: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*of: Any) -> None:
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS:\nan illegal memory access was encountered")

    monkeypatch.setattr("standin_cupy.Function.__call__", fail)
    with arrays.on_device(16), pytest.raises(UsageError) as error:
        device.launched(kernels.post, (), ())(*there(post_args(16)))
    assert str(error.value) == (
        "--device: penstock.money.kernels.post: found CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was "
        "encountered in 16 threads, 96 in a group, 264 bytes of arguments; expected a pass that runs"
    )


def test_code_that_does_not_load_is_made_once_again(
    device: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, made = tmp_path / "post.cubin", []

    def code_file(*of: Any) -> Path:
        made.append(of)
        file.write_bytes(b"half of it")
        return file

    def module(path: str) -> Any:
        raise RuntimeError("CUDA_ERROR_INVALID_IMAGE: device kernel image is invalid")

    monkeypatch.setattr(gpu, "code_file", code_file)
    device.library.RawModule = module
    with pytest.raises(UsageError, match=r"post: found code that the GPU does not load \(CUDA_ERROR_INVALID_IMAGE"):
        device.kernel_of(kernels.post, POST)
    assert len(made) == 2
    assert not file.exists()


def test_code_is_kept_in_a_file_that_a_later_process_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    asked = []

    def ptx_of(*of: Any) -> str:
        asked.append(of)
        return "ptx"

    monkeypatch.setattr(gpu_code, "ptx_of", ptx_of)
    monkeypatch.setattr(gpu_code, "assembled", lambda text, capability: text.encode())
    one = gpu_code.code_file(kernels.post, POST, (9, 0))
    assert one.read_bytes() == b"ptx"
    assert one.parent == tmp_path / "gpu"
    assert gpu_code.code_file(kernels.post, POST, (9, 0)) == one
    assert len(asked) == 1
    # another GPU or another cut is other code
    others = {
        gpu_code.code_file(kernels.post, POST, (8, 0)),
        gpu_code.code_file(kernels.post, (LANE, WHOLE, WHOLE, WHOLE), (9, 0)),
    }
    assert len(others | {one}) == 3


def test_where_nothing_can_be_compiled_it_is_said_of_which_pass_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    def ptx_of(*of: Any) -> str:
        raise FileNotFoundError("libnvvm.so:\n cannot open shared object file")

    monkeypatch.setattr(gpu_code, "ptx_of", ptx_of)
    with pytest.raises(UsageError) as error:
        gpu_code.code_file(kernels.post, POST, (9, 0))
    assert str(error.value) == (
        "--device: penstock.money.kernels.post: libnvvm.so: cannot open shared object file; expected code for compute "
        "capability 9.0 from numba-cuda, or --device cpu"
    )


def test_without_a_linker_the_driver_gets_ptx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    def assembled(*of: Any) -> bytes:
        raise RuntimeError("nvJitLink: ERROR_PTX_COMPILE: unsupported .version 9.0")

    monkeypatch.setattr(gpu_code, "ptx_of", lambda *of: "ptx")
    monkeypatch.setattr(gpu_code, "assembled", assembled)
    file = gpu_code.code_file(kernels.post, POST, (9, 0))
    assert (file.suffix, file.read_text()) == (".ptx", "ptx")
    assert gpu_code.code_file(kernels.post, POST, (9, 0)) == file


def test_a_block_is_as_wide_as_memory_was_free_when_first_asked(device: Gpu) -> None:
    library = device.library
    library.free = 120e6
    wide = device.most_paths(10_000.0, 1.0)
    assert wide == int(gpu.FILLED * 120e6 / (gpu.WITH_STEPS * 10_000.0))
    # what a block has left to the pools is no less room for the next one
    library.free = 0.0
    assert device.most_paths(10_000.0, 1.0) == wide
    assert device.most_paths(10_000.5, 1.0) == Gpu.least_width


def test_after_a_block_without_room_blocks_are_half_as_wide(device: Gpu) -> None:
    device.library.free = 120e6
    wide = device.most_paths(10_000.0, 1.0)
    assert device.narrow()
    assert device.most_paths(10_000.0, 1.0) == wide // 2
    assert device.notes == [f"out of memory with blocks of {wide:,} paths: blocks of half that width"]
    assert device.library.freed == 1, "what the pool keeps is given up"
    while device.narrow():
        pass
    assert device.most_paths(10_000.0, 1.0) == Gpu.least_width


def test_paths_are_the_same_where_a_block_found_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.engine import model as engine
    from penstock.world import load_world

    model, run_block, tried = engine.prepare(load_world("ai-2025"), quarters=2), engine.run_block, []
    widths = [32]

    def most_paths(*of: Any) -> int:
        return widths[-1]

    def narrow() -> bool:
        widths.append(widths[-1] // 2)
        return widths[-1] >= 8

    def too_small(model: Any, first: int, width: int, *, device: Any, on_quarter: Any = None) -> Any:
        tried.append((first, width))
        if width > 16:
            raise MemoryError("out of memory")
        return run_block(model, first, width)

    device: Any = SimpleNamespace(narrow=narrow, most_paths=most_paths)
    monkeypatch.setattr(engine, "most_paths", most_paths)
    monkeypatch.setattr(engine, "lanes_of", lambda paths, *of: paths)
    monkeypatch.setattr(engine, "run_block", too_small)
    monkeypatch.setattr(arrays, "chosen", lambda: device)
    found = engine.simulate_paths(model, 0, 32)
    assert tried == [(0, 32), (0, 16), (16, 16)]
    monkeypatch.undo()
    wanted = engine.simulate_paths(model, 0, 32)
    for name, values in wanted.economy.items():
        np.testing.assert_array_equal(found.economy[name], values)
    # the narrowest block without room is an error that says so
    widths[:] = [8]
    monkeypatch.setattr(engine, "lanes_of", lambda paths, *of: paths)
    monkeypatch.setattr(engine, "run_block", lambda *of, **named: too_small(*of[:2], 99, device=None))
    with pytest.raises(MemoryError, match="found no room for a block of 8 paths"):
        engine.kept_of(model, 0, 8, device=device)


def series(library: StandInCupy) -> tuple[Any, np.ndarray, series_copy.SeriesCopy]:
    table, here = StandIn(RANDOM.random((3, 4, 5))), np.zeros((3, 4, 5))
    return table, here, series_copy.SeriesCopy(library, [table], [here])


def test_rows_are_here_when_they_were_waited_for(device: Gpu) -> None:
    table, here, home = series(device.library)
    home.send([(0, 1)])
    assert not np.array_equal(here[1], table.within[1])
    table[2] = 7.0
    home.send([(0, 2)])
    home.wait()
    np.testing.assert_array_equal(here[1:], table.within[1:])
    # views of what was sent are views of what came
    np.testing.assert_array_equal(home.shown(table[:, 2]), here[:, 2])
    assert np.shares_memory(home.shown(table[:, 2]), here)
    assert home.shown(StandIn(np.zeros(3))) is None


def test_the_stand_in_catches_what_a_gpu_would_not_tell(device: Gpu) -> None:
    table, _, home = series(device.library)
    # a row that is changed after it was sent
    home.send([(0, 0)])
    table[0] = 7.0
    with pytest.raises(RefusedError, match="a row was changed while it was copied"):
        home.wait()
    # a copy that does not wait for the work before it
    stream = device.library.cuda.Stream(non_blocking=True)
    with pytest.raises(RefusedError, match="did not wait until it was written"):
        table[1].get(stream=stream, out=np.zeros((4, 5)), blocking=False)
    # memory that is given away while it is copied
    other = StandIn(np.ones((2, 3)))
    written = device.library.cuda.Event()
    written.record()
    stream.wait_event(written)
    other[1].get(stream=stream, out=np.zeros(3), blocking=False)
    del other
    with pytest.raises(RefusedError, match="memory was given away while it was copied"):
        stream.synchronize()


@pytest.mark.parametrize("size", [1, 511, 512, 4096, 4097, 123_456_789])
def test_sizes_are_rounded_by_an_eighth_at_the_most(size: int) -> None:
    found = series_copy.rounded(size)
    assert size <= found <= max(512, size * 1.125)
    assert series_copy.rounded(found) == found

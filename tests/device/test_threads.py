"""Passes cut up for the threads of a device: the views that a thread gets, compiled by Numba for this machine.

On a GPU the same code is compiled by Numba for CUDA; where that is installed, some passes are compiled here too, which
needs no GPU.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from threads_here import threads

from penstock.engine import philox
from penstock.engine.device import ENTRY, LANE, PAIR, ROW, WHOLE, signature_of
from penstock.engine.steps import rounds
from penstock.money import bills, failure, funding, kernels

RANDOM = np.random.default_rng(5)
PATHS, UNITS, TIES = 7, 5, 9


def by_lane(compiled: Any, args: tuple[Any, ...], cuts: tuple[int, ...], paths: int = PATHS) -> np.ndarray:
    """Run a pass over paths in threads; changes the arguments, gives back what each thread answered."""
    answer, nothing = np.zeros(paths, dtype=bool), np.zeros(0, dtype=np.intp)
    threads(compiled, cuts)(nothing, nothing, answer, args)
    return answer


def amounts(*shape: int) -> np.ndarray:
    return RANDOM.uniform(0.5, 2.0, shape)


def index(size: int, below: int) -> np.ndarray:
    return RANDOM.integers(0, below, size).astype(np.intp)


def copies(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one.copy() if isinstance(one, np.ndarray) else one for one in args)


def assert_same(found: tuple[Any, ...], wanted: tuple[Any, ...]) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_thread_sees_its_lane_as_the_only_one() -> None:
    args = (amounts(TIES, PATHS), index(TIES, UNITS), index(TIES, UNITS), amounts(UNITS, PATHS))
    whole, cut = copies(args), copies(args)
    kernels.post(*whole)
    by_lane(kernels.post, cut, (LANE, WHOLE, WHOLE, LANE))
    assert_same(cut, whole)


def test_a_list_that_passes_share_here_is_each_paths_own_there() -> None:
    # on a device each path tells who fell short: a row a unit, of which the pass sees one column
    due, share = amounts(TIES, PATHS), amounts(3, UNITS, PATHS)
    payer, payee, rank = index(TIES, UNITS), index(TIES, UNITS), index(TIES, 3)
    fell = RANDOM.random((UNITS, PATHS)) < 0.4
    paid, kept, lost, between = np.zeros_like(due), *(np.zeros((rows, PATHS)) for rows in (UNITS, UNITS, 2))
    pair = index(TIES, 2)
    by_lane(
        bills.pay_dues, (due, share, payer, payee, rank, pair, fell, paid, kept, lost, between),
        (LANE, LANE, *[WHOLE] * 4, ROW, *[LANE] * 4),
    )  # fmt: skip
    wanted = np.where(fell[payer], due * share[rank, payer], due)
    np.testing.assert_array_equal(paid, wanted)
    missing = np.zeros((UNITS, PATHS))
    np.add.at(missing, payer, due - wanted)
    np.testing.assert_allclose(kept, missing, rtol=1e-13)


RAISES = (*[LANE] * 5, WHOLE, LANE, WHOLE, LANE, LANE, ROW)
"""What a path gets of the arguments of `raise_in_need`."""


def test_each_path_answers_for_itself() -> None:
    gap = np.zeros((UNITS, PATHS))
    gap[2, 3] = gap[4, 5] = -1.0
    column = np.ones((UNITS, 1))
    args = (
        gap, 10.0 * np.ones_like(gap), np.ones(PATHS), np.zeros(PATHS), np.ones(PATHS), column, np.zeros_like(gap),
        column, np.zeros_like(gap), np.zeros_like(gap),
    )  # fmt: skip
    whole, cut = copies(args), copies(args)
    anybody, each = np.empty(UNITS, dtype=bool), np.empty((UNITS, PATHS), dtype=bool)
    assert rounds.raise_in_need(*whole, anybody) is True
    answers = by_lane(rounds.raise_in_need, (*cut, each), RAISES)
    assert np.flatnonzero(answers).tolist() == [3, 5]
    assert_same(cut, whole)
    np.testing.assert_array_equal(each.any(axis=1), anybody)


def test_functions_that_a_pass_calls_are_compiled_with_it() -> None:
    _, axes, _ = signature_of(funding.find_spare_means)
    args = tuple(amounts(UNITS, PATHS) for _ in axes)
    whole, cut = copies(args), copies(args)
    funding.find_spare_means(*whole)
    by_lane(funding.find_spare_means, cut, (LANE,) * len(args))
    assert_same(cut, whole)


def test_a_thread_gets_the_pairs_of_a_path_and_their_entries() -> None:
    owner = index(TIES, UNITS)
    first, rows = failure.by_firm(owner, UNITS)
    firm, path = np.array([0, 3, 1, 2, 4], dtype=np.intp), np.array([0, 0, 2, 5, 5], dtype=np.intp)
    count = first[firm + 1] - first[firm]
    entries = int(count.sum())
    args = (
        firm, path, first, rows, index(TIES, UNITS), RANDOM.random(TIES) < 0.5, RANDOM.random(5), RANDOM.random(5),
        amounts(TIES, PATHS), amounts(UNITS, PATHS), *(np.zeros(entries, dtype=np.intp) for _ in range(3)),
        np.zeros(entries), np.zeros(entries),
    )  # fmt: skip
    whole, cut = copies(args), copies(args)
    failure.write_down(*whole)
    cuts = (PAIR, PAIR, WHOLE, WHOLE, WHOLE, WHOLE, PAIR, PAIR, WHOLE, WHOLE, *[ENTRY] * 5)
    threads(failure.write_down, cuts)(path, np.cumsum(count), np.zeros(5, dtype=bool), cut)
    assert_same(cut, whole)


DRAWN = (WHOLE, LANE, WHOLE, WHOLE, WHOLE, WHOLE, LANE, ROW)
"""What a path gets of the arguments of `uniforms`."""
NORMAL = (WHOLE, LANE, *[WHOLE] * 6, LANE, *[ROW] * 4)
"""What a path gets of the arguments of `normals`."""


def test_a_thread_draws_the_stream_of_its_path() -> None:
    columns, rows, length, seed, stream = np.array([3, 9, 17, 200], dtype=np.intp), 6, 256, *np.uint64([7, 4])
    paths = np.arange(5, 5 + PATHS, dtype=np.uint64)
    needed = np.unique(columns // philox.FOUR)
    out = np.empty((4, rows, len(columns), PATHS))
    line, room = philox.room(length)
    philox.uniforms(seed, paths, stream, columns, needed, length, out[0], line)
    philox.normals(seed, paths, stream, columns, length, *philox.ZIGGURAT, out[1], *room)
    # a thread has one path side by side, and its own room
    line = np.empty((length, 1, PATHS))
    by_lane(philox.uniforms, (seed, paths, stream, columns, needed, length, out[2], line), DRAWN)
    own = (
        np.empty((1, length + philox.FOUR, PATHS)), np.empty((1, philox.FOUR, PATHS), dtype=np.uint64),
        np.empty((2, PATHS)), np.empty((3, 1, PATHS), dtype=np.int64),
    )  # fmt: skip
    by_lane(philox.normals, (seed, paths, stream, columns, length, *philox.ZIGGURAT, out[3], *own), NORMAL)
    np.testing.assert_array_equal(out[2:], out[:2])


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("compiled", "cuts"),
    [
        (kernels.post, (LANE, WHOLE, WHOLE, LANE)),
        (bills.pay_dues, (LANE, LANE, *[WHOLE] * 4, ROW, *[LANE] * 4)),
        (rounds.raise_in_need, RAISES),
        (failure.cut, (PAIR, PAIR, WHOLE, WHOLE, PAIR, WHOLE)),
        (philox.uniforms, DRAWN),
        (philox.normals, NORMAL),
    ],
)
def test_a_pass_becomes_code_of_a_gpu(compiled: Any, cuts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.cuda import dispatcher

    from penstock.engine import gpu_code

    # the compiler asks the GPU at hand what it can: the answer of an H200
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=(9, 0)))
    text = gpu_code.ptx_of(compiled, cuts, (9, 0))
    assert ".target sm_90" in text
    # what is handed over is as long as what the kernel reads
    assert text.count(f"{gpu_code.ENTRY_POINT}_param_") >= len(compiled.nopython_signatures[0].args)
    assert gpu_code.assembled(text, (9, 0))[:4] == b"\x7fELF"

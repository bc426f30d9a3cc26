"""What is written for Numba in passes does the same as Numba's own, from fewer instructions."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.compiler import Flags

from penstock.machine import without_collector
from penstock.passes import Signature, access, array, boolean, compiler, float64, intp, ranges, void

FLOATS, FLAGS, ROWS = array(float64, 3), array(boolean, 2), array(intp, 1)
NUMBER = st.integers(-20, 20)


def swap(cube: Any, flags: Any, rows: Any, i: int, j: int, k: int) -> None:
    cube[i, j, k] = cube[k, 0, -1] + rows[j]
    flags[i, j] = not flags[j, -1]
    rows[i] = cube[i, j, k]
    rows[j] += 1
    cube[i, 1, k] = flags[i, j]


def count(start: int, stop: int, step: int, seen: Any) -> None:
    at = 0
    for i in range(stop):
        seen[0] += i
        at += 1
    for i in range(start, stop):
        seen[1] += i * at
        for j in range(i, stop):
            if j == 7:
                continue
            if j > 11:
                break
            seen[2] += j
    for i in range(start, stop, step):
        seen[3] += i
        seen[4] = i


def total(a: Any) -> float:
    out = 0.0
    for n in range(a.shape[0]):
        out += a[n]
    return out


def anew(function: Any, signature: Signature) -> Any:
    """A pass that Numba did not keep."""
    compiler.tell_numba()
    return numba.njit([signature.to_numba()], pipeline_class=compiler.Apart, **compiler.OPTIONS)(function)


SWAP = anew(swap, void(FLOATS, FLAGS, ROWS, intp, intp, intp))
COUNT = anew(count, void(intp, intp, intp, ROWS))


@settings(max_examples=60, deadline=None)
@given(*[st.integers(-4, 3)] * 3, st.integers(0, 2**32 - 1))
def test_a_pass_reads_and_writes_the_numbers_that_numpy_does(i: int, j: int, k: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    cube, flags = generator.integers(-9, 9, (4, 4, 4)).astype(float), generator.random((4, 4)) < 0.5
    rows = generator.integers(-9, 9, 4)
    others = cube.copy(), flags.copy(), rows.copy()
    SWAP(cube, flags, rows, i, j, k)
    swap(*others, i, j, k)
    for found, expected in zip((cube, flags, rows), others, strict=True):
        np.testing.assert_array_equal(found, expected)


@settings(max_examples=60, deadline=None)
@given(NUMBER, NUMBER, NUMBER.filter(bool))
def test_a_pass_counts_as_python_does(start: int, stop: int, step: int) -> None:
    found, expected = np.zeros((2, 5), dtype=np.intp)
    COUNT(start, stop, step, found)
    count(start, stop, step, expected)
    np.testing.assert_array_equal(found, expected)


def test_numba_asks_here_and_counts_no_references(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for module, name in ((access, "_place"), (ranges, "_bounds")):
        own = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, own=own, name=name: asked.append(name) or own(*given))
    made = anew(total, float64(array(float64, 1, readonly=True)))
    assert sorted(set(asked)) == ["_bounds", "_place"]
    (text,) = made.inspect_llvm().values()
    assert "NRT_incref" not in text and "cfunc." not in text


def test_other_code_that_numba_compiles_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for module, name in ((access, "_place"), (ranges, "_bounds")):
        own = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, own=own, name=name: asked.append(name) or own(*given))
    compiler.tell_numba()
    assert numba.njit(total)(np.arange(4.0)) == 6.0
    assert not asked


def test_settings_are_those_of_numba() -> None:
    flags = Flags()
    flags.noalias, flags.nrt, flags.error_model = True, False, "numpy"
    known = compiler.Settings(flags)
    assert known.values() == flags.values() and list(known.values()) == list(flags.values())
    assert known == flags and flags == known and hash(known) == hash(flags)
    assert isinstance(known.copy(), compiler.Settings)
    known.boundscheck = True
    assert known != flags and known.values()["boundscheck"] is True


def test_the_collector_of_garbage_is_as_it_was() -> None:
    import gc

    for searched in (True, False):
        (gc.enable if searched else gc.disable)()
        try:
            with without_collector():
                assert not gc.isenabled()
            assert gc.isenabled() is searched
        finally:
            gc.enable()


def test_where_numba_does_not_listen_it_writes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise AttributeError("functions")

    told = []
    monkeypatch.setattr(access, "tell_numba", gone)
    monkeypatch.setattr(ranges, "tell_numba", lambda: told.append("ranges"))
    compiler.tell_numba.__wrapped__()
    assert told == ["ranges"]

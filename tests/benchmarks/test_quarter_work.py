"""How much work a quarter is, counted rather than timed: it hangs on no machine, so that it may not grow unseen."""

from __future__ import annotations

import copy
import csv

import numpy as np
import pytest
from benchmarks.counting import QUARTER, Counted, Counter, count_block, counting
from benchmarks.quarter_work import LEDGER, MEASURED, TOLERANCE, counted_work

from penstock.engine.model import prepare, run_block
from penstock.money import failure, kernels
from penstock.world import load_world


def test_a_quarter_is_no_more_work_than_was_written_down() -> None:
    """`python -m benchmarks.quarter_work` writes the ledger anew; a growth beyond 5 % wants a reason in the commit."""
    with LEDGER.open(encoding="utf-8", newline="") as file:
        written = {row["step"]: row for row in csv.DictReader(file)}
    found = counted_work()
    assert set(found) == set(written), "steps differ: python -m benchmarks.quarter_work"
    for measure in MEASURED:
        limit = TOLERANCE * sum(float(row[measure]) for row in written.values())
        now = {step: getattr(work, measure) for step, work in found.items()}
        most = max(now, key=lambda step: now[step] - float(written[step][measure]))
        assert sum(now.values()) <= limit, f"{measure}: {sum(now.values()):,.0f}, {limit:,.0f} allowed; see {most}"


def test_counting_changes_no_number_and_counts_the_same_twice() -> None:
    model = prepare(load_world(), quarters=2)
    before, _ = run_block(model, 0, 8)
    one, _ = count_block(model, 8)
    other, _ = count_block(model, 8)
    assert one.work == other.work
    assert one.work[QUARTER].calls == 2
    after, _ = run_block(model, 0, 8)
    for name, values in before.economy.items():
        assert values.tobytes() == after.economy[name].tobytes()
        assert type(values) is np.ndarray


def test_what_an_operation_moves_and_what_a_step_needs() -> None:
    held = {"a": np.linspace(0.0, 1.0, 1000), "b": np.ones(1000)}
    with counting(held) as counter:

        def step() -> None:
            held["c"] = np.exp(held["a"] * held["b"] + 1.0)
            held["a"][:500] += held["b"][:500]

        counter.wrap("step", step)()
    work = counter.work["step"]
    assert isinstance(held["c"], Counted)
    array = 8000
    # multiply, add, exp; then half an addition, in place, which Python also assigns
    assert work.moved == 3 * array + 2 * array + 2 * array + 3 * array // 2 + 2 * array // 2
    # a and b are read, c is left, a half of a is written; the arrays between are dropped
    assert work.needed == 2 * array + array + array // 2


def test_kernels_count_by_what_their_signature_lets_them_write() -> None:
    held = {"amount": np.ones((3, 8)), "out": np.zeros((2, 8))}
    index = np.array([0, 1, 0], dtype=np.intp)
    with counting(held) as counter:

        def step() -> None:
            kernels.accumulate(held["amount"], index, held["out"])

        counter.wrap("step", step)()
    assert counter.work["step"].operations == 1
    assert counter.work["step"].moved == 3 * 64 + 3 * 8 + 2 * 64
    np.testing.assert_array_equal(np.asarray(held["out"]), [[2.0] * 8, [1.0] * 8])
    assert hasattr(kernels.accumulate, "nopython_signatures"), "kernels are put back"


def test_a_pass_over_pairs_moves_a_few_numbers_of_large_arrays() -> None:
    held = {"activity": np.ones((50, 8)), "left": np.zeros(2)}
    firm, path, first, rows = (
        np.array(numbers, dtype=np.intp) for numbers in ([0, 1], [3, 3], [0, 1, 2, 3], [7, 9, 11])
    )
    with counting(held) as counter:

        def step() -> None:
            failure.cut(firm, path, first, rows, held["left"], held["activity"])

        counter.wrap("step", step)()
    # two pairs: their firms, paths, activities and what is left, and as many numbers of the lists of ties
    assert counter.work["step"].moved == 2 * 8 * 6
    assert counter.work["step"].needed == 0
    assert np.asarray(held["activity"]).sum() == 50 * 8 - 2


def test_steps_within_a_step_count_once() -> None:
    held = {"a": np.ones(100)}
    counter: Counter
    with counting(held) as counter:
        inner = counter.wrap("inner", lambda: held["a"] + 1.0)
        outer = counter.wrap("outer", lambda: inner() * 2.0)
        outer()
    assert counter.work["inner"].operations == counter.work["outer"].operations == 1
    assert counter.work["outer"].needed >= 800


@pytest.mark.parametrize("function", [np.where, np.clip])
def test_functions_of_numpy_are_counted(function: object) -> None:
    held = {"a": np.linspace(0.0, 2.0, 100)}
    with counting(held) as counter:
        result = np.where(held["a"] > 1.0, held["a"], 1.0) if function is np.where else np.clip(held["a"], 0.5, 1.5)
    assert isinstance(result, Counted)
    assert counter.work["rest"].moved >= 1600
    assert copy.deepcopy(np.asarray(result)).max() <= 2.0

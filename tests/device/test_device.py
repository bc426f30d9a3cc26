"""Runs on the arrays of a device, shown with arrays that stand for them; moving blocks; what is refused."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from compared import compared_apart
from standin_device import runs_of

from penstock import arrays
from penstock.engine import manifest
from penstock.engine.chunks import Chunk, plan_blocks
from penstock.engine.device import ENTRY, LANE, PAIR, ROW, WHOLE, cuts_of, from_device, to_device, wide_enough
from penstock.engine.moved import Mover, bytes_held
from penstock.errors import ModelError

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "asked",
    [
        # every pass on each path alone, as threads run it
        {"scenario": "perfect_storm", "paths": 24, "quarters": 10, "lane_by_lane": True},
        # what events of a scenario and other switches turn on, in two blocks
        {
            "text": 'name = "x"\ntitle = "x"\nextends = "export_ban"\n[policy]\nrescue_budget_usd_bn = 200\n'
            "[switch]\nvaluation_loop = false\ncontagion = false\n",
            "paths": 72,
            "quarters": 6,
            "lane_by_lane": True,
        },
    ],
)
def test_a_run_on_arrays_of_a_device_is_the_same_to_the_bit(asked: dict[str, Any]) -> None:
    found = compared_apart(asked)
    assert found["differ"] == []
    assert found["checks"][0] == found["checks"][1]
    assert found["passes"] > 90
    assert found["events"] > 20
    # a block begins there: the model alone was moved there, once, and nothing of a block stands here
    assert found["moves"] == 1
    assert found["here"] == []
    # what comes back is what tables are made of, less than half of what a block holds
    assert 0 < found["bytes_back"] < 0.5 * found["bytes_there"]


def test_a_whole_run_on_a_device_writes_the_same_tables(tmp_path: Path) -> None:
    # one block of three chunks, whose tables are made side by side
    found = []
    for asked in ([str(tmp_path / "there"), "device"], [str(tmp_path / "here")]):
        done = subprocess.run(
            [sys.executable, str(HERE / "whole_run.py"), *asked], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert len(found[0]) == 3 * 5 + 2


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass(frozen=True)
class Frozen:
    rows: Any


Frozen.__module__ = "penstock.for_this_test"


def test_moving_keeps_what_shares_memory_and_what_is_one_object() -> None:
    base = np.arange(24.0).reshape(6, 4)
    one = Frozen(base[2:4])
    tree = {
        "base": base,
        "pair": Pair(one, [base[:, 1:3], "text"]),
        "again": one,
        "words": np.array(["a"], dtype=object),
    }
    puts: list[Any] = []

    def put(array: np.ndarray) -> np.ndarray:
        puts.append(array)
        return array.copy(order="K")

    def view(owner: np.ndarray, here: np.ndarray, offset: int) -> np.ndarray:
        return np.ndarray(here.shape, here.dtype, owner, offset, here.strides)

    there = to_device(tree, put, view)
    assert len(puts) == 1, "one memory is moved once"
    assert there["again"] is there["pair"].left
    assert there["words"] is tree["words"]
    there["base"][:] = -1.0
    assert (there["again"].rows == -1.0).all() and (there["pair"].right[0] == -1.0).all()
    assert base[0, 1] == 1.0, "what stays here is left alone"
    back = from_device(there, np.ndarray, np.copy)
    np.testing.assert_array_equal(back["again"].rows, there["again"].rows)
    assert back["again"] is back["pair"].left


def test_an_object_that_points_to_itself_is_moved_once() -> None:
    one = Frozen([])
    one.rows.append(one)
    other = Mover(lambda thing: False, lambda thing: thing).moved(one)
    assert other is not one
    assert other.rows[0] is other


def test_memory_is_counted_once() -> None:
    base = np.zeros((8, 4))
    assert bytes_held([base, base[1:], {"same": base}]) == base.nbytes


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30).map(sorted))
def test_runs_are_the_pairs_of_each_path(pairs: list[tuple[int, int]]) -> None:
    path, firm = (np.array([pair[axis] for pair in pairs], dtype=np.intp) for axis in (0, 1))
    first = np.array([0, 2, 2, 5, 6])
    starts, entries = runs_of(path, firm, first, True)
    assert (np.diff(starts) > 0).all() if len(pairs) else len(starts) == 1
    runs = [path[begin:end].tolist() for begin, end in pairwise(starts)]
    assert [len(set(run)) for run in runs] == [1] * len(runs)
    assert len({run[0] for run in runs}) == len(runs), "a path has one run"
    assert [number for run in runs for number in run] == path.tolist()
    ties = [first[f + 1] - first[f] for f in firm]
    np.testing.assert_array_equal(np.diff(entries), ties)


def test_what_a_path_gets_goes_by_the_last_axis() -> None:
    names, axes = ("lanes", "list", "flags", "number"), (2, 1, 1, 0)
    with arrays.on_device(16):
        args = (np.zeros((3, 16)), np.zeros(5), np.zeros((5, 16), dtype=bool), 2.0)
        assert cuts_of(names, axes, args, (), ()) == (LANE, WHOLE, ROW, WHOLE)
        assert cuts_of(names, axes, args, ("list",), ("flags",)) == (WHOLE, PAIR, ENTRY, WHOLE)
        with pytest.raises(ModelError, match=r"device: list: found 3 axes; expected 1"):
            cuts_of(names, axes, (args[0], np.zeros((1, 1, 16)), *args[2:]), (), ())


def test_no_list_is_as_long_as_a_block_is_wide() -> None:
    @dataclass
    class Layout:
        category: dict[str, range]
        rows: np.ndarray
        firms: int = 24
        unit_count: int = 32
        owners: int = 7

    Layout.__module__ = "penstock.for_this_test"

    @dataclass
    class Model:
        layout: Layout
        facts: None = None

    model = Model(Layout({"compute": range(40)}, np.zeros(16)))
    # 8 is owners and the rest of the world, 16 a list, 24 firms, 32 units, 40 ties of a category
    assert wide_enough(3, model, 8, 0) == 48
    assert wide_enough(57, model, 8, 0) == 64
    assert wide_enough(3, model, 8, 4096) == 4096
    assert wide_enough(3, model, 8, 4096, {4096, 7}) == 4104


def test_lists_that_a_block_is_drawn_with_are_known_by_length() -> None:
    from penstock.engine.random import ECONOMY_READ, PARAMETERS, lengths_of

    # the places 1 to 14 lie in four fours, 6 changes in two
    found = lengths_of(np.arange(14) + 1, 6)
    assert {PARAMETERS, PARAMETERS // 4, ECONOMY_READ, 256, 14, 4, 6, 2} <= found


def test_blocks_of_a_device_hold_chunks_that_follow_on_each_other() -> None:
    chunks = [Chunk("a", number, 128 * number, 128) for number in (0, 1, 2, 4)] + [Chunk("b", 0, 0, 128)]
    blocks = plan_blocks(chunks, {"a": 256, "b": 1000})
    assert [[(chunk.scenario, chunk.number) for chunk in block] for block in blocks] == [
        [("a", 0), ("a", 1)], [("a", 2)], [("a", 4)], [("b", 0)],
    ]  # fmt: skip


def test_without_a_device_nothing_stands_between() -> None:
    from penstock.engine.steps import fund

    assert arrays.np is np
    assert fund.np is np
    assert arrays.launched(test_memory_is_counted_once) is test_memory_is_counted_once
    assert arrays.room(3, 2, dtype=bool).shape == (3, 2)


def test_a_device_is_chosen_before_the_engine_is_loaded() -> None:
    from penstock.money import kernels

    assert kernels is not None
    with pytest.raises(ModelError, match=r"device: found penstock\.money\.kernels loaded; expected the choice"):
        arrays.use(None)  # type: ignore[arg-type]  # wrong on purpose


def test_a_run_on_a_device_is_another_run() -> None:
    run = {"world": {"hash": "w"}, "scenarios": [], "seed": 7}
    assert manifest.identity_hash(run) != manifest.identity_hash({**run, "device": "gpu"})


SOURCE = HERE.parents[1] / "src" / "penstock"
MAKES = {"empty", "zeros", "ones", "full", "empty_like", "zeros_like", "ones_like", "full_like"}


def passes() -> Iterator[tuple[str, ast.FunctionDef, ast.Call]]:
    """Every compiled pass of the engine with what decorates it."""
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "kernel":
                    yield f"{file.name}:{node.name}", node, mark


def test_passes_make_no_arrays_and_those_over_pairs_say_what_belongs_to_a_pair() -> None:
    found = list(passes())
    assert len(found) > 90
    for name, node, mark in found:
        made = [call for call in ast.walk(node) if isinstance(call, ast.Call) and ast.unparse(call.func)[:3] == "np."]
        assert not {ast.unparse(call.func)[3:] for call in made} & MAKES, f"{name} makes an array: a thread cannot"
        given = {keyword.arg for keyword in mark.keywords}
        if "path" in {one.arg for one in node.args.args}:
            assert "pairs" in given, f"{name} goes over pairs and does not say what belongs to a pair"

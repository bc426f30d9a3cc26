"""Stored passes: the same bits as Numba's, no wrong argument gets through, and no file is trusted that is not whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock.passes as passes
from penstock.engine.compiling import load_model
from penstock.engine.executors import worker_environment
from penstock.money import kernels
from penstock.passes import stored, storing

pytestmark = pytest.mark.skipif(not stored.can_store(), reason="passes are stored on Linux, for CPython")

RUN = """
import hashlib, json, sys
import penstock.passes.stored as stored
if sys.argv[1] == "numba":
    stored._all_stored = dict
from penstock.engine.interface import penstock_engine
from penstock.world import load_world

engine = penstock_engine()
model = engine.prepare(load_world(), "perfect_storm", quarters=12, seed=11)
block = engine.simulate_paths(model, 0, 24)
digest = hashlib.sha256()
for name in sorted(vars(block)):
    digest.update(repr((name, getattr(block, name))).encode() if not hasattr(getattr(block, name), "tobytes")
                  else getattr(block, name).tobytes())
print(json.dumps({"digest": digest.hexdigest(), "numba": "numba" in sys.modules}))
"""


def _run(how: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", RUN, how], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module", autouse=True)
def _all_are_stored() -> None:
    # in a process of its own: this one may have loaded the model before, by Numba
    first = "from penstock.engine.compiling import load_model; load_model()"
    subprocess.run([sys.executable, "-c", first], check=True)
    load_model()
    stored._all_stored.cache_clear()


def test_a_run_on_stored_passes_has_the_bits_of_numbas_and_never_loads_numba() -> None:
    by_numba, by_stored = _run("numba"), _run("stored")
    assert by_numba["numba"] and not by_stored["numba"]
    assert by_stored["digest"] == by_numba["digest"]


def test_every_pass_of_the_quarter_is_stored() -> None:
    names = {stored.name_of(each.py_func) for each in passes.declared()}
    known = stored._all_stored()
    assert names and names <= set(known)
    assert not [name for name, code in known.items() if code is None]


def _ready(dispatcher: Any) -> Callable[..., Any]:
    """The stored code of a pass, whichever way this process came by it."""
    code = stored.code_of(dispatcher.py_func)
    assert code is not None
    return code


POST = ("amount", "payer", "payee", "account")


def _arguments() -> dict[str, Any]:
    amount = np.arange(1.0, 9.0).reshape(2, 4)
    return {"amount": amount, "payer": np.array([0, 1]), "payee": np.array([1, 2]), "account": np.zeros((3, 4))}


class Sub(np.ndarray):
    """Arrays of another type."""


def _read_only(array: np.ndarray) -> np.ndarray:
    held = array.copy()
    held.flags.writeable = False
    return held


def _unaligned(array: np.ndarray) -> np.ndarray:
    room = np.zeros(array.nbytes + 1, np.uint8)[1:]
    return room.view(array.dtype).reshape(array.shape)


WRONG: dict[str, Callable[[np.ndarray], Any]] = {
    "half as wide numbers": lambda array: array.astype(array.dtype.str[:2] + "4"),
    "other numbers of the same width": lambda array: array.view(np.int64 if array.dtype.kind == "f" else np.float64),
    "bytes in the other order": lambda array: array.astype(array.dtype.newbyteorder()),
    "an axis more": lambda array: array[None],
    "no axis": lambda array: np.array(1, array.dtype),
    "steps between numbers": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "not on an even address": _unaligned,
    "a class of arrays": lambda array: array.view(Sub),
    "objects": lambda array: array.astype(object),
    "a list": lambda array: array.tolist(),
    "nothing": lambda array: None,
    "a number": lambda array: 1.0,
    "an array type": lambda array: np.ndarray,
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", POST)
def test_an_argument_of_another_type_or_layout_is_refused_before_anything_is_touched(name: str, wrong: str) -> None:
    arguments = _arguments()
    arguments[name] = WRONG[wrong](arguments[name])
    before = np.array(arguments["account"], copy=True) if isinstance(arguments["account"], np.ndarray) else None
    expected = f"post: argument {POST.index(name)} is no array of the type and layout that the pass was compiled for"
    with pytest.raises(TypeError) as caught:
        _ready(kernels.post)(*arguments.values())
    assert str(caught.value) == expected
    if before is not None:
        assert np.array_equal(arguments["account"], before)


def test_a_pass_writes_into_no_array_that_may_not_be_written_and_reads_one() -> None:
    arguments = _arguments()
    post = _ready(kernels.post)
    post(*(_read_only(arguments[name]) for name in POST[:3]), arguments["account"])
    assert arguments["account"].tolist() == [[-1, -2, -3, -4], [-4, -4, -4, -4], [5, 6, 7, 8]]
    with pytest.raises(TypeError, match="post: argument 3 is no array"):
        post(*(arguments[name] for name in POST[:3]), _read_only(arguments["account"]))


def test_both_kinds_of_64_bit_integers_are_taken() -> None:
    arguments = _arguments()
    arguments["payer"] = arguments["payer"].astype(np.longlong)
    _ready(kernels.post)(*arguments.values())
    assert arguments["account"].any()


@pytest.mark.parametrize("count", [0, 3, 5])
def test_another_number_of_arguments_is_refused(count: int) -> None:
    given_ = [*_arguments().values(), 1][:count]
    with pytest.raises(TypeError, match=f"^post: found {count} arguments; expected 4$"):
        _ready(kernels.post)(*given_)


@given(
    rows=st.integers(0, 3),
    lanes=st.integers(0, 5),
    start=st.integers(0, 3),
    per_lane=st.booleans(),
    seed=st.integers(0, 9),
)
def test_of_two_signatures_the_one_of_the_arguments_is_called(
    rows: int, lanes: int, start: int, per_lane: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    spending, share = random.random((2, lanes)), random.random((rows, lanes) if per_lane else rows)
    payer, payee = random.integers(0, 2, rows), random.integers(0, 3, rows)
    flow, received = np.zeros((rows, lanes)), np.zeros((3, lanes))
    start = min(start, rows)
    _ready(kernels.spread)(spending, payer, share, start, rows, flow, payee, received)
    wide = share if per_lane else share[:, None]
    expected = spending[payer] * wide
    expected[:start] = 0.0
    assert np.array_equal(flow, expected)


@pytest.mark.parametrize(
    ("start", "error"), [(1.5, TypeError), ("1", TypeError), (None, TypeError), (2**70, OverflowError)]
)
def test_a_number_of_another_kind_is_refused(start: object, error: type[Exception]) -> None:
    flow, received = np.zeros((2, 3)), np.zeros((3, 3))
    given_ = (np.ones((2, 3)), np.array([0, 1]), np.ones(2), start, 2, flow, np.array([0, 1]), received)
    with pytest.raises(error):
        _ready(kernels.spread)(*given_)
    assert not flow.any() and not received.any()


def test_numbers_of_numpy_are_taken() -> None:
    flow, received = np.zeros((2, 3)), np.zeros((3, 3))
    given_ = (np.ones((2, 3)), np.array([0, 1]), np.ones(2), np.int32(0), np.int64(2), flow, np.array([0, 1]), received)
    _ready(kernels.spread)(*given_)
    assert flow.all()
    driver = np.zeros((2, 3))
    _ready(kernels.follow)(np.ones((2, 3)), np.array([0]), np.ones((1, 3)), np.float32(0.5), driver)
    assert driver[0].tolist() == [0.5] * 3
    _ready(kernels.follow)(np.ones((2, 3)), np.array([0]), np.ones((1, 3)), 1, driver)
    assert driver[0].tolist() == [1.0] * 3


def test_references_are_neither_kept_nor_lost() -> None:
    arguments = list(_arguments().values())
    post = _ready(kernels.post)
    post(*arguments)
    before = [sys.getrefcount(each) for each in arguments], sys.getrefcount(None)
    for _ in range(1000):
        post(*arguments)
    for _ in range(1000):
        with suppress(TypeError):
            # what is raised is let go at once
            post(*arguments[:3], None)
    assert [sys.getrefcount(each) for each in arguments] == before[0]
    assert abs(sys.getrefcount(None) - before[1]) < 900


@pytest.fixture
def a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the passes of one module."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    few = [passes.compiled(each.py_func, (signature,)) for each, signature in (
        (kernels.post, passes.void(*map(_kind, ("float64", "intp", "intp")), passes.array(passes.float64, 2))),
    )]  # fmt: skip
    monkeypatch.setattr(storing, "_dispatchers", lambda: few)
    place = storing.store()
    assert place is not None and place.parent == tmp_path
    return place


def _kind(number: str) -> passes.Kind:
    return passes.array(passes.Kind(number), 2 if number == "float64" else 1, readonly=True)


def test_a_file_is_read_as_it_was_written(a_file: Path) -> None:
    found = stored._read(a_file)
    assert found is not None
    head, objects = found
    assert [name.split(":")[1] for name, _ in head["passes"]] == ["post"]
    code = stored._loaded(head, objects)[head["passes"][0][0]]
    assert code is not None
    arguments = _arguments()
    code(*arguments.values())
    assert arguments["account"][0].tolist() == [-1, -2, -3, -4]
    assert list(a_file.parent.glob("*.bin*")) == [a_file]


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), data=st.data())
def test_a_damaged_file_is_not_used(a_file_once: bytes, place: float, bit: int, data: st.DataObject) -> None:
    damaged = bytearray(a_file_once)
    if data.draw(st.booleans()):
        damaged[int(place * len(damaged))] ^= 1 << bit
    else:
        del damaged[int(place * len(damaged)) :]
    assert stored._head_and_objects(bytes(damaged)) is None


@pytest.fixture(scope="module")
def a_file_once() -> bytes:
    place = next(place for place in stored.places() if place.exists())
    return place.read_bytes()


def test_a_file_of_other_circumstances_is_not_used(a_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored._read(a_file) is not None
    with monkeypatch.context() as other:
        other.setattr(stored, "written_by", lambda: "another")
        assert stored._read(a_file) is None
    with monkeypatch.context() as other:
        other.setenv("NUMBA_OPT", "1")
        assert stored._read(a_file) is None
    with monkeypatch.context() as other:
        other.setattr(np, "__version__", "1.0")
        assert stored._read(a_file) is None
    assert stored._read(a_file.with_name("none")) is None


def test_workers_use_what_their_caller_has_stored(a_file: Path) -> None:
    """Their environment asks for one thread of Numba, which changes no code."""
    with worker_environment():
        assert stored._read(a_file) is not None


def test_where_no_place_can_be_written_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(stored, "places", lambda: iter([blocked / "passes.bin", blocked / "deeper" / "passes.bin"]))
    assert storing._write(b"{}", []) is None
    monkeypatch.setattr(stored, "places", lambda: iter([blocked / "passes.bin", tmp_path / "there" / "passes.bin"]))
    assert storing._write(b"{}", []) == tmp_path / "there" / "passes.bin"


def test_a_pass_that_makes_arrays_is_left_to_numba() -> None:
    def makes(size: int, out: np.ndarray) -> None:
        room = np.empty(size)
        for k in range(size):
            room[k] = k * out[k]
        for k in range(size):
            out[k] = room[size - 1 - k]

    dispatcher = passes.compiled(makes, (passes.void(passes.intp, passes.array(passes.float64, 1)),))
    (result,) = dispatcher.overloads.values()
    outside = set(storing._outside(storing._object_code(dispatcher, result)))
    assert not {name for name in outside if not storing._known_to_system(name)} <= storing.WAY_IN


def test_a_pass_that_is_not_stored_can_call_one_that_is() -> None:
    kind = passes.array(passes.float64, 2)
    whole: Any = kernels.accumulate
    given_ = whole.py_func
    code = stored.code_of(given_)
    assert code is not None
    accumulate = passes._callable(given_, kernels_signatures(), code)

    def twice(amount: np.ndarray, index: np.ndarray, out: np.ndarray) -> None:
        accumulate(amount, index, out)
        accumulate(amount, index, out)

    read = passes.array(passes.float64, 2, readonly=True), passes.array(passes.intp, 1, readonly=True)
    out = np.zeros((2, 3))
    numba_pass = passes.compiled(twice, (passes.void(*read, kind),))
    numba_pass(np.ones((2, 3)), np.array([1, 1]), out)
    assert out.tolist() == [[0, 0, 0], [4, 4, 4]]


def kernels_signatures() -> tuple[passes.Signature, ...]:
    read = passes.array(passes.float64, 2, readonly=True), passes.array(passes.intp, 1, readonly=True)
    return (passes.void(*read, passes.array(passes.float64, 2)),)


def test_a_function_compiled_when_called_costs_nothing_before() -> None:
    code = (
        "import sys\n"
        "from penstock.layers.energy import hourly\n"
        "import penstock.money.network_kernels\n"
        "assert 'numba' not in sys.modules\n"
        "assert hourly._merit_order.__doc__ == hourly._merit_order.py_func.__doc__\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_strips_of_normal_numbers_are_numpys_as_numba_carries_them() -> None:
    from numba.np.random import _constants as numbas

    from penstock.engine import philox

    for ours, name in zip(philox.ZIGGURAT, ("wi_double", "ki_double", "fi_double"), strict=True):
        theirs = getattr(numbas, name)
        assert ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes()
    assert (numbas.ziggurat_nor_r, numbas.ziggurat_nor_inv_r) == (philox.LAST, philox.LAST_INVERSE)


def test_a_second_process_finds_what_the_first_has_stored(tmp_path: Path) -> None:
    """With passes of one module alone, for all would take a minute to compile."""
    code = (
        "import sys\n"
        "from penstock.money import kernels\n"
        "from penstock.passes import storing\n"
        "print('numba' in sys.modules)\n"
        "storing.store_what_is_new()\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
            for _ in range(2)]  # fmt: skip
    assert [run.stdout.strip() for run in runs] == ["True", "False"]

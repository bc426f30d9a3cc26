"""How runs on two devices are compared, and the page that is written: on made-up results, no GPU is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tools.measure_gpu import __main__ as command
from tools.measure_gpu.__main__ import all_holds
from tools.measure_gpu.comparison import CODES, WORDS, compare, largest_gap
from tools.measure_gpu.page import page
from tools.measure_gpu.references import SCENARIOS


def block(paths: int = 3) -> Any:
    rows = {"path": [0, 0, 2], "quarter": ["2026Q1", "2026Q3", "2027Q1"], "company_id": ["a", "a", "b"]}
    rows |= {name: ["x"] * 3 for name in WORDS if name not in rows}
    return SimpleNamespace(
        events={name: np.array(values, dtype=object if name != "path" else int) for name, values in rows.items()},
        economy={"binding": np.zeros((4, paths)), "capex": 1.0 + np.arange(4.0 * paths).reshape(4, paths)},
        layers={"debt": np.ones((4, 2, paths))},
        flows=np.ones((1, 2, 2, paths)),
    )


def test_equal_results_agree_to_the_last_digit() -> None:
    found = compare(block(), block(), 3)
    assert (found.agreeing, found.worst, found.holds) == (1.0, 0.0, True)


def test_the_first_event_that_differs_is_told_and_the_path_left_out() -> None:
    other = block()
    other.events["company_id"][1] = "c"
    other.economy["capex"][:, 0] *= 2.0
    other.economy["capex"][1, 1] *= 1.0 + 1e-10
    found = compare(block(), other, 3)
    assert [one.path for one in found.differing] == [0]
    assert found.differing[0].on_cpu == "2026Q3 a: x (x x)"
    assert found.differing[0].on_gpu == "2026Q3 c: x (x x)"
    assert found.worst == pytest.approx(1e-10, rel=1e-3)
    assert found.where == "economy.capex"
    assert not found.holds, "two paths of three are not enough"


def test_an_event_that_is_missing_and_a_code_that_differs_count() -> None:
    other = block()
    for name, values in other.events.items():
        other.events[name] = values[:2]
    other.economy[CODES[0]][2, 1] = 3
    found = compare(block(), other, 3)
    assert [(one.path, one.on_gpu) for one in found.differing] == [(1, "quarter 3: binding 3"), (2, "nothing more")]


def test_what_is_no_number_on_one_side_is_no_small_gap() -> None:
    one, other = np.array([1.0, np.nan]), np.array([1.0, np.nan])
    assert largest_gap(one, other) == 0.0
    assert largest_gap(one, np.array([1.0, 2.0])) == np.inf
    # next to nothing is measured against the largest of its column
    assert largest_gap(np.array([1e9, 1e-9]), np.array([1e9, 0.0])) == pytest.approx(1e-12)


def test_the_page_says_what_holds_and_what_does_not() -> None:
    other = block()
    other.events["company_id"][1] = "c"
    found = {
        "machine": dict.fromkeys(("gpu", "capability", "cupy", "numba_cuda", "python", "processor", "system"), "M")
        | {"driver": "12080", "runtime": "13010"},
        "failed": {"export_ban": "RuntimeError: the CPU's results were not there after 9 s more"},
        "notes": ["out of memory with blocks of 500 paths: blocks of half that width"],
        "speeds": {"within": 4300.4, "back": 50.04},
        "quarters": 4,
        "checked": 3,
        "compared": {"baseline": compare(block(), other, 3).to_dict()},
        "timed": {
            "paths": 1000, "asked": 2000, "block": 500, "seconds": 2.0, "path_quarters_per_second": 4e6,
            "blocks": [1.5, 0.5], "parts": {"there": 0.125, "begin": 0.125, "end": 0.25, "back": 0.25},
            "memory_gb": 80.0, "memory_of_gpu_gb": 141.0,
        },
    }  # fmt: skip
    text = page(found, "2026-12-01")
    assert "| `baseline` | 66.667% | 0.0e+00 | `` | **no** |" in text
    assert "| `baseline` | 0 | 2026Q3 a: x (x x) | 2026Q3 c: x (x x) |" in text
    assert "| path-quarters a second, float64 | 4,000,000 | 3,000,000 | yes |" in text
    assert "| seconds for 2,000 paths x 4 quarters, from 1,000 for which there was time | 4.0 | 20 | yes |" in text
    assert "| of these: quarters | 1.2 | | |" in text
    assert "| of these: the rest of what stays of them moved back | 0.2 | | |" in text
    assert "| a copy within the GPU's memory, GB/s read and written | 4,300 | | |" in text
    assert "- **export_ban: failed.** RuntimeError: the CPU's results were not there after 9 s more" in text
    assert "- Out of memory with blocks of 500 paths: blocks of half that width." in text
    assert "driver for CUDA 12.8, CuPy M with CUDA 13.1" in text
    # what was not reached is not there, and said so
    for name in ("timed", "speeds"):
        del found[name]
    text = page(found | {"compared": {}}, "2026-12-01")
    assert "**Nothing was timed.**" in text
    assert "**Nothing was compared.**" in text


def found_by(report: Path, wrong: str) -> dict[str, Any]:
    """What the measuring found on a library that stands for CuPy, of which something is wrong."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "measured.py"), str(report), wrong],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    assert page(found, "2026-12-01").startswith("# A run on a GPU")
    return found


def test_a_pass_that_does_not_run_is_named_and_nothing_is_measured(tmp_path: Path) -> None:
    found = found_by(tmp_path / "report.json", "launch")
    (stage, why), *more = found["failed"].items()
    assert not more
    assert stage == "first block: every pass made, launched and waited for"
    assert why.startswith(
        "UsageError: --device: penstock.engine.steps.close.close_firms: found CUDA_ERROR_ILLEGAL_ADDRESS: an illegal "
        "memory access was encountered in 16 threads"
    )
    assert "timed" not in found
    assert not all_holds(found)


def test_with_little_memory_all_is_measured_all_the_same(tmp_path: Path) -> None:
    # blocks of 32 find no room there; here the system refuses pieces above a tenth of a megabyte
    found = found_by(tmp_path / "report.json", "memory")
    assert found["failed"] == {}
    assert found["timed"]["paths"] == 40
    assert found["timed"]["block"] == 16
    assert len(found["timed"]["blocks"]) == 3
    assert [note.split(" ", 2)[2] for note in found["notes"] if "stays" in note]
    assert "out of memory with blocks of 32 paths: blocks of half that width" in found["notes"]
    assert {name: (one["agreeing"], one["worst"]) for name, one in found["compared"].items()} == dict.fromkeys(
        SCENARIOS, (1.0, 0.0)
    )
    assert all_holds(found)
    assert not all_holds(found | {"compared": {}})


def test_without_pip_or_network_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "env" / "bin" / "python"

    def run(command: list[str], check: bool) -> Any:
        return SimpleNamespace(returncode=1)

    def create(folder: Path, with_pip: bool) -> None:
        raise OSError("No module named ensurepip")

    monkeypatch.setattr(command.subprocess, "run", run)
    monkeypatch.setattr(command.venv, "create", create)
    with pytest.raises(command.NotDone, match=r"no way to make an environment \(No module named ensurepip\); expected"):
        command.environment(tmp_path / "env")
    python.parent.mkdir(parents=True)
    python.touch()
    with pytest.raises(command.NotDone, match=r"found pip unable to do its part \(install .*\); expected a network"):
        command.environment(tmp_path / "env")

"""How runs on two devices are compared, and the page that is written: on made-up results, no GPU is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tools.measure_gpu.comparison import CODES, WORDS, compare, largest_gap
from tools.measure_gpu.page import page


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
        "machine": dict.fromkeys(("gpu", "driver", "cupy", "numba_cuda", "processor", "system"), "M"),
        "quarters": 4,
        "checked": 3,
        "compared": {"baseline": compare(block(), other, 3).to_dict()},
        "timed": {
            "paths": 1000, "block": 500, "seconds": 2.0, "path_quarters_per_second": 4e6, "blocks": [1.5, 0.5],
            "parts": {"there": 0.125, "begin": 0.125, "end": 0.25, "back": 0.25},
            "memory_gb": 80.0, "memory_of_gpu_gb": 141.0,
        },
    }  # fmt: skip
    text = page(found, "2026-12-01")
    assert "| `baseline` | 66.667% | 0.0e+00 | `` | **no** |" in text
    assert "| `baseline` | 0 | 2026Q3 a: x (x x) | 2026Q3 c: x (x x) |" in text
    assert "| path-quarters a second, float64 | 4,000,000 | 3,000,000 | yes |" in text
    assert "| of these: quarters, compiling | 1.2 | | |" in text
    assert "| of these: what stays of them moved back | 0.2 | | |" in text

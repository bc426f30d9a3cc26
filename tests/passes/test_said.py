"""Machine code is used only where a pass says the same as when it was compiled, wherever it says it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest

from penstock.money import funding, kernels, leverage
from penstock.passes import said
from penstock.passes.said import said_by


def _function(text: str, **names: Any) -> FunctionType:
    space = {"__name__": "penstock.invented", **names}
    exec(text, space)
    found = space["said"]
    assert isinstance(found, FunctionType)
    return found


FORMULA = "def formula(x):\n    return x * RATE\n"
PLAIN = "def said(x):\n    return formula(x) + 1.0\n"


def _formula(rate: float, text: str = FORMULA) -> FunctionType:
    return _function(text.replace("formula", "said"), RATE=rate)


def test_a_number_or_a_formula_of_another_module_is_part_of_what_a_pass_says() -> None:
    base = said_by(_function(PLAIN, formula=_formula(0.1)))
    assert base == said_by(_function(PLAIN, formula=_formula(0.1)))
    assert base == said_by(_function(PLAIN, formula=_formula(0.1), OTHER=3))
    assert base != said_by(_function(PLAIN, formula=_formula(0.2)))
    assert base != said_by(_function(PLAIN, formula=_formula(0.1, FORMULA.replace("*", "/"))))
    assert base != said_by(_function(PLAIN.replace("1.0", "2.0"), formula=_formula(0.1)))


def test_so_is_what_it_reads_through_a_module_or_of_a_table() -> None:
    def of(rate: float) -> str:
        module: Any = ModuleType("penstock.rates")
        module.formula = _formula(rate)
        return said_by(_function("def said(x):\n    return rates.formula(x)\n", rates=module))

    assert of(0.1) == of(0.1) != of(0.2)
    tables = [
        said_by(_function("def said(x):\n    return TABLE[x]\n", TABLE=np.array(row))) for row in ([1, 2], [1, 3])
    ]
    assert tables[0] != tables[1]


def test_what_is_documented_is_not_what_is_said() -> None:
    text = 'def said(x):\n    "{}"\n    return x\n'
    assert said_by(_function(text.format("one"))) == said_by(_function(text.format("another")))


def test_passes_that_call_each_other_come_to_an_end() -> None:
    one = _function("def said(x):\n    return other(x)\n")
    one.__globals__["other"] = _function("def said(x):\n    return one(x)\n", one=one)
    assert said_by(one)


def test_a_number_of_the_capital_structure_is_part_of_the_pass_that_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def now(function: Any) -> str:
        said._own.cache_clear()
        return said_by.__wrapped__(function.py_func)

    before = now(funding.fund_firms), now(kernels.post)
    monkeypatch.setattr(leverage, "YEARLY_ADJUSTMENT", 0.5)
    after = now(funding.fund_firms), now(kernels.post)
    said._own.cache_clear()
    assert before[0] != after[0] and before[1] == after[1]


def test_numba_compiles_anew_where_a_formula_of_another_module_changed(tmp_path: Path) -> None:
    package = tmp_path / "penstock_like"
    package.mkdir()
    (package / "rates.py").write_text("RATE = 2.0\n")
    (package / "work.py").write_text(
        "from rates import RATE\n"
        "from penstock.passes import array, compiled, float64, void\n"
        "def scale(out):\n    for k in range(out.shape[0]):\n        out[k] *= RATE\n"
        "import numpy as np\n"
        "out = np.ones(2)\n"
        "found = compiled(scale, (void(array(float64, 1)),))\n"
        "found(out)\n"
        "print(out[0], sum(found.stats.cache_hits.values()))\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run() -> str:
        done = subprocess.run(
            [sys.executable, str(package / "work.py")], capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout.strip()

    assert (run(), run()) == ("2.0 0", "2.0 1")
    (package / "rates.py").write_text("RATE = 3.0\n")
    assert run() == "3.0 0"

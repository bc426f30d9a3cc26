"""Two processes compile the passes of the quarter, each from its end of one list."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import penstock.engine.compiling as compiling

ORDER = """
import penstock.engine.model
from penstock.passes import declared

for module in dict.fromkeys(found.py_func.__module__ for found in declared()):
    print(module)
"""


def test_the_list_holds_every_module_with_passes_that_the_model_loads() -> None:
    found = subprocess.run([sys.executable, "-c", ORDER], capture_output=True, text=True, check=True).stdout.split()
    # what all other passes need is compiled before the second process starts
    assert set(found) - {"penstock.money.kernels"} == set(compiling.MODULES)


def test_a_second_process_compiles_what_it_is_told_and_keeps_it(tmp_path: Path) -> None:
    code = (
        "import penstock.engine.compiling as compiling\n"
        "helper = compiling._start_helper(['penstock.money.rating'])\n"
        "assert helper.wait() == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)})
    assert list(tmp_path.rglob("rating.rate_anew-*.nbc"))


def test_the_second_process_ends_when_the_first_has_loaded_all_or_was_killed() -> None:
    helper = subprocess.Popen(
        [sys.executable, "-c", "import penstock.engine.compiling as c, time; c._end_with_parent(); time.sleep(60)"],
        stdin=subprocess.PIPE,
    )
    assert helper.stdin is not None
    helper.stdin.close()
    assert helper.wait(timeout=30) == 0


@pytest.mark.parametrize("then", ["", "compiling._end(helper); assert helper.returncode is not None"])
def test_a_second_process_is_gone_before_the_first_ends_and_nothing_is_said(tmp_path: Path, then: str) -> None:
    code = (
        "import penstock.engine.compiling as compiling\n"
        "helper = compiling._start_helper(compiling.MODULES)\n"
        "assert helper.poll() is None\n"
    )
    # at the end Python tells a process that still runs and a pipe that is open to standard error only
    strict = [sys.executable, "-X", "dev", "-W", "error", "-c", code + then]
    found = subprocess.run(strict, capture_output=True, text=True, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)})
    assert (found.returncode, found.stderr) == (0, "")


def test_where_all_is_compiled_no_process_is_started() -> None:
    code = (
        "import penstock.engine.compiling as compiling\n"
        "compiling._start_helper = None\n"
        "compiling.load_model()\n"
        "assert not compiling._is_to_compile()\n"
    )
    first = "from penstock.engine.compiling import load_model; load_model()"
    subprocess.run([sys.executable, "-c", first], check=True)
    subprocess.run([sys.executable, "-c", code], check=True)

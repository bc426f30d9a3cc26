"""No array that a compiled pass writes overlaps another of its arguments: the compiler counts on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).with_name("apart.py")
SCENARIOS = ["baseline", "perfect_storm", "export_ban", "lab_cannot_pay", "private_credit_run"]


def test_what_a_pass_writes_overlaps_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(SCENARIOS)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["overlaps"] == []
    assert found["passes"] > 80 and found["calls"] > 5_000


def test_an_overlap_is_seen() -> None:
    sys.path.insert(0, str(SCRIPT.parent))
    from apart import Watch

    from penstock.money import kernels

    watch = Watch()
    amounts, rows = np.ones((4, 8)), np.zeros(4, dtype=np.intp)
    watch.launched(kernels.post, (), ())(amounts[:2], rows[:2], rows[2:], amounts[1:])
    assert any("and" in one for one in watch.overlaps) and watch.calls == {"post": 1}

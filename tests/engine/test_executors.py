"""Pools of processes: they end when they are told to, whatever the function weighs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = """
import time
from penstock.engine.executors import ProcessPool

class Heavy:
    def __init__(self):
        self.weight = bytes(8_000_000)

    def __call__(self, task):
        time.sleep(0.3)
        return task + len(self.weight)

if __name__ == "__main__":
    results = ProcessPool(2).map(Heavy(), range(12))
    print(next(results) >= 8_000_000)
    results.close()
"""


def test_a_pool_that_is_stopped_ends_with_tasks_left(tmp_path: Path) -> None:
    """The weight is far above a pipe's buffer, and tasks wait, as when Ctrl-C comes in the middle of a run."""
    script = tmp_path / "heavy.py"
    script.write_text(HEAVY, encoding="utf-8")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"TMPDIR": str(temporary), "PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
    assert not list(temporary.iterdir())

"""Pools of processes: they end when they are told to, whatever the function weighs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = """
import time
{model}
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


@pytest.mark.parametrize(
    ("model", "folder"),
    [("", "short"), ("import penstock.engine.model", "short"), ("import penstock.engine.model", "long" * 30)],
    ids=["started anew", "copied", "no room for a socket's name"],
)
def test_a_pool_that_is_stopped_ends_with_tasks_left(tmp_path: Path, model: str, folder: str) -> None:
    """The weight is far above a pipe's buffer, and tasks wait, as when Ctrl-C comes in the middle of a run."""
    script = tmp_path / "heavy.py"
    script.write_text(HEAVY.format(model=model), encoding="utf-8")
    temporary = tmp_path / folder
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


COPIES = """
import os, sys
from penstock.engine.executors import ProcessPool, prepare_workers

def parent(task):
    return os.getppid(), "penstock.engine.model" in sys.modules, os.environ["OMP_NUM_THREADS"]

if __name__ == "__main__":
    prepare_workers()
    import penstock.engine.model
    found = set(ProcessPool(2).map(parent, range(4)))
    [(original, loaded, threads)] = found
    print(original != os.getpid(), loaded, threads, found == set(ProcessPool(2).map(parent, range(4))))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are copies on Linux only")
def test_workers_are_copies_of_one_process_that_has_loaded_the_model(tmp_path: Path) -> None:
    script = tmp_path / "copies.py"
    script.write_text(COPIES, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True 1 True\n", "")


MEMORY = "from penstock.engine.executors import WORKER_VARIABLES; print(WORKER_VARIABLES['PYTHONMALLOC'])"


@pytest.mark.skipif(sys.platform != "linux", reason="glibc keeps memory in large pages on Linux only")
@pytest.mark.parametrize(("asked", "found"), [({}, "malloc"), ({"PYTHONMALLOC": "pymalloc"}, "pymalloc")])
def test_python_keeps_its_objects_where_memory_is_in_large_pages_unless_told_otherwise(
    asked: dict[str, str], found: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONMALLOC"} | asked
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{found}\n", "")


HELD_BACK = """
import multiprocessing.forkserver, signal
from penstock.engine.executors import prepare_workers

if __name__ == "__main__":
    prepare_workers()
    original = multiprocessing.forkserver._forkserver._forkserver_pid
    with open(f"/proc/{original}/status") as status:
        blocked = next(line.split()[1] for line in status if line.startswith("SigBlk"))
    print(int(blocked, 16) >> (signal.SIGINT - 1) & 1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are copies on Linux alone")
def test_ctrl_c_does_not_reach_a_process_that_loads_for_workers(tmp_path: Path) -> None:
    """It would print a traceback. Python's tracker of resources, started on the way, unblocks the signal."""
    script = tmp_path / "held_back.py"
    script.write_text(HELD_BACK, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")

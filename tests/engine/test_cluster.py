"""A cluster gives the bytes of one process, and says what it lacks. Ray is an extra: its tests need it installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_model import run_fake
from fake_model import table_hashes as hashes

import penstock as ps
from penstock.cli.main import main
from penstock.engine.cluster import IN_FLIGHT, RETRIES, RayCluster
from penstock.engine.executors import Serial
from penstock.errors import ModelError, OutputError, UsageError

HAS_RAY = importlib.util.find_spec("ray") is not None


class TaskError(Exception):
    """What Ray wraps an error of a task in."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class LostError(Exception):
    """What Ray tells of a lost machine."""


class SystemicError(Exception):
    """What Ray tells of work that a worker cannot load."""


class InProcess:
    """The part of Ray's interface that is used, working in this process, the last task first."""

    exceptions = SimpleNamespace(RayTaskError=TaskError, RayError=LostError, RaySystemError=SystemicError)

    def __init__(self, cpus: int = 2, lost: bool = False) -> None:
        self.cpus, self.lost = cpus, lost
        self.most = 0
        self.options: dict[str, Any] = {}
        self.calls: list[str] = []

    def is_initialized(self) -> bool:
        return False

    def init(self, **options: Any) -> None:
        self.calls.append("init")
        self.options |= options

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": float(self.cpus)}

    def put(self, value: Any) -> Any:
        return value

    def remote(self, **options: Any) -> Callable[[Any], Any]:
        self.options |= options
        return lambda function: SimpleNamespace(remote=lambda *given: (function, given))

    def wait(self, references: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        self.most = max(self.most, len(references))
        return references[-1:], references[:-1]

    def get(self, reference: Any) -> Any:
        if self.lost:
            raise LostError("node died\nwith details")
        function, given = reference
        try:
            return function(*given)
        except Exception as error:
            raise TaskError(error) from error

    def cancel(self, reference: Any, force: bool) -> None:
        self.calls.append("cancel")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    stub = InProcess()
    monkeypatch.setitem(sys.modules, "ray", stub)
    return stub


def test_every_task_is_done_once_with_a_bounded_number_in_flight(ray: InProcess) -> None:
    assert sorted(RayCluster(2).map(abs, range(-50, 0))) == list(range(1, 51))
    assert ray.most == IN_FLIGHT * ray.cpus
    assert ray.calls == ["init", "shutdown"]
    assert ray.options["max_retries"] == RETRIES and ray.options["num_cpus"] == 1
    assert list(RayCluster(2).map(abs, [])) == []


def test_work_that_is_stopped_is_cancelled(ray: InProcess) -> None:
    results = RayCluster(1).map(abs, range(10))
    next(results)
    results.close()
    assert ray.calls == ["init", *["cancel"] * (IN_FLIGHT * ray.cpus - 1), "shutdown"]


def refuse(task: Any) -> Any:
    raise OutputError("run: found no space left on device")


def starve(task: Any) -> Any:
    raise MemoryError


def unloadable(task: Any) -> Any:
    raise InProcess.exceptions.RaySystemError("No module named 'x'")


def test_errors_of_a_worker_are_ours(ray: InProcess) -> None:
    with pytest.raises(OutputError, match="found no space left"):
        list(RayCluster(1).map(refuse, [1]))
    with pytest.raises(ModelError, match=r"cluster: found no memory left .* finished chunks are kept"):
        list(RayCluster(1).map(starve, [1]))
    with pytest.raises(ModelError, match=r"found workers that cannot load the work \(No module named 'x'\)"):
        list(RayCluster(1).map(unloadable, [1]))
    ray.lost = True
    with pytest.raises(ModelError, match=r"found a worker or machine lost \(node died\); .* the same call goes on"):
        list(RayCluster(1).map(abs, [1]))


@pytest.mark.parametrize("address", [None, "auto"])
def test_a_cluster_that_does_not_answer_is_named(
    address: str | None, ray: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**options: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(UsageError, match=r"--address: found no cluster at .* expected that of a running Ray cluster"):
        list(RayCluster(1, address).map(abs, [1]))


def test_any_executor_gives_the_same_bytes(ray: InProcess, tmp_path: Path) -> None:
    run_fake(tmp_path / "one")
    run_fake(tmp_path / "cluster", executor=RayCluster(2))
    run_fake(tmp_path / "serial", executor=Serial())
    assert hashes(tmp_path / "one") == hashes(tmp_path / "cluster") == hashes(tmp_path / "serial")


def test_a_machine_that_writes_elsewhere_is_noticed(tmp_path: Path) -> None:
    class Elsewhere(Serial):
        """Writes, but on a disk that we do not see."""

        def map(self, function: Any, tasks: Any) -> Any:
            for result in super().map(function, tasks):
                for finished in result:
                    for entry in finished.files:
                        (tmp_path / "run" / entry["path"]).unlink()
                yield result

    with pytest.raises(OutputError, match="found no such file of a worker; expected a directory that all machines"):
        run_fake(tmp_path / "run", executor=Elsewhere())


def test_the_command_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    line = ["run", "--paths", "2", "--quarters", "1", "--out", str(tmp_path / "run")]
    assert main([*line, "--executor", "ray"]) == 2
    assert "pip install 'penstock[cluster]'" in capsys.readouterr().err
    assert main([*line, "--executor", "dask"]) == 2
    assert "--executor: found 'dask'; expected one of processes, ray" in capsys.readouterr().err
    assert main([*line, "--address", "auto"]) == 2
    assert "--address: found 'auto' without --executor ray" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


LOSS = """
import os, signal
from dataclasses import dataclass, replace
from pathlib import Path
from fake_model import ENGINE, run_fake, simulate_paths
from penstock.engine.cluster import RayCluster

@dataclass(frozen=True)
class Deadly:
    flag: Path

    def __call__(self, model, first_path, count):
        if first_path == 256 and self.flag.exists():
            self.flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return simulate_paths(model, first_path, count)

engine = replace(ENGINE, simulate_paths=Deadly(Path({flag!r})))
run_fake(Path({place!r}), paths=600, executor=RayCluster(2), engine=engine)
"""


@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed")
def test_a_worker_of_a_cluster_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    script = LOSS.format(flag=str(flag), place=str(tmp_path / "cluster"))
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        capture_output=True,
        text=True,
        timeout=300,
        # workers of the cluster find the fake model by it
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert done.returncode == 0, done.stderr
    assert not flag.exists()
    run_fake(tmp_path / "one", paths=600)
    assert hashes(tmp_path / "cluster") == hashes(tmp_path / "one")


@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed")
def test_a_local_cluster_of_two_workers_gives_the_bytes_of_one_process(tmp_path: Path) -> None:
    size = ["--paths", "300", "--quarters", "2", "--jobs", "2", "--executor", "ray", "--no-progress"]
    line = [sys.executable, "-m", "penstock", "run", *size, "--out", str(tmp_path / "cluster")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    ps.simulate(ps.load_world(), paths=300, quarters=2, out=tmp_path / "one")
    assert hashes(tmp_path / "cluster") == hashes(tmp_path / "one")

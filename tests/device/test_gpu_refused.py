"""`--device`: what is said where there is no such device, no package for it, or no GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from penstock.cli.run import choose_device
from penstock.engine import gpu
from penstock.errors import UsageError


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("tpu", "processes", None), "--device: found 'tpu'; expected one of cpu, gpu"),
        (("gpu", "ray", None), "--device: found 'gpu' with --executor ray; expected one of the two"),
        (("gpu", "processes", 3), "--jobs: found 3 with --device gpu; expected 1: one process drives the GPU"),
    ],
)
def test_what_does_not_go_together_is_refused(asked: tuple[str, str, int | None], message: str) -> None:
    with pytest.raises(UsageError) as error:
        choose_device(*asked)
    assert str(error.value) == message


def test_without_a_device_the_processes_are_those_asked_for() -> None:
    assert choose_device("cpu", "ray", 3) == 3
    assert choose_device("cpu", "processes", None) is None


@pytest.mark.parametrize("missing", ["cupy", "numba_cuda"])
def test_a_package_that_is_missing_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Any:
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return SimpleNamespace()

    monkeypatch.setattr(gpu, "import_module", load)
    with pytest.raises(UsageError) as error:
        gpu.load_gpu()
    wanted = f"--device: found gpu, without the package {missing}; expected it: pip install 'penstock[gpu]'"
    assert str(error.value) == wanted
    assert error.value.exit_code == 2


def count_of(answer: int | Exception) -> Any:
    def count() -> int:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=count)))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient\nmore"),
            "--device: found gpu, on a machine without a GPU and driver that CuPy can use "
            "(cudaErrorInsufficientDriver: CUDA driver version is insufficient); expected one, or --device cpu",
        ),
        (0, "--device: found gpu, on a machine without a GPU that CuPy can use; expected one, or --device cpu"),
    ],
)
def test_a_machine_without_a_gpu_is_told_so(
    answer: int | Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "import_module", lambda name: count_of(answer))
    with pytest.raises(UsageError) as error:
        gpu.load_gpu()
    assert str(error.value) == message

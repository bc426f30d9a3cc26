"""Chunks worked on by a Ray cluster: on this machine, or on many that share the directory of the run.

Each piece of work is a pure function of the model and its paths, so where it is done, or done again after a machine
is lost, changes no byte. Ray is loaded when a cluster is first used; it comes with the extra `cluster`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from penstock.engine.executors import worker_environment
from penstock.errors import ModelError, PenstockError, UsageError

Task = TypeVar("Task")
Result = TypeVar("Result")

IN_FLIGHT = 2
"""Pieces given to the cluster for each of its processors: one at work, one that waits."""
RETRIES = 3
"""Times that a piece is done again where its process or its machine is lost."""


@dataclass(frozen=True)
class RayCluster:
    """Maps a function over tasks on a cluster of Ray.

    Without `address` a cluster of `jobs` processes is started here and ended with the work; with one, `auto` or
    `ray://HOST:10001` say, that cluster is used and left as it is. Raises UsageError where Ray is not installed or
    no cluster answers.
    """

    jobs: int
    address: str | None = None

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
        """Results of the function on each task, as they come; the cluster is left when all are there."""
        ray = load_ray()
        started = not ray.is_initialized()
        with worker_environment():
            if started:
                self._connect(ray)
            try:
                yield from self._results(ray, function, tasks)
            finally:
                if started:
                    ray.shutdown()

    def _connect(self, ray: Any) -> None:
        # nothing is told to Ray's makers, and no page is served
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self.address is None:
                ray.init(num_cpus=self.jobs, include_dashboard=False, **quiet)
            else:
                ray.init(address=self.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UsageError(
                f"--address: found no cluster at {self.address or 'this machine'} ({_first_line(error)}); "
                "expected that of a running Ray cluster, such as auto or ray://HOST:10001"
            ) from error

    def _results(
        self, ray: Any, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Generator[Result, None, None]:
        remote = ray.remote(max_retries=RETRIES, num_cpus=1)(_apply)
        shared = ray.put(function)
        most = IN_FLIGHT * max(int(ray.cluster_resources().get("CPU", self.jobs)), 1)
        waiting = list(reversed(tasks))
        working: list[Any] = []
        try:
            while waiting or working:
                while waiting and len(working) < most:
                    working.append(remote.remote(shared, waiting.pop()))
                (done, *_), working = ray.wait(working, num_returns=1)
                yield _get(ray, done)
        finally:
            for reference in working:
                ray.cancel(reference, force=True)


def _apply(function: Callable[[Task], Result], task: Task) -> Result:
    return function(task)


def _get(ray: Any, reference: Any) -> Any:
    """A result, or what went wrong as one of our errors."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, PenstockError):
            raise cause from error
        if isinstance(cause, MemoryError):
            raise ModelError(_lost("found no memory left for a piece of work")) from error
        if isinstance(cause or error, ray.exceptions.RaySystemError):
            raise ModelError(
                f"cluster: found workers that cannot load the work ({_first_line(cause or error)}); expected the same "
                "versions of penstock and its packages on all machines"
            ) from error
        raise
    except ray.exceptions.RayError as error:
        raise ModelError(_lost(f"found a worker or machine lost ({_first_line(error)})")) from error


def _lost(what: str) -> str:
    return f"cluster: {what}; expected it to last: finished chunks are kept, the same call goes on"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:120]


def load_ray() -> Any:
    """The package. Raises UsageError where it is not installed."""
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--executor: found ray, which is not installed; expected it: pip install 'penstock[cluster]'"
        ) from error
    return ray

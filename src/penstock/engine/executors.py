"""Where chunks are worked on: in this process, or in a pool of processes.

An executor maps one function over small tasks and yields results in any order; results never depend on
which executor ran them. A cluster plugs in by satisfying `Executor`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import multiprocessing.process
import multiprocessing.resource_tracker
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TypeVar

from penstock.engine.storage import placing
from penstock.errors import ModelError, UsageError

Task = TypeVar("Task")
Result = TypeVar("Result")

KEPT_MEMORY = ("hugetlb=1", f"mmap_threshold={2**28}", f"trim_threshold={2**28}")
"""Settings of glibc's memory: large pages, and memory that is given back to the system by 256 MB only."""
WORKER_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", ":".join(f"glibc.malloc.{setting}" for setting in KEPT_MEMORY)),
} | ({"PYTHONMALLOC": os.environ.get("PYTHONMALLOC", "malloc")} if sys.platform == "linux" else {})
"""Environment of workers: a thread each; memory in large pages where the system gives them, Python's own objects too,
and kept from block to block, for a block takes and gives back some hundred MB (docs/decisions/0008, 0036, 0045). What
the person has set for the memory stays."""
COPYING = "linux"
"""Where workers are copies of a process. On macOS its own libraries cannot be relied on in one."""
MODEL = "penstock.engine.model"
LOADED_BEFORE = "penstock.engine.loaded_before"
"""Loads what all workers of the model need."""
GUARD_ADVICE = (
    "jobs: a script that calls with jobs > 1 starts new processes that read the script again; "
    "put the call under `if __name__ == '__main__':`, or use jobs=1"
)


class Executor(Protocol):
    """Maps a picklable function over tasks, yielding results as they come; closing it stops the work."""

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
        """Results of the function on each task, in any order."""


class Serial:
    """Work in the calling process, one task after the other."""

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
        """Results of the function on each task, in order."""
        for task in tasks:
            with _enough_memory():
                result = function(task)
            yield result


class ProcessPool:
    """Work in `jobs` processes of their own, each with single-threaded linear algebra."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
        """Results of the function on each task, as they come."""
        require_main_guard()
        with worker_environment(), _shared(function) as file:
            pool = ProcessPoolExecutor(
                min(self.jobs, len(tasks)),
                mp_context=_context(),
                initializer=follow_parent,
            )
            try:
                with _interrupts_held_back():
                    futures: list[Future[Result]] = [pool.submit(_work, file, task) for task in tasks]
                for future in as_completed(futures):
                    with _enough_memory():
                        result = future.result()
                    yield result
            except BrokenProcessPool as error:
                raise ModelError(
                    "jobs: a worker process ended before its work was done, often for lack of memory; "
                    f"finished chunks are kept: call again with fewer jobs. {GUARD_ADVICE}"
                ) from error
            finally:
                _stop(pool)


@contextmanager
def _enough_memory() -> Iterator[None]:
    """Turn a lack of memory, here or in a worker, into a sentence that says what to do."""
    try:
        yield
    except MemoryError as error:
        raise ModelError(
            f"jobs: found no memory left for a piece of work ({error or 'out of memory'}); expected room for each "
            "worker: finished chunks are kept, call again with fewer jobs"
        ) from error


@contextmanager
def standing(function: Callable[[Task], Result], jobs: int) -> Iterator[Callable[[Sequence[Task]], list[Result]]]:
    """A call that applies a function to tasks, in their order, with the same processes from call to call.

    For searches, where what is tried next hangs on what came before.
    """
    if jobs <= 1:
        yield lambda tasks: [function(task) for task in tasks]
        return
    require_main_guard()
    with worker_environment(), _shared(function) as file:
        pool = ProcessPoolExecutor(jobs, mp_context=_context(), initializer=follow_parent)

        def work(tasks: Sequence[Task]) -> list[Result]:
            with _interrupts_held_back():
                futures = [pool.submit(_work, file, task) for task in tasks]
            with _enough_memory():
                return [future.result() for future in futures]

        try:
            yield work
        except BrokenProcessPool as error:
            raise ModelError(
                "jobs: a worker process ended before its work was done, often for lack of memory; "
                f"call again with fewer jobs. {GUARD_ADVICE}"
            ) from error
        finally:
            _stop(pool)


def executor_for(jobs: int, tasks: int) -> Executor:
    """The executor for `jobs` workers: no process is started where one piece of work is left."""
    return Serial() if min(jobs, tasks) <= 1 else ProcessPool(jobs)


def require_main_guard() -> None:
    """Refuse, before any process starts, a script without a main guard: each worker would run it again."""
    if getattr(multiprocessing.process.current_process(), "_inheriting", False):
        sys.exit(1)  # this is a worker that reads an unguarded script: the parent tells the person
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is None or not str(script).endswith(".py") or not Path(script).is_file():
        return
    if "__main__" not in Path(script).read_text(encoding="utf-8", errors="replace"):
        raise UsageError(GUARD_ADVICE)


def prepare_workers() -> None:
    """Start to load what workers of the model need, beside what the caller does until it has work for them.

    Workers are copies of one process that has loaded the model once, and so begin at once. That process is started
    anew by Python's `multiprocessing`, with nothing of the caller's threads and locks, and ends with the caller.
    """
    if sys.platform != COPYING:
        return
    # without a place for its socket workers start one by one, and what is wrong there is told
    with suppress(OSError), worker_environment():
        _start_original()


def _start_original() -> None:
    """Start the process that workers are copies of, where it does not run; it keeps the environment of now."""
    multiprocessing.forkserver.set_forkserver_preload([LOADED_BEFORE])
    with _interrupts_held_back():
        multiprocessing.forkserver.ensure_running()
    atexit.unregister(_end_original)
    atexit.register(_end_original)


def _end_original() -> None:
    """End it and wait, so that its work and that of its copies counts as that of this process.

    Where it has copies still, which are not ours, it ends after them.
    """
    if not multiprocessing.active_children():
        # forked by somebody else, this process has no such child
        with suppress(OSError):
            multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]  # Python names no way to end it


def _context() -> multiprocessing.context.BaseContext:
    """How workers start: as copies where that is safe and the model is what they need, else each anew.

    To be called in the environment of workers.
    """
    if sys.platform != COPYING or MODEL not in sys.modules:
        return multiprocessing.get_context("spawn")
    try:
        _start_original()
    except OSError:
        return multiprocessing.get_context("spawn")
    return multiprocessing.get_context("forkserver")


def follow_parent() -> None:
    """A worker ends with its parent, also where that is killed and can end nothing itself."""
    parent = multiprocessing.process.parent_process()
    assert parent is not None

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _shared(function: Callable[..., Any]) -> Iterator[Path]:
    """A file from which each process loads the function once.

    Tasks that carried it would fill the pool's pipe: a pool that is stopped in the middle of such a write never ends
    (CPython issue 94777). A start that carried it would wait for each process to load.
    """
    with ExitStack() as stack:
        with placing(Path(os.environ.get("TMPDIR", "/tmp"))):
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-"))
            file = Path(directory) / "function.pickle"
            file.write_bytes(pickle.dumps(function, pickle.HIGHEST_PROTOCOL))
        yield file


@lru_cache(maxsize=1)
def _function(file: Path) -> Callable[[Any], Any]:
    loaded: Callable[[Any], Any] = pickle.loads(file.read_bytes())
    return loaded


def _work(file: Path, task: Any) -> Any:
    """Apply the function in the file to a task."""
    return _function(file)(task)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the pool now: what is half done is thrown away, what is finished is on disk."""
    processes = list((getattr(pool, "_processes", None) or {}).values())
    unfinished = bool(getattr(pool, "_pending_work_items", None))
    pool.shutdown(wait=False, cancel_futures=True)
    if unfinished:
        for process in processes:
            process.terminate()
    for process in processes:
        process.join()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Processes started here never see Ctrl-C, not even while they load; ours comes once all are started.

    The mask is what they inherit. It does not keep our other threads from taking the signal, hence the handler.
    Python's tracker of resources, where it has to be started, takes the mask off again: so it is started before.
    """
    multiprocessing.resource_tracker.ensure_running()
    caught: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, remember) if in_main_thread else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main_thread:
            signal.signal(signal.SIGINT, handler)
        if caught:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def worker_environment() -> Iterator[None]:
    """Spawned processes read these variables as they start or first load NumPy; ours are put back after."""
    before = {name: os.environ.get(name) for name in WORKER_VARIABLES}
    os.environ.update(WORKER_VARIABLES)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

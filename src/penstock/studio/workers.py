"""Processes that work for the server, one task at a time each, and can be stopped at once.

A task is a function of `penstock.studio.tasks`, named, with plain arguments. What it answers is plain too. A worker is
started when there is work, keeps its world and runs between tasks, and ends when it has had nothing to do for a while.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import queue
import signal
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from penstock.engine.executors import follow_parent, worker_environment
from penstock.errors import PenstockError
from penstock.studio.engine_ready import mark_of
from penstock.studio.place import Place

IDLE_S = 180.0
LOOK_S = 0.05
END_S = 0.3
"""How long a process that was told to end may take before it is killed."""

SUBJECTS = {"world": 1, "runs": 1, "paths": 1, "power": 2}
"""Subjects of questions, and how many processes at most answer them. One is started when all others are at work."""
RUN_QUESTIONS = ("summary", "company", "compare", "card", "partial")
PATH_QUESTIONS = ("cascade", "tokens_lost", "help")
"""Questions that simulate paths again, which takes seconds."""

COMPILE = "compile"
"""The task that compiles the engine; all others that need it wait for it, rather than compile the same beside it."""
ENGINE_FREE = ("world", "circularity", "opening", "site", "site_power", "token_choices", "grid_queue")
"""Questions that the engine is not needed for."""

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
ENDED = (DONE, FAILED, CANCELLED)


class Tell:
    """How a task says how far it is; sends at most ten times a second."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._last = 0.0

    def __call__(self, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        if done < total and now - self._last < 0.1:
            return
        self._last = now
        self._connection.send(("progress", (done, total, note)))


@dataclass
class Job:
    """A piece of work and how it stands."""

    task: str
    arguments: dict[str, Any]
    title: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    state: str = QUEUED
    done: int = 0
    total: int = 0
    note: str = ""
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    result: Any = None
    error: str = ""
    exit_code: int = 0
    cancelling: threading.Event = field(default_factory=threading.Event, repr=False)
    finished: threading.Event = field(default_factory=threading.Event, repr=False)

    def told(self) -> dict[str, Any]:
        """What a browser is told, without the result."""
        now = self.ended or time.time()
        # a job that waits tells how long it has waited
        elapsed = now - (self.started or self.created)
        left = elapsed * (self.total - self.done) / self.done if self.done and self.state == RUNNING else None
        return {
            "id": self.id,
            "task": self.task,
            "title": self.title,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "note": self.note,
            "created": self.created,
            "elapsed_s": round(elapsed, 2),
            "left_s": None if left is None else round(left, 1),
            "error": self.error,
            "exit_code": self.exit_code,
        }

    def end(self, state: str) -> None:
        """The last thing that happens to a job."""
        self.state, self.ended = state, time.time()
        self.finished.set()


class Lane:
    """One worker process and the thread that looks after it."""

    def __init__(self, place: Place, name: str, ready: threading.Event) -> None:
        self._place = place
        self._name = name
        self._ready = ready
        self._queue: queue.Queue[Job | None] = queue.Queue()
        self._process: Any = None
        self._connection: Any = None
        self._load = 0
        self._count = threading.Lock()
        self._thread = threading.Thread(target=self._look_after, name=name, daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self._add(1)
        self._queue.put(job)

    def _add(self, change: int) -> None:
        with self._count:
            self._load += change

    @property
    def load(self) -> int:
        """Jobs that wait or are at work."""
        return self._load

    @property
    def pid(self) -> int | None:
        """Process id of the worker where one runs."""
        return self._process.pid if self._process is not None and self._process.is_alive() else None

    def close(self) -> None:
        """End the thread and its process."""
        self._queue.put(None)
        self._thread.join(timeout=2 * END_S)
        self._stop()

    def _look_after(self) -> None:
        while True:
            try:
                job = self._queue.get(timeout=IDLE_S)
            except queue.Empty:
                self._stop()
                continue
            if job is None:
                return
            try:
                if job.cancelling.is_set():
                    job.end(CANCELLED)
                else:
                    self._work(job)
            finally:
                self._add(-1)

    def _work(self, job: Job) -> None:
        job.state, job.started = RUNNING, time.time()
        if not self._wait_for_engine(job):
            job.end(CANCELLED)
            return
        try:
            self._start()
            self._connection.send((job.task, job.arguments))
            while True:
                if job.cancelling.is_set():
                    self._stop()
                    job.end(CANCELLED)
                    return
                if not self._connection.poll(LOOK_S):
                    continue
                kind, content = self._connection.recv()
                if kind == "progress":
                    job.done, job.total, job.note = content
                    continue
                if kind == DONE:
                    job.result, job.done = content, job.total
                else:
                    job.error, job.exit_code = content
                job.end(kind)
                return
        except (EOFError, OSError):
            self._stop()
            job.error = "worker: found its process ended before the work was done, often for lack of memory"
            job.exit_code = 5
            job.end(CANCELLED if job.cancelling.is_set() else FAILED)

    def _wait_for_engine(self, job: Job) -> bool:
        """False where the job was cancelled meanwhile."""
        if job.task == COMPILE or job.task in ENGINE_FREE:
            return True
        while not self._ready.wait(LOOK_S):
            job.note = "the engine is being compiled, once after an installation or a change"
            if job.cancelling.is_set():
                return False
        job.note = ""
        return True

    def _start(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        ours, theirs = multiprocessing.Pipe()
        with worker_environment():
            self._process = multiprocessing.get_context("spawn").Process(
                target=_serve, args=(theirs, self._place), name=self._name
            )
            self._process.start()
        theirs.close()
        self._connection = ours

    def _stop(self) -> None:
        """End the process now. What it wrote is whole; what it was writing is thrown away by the next one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        process.join(END_S)
        if process.is_alive():
            process.kill()
            process.join()
        self._connection.close()


def _serve(connection: Any, place: Place) -> None:
    """What a worker process does until the server ends."""
    follow_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from penstock.studio.tasks import TASKS

    while True:
        try:
            name, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer: tuple[str, Any] = (DONE, TASKS[name](place, arguments, Tell(connection)))
        except PenstockError as error:
            answer = (FAILED, (str(error), error.exit_code))
        except Exception as error:  # a fault of ours: told as one line, and the worker goes on
            traceback.print_exc()
            answer = (FAILED, (f"{type(error).__name__}: {error}", 5))
        connection.send(answer)


def subject_of(task: str, arguments: dict[str, Any]) -> str:
    """The subject of a question. Runs are read in one process, paths simulated again in another, plans of power solved
    in two more, so that none holds up what a page asks of the world or of a run."""
    if task in RUN_QUESTIONS:
        return "runs"
    if task in PATH_QUESTIONS:
        return "paths"
    if task == "site_power" or (task == "token" and arguments.get("power") == "plan"):
        return "power"
    return "world"


class Workshop:
    """All work of a server: a lane a subject for questions that a page waits for, lanes for long jobs."""

    def __init__(self, place: Place, lanes: int = 2, keep: int = 200) -> None:
        self.place = place
        self._ready = threading.Event()
        self._ready.set()
        self._compiling: Job | None = None
        self._questions = {
            subject: [Lane(place, f"penstock-{subject}-{number}", self._ready) for number in range(most)]
            for subject, most in SUBJECTS.items()
        }
        self._lanes = [Lane(place, f"penstock-jobs-{number}", self._ready) for number in range(lanes)]
        self._jobs: dict[str, Job] = {}
        self._asked: dict[str, Job] = {}
        self._keep = keep
        self._lock = threading.Lock()

    def compile(self) -> None:
        """Compile the engine in the background where that was not done yet; the process goes on with the first job."""
        if mark_of(self.place).exists():
            return
        self._ready.clear()
        self._compiling = job = Job(COMPILE, {}, "Compile the engine")
        self._lanes[0].put(job)

        def done() -> None:
            job.finished.wait()
            self._ready.set()

        threading.Thread(target=done, daemon=True).start()

    def engine(self) -> dict[str, Any]:
        """Whether the engine is ready; else how many kernels are compiled and how long it takes by now."""
        job = self._compiling
        if job is None or job.finished.is_set():
            return {"ready": True, "kernels": job.done if job else 0, "elapsed_s": 0.0}
        return {"ready": False, "kernels": job.done, "elapsed_s": job.told()["elapsed_s"]}

    def submit(self, task: str, arguments: dict[str, Any], title: str) -> Job:
        """Start a long job, or let it wait for a free lane."""
        job = Job(task, arguments, title)
        with self._lock:
            self._jobs[job.id] = job
            for old in [j for j in self._jobs.values() if j.state in ENDED][: max(0, len(self._jobs) - self._keep)]:
                del self._jobs[old.id]
            # the lane that compiles is the first to be ready
            lanes = self._lanes if self._ready.is_set() else self._lanes[:1]
            min(lanes, key=lambda lane: lane.load).put(job)
        return job

    def job(self, name: str) -> Job | None:
        """A job by its id."""
        return self._jobs.get(name)

    def jobs(self) -> list[Job]:
        """All jobs known, the latest first."""
        return sorted(self._jobs.values(), key=lambda job: job.created, reverse=True)

    def cancel(self, job: Job) -> None:
        """Stop a job: its process ends within a second, and a run that it was writing can be taken up again."""
        job.cancelling.set()

    def ask(self, key: str, task: str, arguments: dict[str, Any]) -> Job:
        """A question, asked once for all who have the same `key`; one that failed is asked again."""
        with self._lock:
            known = self._asked.pop(key, None)
            if known is None or known.state in (FAILED, CANCELLED):
                known = Job(task, arguments, task)
                # the first that is free has what it read before; another is started only where all are at work
                min(self._questions[subject_of(task, arguments)], key=lambda lane: lane.load).put(known)
            self._asked[key] = known
            while len(self._asked) > self._keep:
                self._asked.pop(next(iter(self._asked)))
            return known

    def processes(self) -> list[int]:
        """Ids of the worker processes that run."""
        return [pid for lane in self._all_lanes() if (pid := lane.pid) is not None]

    def _all_lanes(self) -> list[Lane]:
        return [lane for lanes in (*self._questions.values(), self._lanes) for lane in lanes]

    def close(self) -> None:
        """Stop all work."""
        for job in self._jobs.values():
            job.cancelling.set()
        for job in [*self._asked.values(), *([self._compiling] if self._compiling else [])]:
            job.cancelling.set()
        for lane in self._all_lanes():
            lane.close()


Task = Callable[[Place, dict[str, Any], Tell], Any]

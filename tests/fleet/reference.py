"""A plain simulator of the same fleet, event by event and iteration by iteration, written for reading: the oracle.

No skipping ahead, no closed forms, no shared code: objects, lists and a heap. It covers pools with chunked prefill,
memory reserved in full, and queues at the replica or in the middle.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Job:
    number: int
    arrival: float
    n_in: int
    n_out: int
    read: int = 0
    written: int = 0
    first: float = float("nan")
    finish: float = float("nan")


@dataclass
class Machine:
    """Seconds: overhead, weights, per context token; work per token, per context token, per squared prompt token."""

    overhead: list[float]
    weights: list[float]
    context_s: float
    work: float
    work_context: float
    prompt: float
    prompt_squared: float
    half: float
    traffic: float
    slots: int
    memory: int
    chunk: int


@dataclass
class Replica:
    queue: deque[Job] = field(default_factory=deque)
    reading: list[Job] = field(default_factory=list)
    writing: list[Job] = field(default_factory=list)
    plan: list[tuple[Job, int]] = field(default_factory=list)
    busy: bool = False

    def load(self) -> int:
        return len(self.queue) + len(self.reading) + len(self.writing)

    def used(self) -> int:
        return sum(j.n_in + j.n_out for j in self.reading) + sum(j.n_in + j.n_out for j in self.writing)


def simulate(machine: Machine, jobs: list[Job], replicas: int, router: str, central: bool) -> None:
    """Serve the jobs, setting `first` and `finish` of each. Routers: round_robin, least_load (first of equals)."""
    fleet = [Replica() for _ in range(replicas)]
    middle: deque[Job] = deque()
    events: list[tuple[float, int, int, int]] = []  # time, kind (0 boundary, 1 arrival), sequence, which
    for job in jobs:
        heapq.heappush(events, (job.arrival, 1, job.number, job.number))
    turn, sequence = 0, 0

    def start(r: int, now: float) -> None:
        nonlocal sequence
        me = fleet[r]
        while me.queue or (central and middle):
            job = me.queue[0] if me.queue else middle[0]
            waiting = 0 if me.queue else len(me.queue)
            if len(me.reading) + len(me.writing) + waiting >= machine.slots:
                break
            if me.used() + job.n_in + job.n_out > machine.memory:
                break
            (me.queue if me.queue else middle).popleft()
            me.reading.append(job)
        if not me.reading and not me.writing:
            me.busy = False
            return
        batch, context = len(me.writing), sum(j.n_in + j.written for j in me.writing)
        me.plan = []
        budget, tokens = machine.chunk - batch, 0
        work = machine.work * batch + machine.work_context * context
        for job in me.reading:
            take = min(budget, job.n_in - job.read)
            if take <= 0:
                break
            me.plan.append((job, take))
            work += machine.prompt * take
            work += machine.prompt_squared * ((job.read + take) ** 2 - job.read**2)
            budget -= take
            tokens += take
        together = batch + tokens
        memory = machine.weights[min(together, machine.slots)] + machine.context_s * context
        lasts = machine.overhead[batch] + machine.traffic * tokens
        lasts += max(memory, work * (1.0 + machine.half / together))
        me.busy = True
        sequence += 1
        heapq.heappush(events, (now + lasts, 0, sequence, r))

    def finish(r: int, now: float) -> None:
        me = fleet[r]
        for job in me.writing:
            job.written += 1
        for job, take in me.plan:
            job.read += take
            if job.read == job.n_in:
                job.written, job.first = 1, now
                me.reading.remove(job)
                me.writing.append(job)
        for job in [j for j in me.writing if j.written == j.n_out]:
            job.finish = now
            me.writing.remove(job)
        start(r, now)

    def room(r: int, job: Job) -> bool:
        me = fleet[r]
        wanted = sum(j.n_in + j.n_out for j in me.queue)
        return me.load() < machine.slots and me.used() + wanted + job.n_in + job.n_out <= machine.memory

    while events:
        now, kind, _, which = heapq.heappop(events)
        if kind == 0:
            finish(which, now)
            continue
        job = jobs[which]
        if router == "round_robin":
            r, turn = turn % replicas, turn % replicas + 1
        elif central and middle:
            r = -1
        else:
            order = [(k + turn + 1) % replicas for k in range(replicas)]
            turn += 1
            if central:
                order = [k for k in order if room(k, job)]
            r = min(order, key=lambda k: fleet[k].load(), default=-1)
        if r < 0:
            middle.append(job)
            continue
        fleet[r].queue.append(job)
        if not fleet[r].busy:
            start(r, now)

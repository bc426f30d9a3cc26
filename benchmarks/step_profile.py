"""Where the time of a quarter goes: each call of `engine/quarter.py`, in the order in which it stands there."""

from __future__ import annotations

import ast
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.engine import model as engine
from penstock.engine import quarter as page
from penstock.engine.record import Recorder
from penstock.world import load_world

SEED = 7
RECORD, CHECK = "record.record", "checks.conservation_error"


@dataclass
class Clock:
    """Seconds by call, summed over quarters."""

    seconds: dict[str, float] = field(default_factory=dict)
    inside: float = 0.0
    """time of calls that run within another timed call, so that none counts twice"""

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        self.seconds.setdefault(name, 0.0)

        def timed(*arguments: Any, **more: Any) -> Any:
            outer, self.inside = self.inside, 0.0
            began = time.perf_counter()
            try:
                return function(*arguments, **more)
            finally:
                spent = time.perf_counter() - began
                self.seconds[name] += spent - self.inside
                self.inside = outer + spent

        return timed


@dataclass(frozen=True)
class Profile:
    """Milliseconds per block-quarter of each call; `total_ms` is the whole quarter, record and check included."""

    paths: int
    quarters: int
    repeats: int
    ms: dict[str, float]
    total_ms: float
    begin_ms: float
    """once a block: its arrays and random numbers"""

    def rows(self) -> list[tuple[str, float, float]]:
        """Call, ms, share of the whole; what no call accounts for comes last."""
        rest = self.total_ms - sum(self.ms.values())
        return [(name, ms, ms / self.total_ms) for name, ms in {**self.ms, "rest": rest}.items()]

    def to_dict(self) -> dict[str, Any]:
        return {
            "paths_in_block": self.paths,
            "quarters": self.quarters,
            "repeats": self.repeats,
            "total_ms": round(self.total_ms, 4),
            "begin_block_ms": round(self.begin_ms, 4),
            "ms": {name: round(value, 4) for name, value, _ in self.rows()},
        }


def measure(quarters: int, repeats: int) -> Profile:
    """Profile of blocks of the baseline world, compiled code warm; the median over blocks."""
    model = engine.prepare(load_world(), quarters=quarters, seed=SEED)
    engine.run_block(model, 0, engine.WIDTH)
    found: list[dict[str, float]] = []
    for number in range(repeats):
        with timed_calls() as clock:
            began = time.perf_counter()
            engine.run_block(model, number * engine.WIDTH, engine.WIDTH)
            clock.seconds["whole"] = time.perf_counter() - began
        found.append(clock.seconds)
    ms = {name: 1e3 * float(np.median([one[name] for one in found])) / quarters for name in found[0]}
    begin = ms.pop("begin") * quarters
    whole = ms.pop("whole") - begin / quarters
    return Profile(engine.WIDTH, quarters, repeats, ms, whole, begin)


def calls() -> list[tuple[str, str]]:
    """Module and function of each call in `quarter`, in order, once each; no module for functions beside it."""
    tree = ast.parse(inspect.getsource(page.quarter))
    found: dict[tuple[str, str], None] = {}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(nodes, key=lambda call: (call.lineno, call.col_offset)):
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            found[(node.func.value.id, node.func.attr)] = None
        elif isinstance(node.func, ast.Name):
            found[("", node.func.id)] = None
    return list(found)


@contextmanager
def timed_calls() -> Iterator[Clock]:
    """A clock around every call of the quarter, its record, its check and the beginning of a block."""
    clock = Clock()
    places: list[tuple[Any, str, str]] = [
        (getattr(page, module) if module else page, name, f"{module}.{name}" if module else name)
        for module, name in calls()
    ]
    places += [(Recorder, "record", RECORD), (engine, "conservation_error", CHECK), (engine, "begin_block", "begin")]
    before = [(holder, name, getattr(holder, name)) for holder, name, _ in places]
    try:
        for holder, name, label in places:
            setattr(holder, name, clock.wrap(label, getattr(holder, name)))
        yield clock
    finally:
        for holder, name, function in before:
            setattr(holder, name, function)

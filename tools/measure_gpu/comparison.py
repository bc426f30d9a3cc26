"""The same paths on the CPU and on a GPU, compared: events first, then numbers on the paths whose events agree.

Sums run in another order on a GPU and products are joined with sums, so numbers differ in the last digits; where a
threshold lies between two such numbers, an event differs and with it all that follows on that path.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

WORDS = ("quarter", "company_id", "stage", "cause_kind", "cause_id", "counterparty_id", "tie_id")
"""Columns of `events` that must be equal."""
CODES = ("binding",)
"""Columns of `economy` that are codes."""
SMALL = 1e-6
"""Numbers below this part of their column's largest are measured against that."""
RELATIVE = 1e-9
"""Largest gap that counts as equal."""
AGREEING = 0.999
"""Least share of paths whose events agree."""
NOTHING = ("",) * len(WORDS)


@dataclass(frozen=True)
class Difference:
    """The first thing that happened otherwise on a path."""

    path: int
    on_cpu: str
    on_gpu: str


@dataclass(frozen=True)
class Comparison:
    """What was found on so many paths."""

    paths: int
    differing: tuple[Difference, ...]
    worst: float
    """largest relative gap of a number on paths whose events agree"""
    where: str
    """the column that has it"""

    @property
    def agreeing(self) -> float:
        return 1.0 - len(self.differing) / self.paths

    @property
    def holds(self) -> bool:
        return self.agreeing >= AGREEING and self.worst <= RELATIVE

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "agreeing": self.agreeing, "holds": self.holds}


def compare(cpu: Any, gpu: Any, paths: int) -> Comparison:
    """Two results (`engine.model.PathBlock`) of the paths from 0 on."""
    first = {path: difference for path, difference in _events(cpu, gpu, paths)}
    for path, difference in _codes(cpu, gpu):
        first.setdefault(path, difference)
    same = np.array([path not in first for path in range(paths)])
    worst, where = 0.0, ""
    for name, one, other in _numbers(cpu, gpu):
        gap = largest_gap(one[..., same], other[..., same])
        if not gap <= worst:
            worst, where = gap, name
    return Comparison(paths, tuple(first[path] for path in sorted(first)), worst, where)


def largest_gap(one: np.ndarray, other: np.ndarray) -> float:
    """Largest relative gap; infinite where one of two is no number."""
    if not one.size:
        return 0.0
    size = np.maximum(np.abs(one), np.abs(other))
    size = np.maximum(size, SMALL * np.nanmax(size))
    gap = np.abs(one - other) / np.where(size > 0.0, size, 1.0)
    both = np.isnan(one) & np.isnan(other)
    return float(np.where(both, 0.0, np.where(np.isnan(gap), np.inf, gap)).max())


def _events(cpu: Any, gpu: Any, paths: int) -> list[tuple[int, Difference]]:
    found = []
    for path, (here, there) in enumerate(zip(_by_path(cpu, paths), _by_path(gpu, paths), strict=True)):
        for one, other in zip_longest(here, there, fillvalue=NOTHING):
            if one != other:
                found.append((path, Difference(path, _told(one), _told(other))))
                break
    return found


def _by_path(block: Any, paths: int) -> list[list[tuple[str, ...]]]:
    """Events of each path in their order."""
    columns = [np.asarray(block.events[name]).tolist() for name in WORDS]
    rows: list[list[tuple[str, ...]]] = [[] for _ in range(paths)]
    for path, row in zip(np.asarray(block.events["path"]).tolist(), zip(*columns, strict=True), strict=True):
        rows[path].append(tuple(str(word) for word in row))
    return rows


def _told(event: tuple[str, ...]) -> str:
    quarter, company, stage, kind, cause, *_ = event
    return f"{quarter} {company}: {stage} ({kind} {cause})" if quarter else "nothing more"


def _codes(cpu: Any, gpu: Any) -> list[tuple[int, Difference]]:
    """Paths on which a code differs, with the first quarter in which it does."""
    found = []
    for name in CODES:
        one, other = np.asarray(cpu.economy[name]), np.asarray(gpu.economy[name])
        for path in np.flatnonzero((one != other).any(axis=0)).tolist():
            quarter = int(np.argmax(one[:, path] != other[:, path]))
            texts = (f"quarter {quarter + 1}: {name} {int(values[quarter, path])}" for values in (one, other))
            found.append((path, Difference(path, *texts)))
    return found


def _numbers(cpu: Any, gpu: Any) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Columns in double precision; the last axis is the path."""
    found = [
        (f"{part}.{name}", np.asarray(values), np.asarray(getattr(gpu, part)[name]))
        for part in ("economy", "layers")
        for name, values in getattr(cpu, part).items()
        if name not in CODES
    ]
    return [*found, ("flows", np.asarray(cpu.flows), np.asarray(gpu.flows))]

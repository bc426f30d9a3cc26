"""The search of `reverse` where the answer is known: how near it comes, on how many trials and paths.

`python -m benchmarks.likeliest` prints a table. Paths differ in level and in slope, as those of the model do; a point
is tried on 32 of them and on all 64 where its share is not clear. Nothing is simulated: a minute at most.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.tables import table as markdown
from penstock.analysis.likeliest import Answer, Search
from penstock.analysis.reverse_search import FIRST_PATHS, RADIUS, SEARCH_PATHS, Outcome

Array = np.ndarray[Any, np.dtype[np.float64]]
Margin = Callable[[Array], float]
FACTORS = 15
LEVEL, SLOPE = 0.6, 0.15
"""Standard deviations of a path's level and of its slopes."""
FIRST_STEP = 3.0
PROGRESS = 8.0
"""Shortfall at which progress towards the target is none."""


@dataclass(frozen=True)
class Found:
    """What one search found."""

    problem: str
    ratio: float
    """distance over the true one; NaN where nothing was found"""
    trials: int
    paths: int


def problems(seed: int) -> Iterator[tuple[str, Margin, float]]:
    """Name, margin (0 on the limit) and true least distance; directions are drawn by the seed."""
    random = np.random.default_rng(100 + seed)
    dense = random.standard_normal(FACTORS)
    dense /= np.linalg.norm(dense)
    sparse = np.zeros(FACTORS)
    sparse[random.choice(FACTORS, 3, replace=False)] = random.standard_normal(3) * [1.0, 0.6, 0.4]
    sparse /= np.linalg.norm(sparse)
    for distance in (2.0, 3.5, 4.6):
        yield f"plane of 15 factors at {distance}", _plane(dense, distance), distance
    for distance in (1.5, 3.0, 4.6):
        yield f"plane of 3 factors at {distance}", _plane(sparse, distance), distance
    yield "curved limit at 2.96", lambda u: float(u[0] - 3.0 + 0.2 * u[1] ** 2), float(np.hypot(2.5, np.sqrt(2.5)))
    yield "two regions, at 2.0 and 2.6", lambda u: float(max(u[0] - 2.0, -u[1] - 2.6)), 2.0
    yield "none within 5 (plane at 7.5)", _plane(sparse, 7.5), 7.5


def _plane(direction: Array, distance: float) -> Margin:
    return lambda u: float(direction @ u) - distance


def search(problem: tuple[str, Margin, float], seed: int) -> Found:
    """One search with the sizes of the command."""
    name, margin, true = problem
    random = np.random.default_rng(seed)
    level, slope = LEVEL * random.standard_normal(SEARCH_PATHS), SLOPE * random.standard_normal((SEARCH_PATHS, FACTORS))
    paths = 0

    def evaluate(points: Sequence[Array]) -> list[Answer]:
        nonlocal paths
        answers = []
        for point in points:
            amount = margin(point) + level + slope @ point
            progress = np.clip(1.0 + amount / PROGRESS, 0.0, 1.0)
            first = Outcome(amount[:FIRST_PATHS] >= 0.0, amount[:FIRST_PATHS], float(progress[:FIRST_PATHS].mean()))
            whole = Outcome(amount >= 0.0, amount, float(progress.mean()))
            told = first if first.clear else whole
            paths += len(told.met)
            answers.append(Answer(float(told.met.mean()), told.progress))
        return answers

    starts = [sign * FIRST_STEP * axis for axis in np.eye(FACTORS) for sign in (1.0, -1.0)]
    tried = Search(evaluate, FACTORS, RADIUS, seed, starts=starts)
    best = tried.run()
    return Found(name, best.distance / true if best.holds else float("nan"), len(tried.tried), paths)


def table(found: Sequence[Found]) -> str:
    """Markdown, a row a problem."""
    rows = []
    for name in dict.fromkeys(item.problem for item in found):
        mine = [item for item in found if item.problem == name]
        ratios = np.array([item.ratio for item in mine])
        held = ratios[np.isfinite(ratios)]
        near = f"{held.mean():.3f} ({held.max():.3f})" if len(held) else ""
        trials, paths = (float(np.mean([getattr(item, key) for item in mine])) for key in ("trials", "paths"))
        rows.append((name, f"{len(held)} of {len(mine)}", near, f"{trials:.0f}", f"{paths:,.0f}"))
    return markdown(("limit", "found", "distance, mean (largest)", "trials", "paths"), rows)


def main(seeds: int = 16) -> int:
    print(table([search(problem, seed) for seed in range(seeds) for problem in problems(seed)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

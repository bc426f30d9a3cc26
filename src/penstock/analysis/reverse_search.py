"""The search behind a reverse stress test: trials of shocks, the likeliest one, how sure it is, what each part does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.likeliest import HALF, Answer, Search, Tried
from penstock.analysis.shock_space import ShockedProgram, ShockSpace
from penstock.analysis.targets import Target
from penstock.engine.progress import OnProgress
from penstock.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.scenarios import Scenario

Array = np.ndarray[Any, np.dtype[np.float64]]

SEARCH_PATHS = 64
"""Most paths on which the search tries one shock."""
FIRST_PATHS = 32
"""Paths on which a shock is tried first; where its share is not clear there, on twice as many, and so on."""
PIECE = 64
"""Most paths that are one piece of work."""
CLEAR_ERRORS = 3.0
"""A shock whose share lies so many standard errors from a half is clear: it is tried on no more paths."""
RADIUS = 5.0
"""The search looks no farther: beyond lie shocks with a density below e^-12.5 of the centre's."""

FIRST_STEP = 3.0
"""Length of the shocks of one factor with which a search begins."""

STRETCHES = (0.5, 0.6, 0.7, 0.78, 0.84, 0.9, 0.95, 1.0, 1.05, 1.1, 1.16, 1.24, 1.35)
"""Lengths of a found shock, in its own, among which the shortest that holds with all paths is sought."""

WITHOUT_PATHS = 128
"""Of the fresh paths so many tell what a shock does without one of its factors."""

LEADING = 0.5
"""The leading factors of a solution: the largest that make up this part of its squared distance."""

TOLD_PART = 0.03
"""A factor is told apart in a solution from this part of the squared distance on."""

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Check:
    """What paths say of a shock: share that meets the target, its 95 % interval (Wilson 1927), the median amount."""

    share: float
    low: float
    high: float
    median: float
    paths: int
    seed: int


@dataclass(frozen=True)
class Solution:
    """One shock that brings the target about."""

    distance: float
    distance_low: float
    distance_high: float
    """the same shock's distance where all standard deviations stand at the high, at the low end of their ranges"""
    z: Array
    check: Check
    """fresh random numbers"""
    factors: pd.DataFrame
    """a row a factor, the largest first: factor, meaning, effect, z, part, distance_sd_low, distance_sd_high, grade,
    share_without (share of paths that meet the target with this factor left out of the shock; NaN where not tried)"""
    still: tuple[str, ...]
    """factors that the search held still"""
    scenario: dict[str, Any]
    """the shock as a scenario, for `load_scenario`"""

    @property
    def chance(self) -> float:
        """First-order chance of a shock beyond this one in its direction, Phi(-distance)."""
        return 0.5 * math.erfc(self.distance / math.sqrt(2.0))

    @property
    def leading(self) -> tuple[str, ...]:
        """The largest factors that make up half of the squared distance."""
        parts = self.factors["part"].to_numpy(float).cumsum()
        count = int(np.searchsorted(parts, LEADING)) + 1
        return tuple(self.factors["factor"].iloc[:count])

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "distance": self.distance,
            "distance_low": self.distance_low,
            "distance_high": self.distance_high,
            "chance_first_order": self.chance,
            "check": vars(self.check),
            "held_still": list(self.still),
            "factors": self.factors.to_dict(orient="records"),
            "scenario": self.scenario,
        }


Task = tuple[tuple[float, ...], int, int, int]
"""Shock z, seed, first path, number of paths."""


@dataclass(frozen=True)
class Outcome:
    """What a shock does on each path."""

    met: np.ndarray[Any, np.dtype[np.bool_]]
    amount: Array
    progress: float

    @property
    def clear(self) -> bool:
        """Whether more paths would hardly turn the answer: the share lies far enough from a half."""
        return abs(float(self.met.mean()) - HALF) >= CLEAR_ERRORS * HALF / math.sqrt(len(self.met))

    def joined(self, other: Outcome) -> Outcome:
        """The same shock on the paths of both."""
        mine, theirs = len(self.met), len(other.met)
        return Outcome(
            np.concatenate([self.met, other.met]),
            np.concatenate([self.amount, other.amount]),
            (mine * self.progress + theirs * other.progress) / (mine + theirs),
        )


@dataclass(frozen=True)
class Trial:
    """Simulates a shock; travels once to each process."""

    model: Model
    program: ShockedProgram
    target: Target

    def __call__(self, task: Task) -> Outcome:
        from penstock.engine.lanes import Lanes, simulate_lanes
        from penstock.engine.model import WIDTH
        from penstock.engine.run import problems_of

        z, seed, first, paths = task
        shocked = replace(self.model, program=self.program.with_shock(np.array(z)), seed=seed)
        amounts, progress = [], []
        for begin in range(first, first + paths, WIDTH):
            block = simulate_lanes(shocked, Lanes(np.arange(begin, min(begin + WIDTH, first + paths))))
            if problems := problems_of(block.checks):
                raise ModelError(f"shock {np.round(z, 3).tolist()}: {'; '.join(problems)}")
            amounts.append(self.target.amounts(self.model, block))
            progress.append(self.target.progress(self.model, block, amounts[-1]))
        amount = np.concatenate(amounts)
        return Outcome(self.target.met(amount), amount, float(np.concatenate(progress).mean()))


class ReverseSearch:
    """Searches, checks and counts what it simulates."""

    def __init__(
        self,
        space: ShockSpace,
        simulate: Callable[[Sequence[Task]], list[Outcome]],
        seed: int,
        paths: int,
        radius: float,
        wanted: int,
        on_progress: OnProgress,
    ) -> None:
        self.space, self.seed, self.paths, self.radius, self.wanted = space, seed, paths, radius, wanted
        self._simulate, self._on_progress = simulate, on_progress
        self.done, self.path_count = 0, 0
        self._total, self._note = 1, "unshocked"
        self._known: dict[tuple[tuple[float, ...], int], Outcome] = {}

    def solve(self, base: Scenario, start: str) -> tuple[tuple[Solution, ...], Solution | None]:
        """Solutions, the first the likeliest; where there is none, the closest shock."""
        found: list[Solution] = []
        still: tuple[str, ...] = ()
        while len(found) < self.wanted:
            self._note = f"shock {len(found) + 1}"
            free = [place for place, name in enumerate(self.space.names) if name not in still]
            if not free:
                break
            best = self._search(free, len(found))
            z, check = self._confirm(best, still)
            if check.share < HALF:
                return tuple(found), None if found else self._told(z, check, still, base, start, len(found))
            found.append(self._told(z, check, still, base, start, len(found)))
            still = (*still, *found[-1].leading)
        return tuple(found), None

    def check(self, shocks: Sequence[Array], seed: int, paths: int = 0) -> list[Check]:
        """Shocks on the first `paths` paths of a seed, all unless given."""
        return [_check(outcome, seed) for outcome in self._simulated(shocks, seed, paths or self.paths)]

    def judge(self, shocks: Sequence[Array], seed: int, paths: int) -> list[Outcome]:
        """Shocks on so many of a seed's paths as make clear whether they meet the target, `paths` at most."""
        tried = min(FIRST_PATHS, paths)
        outcomes = self._simulated(shocks, seed, tried)
        while tried < paths:
            doubt = [place for place, found in enumerate(outcomes) if not found.clear]
            tried = min(2 * tried, paths)
            more = self._simulated([shocks[place] for place in doubt], seed, tried)
            for place, found in zip(doubt, more, strict=True):
                outcomes[place] = found
        return outcomes

    def _simulated(self, shocks: Sequence[Array], seed: int, paths: int) -> list[Outcome]:
        """Shocks on at least the first paths of a seed; what is known of them is not simulated again."""
        keys = [(tuple(float(size) for size in z), seed) for z in shocks]
        tasks: list[Task] = []
        for key in dict.fromkeys(keys):
            first = len(self._known[key].met) if key in self._known else 0
            # in pieces, so that one shock keeps several processes busy
            tasks += [(*key, start, min(PIECE, paths - start)) for start in range(first, paths, PIECE)]
        self.path_count += sum(task[3] for task in tasks)
        for task, found in zip(tasks, self._simulate(tasks) if tasks else [], strict=True):
            before = self._known.get(task[:2])
            self._known[task[:2]] = found if before is None else before.joined(found)
            self.done += before is None
        self._on_progress(self.done, max(self._total, self.done), self._note)
        return [self._known[key] for key in keys]

    def _search(self, free: Sequence[int], number: int) -> Array:
        """The likeliest shock in which only the free factors move, as z."""
        # rows of L that stand still fix a subspace; v in it is standard normal, and |v| the distance
        rows = [place for place in range(len(self.space.factors)) if place not in free]
        basis = _null_space(self.space.root[rows])
        to_z = self.space.root @ basis
        # the likeliest shock in which one factor moves so far: the others follow by their correlations
        starts = [
            sign * FIRST_STEP * to_z[place] / np.linalg.norm(to_z[place])
            for place in free
            for sign in ((1.0,) if self.space.factors[place].direction == "up" else (1.0, -1.0))
        ]
        paths = min(SEARCH_PATHS, self.paths)

        def evaluate(points: Sequence[Array]) -> list[Answer]:
            outcomes = self.judge([to_z @ point for point in points], self.seed, paths)
            return [Answer(float(outcome.met.mean()), outcome.progress) for outcome in outcomes]

        search = Search(evaluate, basis.shape[1], self.radius, seed=self.seed + number, starts=starts)
        self._total = self.done + (self.wanted - number) * (search.most_evaluations + 30)
        best: Tried = search.run()
        return np.asarray(to_z @ best.point, dtype=float)

    def _confirm(self, z: Array, still: tuple[str, ...]) -> tuple[Array, Check]:
        """The shortest stretch of a shock that holds on all paths and again on fresh ones, and that last check.

        Factors that hardly count follow the others first, as far as the target then holds. Where no stretch does,
        the longest.
        """
        tidy = self._tidied(z, still)
        found = self._stretched(tidy)
        return found if found[1].share >= HALF or np.array_equal(tidy, z) else self._stretched(z)

    def _tidied(self, z: Array, still: tuple[str, ...]) -> Array:
        """The shortest shock with the same large moves: the other factors at their mean given these."""
        large = self.space.parts(z) >= TOLD_PART
        up = np.array([factor.direction == "up" for factor in self.space.factors])
        held = np.isin(self.space.names, still)
        fixed = (large & ~(up & (z < 0.0))) | held
        if fixed.all() or not (fixed & ~held).any():
            return z
        free, precision = ~fixed, self.space.precision
        tidy = np.where(held, 0.0, z)
        tidy[free] = -np.linalg.solve(precision[np.ix_(free, free)], precision[np.ix_(free, fixed)] @ tidy[fixed])
        return np.asarray(tidy, dtype=float)

    def _stretched(self, z: Array) -> tuple[Array, Check]:
        distance = self.space.distance(z)
        lengths = [size for size in STRETCHES if size * distance <= self.radius] or [self.radius / distance]
        shocks = [size * z for size in lengths]
        first, last = 0, len(lengths) - 1
        while first < last:  # longer shocks do more: the first that holds is found by halving
            middle = (first + last) // 2
            (found,) = self.judge([shocks[middle]], self.seed, self.paths)
            first, last = (first, middle) if found.met.mean() >= HALF else (middle + 1, last)
        # each try on its own random numbers, so that none is chosen for its luck
        for place in range(first, len(lengths)):
            seed = self.seed + 1 + place - first
            (found,) = self.judge([shocks[place]], seed, self.paths)
            if found.met.mean() >= HALF and self.check([shocks[place]], seed)[0].share >= HALF:
                break
        return shocks[place], self.check([shocks[place]], seed)[0]

    def _told(
        self, z: Array, check: Check, still: tuple[str, ...], base: Scenario, start: str, number: int
    ) -> Solution:
        import pandas as pd

        space = self.space
        z = z + 0.0  # no zeros below zero
        sds = np.array([factor.sd for factor in space.factors])
        parts = np.round(space.parts(z), 12) + 0.0
        main = [place for place in range(len(z)) if parts[place] >= TOLD_PART]
        without = np.full(len(z), np.nan)
        paths = min(WITHOUT_PATHS, self.paths)
        left_out = self.check([np.where(np.arange(len(z)) == place, 0.0, z) for place in main], check.seed, paths)
        without[main] = [item.share for item in left_out]

        def moved(place: int, sd: float) -> float:
            changed = sds.copy()
            changed[place] = sd
            return space.at(z, changed)

        rows = [
            {
                "factor": factor.name,
                "meaning": factor.meaning,
                "effect": factor.told(float(z[place])),
                "z": float(z[place]),
                "part": float(parts[place]),
                "share_without": float(without[place]),
                "distance_sd_low": moved(place, factor.sd_low),
                "distance_sd_high": moved(place, factor.sd_high),
                "grade": factor.grade,
            }
            for place, factor in enumerate(space.factors)
        ]
        frame = pd.DataFrame(rows).sort_values("part", ascending=False, ignore_index=True)
        return Solution(
            distance=space.distance(z),
            distance_low=space.at(z, [factor.sd_high for factor in space.factors]),
            distance_high=space.at(z, [factor.sd_low for factor in space.factors]),
            z=z,
            check=check,
            factors=frame,
            still=still,
            scenario=_laid_on(base, space.tables(z, start), number),
        )


def _laid_on(base: Scenario, shock: dict[str, Any], number: int) -> dict[str, Any]:
    """Tables of a scenario: the shock after all that the base does."""
    tables = base.tables()
    joined = {name: [*tables.pop(name, []), *rows] for name, rows in shock.items()}
    title = f"Likeliest shock {number + 1} of a reverse stress test on {base.name}"
    return {"name": f"reverse_{number + 1}", "title": title, **tables, **joined}


def _check(outcome: Outcome, seed: int) -> Check:
    count = len(outcome.met)
    share = float(outcome.met.mean())
    spread = Z95**2 / count
    middle = (share + spread / 2.0) / (1.0 + spread)
    half = Z95 * math.sqrt(share * (1.0 - share) / count + spread / (4.0 * count)) / (1.0 + spread)
    return Check(share, max(middle - half, 0.0), min(middle + half, 1.0), float(np.median(outcome.amount)), count, seed)


def _null_space(rows: Array) -> Array:
    """Orthonormal columns on which all rows vanish."""
    if not len(rows):
        return np.eye(rows.shape[1])
    _, _, right = np.linalg.svd(rows)
    return np.asarray(right[len(rows) :].T, dtype=float)

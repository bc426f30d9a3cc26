"""The likeliest point at which something happens: a search of the standard normal space.

The point of the failure region nearest to the origin is the likeliest failure (the design point of the first-order
reliability method: Hasofer and Lind 1974; Rackwitz and Fiessler 1978). It is sought in two stages. The cross-entropy
method (Rubinstein and Kroese 2004; for rare events de Boer et al. 2005) moves a normal density from the origin towards
the region and then, inside it, towards the origin; it needs neither slopes nor smoothness. Then the slope at the best
point is fitted to points around it, and the point turned into the direction of that slope (a step of the first-order
method), as long as that brings it nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtri

Array = np.ndarray[Any, np.dtype[np.float64]]

HALF = 0.5
"""A target holds where at least this share of the paths meet it."""

ELITE = 0.25
"""Part of a generation that moves the density."""

SMOOTHING = 0.8
"""Weight of the new generation in the density (de Boer et al. advise 0.4 to 0.9)."""

FIRST_SPREAD, LEAST_SPREAD = 1.2, 0.12
NEARER = 0.985
"""A stage goes on only where it made the distance smaller by this factor."""
CLOSER = 0.95
"""As long as nothing holds: where it made what is missing smaller by this factor. Shares of 64 paths tell no less."""

IDLE = 2
"""Generations in a row without a better point after which the density is moved no more."""

HALVINGS = 4
"""Trials by which the shortest length along a ray is found: to a sixteenth of the range."""

SLOPE_SPREAD = 0.35
"""Spread of the points to which a slope is fitted at the end."""
WIDE_SPREAD = 0.9
"""Spread within which points count for the slope that guides a generation."""


@dataclass(frozen=True)
class Answer:
    """What a shock does: `share` of paths that meet the target, and `progress` towards it (0 to 1)."""

    share: float
    progress: float


Evaluate = Callable[[Sequence[Array]], Sequence[Answer]]


@dataclass(frozen=True)
class Tried:
    """A point that was tried."""

    point: Array
    answer: Answer

    @property
    def distance(self) -> float:
        """How far the shock lies from the centre, in standard deviations."""
        return float(np.linalg.norm(self.point))

    @property
    def holds(self) -> bool:
        """Whether at least half of the paths meet the target."""
        return self.answer.share >= HALF

    @property
    def rank(self) -> tuple[bool, float]:
        """Order of preference: what holds by distance, then what falls short by how much."""
        if self.holds:
            return False, self.distance
        return True, HALF - self.answer.share + HALF * (1.0 - self.answer.progress)

    def better_than(self, other: Tried) -> bool:
        """Whether it holds where the other does not, or both do or do not and it is clearly nearer."""
        enough = NEARER if self.holds else CLOSER
        return self.holds > other.holds or (self.holds == other.holds and self.rank[1] < enough * other.rank[1])


@dataclass
class Search:
    """One search. `evaluate` takes points together, so that they can be worked on side by side."""

    evaluate: Evaluate
    dimension: int
    radius: float
    """the search looks no farther from the origin"""
    seed: int
    starts: Sequence[Array] = ()
    """points to begin with"""
    population: int = 12
    generations: int = 6
    rounds: int = 3
    tried: list[Tried] = field(default_factory=list)

    @property
    def most_evaluations(self) -> int:
        """Evaluations that a search needs at most."""
        rounds = self.rounds * (self.dimension + 1 + HALVINGS)
        return len(self.starts) + self.generations * self.population + HALVINGS + rounds

    def run(self) -> Tried:
        """The best point: it holds where one was found that does, else it came nearest to the target."""
        rng = np.random.default_rng(self.seed)
        self.tried = []
        self._try(self.starts)
        self._cross_entropy(rng)
        return self._polish(self._best, rng) if self._best.holds else self._best

    @property
    def _best(self) -> Tried:
        return min(self.tried, key=lambda item: item.rank)

    def _try(self, points: Sequence[Array]) -> list[Tried]:
        inside = [self._inside(point) for point in points]
        answers = self.evaluate(inside) if inside else []
        made = [Tried(p, a) for p, a in zip(inside, answers, strict=True)]
        self.tried += made
        return made

    def _inside(self, point: Array) -> Array:
        return point * min(1.0, self.radius / max(float(np.linalg.norm(point)), 1e-12))

    def _cross_entropy(self, rng: np.random.Generator) -> None:
        mean, spread = np.zeros(self.dimension), np.full(self.dimension, FIRST_SPREAD)
        generation: list[Tried] = list(self.tried)
        if generation:
            mean = self._elite(generation)[0]
        before: list[Tried] = []
        idle = 0
        for _ in range(self.generations):
            best = self._best if self.tried else None
            guided = self._guides(mean, best) if best else []
            drawn = mean + spread * rng.standard_normal((max(self.population - len(guided), 1), self.dimension))
            generation = self._try([*drawn, *guided])
            middle, width = self._elite([*generation, *before])
            before = generation
            mean = (1.0 - SMOOTHING) * mean + SMOOTHING * middle
            spread = np.maximum((1.0 - SMOOTHING) * spread + SMOOTHING * width, LEAST_SPREAD)
            idle = 0 if best is None or self._best.better_than(best) else idle + 1
            if idle == IDLE:
                break
        self._shorten(self._best.point if self._best.holds else mean, 0.5, 1.5)

    def _guides(self, mean: Array, best: Tried) -> list[Array]:
        """Points that carry less noise than draws: the mean, and the design points of planes through what was tried.

        Shorter ones too where something holds already, else longer ones.
        """
        found = [mean, (0.8 if best.holds else 1.5) * mean]
        for centre in (best.point, mean):
            level, slope = self._plane(centre, WIDE_SPREAD)
            size = float(np.linalg.norm(slope))
            if size > 0.0:
                length = float(np.clip((slope @ centre - level) / size, 0.2 * self.radius, self.radius))
                found += [stretch * length * slope / size for stretch in ((0.9, 1.1) if best.holds else (1.0, 1.3))]
        return found

    def _elite(self, items: Sequence[Tried]) -> tuple[Array, Array]:
        """Mean and spread of the best."""
        best = sorted(items, key=lambda item: item.rank)[: max(3, round(ELITE * len(items)))]
        points = np.array([item.point for item in best])
        return points.mean(axis=0), points.std(axis=0)

    def _shorten(self, point: Array, least: float, most: float) -> None:
        """Tries a ray between two lengths, in the point's own: the shortest that holds is sought by halving."""
        length = float(np.linalg.norm(point))
        if length == 0.0:
            return
        low, high = least * length, min(self.radius, most * length)
        size = min(length, high)
        for _ in range(HALVINGS):
            (found,) = self._try([point / length * size])
            low, high = (low, size) if found.holds else (size, high)
            size = 0.5 * (low + high)

    def _polish(self, best: Tried, rng: np.random.Generator) -> Tried:
        for _ in range(self.rounds):
            around = best.point + SLOPE_SPREAD * rng.standard_normal((self.dimension + 1, self.dimension))
            self._try(list(around))
            _, slope = self._plane(best.point, SLOPE_SPREAD)
            size = float(np.linalg.norm(slope))
            if size == 0.0:
                break
            # half the way: the slope carries noise
            turned = best.point / best.distance + slope / size
            toward = turned * best.distance / max(float(np.linalg.norm(turned)), 1e-12)
            self._shorten(toward, 0.75, 1.1)
            before, best = best, self._best
            if not best.better_than(before):
                break
        return best

    def _plane(self, centre: Array, spread: float) -> tuple[float, Array]:
        """Level at a point, and slope, of the normal quantile of the share: weighted least squares, a small ridge."""
        points = np.array([item.point for item in self.tried])
        share = np.array([item.answer.share for item in self.tried])
        progress = np.array([item.answer.progress for item in self.tried])
        away = np.linalg.norm(points - centre, axis=1) / (spread * np.sqrt(self.dimension))
        near = away < 2.0
        # where hardly a path meets the target, progress towards it tells better from worse
        score = ndtri(np.clip(share, 0.02, 0.98)) - 2.0 * np.where(share < 0.02, 1.0 - progress, 0.0)
        weight = np.sqrt(np.exp(-0.5 * away[near] ** 2))
        design = np.column_stack([np.ones(near.sum()), points[near] - centre]) * weight[:, None]
        ridge = 0.05 * np.eye(self.dimension + 1)
        ridge[0, 0] = 1e-9
        fitted = np.linalg.solve(design.T @ design + ridge, design.T @ (score[near] * weight))
        return float(fitted[0]), np.asarray(fitted[1:], dtype=float)

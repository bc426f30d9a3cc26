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
"""A round of the second stage goes on only where it made the distance smaller by this factor."""

LENGTHS = 5
SLOPE_SPREAD = 0.35
"""Spread of the points to which a slope is fitted."""


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
        return float(np.linalg.norm(self.point))

    @property
    def holds(self) -> bool:
        return self.answer.share >= HALF

    @property
    def rank(self) -> tuple[bool, float]:
        """Order of preference: what holds by distance, then what falls short by how much."""
        if self.holds:
            return False, self.distance
        return True, HALF - self.answer.share + HALF * (1.0 - self.answer.progress)


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
    population: int = 16
    generations: int = 5
    rounds: int = 2
    tried: list[Tried] = field(default_factory=list)

    @property
    def most_evaluations(self) -> int:
        """Evaluations that a search needs at most."""
        rounds = self.rounds * (2 * self.dimension + 2 * LENGTHS)
        return len(self.starts) + self.generations * self.population + 2 * LENGTHS + rounds

    def run(self) -> Tried:
        """The best point: it holds where one was found that does, else it came nearest to the target."""
        rng = np.random.default_rng(self.seed)
        self.tried = []
        self._try(self.starts)
        self._cross_entropy(rng)
        best = min(self.tried, key=lambda item: item.rank)
        return self._polish(best, rng) if best.holds else best

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
        for _ in range(self.generations):
            drawn = mean + spread * rng.standard_normal((self.population - 3, self.dimension))
            # the mean has less noise across the way to the region than any draw: it is tried too, with shorter points
            # once something holds, else with longer ones
            lengths = (1.0, 0.85, 0.7) if any(item.holds for item in self.tried) else (1.0, 1.3, 1.6)
            generation = self._try([*drawn, *(size * mean for size in lengths)])
            middle, width = self._elite([*generation, *before])
            before = generation
            mean = (1.0 - SMOOTHING) * mean + SMOOTHING * middle
            spread = np.maximum((1.0 - SMOOTHING) * spread + SMOOTHING * width, LEAST_SPREAD)
        self._shorten(mean, 0.0, 1.5)

    def _elite(self, items: Sequence[Tried]) -> tuple[Array, Array]:
        """Mean and spread of the best."""
        best = sorted(items, key=lambda item: item.rank)[: max(3, round(ELITE * len(items)))]
        points = np.array([item.point for item in best])
        return points.mean(axis=0), points.std(axis=0)

    def _shorten(self, point: Array, least: float, most: float) -> Tried | None:
        """The shortest of the points along a ray that holds, between two lengths in the point's own.

        Five lengths are tried, then five between the last two.
        """
        length = float(np.linalg.norm(point))
        if length == 0.0:
            return None
        direction, low, high = point / length, least * length, min(self.radius, most * length)
        best: Tried | None = None
        for _ in range(2):
            lengths = np.linspace(low, high, LENGTHS + 1)[1:]
            found = self._try([direction * size for size in lengths])
            holding = [item for item in found if item.holds]
            if not holding:
                break
            nearest = min(holding, key=lambda item: item.distance)
            best = nearest if best is None or nearest.distance < best.distance else best
            low, high = best.distance - (high - low) / LENGTHS, best.distance
        return best

    def _polish(self, best: Tried, rng: np.random.Generator) -> Tried:
        for _ in range(self.rounds):
            around = best.point + SLOPE_SPREAD * rng.standard_normal((2 * self.dimension, self.dimension))
            self._try(list(around))
            slope = self._slope(best.point)
            size = float(np.linalg.norm(slope))
            if size == 0.0:
                break
            # half the way: the slope carries noise
            turned = best.point / best.distance + slope / size
            toward = turned * best.distance / max(float(np.linalg.norm(turned)), 1e-12)
            found = self._shorten(toward, 0.75, 1.1)
            nearest = best if found is None or found.distance > best.distance else found
            gained = nearest.distance < NEARER * best.distance
            best = nearest
            if not gained:
                break
        return best

    def _slope(self, centre: Array) -> Array:
        """Slope of the normal quantile of the share at a point, by weighted least squares with a small ridge."""
        points = np.array([item.point for item in self.tried])
        share = np.array([item.answer.share for item in self.tried])
        away = np.linalg.norm(points - centre, axis=1) / (SLOPE_SPREAD * np.sqrt(self.dimension))
        near = away < 2.0
        score = ndtri(np.clip(share[near], 0.01, 0.99))
        weight = np.sqrt(np.exp(-0.5 * away[near] ** 2))
        design = np.column_stack([np.ones(near.sum()), points[near] - centre]) * weight[:, None]
        ridge = 0.05 * np.eye(self.dimension + 1)
        ridge[0, 0] = 0.0
        fitted = np.linalg.solve(design.T @ design + ridge, design.T @ (score * weight))
        return np.asarray(fitted[1:], dtype=float)

"""From a bank and a set of data to weighted draws of the parameters: one code for cited and for made-up data.

1. *Allowance.* How far the data may stand from the model is settled (`calibration_allowance`).
2. *History matching.* Parameters are ruled out where two series or more would stand further than three standard
   deviations (luck and discrepancy) from the data, by the emulator.
3. *Approximate Bayesian computation.* Of what is left, the simulations with the guesses nearest to those of the data
   are kept, weighted by an Epanechnikov kernel and moved along a local linear regression: Beaumont, Zhang and Balding
   (2002), Genetics 162, 2025-2035. Residuals of a path stay together, so that draws keep their joint shape.

A parameter that the data do not inform is taken from the prior again, independent of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.analysis.calibration_allowance import AS_STATED, ODD, Allowance, PriorPredictive, oddness
from penstock.analysis.calibration_bank import Bank
from penstock.analysis.calibration_data import Targets
from penstock.analysis.calibration_learning import Emulator, Guess, learn_emulator, learn_guess

Array = np.ndarray

IMPLAUSIBLE = 3.0
"""Three standard deviations hold 95 % of any distribution with one peak (Pukelsheim 1994)."""
SPARED = 1
"""Series that may stand further off without ruling a parameter out."""
KEPT_SHARE = 0.3
LEAST_KEPT = 500
"""Share and least number of the simulations nearest to the data that an adjustment rests on."""
TINY = 1e-12
NOISE_STREAM = 77
REMEMBERED = 4
"""Sets of points whose lessons are kept for the next question."""


@dataclass(frozen=True)
class Lessons:
    """What is learned of a bank with some of the points; serves many sets of data."""

    allowance: Allowance
    used: Array
    """(points,) whether each point takes part"""
    guess: Guess
    guesses: Array
    """(parameters, paths) guesses of the bank's own simulations, with discrepancy"""
    emulator: Emulator
    expected: Array
    """(series, paths) by the emulator"""


@dataclass(frozen=True)
class Posterior:
    """Weighted draws for one set of data.

    Attributes:
        scores: (parameters, draws) standard normal scores under the prior.
        weights: (draws,) sum 1.
        informed: (parameters,) whether the data inform each; others are draws from the prior.
        allowance: how far the data may stand from the model.
        joint_p_value: share of the bank's own data sets at least as odd as these before the whole is widened; the
            lower of that of all points and that of the guesses.
        share_left: share of the bank that history matching leaves.
        paths: simulations of the bank.
    """

    names: tuple[str, ...]
    scores: Array
    weights: Array
    informed: Array
    shares: Array
    allowance: Allowance
    joint_p_value: float
    share_left: float
    paths: int

    @property
    def effective_size(self) -> float:
        """Kish's effective sample size of the weights."""
        return float(1.0 / (self.weights**2).sum())

    def quantiles(self, levels: tuple[float, ...]) -> Array:
        """Weighted quantiles of the scores, (levels, parameters)."""
        order = np.argsort(self.scores, axis=1)
        ordered = np.take_along_axis(self.scores, order, axis=1)
        weight = self.weights[order]
        middle = np.cumsum(weight, axis=1) - 0.5 * weight
        found = [np.interp(levels, at, values) for at, values in zip(middle, ordered, strict=True)]
        return np.asarray(found).T

    def equal_draws(self, generator: np.random.Generator, count: int) -> Array:
        """Places of draws with the same weight each, (count,), by systematic resampling."""
        steps = (generator.random() + np.arange(count)) / count
        places = np.searchsorted(np.cumsum(self.weights), steps)
        return np.minimum(places, len(self.weights) - 1)


class Calibrator:
    """Calibrates sets of data on one bank; what it learns is kept from one set to the next."""

    def __init__(self, bank: Bank, targets: Targets, seed: int) -> None:
        self.bank, self.targets = bank, targets
        self._generator = np.random.default_rng([NOISE_STREAM, seed])
        self._normal = self._generator.standard_normal((len(targets.points), bank.paths))
        self._rows = [targets.rows_of(series=name) for name in targets.series]
        self._predictive = PriorPredictive.of(bank.logs)
        self._lessons: dict[tuple[object, ...], Lessons] = {}

    def __call__(self, observed: Array) -> Posterior:
        """Draws for one set of data, logs (points,)."""
        allowance, joint_p_value = self.allowed(observed)
        lessons = self.lessons(allowance)
        left = self._not_ruled_out(lessons, observed)
        kept, weights = self._nearest(lessons, observed, left)
        scores = self._adjusted(lessons, observed, kept, weights)
        return Posterior(
            self.bank.names,
            scores,
            weights / weights.sum(),
            lessons.guess.informed,
            lessons.guess.shares,
            allowance,
            joint_p_value,
            float(left.mean()),
            self.bank.paths,
        )

    def allowed(self, observed: Array) -> tuple[Allowance, float]:
        """The discrepancy of a set of data, and how odd they are before the whole is widened."""
        beyond = self._predictive.beyond_reach(self.targets, observed)
        single = Allowance(beyond, self._predictive.widened(self.targets, observed, beyond))
        first = None
        for allowance in single.wider():
            lessons = self.lessons(allowance)
            told, used = lessons.guess.informed, lessons.used
            odds = oddness(self.seen(allowance)[used], observed[used])
            if told.any() and odds >= ODD:
                odds = min(odds, oddness(lessons.guesses[told], lessons.guess(observed[used, None])[told, 0]))
            first = odds if first is None else first
            if odds >= ODD:
                break
        return allowance, first or 0.0

    def seen(self, allowance: Allowance = AS_STATED) -> Array:
        """The bank's own data sets, (points, paths): what it gives, with discrepancy."""
        return np.asarray(self.bank.logs + allowance.root(self.targets) @ self._normal)

    def lessons(self, allowance: Allowance = AS_STATED) -> Lessons:
        """What the bank teaches with a discrepancy, without the series that it sets aside."""
        if allowance.key not in self._lessons:
            if len(self._lessons) >= REMEMBERED:
                self._lessons.pop(next(reversed(self._lessons)))
            used = np.array([point.name not in allowance.beyond_reach for point in self.targets.points])
            seen = self.seen(allowance)[used]
            guess = learn_guess(self.bank.scores, seen)
            emulator = learn_emulator(self.bank.scores, self._means(self.bank.logs))
            expected = emulator(self.bank.scores)
            self._lessons[allowance.key] = Lessons(allowance, used, guess, guess(seen), emulator, expected)
        return self._lessons[allowance.key]

    def _means(self, logs: Array) -> Array:
        """Mean over the points of each series, (series, paths)."""
        return np.stack([logs[rows].mean(axis=0) for rows in self._rows])

    def _not_ruled_out(self, lessons: Lessons, observed: Array) -> Array:
        """(paths,) whether history matching leaves the parameters of each path."""
        used = np.array([lessons.used[rows[0]] for rows in self._rows])
        spread = lessons.allowance.covariance(self.targets)
        discrepancy = np.array([spread[np.ix_(rows, rows)].mean() for rows in self._rows])
        error = np.sqrt(lessons.emulator.luck + discrepancy)[used, None]
        far = np.abs(self._means(observed[:, None])[used] - lessons.expected[used]) / error
        worst = np.sort(far, axis=0)[-min(1 + SPARED, len(far))]
        left = worst <= IMPLAUSIBLE
        least = min(LEAST_KEPT, self.bank.paths)
        if left.sum() < least:
            # too few for a regression: the least implausible ones, told by `share_left`
            left = worst <= np.partition(worst, least - 1)[least - 1]
        return np.asarray(left)

    def _nearest(self, lessons: Lessons, observed: Array, left: Array) -> tuple[Array, Array]:
        """Places of the kept simulations and their weights by the kernel."""
        informed = lessons.guess.informed
        places = np.flatnonzero(left)
        if not informed.any():
            return places, np.ones(len(places))
        guesses = lessons.guesses[informed]
        away = guesses[:, places] - lessons.guess(observed[lessons.used, None])[informed]
        # in units of the spread of guesses: a parameter counts by how far the data tell it
        axes = np.linalg.inv(np.atleast_2d(np.cov(guesses)) + TINY * np.eye(len(guesses)))
        distance = np.sqrt(np.einsum("ip,ij,jp->p", away, axes, away))
        count = min(max(int(KEPT_SHARE * self.bank.paths), LEAST_KEPT), len(places))
        order = np.argsort(distance)[:count]
        limit = max(float(distance[order[-1]]) * (1.0 + 1e-9), TINY)
        return places[order], 1.0 - (distance[order] / limit) ** 2

    def _adjusted(self, lessons: Lessons, observed: Array, kept: Array, weights: Array) -> Array:
        """Scores of the kept simulations, moved to the data; parameters not informed are drawn from the prior."""
        informed, limits = lessons.guess.informed, self.bank.limits
        scores = self._generator.standard_normal((len(informed), len(kept)))
        if informed.any():
            away = lessons.guesses[informed][:, kept] - lessons.guess(observed[lessons.used, None])[informed]
            truth = self.bank.scores[informed][:, kept]
            terms = np.concatenate([np.ones((1, len(kept))), away])
            line = _weighted(terms, truth, weights)
            scores[informed] = truth - line[:, 1:] @ away
        return np.clip(scores, limits[:, :1], limits[:, 1:])


def _weighted(terms: Array, values: Array, weights: Array) -> Array:
    """Weighted least squares with a small ridge, (values, terms)."""
    weighed = terms * weights
    gram = weighed @ terms.T + 1e-6 * weights.sum() * np.eye(len(terms))
    return np.asarray(np.linalg.solve(gram, weighed @ values.T).T)

"""From a bank and a set of data to weighted draws of the parameters: one code for cited and for made-up data.

1. *Reach.* A series whose data lie more than three standard deviations outside what any draw from the prior, its luck
   and its discrepancy give is set aside: it tells of a mechanism that is missing, not of a parameter.
2. *Discrepancy.* Where less than one in twenty of the bank's own data sets is as odd as these taken all together, the
   stated discrepancy is multiplied by the smallest of a few factors at which they are not: what no draw gives is not
   to be explained by draws at the edge.
3. *History matching.* Parameters are ruled out where two series or more would stand further than three standard
   deviations (luck and discrepancy) from the data, by the emulator.
4. *Approximate Bayesian computation.* Of what is left, the simulations with the guesses nearest to those of the data
   are kept, weighted by an Epanechnikov kernel and moved along a local linear regression: Beaumont, Zhang and Balding
   (2002), Genetics 162, 2025-2035. Residuals of a path stay together, so that draws keep their joint shape.

A parameter that the data do not inform is taken from the prior again, independent of the rest.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from penstock.analysis.calibration_bank import Bank
from penstock.analysis.calibration_data import Targets
from penstock.analysis.calibration_learning import Emulator, Guess, learn_emulator, learn_guess

Array = np.ndarray

REACH = 3.0
IMPLAUSIBLE = 3.0
"""Three standard deviations hold 95 % of any distribution with one peak (Pukelsheim 1994)."""
INFLATIONS = (1.0, 1.5, 2.0, 3.0, 4.0)
"""Factors on the stated discrepancy, the smallest that will do is taken."""
ODD = 0.05
SPARED = 1
"""Series that may stand further off without ruling a parameter out."""
KEPT_SHARE = 0.3
LEAST_KEPT = 500
TINY = 1e-12
NOISE_STREAM = 77
REMEMBERED = 4


@dataclass(frozen=True)
class Lessons:
    """What is learned of a bank with some of the points; serves many sets of data."""

    used: Array
    """(points,) whether each point takes part"""
    inflation: float
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
        beyond_reach: series that were set aside, with the distance in standard deviations.
        joint_p_value: share of the bank's own data sets at least as odd as these, with the discrepancy as stated.
        inflation: factor on the stated discrepancy.
        share_left: share of the bank that history matching leaves.
        paths: simulations of the bank.
    """

    names: tuple[str, ...]
    scores: Array
    weights: Array
    informed: Array
    shares: Array
    beyond_reach: dict[str, float]
    joint_p_value: float
    inflation: float
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
        self._noise = targets.noise(self._generator, bank.paths)
        self.series = tuple(dict.fromkeys(point.name for point in targets.points))
        self._rows = [targets.rows_of(series=name) for name in self.series]
        self._discrepancy = np.array([_variance(targets, rows) for rows in self._rows])
        self._lessons: dict[tuple[bytes, float], Lessons] = {}
        means = self._means(self.seen(1.0))
        self._centre, self._spread = means.mean(axis=1), np.maximum(means.std(axis=1), TINY)

    def __call__(self, observed: Array) -> Posterior:
        """Draws for one set of data, logs (points,)."""
        distance = np.abs(self._means(observed[:, None])[:, 0] - self._centre) / self._spread
        beyond = {name: float(far) for name, far in zip(self.series, distance, strict=True) if far > REACH}
        used = self.used(beyond)
        odds = self._odds(observed, used)
        inflation = next((factor for factor, p in odds.items() if p >= ODD), INFLATIONS[-1])
        lessons = self.lessons(beyond, inflation)
        left = self._not_ruled_out(lessons, observed)
        kept, weights = self._nearest(lessons, observed, left)
        scores = self._adjusted(lessons, observed, kept, weights)
        return Posterior(
            self.bank.names,
            scores,
            weights / weights.sum(),
            lessons.guess.informed,
            lessons.guess.shares,
            beyond,
            odds[INFLATIONS[0]],
            inflation,
            float(left.mean()),
            self.bank.paths,
        )

    def seen(self, inflation: float) -> Array:
        """The bank's own data sets, (points, paths): what it gives, with discrepancy."""
        return np.asarray(self.bank.logs + inflation * self._noise)

    def used(self, without: Collection[str]) -> Array:
        """(points,) whether each point takes part when some series do not."""
        return np.array([point.name not in without for point in self.targets.points])

    def lessons(self, without: Collection[str] = (), inflation: float = 1.0) -> Lessons:
        """What the bank teaches without some series."""
        used = self.used(without)
        key = (used.tobytes(), inflation)
        if key not in self._lessons:
            if len(self._lessons) >= REMEMBERED:
                self._lessons.pop(next(reversed(self._lessons)))
            seen = self.seen(inflation)[used]
            guess = learn_guess(self.bank.scores, seen)
            emulator = learn_emulator(self.bank.scores, self._means(self.bank.logs))
            self._lessons[key] = Lessons(used, inflation, guess, guess(seen), emulator, emulator(self.bank.scores))
        return self._lessons[key]

    def _odds(self, observed: Array, used: Array) -> dict[float, float]:
        """Share of the bank's own data sets at least as far from their centre as these, by factor on the discrepancy.

        Distance is Mahalanobis's over all points in use. Factors beyond the first that is not odd are left out.
        """
        found = {}
        for factor in INFLATIONS:
            seen = self.seen(factor)[used]
            centre = seen.mean(axis=1, keepdims=True)
            root = np.linalg.cholesky(np.cov(seen) + TINY * np.eye(len(seen)))
            own = (np.linalg.solve(root, seen - centre) ** 2).sum(axis=0)
            here = (np.linalg.solve(root, observed[used, None] - centre) ** 2).sum()
            found[factor] = float((own >= here).mean())
            if found[factor] >= ODD:
                break
        return found

    def _means(self, logs: Array) -> Array:
        """Mean over the points of each series, (series, paths)."""
        return np.stack([logs[rows].mean(axis=0) for rows in self._rows])

    def _not_ruled_out(self, lessons: Lessons, observed: Array) -> Array:
        """(paths,) whether history matching leaves the parameters of each path."""
        used = np.array([lessons.used[rows[0]] for rows in self._rows])
        error = np.sqrt(lessons.emulator.luck + lessons.inflation**2 * self._discrepancy)[used, None]
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


def _variance(targets: Targets, rows: Array) -> float:
    """Variance of the discrepancy of a series' mean."""
    row = targets.points[int(rows[0])].discrepancy
    return row.common**2 + row.own**2 + row.point**2 / len(rows)


def _weighted(terms: Array, values: Array, weights: Array) -> Array:
    """Weighted least squares with a small ridge, (values, terms)."""
    weighed = terms * weights
    gram = weighed @ terms.T + 1e-6 * weights.sum() * np.eye(len(terms))
    return np.asarray(np.linalg.solve(gram, weighed @ values.T).T)

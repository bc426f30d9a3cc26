"""What a bank teaches: the best guess of each parameter from data, and what each series is expected to be.

Guess: ridge regression of the scores of the parameters on the logs of all points, standardised, with squares and
products of their leading principal axes. The guesses are the summary statistics of the inference, as proposed by
Fearnhead and Prangle (2012), "Constructing summary statistics for approximate Bayesian computation", Journal of the
Royal Statistical Society B 74, 419-474. The share of a parameter's variance that its guess explains in simulations
that the fit did not see says how much the data inform it.

Expected series: regression of the mean log of each series on scores and their squares: the emulator of history
matching (Craig, Goldstein, Seheult and Smith 1997). What it leaves is luck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

AXES = 12
"""Leading principal axes whose products are features."""
HELD_OUT = 0.2
"""Share of simulations that the fit does not see: they choose its penalty and tell what it explains."""
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
LEAST_SHARE = 0.05
"""Share of variance from which a parameter counts as informed: below it an interval is at most 2.5 % narrower."""
TINY = 1e-12


@dataclass(frozen=True)
class Guess:
    """The regression of parameters on data.

    Attributes:
        shares: (parameters,) share of variance that the guess explains in simulations held out.
    """

    centre: Array
    scale: Array
    axes: Array
    feature_centre: Array
    feature_scale: Array
    coefficients: Array
    intercept: Array
    shares: Array

    @property
    def informed(self) -> Array:
        """(parameters,) whether the data inform each."""
        return np.asarray(self.shares >= LEAST_SHARE)

    def __call__(self, logs: Array) -> Array:
        """Guessed scores, (parameters, paths), from (points, paths)."""
        features = (_features((logs - self.centre) / self.scale, self.axes) - self.feature_centre) / self.feature_scale
        return np.asarray(self.intercept + self.coefficients @ features)


def learn_guess(scores: Array, logs: Array) -> Guess:
    """Fit the guess on a bank: scores (parameters, paths), logs with discrepancy (points, paths).

    The last fifth of the paths is held out to choose the penalty of each parameter and to tell its share.
    """
    centre, scale = logs.mean(axis=1, keepdims=True), np.maximum(logs.std(axis=1, keepdims=True), TINY)
    standard = (logs - centre) / scale
    axes = _axes(standard)
    features = _features(standard, axes)
    feature_centre = features.mean(axis=1, keepdims=True)
    feature_scale = np.maximum(features.std(axis=1, keepdims=True), TINY)
    features = (features - feature_centre) / feature_scale
    fitted = scores.shape[1] - max(int(HELD_OUT * scores.shape[1]), 1)
    trials = _ridges(features[:, :fitted], scores[:, :fitted])
    truth = scores[:, fitted:]
    spread = np.maximum(((truth - scores[:, :fitted].mean(axis=1, keepdims=True)) ** 2).mean(axis=1), TINY)
    errors = [((truth - b - a @ features[:, fitted:]) ** 2).mean(axis=1) for a, b in trials]
    shares = 1.0 - np.stack(errors) / spread
    best, rows = shares.argmax(axis=0), np.arange(len(scores))
    whole = _ridges(features, scores)
    return Guess(
        centre,
        scale,
        axes,
        feature_centre,
        feature_scale,
        np.stack([a for a, _ in whole])[best, rows],
        np.stack([b for _, b in whole])[best, rows],
        np.maximum(shares.max(axis=0), 0.0),
    )


def _axes(standard: Array) -> Array:
    """Leading principal axes with unit spread, (axes, points)."""
    values, vectors = np.linalg.eigh(standard @ standard.T / standard.shape[1])
    order = np.argsort(-values)[: min(AXES, len(values))]
    return np.asarray((vectors[:, order] / np.sqrt(np.maximum(values[order], TINY))).T)


def _features(standard: Array, axes: Array) -> Array:
    along = axes @ standard
    one, other = np.triu_indices(len(axes))
    return np.concatenate([standard, along[one] * along[other]])


def _ridges(features: Array, scores: Array) -> list[tuple[Array, Array]]:
    """Coefficients (parameters, features) and intercepts (parameters, 1) for each penalty."""
    centre, mean = features.mean(axis=1, keepdims=True), scores.mean(axis=1, keepdims=True)
    inner = features - centre
    values, vectors = np.linalg.eigh(inner @ inner.T)
    along = (scores - mean) @ inner.T @ vectors
    found = []
    for penalty in PENALTIES:
        coefficients = (along / (np.maximum(values, 0.0) + penalty)) @ vectors.T
        found.append((coefficients, mean - coefficients @ centre))
    return found


@dataclass(frozen=True)
class Emulator:
    """Expected values of some summaries from the scores of the parameters.

    Attributes:
        luck: (summaries,) variance that the parameters leave.
    """

    coefficients: Array
    luck: Array

    def __call__(self, scores: Array) -> Array:
        """Expected summaries, (summaries, paths)."""
        return np.asarray(self.coefficients @ _curved(scores))


def learn_emulator(scores: Array, summaries: Array) -> Emulator:
    """Least squares of summaries (summaries, paths) on scores and their squares."""
    terms = _curved(scores)
    gram = terms @ terms.T + TINY * np.eye(len(terms))
    coefficients = np.linalg.solve(gram, terms @ summaries.T).T
    freedom = max(summaries.shape[1] - len(terms), 1)
    luck = ((summaries - coefficients @ terms) ** 2).sum(axis=1) / freedom
    return Emulator(coefficients, luck)


def _curved(scores: Array) -> Array:
    return np.concatenate([np.ones((1, scores.shape[1])), scores, scores**2 - 1.0])

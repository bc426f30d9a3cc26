"""How far a set of data may stand from the model before parameters are asked to explain it.

The table of discrepancies says what is expected; here it is held against the data, once for each set of data:

1. *Reach.* A series whose data lie more than three standard deviations outside what any draw from the prior, its luck
   and its discrepancy give is set aside: it tells of a mechanism that is missing, not of a parameter.
2. *Single series.* What is a series' own (`own`, `point`) is widened by a factor where the marginal likelihood of the
   data under the prior predictive, taken as Gaussian, rises by more than chance would raise it (a likelihood ratio at
   1 %), the largest gain first. One firm's course then says less of parameters that all firms share.
3. *All.* Where less than one in twenty of the bank's own data sets is as odd as these, taken all together or by the
   guesses that they lead to, the whole is multiplied by the smallest of a few factors at which they are not. What no
   draw gives is not to be explained by draws at the edge, and a regression carried beyond the cloud of simulations
   points anywhere: Frazier, Robert and Rousseau (2020), "Model misspecification in approximate Bayesian computation",
   Journal of the Royal Statistical Society B 82, 421-444.

Data may widen the discrepancy, never narrow it; made-up data go through the same steps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from penstock.analysis.calibration_data import Targets

Array = np.ndarray

REACH = 3.0
"""Standard deviations from all that the prior gives beyond which a series is set aside."""
FACTORS = (1.5, 2.0, 3.0, 4.0)
"""Factors on the stated discrepancy, of a series or of all."""
LEAST_GAIN = 3.317
"""Half the 99 % quantile of chi-square with one degree of freedom."""
ODD = 0.05
"""Share of the prior's own data sets as odd as the cited one, below which the discrepancy is widened."""
TINY = 1e-12


@dataclass(frozen=True)
class Allowance:
    """The discrepancy of one set of data.

    Attributes:
        beyond_reach: series that are set aside, with their distance in standard deviations.
        widened: series whose own part is widened, with the factor.
        inflation: factor on the whole.
    """

    beyond_reach: Mapping[str, float] = field(default_factory=dict)
    widened: Mapping[str, float] = field(default_factory=dict)
    inflation: float = 1.0

    @property
    def key(self) -> tuple[object, ...]:
        """What tells allowances apart that teach different things."""
        return (tuple(sorted(self.beyond_reach)), tuple(sorted(self.widened.items())), self.inflation)

    def wider(self) -> Iterator[Allowance]:
        """This one and the same with each factor on the whole."""
        for factor in (1.0, *FACTORS):
            yield Allowance(self.beyond_reach, self.widened, factor)

    def root(self, targets: Targets) -> Array:
        """Turns standard normal numbers into this discrepancy, (points, points)."""
        single = targets.covariance(self.widened)
        return np.asarray(self.inflation * np.linalg.cholesky(single + TINY * np.eye(len(single))))

    def covariance(self, targets: Targets) -> Array:
        """(points, points)."""
        return np.asarray(self.inflation**2 * targets.covariance(self.widened))


AS_STATED = Allowance()


@dataclass(frozen=True)
class PriorPredictive:
    """What the bank gives for the points without discrepancy, as mean (points,) and covariance (points, points)."""

    mean: Array
    covariance: Array

    @staticmethod
    def of(logs: Array) -> PriorPredictive:
        """From logs, (points, paths)."""
        return PriorPredictive(logs.mean(axis=1), np.atleast_2d(np.cov(logs)))

    def beyond_reach(self, targets: Targets, observed: Array) -> dict[str, float]:
        """Series that are too far from anything that the prior gives, by the mean of their points."""
        spread, apart = self.covariance + targets.covariance(), observed - self.mean
        found = {}
        for name in targets.series:
            rows = targets.rows_of(series=name)
            distance = abs(float(apart[rows].mean())) / max(float(spread[np.ix_(rows, rows)].mean()) ** 0.5, TINY)
            if distance > REACH:
                found[name] = distance
        return found

    def widened(self, targets: Targets, observed: Array, without: Collection[str]) -> dict[str, float]:
        """Factors on the own part of single series that the data ask for."""
        used = np.array([point.name not in without for point in targets.points])
        found: dict[str, float] = {}
        best = self._log_likelihood(targets, observed, used, found)
        while True:
            trials = [
                {**found, name: factor}
                for name in targets.series
                if name not in without
                for factor in FACTORS
                if factor > found.get(name, 1.0)
            ]
            values = [self._log_likelihood(targets, observed, used, trial) for trial in trials]
            if not values or max(values) - best <= LEAST_GAIN:
                return found
            best = max(values)
            found = trials[values.index(best)]

    def _log_likelihood(self, targets: Targets, observed: Array, used: Array, widened: Mapping[str, float]) -> float:
        spread = (self.covariance + targets.covariance(widened))[np.ix_(used, used)]
        root = np.linalg.cholesky(spread + TINY * np.eye(len(spread)))
        along = np.linalg.solve(root, (observed - self.mean)[used])
        return float(-np.log(np.diag(root)).sum() - 0.5 * along @ along)


def oddness(own: Array, here: Array) -> float:
    """Share of some columns at least as far from their centre as one more, by Mahalanobis's distance."""
    centre = own.mean(axis=1, keepdims=True)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(own)) + TINY * np.eye(len(own)))
    apart = (np.linalg.solve(root, own - centre) ** 2).sum(axis=0)
    return float((apart >= (np.linalg.solve(root, here[:, None] - centre) ** 2).sum()).mean())

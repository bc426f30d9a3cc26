"""Sizes of a discrepancy that no table tells: the same for every series, by the data of a calibration alone.

The sizes of `calibration_discrepancy.csv` are judgements, written when later data were known. These three numbers know
the points up to the last day of the calibration and nothing else. They are no part of any fit; forecasts are scored
with them beside the stated ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.analysis.calibration_data import Targets

Array = np.ndarray

FIRST_GUESS = (0.1, 0.15, 0.1)
LIMITS = (-7.0, 2.0)
"""Of the logs of sizes: from a thousandth to a factor of a thousand and more."""


@dataclass(frozen=True)
class Sizes:
    """Of a discrepancy that is the same for every series: deviations in logs, walks after one year, and of a point."""

    common: float
    own: float
    point: float


def likeliest_sizes(targets: Targets, mean: Array, covariance: Array) -> Sizes:
    """Sizes, the same for all series, at which the observed points are likeliest under a Gaussian prior predictive.

    They know the points and nothing else: no table, and no judgement of one series. mean, covariance: of the model's
    logs, (points,) and (points, points).
    """
    from scipy.optimize import minimize

    years = targets.years
    shared = np.minimum(years[:, None], years[None, :])
    families = np.array([point.discrepancy.family for point in targets.points])
    names = np.array([point.name for point in targets.points])
    parts = (
        shared * np.equal.outer(families, families),
        shared * np.equal.outer(names, names),
        np.eye(len(names)),
    )
    apart = targets.observed - mean

    def unlikely(logs: Array) -> float:
        spread = covariance + sum(np.exp(2.0 * log) * part for log, part in zip(logs, parts, strict=True))
        root = np.linalg.cholesky(spread)
        along = np.linalg.solve(root, apart)
        return float(np.log(np.diag(root)).sum() + 0.5 * along @ along)

    best = minimize(unlikely, np.log(FIRST_GUESS), method="Nelder-Mead", bounds=[LIMITS] * len(parts))
    return Sizes(*(float(value) for value in np.exp(best.x)))

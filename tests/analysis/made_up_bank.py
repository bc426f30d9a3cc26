"""A bank whose posterior is known in closed form: logs are sums of the parameters, Gaussian luck and discrepancy."""

from __future__ import annotations

import datetime as dt

import numpy as np

from penstock.analysis.calibration_bank import Bank
from penstock.analysis.calibration_data import Discrepancy, Target, Targets
from penstock.analysis.observables import Observable, Output

Array = np.ndarray

NAMES = ("first", "second", "idle")
LOADS = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, -0.5, 0.0]])
"""What a standard deviation of each parameter moves each point by."""
LUCK = 0.3
SERIES = ("a", "a", "b", "c")
START = dt.date(2024, 3, 1)
YEARS = np.array([365, 366, 367, 368]) / 365.25
"""From the start to each point."""
ROW = {"common": 0.2, "own": 0.1, "point": 0.3}


def made_up_targets() -> Targets:
    """Four points of three series; `a` and `b` are of one family."""
    points = []
    for number, series in enumerate(SERIES):
        family = "other" if series == "c" else "one"
        row = Discrepancy(series, "x", family, **ROW, grade="F", why="made up")
        output = Output("capex_usd_bn", ((1, "x"),))
        observable = Observable(series, "x", output, 3, False, None, "")
        points.append(Target(series, "x", dt.date(2025, 3, 1 + number), 1.0, "usd_bn", observable, None, row))
    return Targets(tuple(points), {}, 4, START)


def made_up_bank(paths: int, seed: int = 1) -> Bank:
    """Simulations from the prior."""
    generator = np.random.default_rng(seed)
    scores = generator.standard_normal((len(NAMES), paths))
    logs = LOADS @ scores + LUCK * generator.standard_normal((len(LOADS), paths))
    return Bank(NAMES, scores, np.tile([-np.inf, np.inf], (len(NAMES), 1)), logs)


def covariance_of_error() -> Array:
    """Luck and discrepancy of the points, by hand."""
    common, own, point = (ROW[name] ** 2 for name in ("common", "own", "point"))
    family = np.array([series == "c" for series in SERIES])
    same_family = family[:, None] == family
    same_series = np.array(SERIES)[:, None] == np.array(SERIES)
    shared = np.minimum(YEARS[:, None], YEARS)
    return np.asarray((common * same_family + own * same_series) * shared + (point + LUCK**2) * np.eye(len(SERIES)))


def exact(observed: Array) -> tuple[Array, Array]:
    """Mean and covariance of the scores given data."""
    inverse = np.linalg.inv(covariance_of_error())
    spread = np.linalg.inv(LOADS.T @ inverse @ LOADS + np.eye(len(NAMES)))
    return spread @ LOADS.T @ inverse @ observed, spread

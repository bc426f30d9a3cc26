"""Naive forecasts that the model has to beat, fixed before the first score.

Each sees the logarithms of a series up to a day and gives a normal forecast of a later one. Time is counted in the
median spacing of the points, for a few series are not quite regular. statsmodels (extra `analysis`) fits two of them;
it is loaded when they are called for, and without it the random walk competes alone.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Array = np.ndarray

RANDOM_WALK = "random_walk"
DAMPED_TREND = "damped_trend"
ARIMA = "arima"
OPPONENTS = (RANDOM_WALK, DAMPED_TREND, ARIMA)
LEAST_POINTS = 4
"""Points that the random walk needs: a drift and a spread from three steps."""
LEAST_POINTS_FITTED = 8
"""Points below which the fitted opponents do not compete: they have up to six numbers to find."""
ORDERS = tuple((p, q) for p in range(3) for q in range(3) if p + q <= 2)
"""Autoregressive and moving-average orders among which ARIMA chooses by AIC, on first differences."""
LEAST_DEVIATION = 1e-4
"""Least deviation of a forecast, in logs: a series that never moved is still no certainty."""


@dataclass(frozen=True)
class History:
    """A series up to a day: days and positive values, in order."""

    days: tuple[dt.date, ...]
    values: tuple[float, ...]

    @property
    def spacing(self) -> float:
        """Median days between points."""
        gaps = [(after - before).days for before, after in zip(self.days, self.days[1:], strict=False)]
        return float(np.median(gaps))

    def ahead(self, day: dt.date) -> float:
        """Time from the last point to a day, in spacings."""
        return (day - self.days[-1]).days / self.spacing


@dataclass(frozen=True)
class Forecast:
    """Normal forecast of logs: mean and standard deviation for each day asked."""

    mean: Array
    deviation: Array


def available(names: Sequence[str] = OPPONENTS) -> tuple[str, ...]:
    """The opponents that can compete here: two of them need statsmodels."""
    fitted = importlib.util.find_spec("statsmodels") is not None
    return tuple(name for name in names if fitted or name == RANDOM_WALK)


def forecast(name: str, history: History, days: Sequence[dt.date]) -> Forecast | None:
    """Forecast of an opponent for later days; None where the history is too short or the fit fails."""
    least = LEAST_POINTS if name == RANDOM_WALK else LEAST_POINTS_FITTED
    if len(history.values) < least or min(history.values) <= 0.0:
        return None
    if name == RANDOM_WALK:
        return random_walk(history, days)
    steps = np.maximum(np.rint([history.ahead(day) for day in days]).astype(int), 1)
    logs = np.log(np.asarray(history.values))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = _damped_trend(logs, int(steps.max())) if name == DAMPED_TREND else _arima(logs, int(steps.max()))
        except (ValueError, np.linalg.LinAlgError, FloatingPointError):
            return None
    mean, deviation = found.mean[steps - 1], np.maximum(found.deviation[steps - 1], LEAST_DEVIATION)
    return Forecast(mean, deviation) if np.isfinite(mean).all() and np.isfinite(deviation).all() else None


def random_walk(history: History, days: Sequence[dt.date]) -> Forecast:
    """Random walk with drift on logs, the drift uncertain: variance s^2 (k + k^2 / T) at k steps after T."""
    logs = np.log(np.asarray(history.values))
    step = np.array([(b - a).days for a, b in zip(history.days, history.days[1:], strict=False)]) / history.spacing
    moved = np.diff(logs)
    whole = float(step.sum())
    drift = float(moved.sum()) / whole
    variance = float((((moved - drift * step) ** 2) / step).sum()) / (len(step) - 1)
    ahead = np.array([history.ahead(day) for day in days])
    deviation = np.sqrt(variance * (ahead + ahead**2 / whole))
    return Forecast(logs[-1] + drift * ahead, np.maximum(deviation, LEAST_DEVIATION))


def _damped_trend(logs: Array, steps: int) -> Forecast:
    """Exponential smoothing with additive errors and a damped additive trend."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    # statsmodels reads the labels of what it predicts, which a bare array does not have
    fitted = ETSModel(pd.Series(logs), error="add", trend="add", damped_trend=True).fit(disp=False)
    count = len(logs)
    predicted = fitted.get_prediction(start=count, end=count + steps - 1)
    return Forecast(
        np.asarray(predicted.predicted_mean, dtype=float),
        np.sqrt(np.asarray(predicted.forecast_variance, dtype=float)),
    )


def _arima(logs: Array, steps: int) -> Forecast:
    """ARIMA(p, 1, q) with or without drift, the one of least AIC."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    best = None
    for p, q in ORDERS:
        for trend in ("n", "t"):
            try:
                model = SARIMAX(logs, order=(p, 1, q), trend=trend)
                fitted = model.fit(disp=False, maxiter=50, cov_type="none")
            except (ValueError, np.linalg.LinAlgError):
                continue
            if np.isfinite(fitted.aic) and (best is None or fitted.aic < best.aic):
                best = fitted
    if best is None:
        raise ValueError("no order could be fitted")
    predicted = best.get_forecast(steps)
    return Forecast(np.asarray(predicted.predicted_mean), np.sqrt(np.asarray(predicted.var_pred_mean)))

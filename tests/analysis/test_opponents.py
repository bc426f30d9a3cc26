"""Naive forecasters: formulas, limits, and what happens to short series or without statsmodels."""

from __future__ import annotations

import datetime as dt
import importlib.util

import numpy as np
import pytest

from penstock.analysis import opponents
from penstock.analysis.opponents import ARIMA, DAMPED_TREND, OPPONENTS, RANDOM_WALK, History, available, forecast

DAYS = tuple(dt.date(2020, 1, 1) + dt.timedelta(days=91 * k) for k in range(16))


def history(logs: np.ndarray) -> History:
    return History(DAYS[: len(logs)], tuple(np.exp(logs)))


def later(steps: int, known: int) -> list[dt.date]:
    return [DAYS[known - 1] + dt.timedelta(days=91 * k) for k in range(1, steps + 1)]


def test_random_walk_with_drift_is_the_textbook_formula() -> None:
    logs = np.array([0.0, 0.1, 0.4, 0.3, 0.6])
    found = forecast(RANDOM_WALK, history(logs), later(3, 5))
    assert found is not None
    drift, variance = 0.15, np.diff(logs).var(ddof=1)
    ahead = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(found.mean, 0.6 + drift * ahead)
    np.testing.assert_allclose(found.deviation, np.sqrt(variance * (ahead + ahead**2 / 4.0)))


def test_random_walk_counts_time_between_irregular_points() -> None:
    days = (dt.date(2024, 1, 1), dt.date(2024, 2, 1), dt.date(2024, 3, 3), dt.date(2024, 5, 4))
    found = forecast(RANDOM_WALK, History(days, tuple(np.exp([0.0, 1.0, 2.0, 4.0]))), [dt.date(2024, 6, 4)])
    assert found is not None
    assert found.mean[0] == pytest.approx(5.0)
    assert found.deviation[0] == opponents.LEAST_DEVIATION


@pytest.mark.parametrize("name", OPPONENTS)
def test_steady_growth_goes_on(name: str) -> None:
    pytest.importorskip("statsmodels")
    noise = np.random.default_rng(3).normal(0.0, 0.003, 16)
    found = forecast(name, history(0.1 * np.arange(16) + noise), later(2, 16))
    assert found is not None
    # a damped trend may slow, none turns round or speeds up
    assert np.all(np.diff([1.5, *found.mean]) > 0.03)
    assert np.all(found.mean < [1.64, 1.74])
    assert 0.0 < found.deviation[0] < 0.05


def test_short_series_have_no_fitted_opponent() -> None:
    short = history(np.array([0.0, 0.1, 0.3, 0.5]))
    assert forecast(RANDOM_WALK, short, later(1, 4)) is not None
    assert forecast(ARIMA, short, later(1, 4)) is None
    assert forecast(DAMPED_TREND, short, later(1, 4)) is None
    assert forecast(RANDOM_WALK, history(np.array([0.0, 0.1, 0.2])), later(1, 3)) is None


def test_a_value_that_is_not_positive_has_no_logarithm() -> None:
    assert forecast(RANDOM_WALK, History(DAYS[:5], (1.0, 2.0, 0.0, 3.0, 4.0)), later(1, 5)) is None


def test_without_statsmodels_the_random_walk_competes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert available() == (RANDOM_WALK,)

"""Scores: closed forms, and what a perfect forecaster must obtain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from penstock.analysis.scoring import LEVELS, coverage, crps_normal, crps_sample, score_normal, score_sample

NUMBERS = st.floats(-5.0, 5.0)
SPREADS = st.floats(0.01, 3.0)


def test_crps_of_the_standard_normal_at_its_mean() -> None:
    # (sqrt 2 - 1) / sqrt pi
    assert crps_normal(0.0, 1.0, 0.0) == pytest.approx(0.23369497725510913, rel=1e-12)


@given(NUMBERS, SPREADS, NUMBERS)
def test_crps_of_a_large_normal_ensemble_is_the_closed_form(mean: float, deviation: float, outcome: float) -> None:
    sample = norm.ppf((np.arange(4000) + 0.5) / 4000, mean, deviation)
    assert crps_sample(sample, outcome) == pytest.approx(crps_normal(mean, deviation, outcome), abs=2e-3 * deviation)


@given(st.lists(NUMBERS, min_size=1, max_size=12), NUMBERS)
def test_crps_of_an_ensemble_is_its_definition(members: list[float], outcome: float) -> None:
    x = np.array(members)
    direct = np.abs(x - outcome).mean() - 0.5 * np.abs(x[:, None] - x[None]).mean()
    assert crps_sample(x, outcome) == pytest.approx(direct, abs=1e-12)


@given(NUMBERS, NUMBERS)
def test_crps_of_a_certain_forecast_is_its_error(said: float, outcome: float) -> None:
    assert crps_normal(said, 0.0, outcome) == abs(said - outcome)
    assert crps_sample(np.full(5, said), outcome) == pytest.approx(abs(said - outcome), abs=1e-12)


def test_a_perfect_forecaster_covers_as_stated() -> None:
    rng = np.random.default_rng(4)
    outcomes = rng.normal(1.0, 0.4, 1500)
    sample = norm.ppf((np.arange(999) + 0.5) / 999, 1.0, 0.4)
    for scores in (
        [score_normal(1.0, 0.4, outcome) for outcome in outcomes],
        [score_sample(sample, outcome) for outcome in outcomes],
    ):
        for share, level in zip(coverage(scores), LEVELS, strict=True):
            assert share == pytest.approx(level, abs=4.0 * np.sqrt(level * (1.0 - level) / 1500))


def test_the_truth_scores_better_than_any_shift_or_stretch_of_it() -> None:
    outcomes = np.random.default_rng(5).normal(0.0, 1.0, 4000)
    best = np.mean([crps_normal(0.0, 1.0, outcome) for outcome in outcomes])
    for mean, deviation in ((0.3, 1.0), (-0.3, 1.0), (0.0, 0.6), (0.0, 1.6)):
        assert best < np.mean([crps_normal(mean, deviation, outcome) for outcome in outcomes])


def test_width_of_the_80_percent_interval() -> None:
    assert score_normal(0.0, 1.0, 0.0).width == pytest.approx(2.0 * 1.2815515655446004)

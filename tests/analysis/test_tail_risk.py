"""VaR, expected shortfall and their errors against figures worked out by hand, closed forms and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.analysis.tail_risk import (
    LEVELS,
    contributions,
    expected_loss,
    expected_shortfall,
    tail_weights,
    value_at_risk,
)

FINITE = st.floats(0.0, 1e9, allow_nan=False)
LOSSES = st.lists(FINITE, min_size=2, max_size=60).map(np.array)


def test_a_hundred_losses_by_hand() -> None:
    losses = np.arange(1.0, 101.0)
    assert expected_loss(losses).value == 50.5
    assert expected_loss(losses).se == pytest.approx(math.sqrt(100 * 101 / 12) / 10.0, rel=1e-12)
    assert value_at_risk(losses, 0.95).value == 95.0
    assert value_at_risk(losses, 0.99).value == 99.0
    assert expected_shortfall(losses, 0.95).value == pytest.approx(98.0, rel=1e-12)
    assert expected_shortfall(losses, 0.99).value == pytest.approx(100.0, rel=1e-12)


def test_a_tail_that_is_no_whole_number_of_paths() -> None:
    losses = np.arange(1.0, 31.0)
    # 5 % of 30 paths are the worst one and half of the next
    assert value_at_risk(losses, 0.95).value == 29.0
    assert expected_shortfall(losses, 0.95).value == pytest.approx((30.0 + 0.5 * 29.0) / 1.5, rel=1e-12)
    assert expected_shortfall(losses[:10], 0.95).value == 10.0


def test_equal_losses_share_the_tail() -> None:
    losses = np.array([0.0] * 90 + [5.0] * 10)
    assert tail_weights(losses, 0.95) == pytest.approx([0.0] * 90 + [0.1] * 10)
    assert expected_shortfall(losses, 0.95).value == pytest.approx(5.0)
    assert value_at_risk(np.zeros(50), 0.99).value == 0.0
    assert value_at_risk(np.zeros(50), 0.99).se == 0.0


@pytest.mark.parametrize(("level", "paths"), [(0.95, 400), (0.99, 2000)])
def test_errors_are_those_of_repeated_samples(level: float, paths: int) -> None:
    """Exponential losses: VaR is -ln(1 - level), expected shortfall 1 more (memoryless)."""
    generator = np.random.Generator(np.random.Philox(3))
    samples = [generator.exponential(size=paths) for _ in range(400)]
    true_var = -math.log(1.0 - level)
    for estimator, truth in ((value_at_risk, true_var), (expected_shortfall, true_var + 1.0)):
        found = [estimator(sample, level) for sample in samples]
        values = np.array([item.value for item in found])
        assert values.mean() == pytest.approx(truth, abs=4.0 * values.std() / 20.0 + 3.0 / (paths * (1.0 - level)))
        assert np.mean([item.se for item in found]) == pytest.approx(values.std(), rel=0.15)
    inside = [item.low <= true_var <= item.high for item in (value_at_risk(sample, level) for sample in samples)]
    assert np.mean(inside) > 0.93


def test_the_error_of_a_quantile_is_the_bootstraps() -> None:
    generator = np.random.Generator(np.random.Philox(4))
    losses = generator.lognormal(size=120)
    drawn = generator.integers(0, 120, size=(20_000, 120))
    repeated = np.sort(losses[drawn], axis=1)[:, 113]
    assert value_at_risk(losses, 0.95).value == np.sort(losses)[113]
    assert value_at_risk(losses, 0.95).se == pytest.approx(repeated.std(), rel=0.03)


def test_too_few_paths_have_no_upper_bound() -> None:
    generator = np.random.Generator(np.random.Philox(5))
    assert value_at_risk(generator.random(256), 0.99).high == math.inf
    # 0.99^368 is just below 2.5 %: from there on the largest loss is a bound
    assert math.isfinite(value_at_risk(generator.random(400), 0.99).high)


def test_a_tail_of_one_path_has_no_error() -> None:
    assert math.isnan(expected_shortfall(np.arange(100.0), 0.99).se)
    assert expected_shortfall(np.arange(100.0), 0.95).se > 0.0
    assert expected_shortfall(np.zeros(100), 0.95).se == 0.0


@given(LOSSES, st.sampled_from(LEVELS))
def test_order_of_paths_is_irrelevant_and_the_tail_is_the_worst(losses: np.ndarray, level: float) -> None:
    turned = losses[::-1].copy()
    assert value_at_risk(losses, level).value == value_at_risk(turned, level).value
    shortfall = expected_shortfall(losses, level).value
    assert shortfall == pytest.approx(expected_shortfall(turned, level).value, rel=1e-9)
    slack = 1e-9 * (1.0 + float(losses.max()))
    assert value_at_risk(losses, level).value - slack <= shortfall <= losses.max() + slack
    assert shortfall >= losses.mean() - slack
    assert tail_weights(losses, level).sum() == pytest.approx(1.0, rel=1e-12)


@given(LOSSES, st.floats(0.0, 100.0), st.floats(0.0, 1e6), st.sampled_from(LEVELS))
def test_scaling_and_shifting(losses: np.ndarray, factor: float, shift: float, level: float) -> None:
    for estimator in (value_at_risk, expected_shortfall):
        before, after = estimator(losses, level).value, estimator(factor * losses + shift, level).value
        assert after == pytest.approx(factor * before + shift, rel=1e-9, abs=1e-6)


@given(st.integers(2, 60).flatmap(lambda n: st.tuples(*[st.lists(FINITE, min_size=n, max_size=n)] * 2)))
def test_expected_shortfall_is_subadditive(pair: tuple[list[float], list[float]]) -> None:
    first, second = (np.array(part) for part in pair)
    for level in LEVELS:
        both = expected_shortfall(first + second, level).value
        apart = expected_shortfall(first, level).value + expected_shortfall(second, level).value
        assert both <= apart * (1.0 + 1e-9) + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(2, 50), st.integers(0, 2**32 - 1))
def test_contributions_add_to_the_whole(parts: int, paths: int, seed: int) -> None:
    generator = np.random.Generator(np.random.Philox(seed))
    losses = generator.lognormal(sigma=2.0, size=(parts, paths)) * (generator.random((parts, paths)) < 0.3)
    found, total = contributions(losses), losses.sum(axis=0)
    assert found.expected.sum() == pytest.approx(expected_loss(total).value, rel=1e-9)
    for level in LEVELS:
        assert found.shortfall[level].sum() == pytest.approx(expected_shortfall(total, level).value, rel=1e-9)


def test_errors_of_contributions_are_those_of_repeated_samples() -> None:
    generator = np.random.Generator(np.random.Philox(6))

    def sample() -> np.ndarray:
        common = generator.exponential(size=400)
        return np.stack([common + generator.exponential(size=400), 3.0 * generator.exponential(size=400)])

    found = [contributions(sample()) for _ in range(60)]
    for row in (0, 1):
        values = np.array([item.shortfall[0.95][row] for item in found])
        errors = np.array([item.shortfall_se[0.95][row] for item in found])
        assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.3)
        means = np.array([item.expected_se[row] for item in found])
        assert means.mean() == pytest.approx(math.sqrt((2.0, 9.0)[row] / 400.0), rel=0.1)

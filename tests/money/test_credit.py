"""Merton calibration against a published case, its equations and its limits; the closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from penstock.errors import InputError
from penstock.money.credit import (
    default_probability,
    distance_to_default,
    merton_calibrate,
    spread,
)


def test_hull_example() -> None:
    found = merton_calibrate(3, 0.8, 10, 0.05, 1)
    assert found.asset_value == pytest.approx(12.39538719, abs=1e-6)
    assert found.sigma_asset == pytest.approx(0.21230471, abs=1e-6)
    assert found.default_probability == pytest.approx(0.12697124, abs=1e-6)
    assert found.expected_loss == pytest.approx(0.012290, abs=1e-6)
    assert all(isinstance(number, float) for number in found)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(0.05, 20.0),
    st.floats(0.05, 3.0),
    st.floats(0.1, 10.0),
    st.floats(-0.02, 0.15),
    st.floats(0.25, 10.0),
)
def test_solves_its_two_equations(E: float, sigma: float, D: float, r: float, T: float) -> None:
    V, sigma_V, probability, loss = merton_calibrate(E, sigma, D, r, T)
    riskless = D * np.exp(-r * T)
    x = sigma_V * np.sqrt(T)
    d2 = np.log(V / riskless) / x - x / 2.0
    assert V * ndtr(d2 + x) - riskless * ndtr(d2) == pytest.approx(E, rel=1e-9, abs=1e-10)
    assert ndtr(d2 + x) * sigma_V * V == pytest.approx(sigma * E, rel=1e-8)
    assert probability == pytest.approx(ndtr(-d2), rel=1e-9, abs=1e-300)
    assert loss == pytest.approx(1.0 - (V - E) / riskless, abs=1e-9)
    assert 0.0 <= loss <= probability <= 1.0
    assert max(E, riskless * 1e-9) <= V <= (E + riskless) * (1.0 + 1e-12)
    assert 0.0 < sigma_V <= sigma


def test_limits() -> None:
    # without debt the firm is its equity
    assert merton_calibrate(3.0, 0.8, 0.0, 0.05, 1.0) == (3.0, 0.8, 0.0, 0.0)
    small = merton_calibrate(3.0, 0.8, 1e-9, 0.05, 1.0)
    assert small.asset_value == pytest.approx(3.0, rel=1e-8)
    assert small.sigma_asset == pytest.approx(0.8, rel=1e-8)
    # without risk assets are equity plus riskless debt
    calm = merton_calibrate(3.0, 1e-3, 10.0, 0.05, 1.0)
    assert calm.asset_value == pytest.approx(3.0 + 10.0 * np.exp(-0.05), rel=1e-12)
    assert calm.sigma_asset == pytest.approx(3e-3 / calm.asset_value, rel=1e-9)
    assert calm.default_probability == 0.0
    # more debt, more default
    rising = merton_calibrate(3.0, 0.8, np.array([1.0, 5.0, 10.0, 50.0]), 0.05, 1.0).default_probability
    assert (np.diff(rising) > 0.0).all()


def test_extremes_stay_finite_and_arrays_equal_single_firms() -> None:
    E = np.array([1e-6, 1e-3, 1.0, 1e3, 3.0])[:, None]
    sigma = np.array([0.02, 0.3, 4.0])
    found = merton_calibrate(E, sigma, 10.0, 0.05, 1.0)
    assert found.asset_value.shape == (5, 3)
    assert all(np.isfinite(column).all() for column in found)
    for i, j in np.ndindex(5, 3):
        single = merton_calibrate(E[i, 0], sigma[j], 10.0, 0.05, 1.0)
        assert single == tuple(column[i, j] for column in found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.8, 10, 0.05, 1), "equity: found 0"),
        ((3, -0.8, 10, 0.05, 1), "sigma_equity: found -0.8"),
        ((3, 0.8, -10, 0.05, 1), "debt: found -10"),
        ((3, 0.8, 10, np.nan, 1), "rate: found a value"),
        ((3, 0.8, 10, 0.05, 0), "maturity: found 0"),
        (([3, 3], 0.8, [1, 2, 3], 0.05, 1), "broadcast"),
        (("x", 0.8, 10, 0.05, 1), "equity: found something"),
    ],
)
def test_invalid_input_is_named(arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        merton_calibrate(*arguments)


def test_distance_probability_and_spread() -> None:
    V, sigma, _, _ = merton_calibrate(3, 0.8, 10, 0.05, 1)
    distance = distance_to_default(np.array([V, V, 0.0]), np.array([10.0, 0.0, 5.0]), 0.05, sigma, 1.0)
    assert distance[1:].tolist() == [np.inf, -np.inf]
    probability = default_probability(distance)
    assert probability == pytest.approx([0.12697124, 0.0, 1.0], abs=1e-6)
    price = spread(probability, 0.6, 1.0)
    assert price == pytest.approx([-np.log(1.0 - 0.6 * probability[0]), 0.0, -np.log(0.4)], abs=1e-12)
    assert spread(np.array([1.0]), 1.0, 1.0).tolist() == [np.inf]
    # for small risks the spread is the expected loss a year
    assert spread(np.array([1e-4]), 0.5, 2.0)[0] == pytest.approx(0.5e-4 / 2.0, rel=1e-4)

"""Consumer surplus equals the area under the demand curve; productivity follows its formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.analysis import productivity, surplus

PRICE = st.floats(1e-3, 1e3)
QUANTITY = st.floats(1e-3, 1e6)
ELASTICITY = st.floats(0.2, 3.0)


def area(curve: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> float:
    """Integral of a quantity over prices by Gauss-Legendre in logs."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    a, b = np.log(low), np.log(high)
    price = np.exp(0.5 * (b - a) * nodes + 0.5 * (a + b))
    return float(0.5 * (b - a) * (weights * curve(price) * price).sum())


def test_hand_computed() -> None:
    # q = 10 - 2 p at p = 2: q = 6, elasticity 2/3, choke price 5: triangle 6 x 3 / 2
    assert float(surplus.linear(2.0, 6.0, 2.0 / 3.0)) == pytest.approx(9.0, rel=1e-15)
    # from 3 down to 2: (4 + 6) / 2
    assert float(surplus.linear_gain(2.0, 6.0, 2.0 / 3.0, 3.0)) == pytest.approx(5.0, rel=1e-15)
    # q = 12 p^-2 at p = 2: q = 3, surplus to infinity 12 / 2; from 4 down to 2: 12 (1/2 - 1/4)
    assert float(surplus.constant_elasticity(2.0, 3.0, 2.0)) == pytest.approx(6.0, rel=1e-15)
    assert float(surplus.constant_elasticity_gain(2.0, 3.0, 2.0, 4.0)) == pytest.approx(3.0, rel=1e-15)
    # q = 6 / p: 6 ln 2
    assert float(surplus.constant_elasticity_gain(1.0, 6.0, 1.0, 2.0)) == pytest.approx(6.0 * np.log(2.0), rel=1e-15)
    assert np.isinf(surplus.constant_elasticity(1.0, 1.0, 1.0))


@settings(max_examples=40)
@given(PRICE, QUANTITY, ELASTICITY, st.floats(1.0, 50.0))
def test_gains_are_areas(price: float, quantity: float, elasticity: float, dearer: float) -> None:
    was = price * dearer

    def straight(p: np.ndarray) -> np.ndarray:
        return np.maximum(quantity * (1.0 - elasticity * (p - price) / price), 0.0)

    choke = min(was, price * (1.0 + 1.0 / elasticity))
    found = float(surplus.linear_gain(price, quantity, elasticity, was))
    assert found == pytest.approx(area(straight, price, choke), rel=1e-9, abs=1e-12 * price * quantity)

    def power(p: np.ndarray) -> np.ndarray:
        return quantity * (p / price) ** -elasticity

    found = float(surplus.constant_elasticity_gain(price, quantity, elasticity, was))
    assert found == pytest.approx(area(power, price, was), rel=1e-9, abs=1e-12 * price * quantity)


@given(PRICE, QUANTITY, ELASTICITY, st.floats(1.0, 100.0), st.floats(1.0, 100.0))
def test_a_gain_in_two_steps_is_the_gain_in_one(p: float, q: float, e: float, first: float, second: float) -> None:
    middle, last = p * first, p * first * second
    then = q * first**-e
    whole = surplus.constant_elasticity_gain(p, q, e, last)
    steps = surplus.constant_elasticity_gain(p, q, e, middle) + surplus.constant_elasticity_gain(middle, then, e, last)
    assert float(steps) == pytest.approx(float(whole), rel=1e-9, abs=1e-12 * p * q)


def test_no_fall_of_price_is_no_gain_and_a_rise_is_a_loss() -> None:
    for gain in (surplus.linear_gain, surplus.constant_elasticity_gain):
        assert float(gain(2.0, 3.0, 1.3, 2.0)) == 0.0
        assert float(gain(2.0, 3.0, 1.3, 1.0)) < 0.0


def test_the_whole_triangle_bounds_the_gain_of_a_linear_curve() -> None:
    assert float(surplus.linear_gain(2.0, 3.0, 1.3, 1e9)) == pytest.approx(float(surplus.linear(2.0, 3.0, 1.3)))


def test_the_unit_elastic_curve_is_the_limit_of_its_neighbours() -> None:
    at_one = float(surplus.constant_elasticity_gain(1.0, 5.0, 1.0, 7.0))
    for near in (1.0 - 1e-7, 1.0 + 1e-7):
        assert float(surplus.constant_elasticity_gain(1.0, 5.0, near, 7.0)) == pytest.approx(at_one, rel=1e-6)


def test_assumptions_have_a_range_a_grade_and_a_reason() -> None:
    found = productivity.assumptions()
    assert {item.field for item in found} == {"all", *productivity.FIELDS}
    for item in found:
        assert item.low <= item.central <= item.high, item.name
        assert item.grade in "ABCDEF" and item.source and len(item.reason) > 10, item.name
        assert item.grade == "F" or any(character.isdigit() for character in item.source), item.name


def test_gains_of_constant_use_follow_the_formulas() -> None:
    values = productivity.values_of("central")
    use = np.full((8, 1), 0.5)
    found = productivity.gains(use, values)
    grown = 1.045 ** (np.arange(1, 9) / 4.0) * 250.0
    spent = 9.8 * 1.045**3 * grown
    np.testing.assert_allclose(found["health"][:, 0], 0.075 * 0.5 * spent, rtol=1e-12)
    taught = 0.5 * np.arange(1, 9) / 160.0
    learned = 0.55 * 0.18 * 0.1 * taught * 115.0 * grown
    np.testing.assert_allclose(
        found["education"][:, 0], 0.03 * 0.5 * 5.8 * 1.045**3 * grown + learned, rtol=1e-12
    )  # fmt: skip
    stock = 0.05 * (1.0 - (1.0 - 0.15 / 4.0) ** np.arange(1, 9))
    np.testing.assert_allclose(found["research"][:, 0], 0.08 * np.log1p(stock) * 115.0 * grown, rtol=1e-12)


def test_no_use_no_gain_and_more_use_more_gain() -> None:
    for case in productivity.CASES:
        values = productivity.values_of(case)
        none, half, full = (productivity.gains(np.full((12, 3), use), values) for use in (0.0, 0.5, 1.0))
        for name in productivity.FIELDS:
            assert (none[name] == 0.0).all()
            assert (half[name] <= full[name]).all()
    low, central, high = (
        productivity.gains(np.full((12, 1), 1.0), productivity.values_of(case)) for case in productivity.CASES
    )
    for name in productivity.FIELDS:
        assert (low[name] < central[name]).all() and (central[name] < high[name]).all()

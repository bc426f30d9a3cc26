"""Demand for models: adoption rests at its ceiling, shares add to one, training follows growth and mood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.layers import ai
from single_path import number, one, properties


@properties
@given(number(1e-3, 1.2), number(0.1, 4.0), number(0.0, 1.0), number(0.1, 1.5), number(-0.5, 0.5))
def test_adoption_grows_below_its_ceiling_and_shrinks_above(
    adoption: float, speed: float, mood: float, shape: float, noise: float
) -> None:
    after = ai.adopt(one(adoption), one(speed), one(mood), one(1.0), one(shape), one(0.0))[0]
    assert np.sign(after - adoption) in (0.0, np.sign(1.0 - adoption))
    pushed = ai.adopt(one(adoption), one(speed), one(mood), one(1.0), one(shape), one(noise))[0]
    assert (pushed - after) * noise >= 0.0


def test_adoption_rests_at_its_ceiling_and_stands_still_without_growth() -> None:
    arguments = (one(1.5), one(0.6), one(0.8), one(0.4))
    assert ai.adopt(one(0.8), *arguments, one(0.0))[0] == pytest.approx(0.8, rel=1e-12)
    assert ai.adopt(one(0.3), *arguments, one(0.3), growth=0.0)[0] == 0.3


def test_adoption_follows_the_closed_form_of_richards() -> None:
    """With the exponent one it is the logistic curve; quarters are coarse steps of it."""
    level, speed = 0.05, 1.0
    adoption = one(level)
    for _ in range(20):
        adoption = ai.adopt(adoption, one(speed), one(0.5), one(1.0), one(1.0), one(0.0))
    exact = 1.0 / (1.0 + (1.0 / level - 1.0) * np.exp(-speed * 5.0))
    assert adoption[0] == pytest.approx(exact, rel=0.06)


def test_own_use_rests_at_its_ceiling_and_moods_speed_it() -> None:
    assert ai.own_use(one(1.0), one(1.0), one(0.5), one(0.0))[0] == 1.0
    slow, fast = (ai.own_use(one(0.3), one(1.0), one(mood), one(0.0))[0] for mood in (0.2, 0.8))
    assert 0.3 < slow < fast


@properties
@given(number(0.0, 1.0), number(-0.4, 1.0), number(0.01, 0.3))
def test_training_rises_with_expected_growth_and_mood(mood: float, growth: float, more: float) -> None:
    def train(g: float, s: float) -> float:
        return float(ai.training_value(one(80.0), one(0.4), one(0.7), one(g), one(s))[0])

    assert train(growth + more, mood) > train(growth, mood) > 0.0
    assert train(growth, mood + more) > train(growth, mood)
    assert train(0.0, 0.5) == pytest.approx(80.0 * 0.4)


@properties
@given(st.lists(number(0.01, 100.0), min_size=6, max_size=6), st.lists(number(0.05, 20.0), min_size=6, max_size=6))
def test_market_shares_add_to_one_in_each_segment(base: list[float], pull: list[float]) -> None:
    segment = np.array([0, 0, 1, 1, 1, 2])
    shares = ai.market_shares(np.array(base), np.array(pull)[:, None], segment, 3)
    assert (shares > 0.0).all()
    for number_ in range(3):
        assert shares[segment == number_].sum() == pytest.approx(1.0, rel=1e-12)
    alike = ai.market_shares(np.array(base), 3.0 * np.ones((6, 1)), segment, 3)[:2, 0]
    assert alike == pytest.approx(np.array(base[:2]) / sum(base[:2]))


def test_training_in_common_moves_no_share_and_more_than_the_others_does() -> None:
    none = np.zeros((3, 1))
    arguments = (one(0.2), none)
    common = ai.attraction_step(none, np.full((3, 1), 1.7), *arguments)
    assert common == pytest.approx(0.0)
    ahead = ai.attraction_step(none, np.array([[1.0], [0.0], [0.0]]), *arguments)
    assert ahead[0, 0] > 0.0 > ahead[1, 0] == ahead[2, 0]
    talented = ai.attraction_step(none, np.array([[1.0], [0.0], [0.0]]), *arguments, talent=2.0)
    assert talented[0, 0] == pytest.approx(2.0 * ahead[0, 0])


def test_demand_noise_dies_out() -> None:
    noise = one(1.0)
    for _ in range(4):
        noise = ai.demand_noise(noise, one(0.0), one(0.1))
    assert noise[0] == pytest.approx(0.6**4)


def test_quality_rests_where_training_is_as_expected() -> None:
    assert ai.quality_index(one(0.0), one(5.0), one(5.0))[0] == 0.0
    assert ai.quality_index(one(0.0), one(10.0), one(5.0))[0] == pytest.approx(0.25 * np.log(2.0))


def test_without_any_ceiling_users_leave_as_fast_as_they_can() -> None:
    """No division by zero, which warnings as errors would tell."""
    after = ai.adopt(one(0.4), one(1.5), one(0.5), one(0.0), one(0.4), one(0.0))
    assert after[0] == pytest.approx(0.2)

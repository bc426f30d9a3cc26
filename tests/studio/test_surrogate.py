"""The surfaces behind the sliders: exact where the truth is quadratic, honest about their error elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scenarios import load_scenario
from penstock.studio.surrogate import KNOBS, design, features, fit, sliders, with_values


def test_a_quadratic_of_the_logarithm_is_found_again() -> None:
    points = np.vstack([np.zeros(7), design(7)])
    truth = np.random.default_rng(1).normal(size=features(points).shape[1]) * 0.2
    coefficients, errors = fit(points, np.expm1(features(points) @ truth + 2.0)[:, None])
    found = features(points) @ coefficients[:, 0]
    assert np.allclose(found, features(points) @ truth + 2.0, atol=0.02)
    assert np.abs(errors).mean() < 0.1


def test_the_error_is_that_of_leaving_a_point_out() -> None:
    points = np.vstack([np.zeros(3), design(3, extra=20)])
    values = np.exp(np.random.default_rng(2).normal(size=(len(points), 1)))
    _, errors = fit(points, values)
    for left in (0, 5, len(points) - 1):
        kept = np.arange(len(points)) != left
        # the ridge grows with the number of points: hold it at that of all
        coefficients, _ = fit(points[kept], values[kept])
        told = np.log1p(values[left, 0]) - features(points[[left]]) @ coefficients[:, 0]
        assert errors[left, 0] == pytest.approx(float(told[0]), rel=0.05, abs=0.02)


@given(st.floats(-1.0, 1.0))
def test_positions_and_values_undo_each_other(position: float) -> None:
    for slider in sliders():
        assert float(slider.position(slider.value(position))) == pytest.approx(position, abs=1e-9)


def test_the_ends_of_a_slider_are_those_of_its_knob() -> None:
    for slider, knob in zip(sliders(), KNOBS, strict=True):
        assert slider.knob == knob
        assert float(slider.value(-1.0)) == pytest.approx(slider.low)
        assert float(slider.value(1.0)) == pytest.approx(slider.high)
        assert slider.low <= slider.default <= slider.high


def test_sliders_at_their_defaults_change_nothing() -> None:
    base = load_scenario("funding_freeze")
    defaults = [slider.default for slider in sliders()]
    assert load_scenario(with_values(base.to_dict(), defaults, "2027Q1")).hash == base.hash


def test_a_moved_slider_is_a_change_of_a_scenario() -> None:
    values = [slider.default for slider in sliders()]
    values[0], values[5] = 0.5, 4.0
    plan = load_scenario(with_values({"name": "moved"}, values, "2027Q1"))
    assert [(c.what, c.apply) for c in plan.changes] == [
        ("demand.ceiling", "*0.5"),
        ("energy.power_delay_quarters", "+4"),
    ]


def test_the_hypercube_visits_every_part_of_each_axis_once() -> None:
    cube = design(4, extra=16)[8:]
    for column in cube.T:
        assert sorted(np.floor((column + 1.0) / 2.0 * 16).astype(int)) == list(range(16))

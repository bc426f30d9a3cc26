"""The value of firms and their distance to default: Merton's case, spreads, earnings power, premiums that fade."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from penstock.money import valuation
from single_path import number, one, properties


@properties
@given(number(0.1, 3000.0), number(0.0, 500.0), number(0.1, 1.2), number(1.0, 200.0))
def test_more_debt_or_less_value_is_nearer_to_default(
    value: float, debt: float, volatility: float, more: float
) -> None:
    def distance(v: float = value, d: float = debt) -> float:
        return float(valuation.distance_to_default(one(v), one(d), one(volatility))[0])

    # the floor on asset volatility, and a debt of next to nothing, bend the curve
    if debt > 1e-3 and volatility * value / (value + debt + more) > 0.04:
        leverage = (debt + more) / (value + debt + more)
        if leverage < 0.5:
            assert distance(d=debt + more) < distance()


def test_distance_to_default_is_mertons() -> None:
    """Value 80, debt 20, equity volatility 0.5: assets 100 with volatility 0.4, (ln 5 - 0.08) / 0.4."""
    found = valuation.distance_to_default(one(80.0), one(20.0), one(0.5))[0]
    assert found == pytest.approx((np.log(5.0) - 0.08) / 0.4, rel=1e-12)


def test_a_spread_is_the_ratings_at_the_opening_and_widens_with_less_distance() -> None:
    base = np.full(4, 0.02)
    spread = valuation.spread(base, np.array([4.0, 5.0, 3.0, -60.0]), np.full(4, 4.0))
    assert spread[0] == pytest.approx(0.02)
    assert spread[1] < spread[0] < spread[2] < spread[3] <= 0.25


def test_a_firm_that_loses_money_is_worth_a_margin_that_it_could_have() -> None:
    power = valuation.earnings_power(np.array([-5.0, 30.0]), np.array([100.0, 100.0]), np.zeros(2))
    assert power.tolist() == [valuation.LEAST_MARGIN * 100.0, 30.0]
    assert valuation.operating_value(one(30.0), one(12.0), one(1.0), one(1.0))[0] == pytest.approx(360.0)


def test_a_growth_premium_runs_out_as_linearly_falling_growth_does() -> None:
    """Excess growth g (1 - t/N) leaves g N/2 (1 - t/N)^2 at t, by quadrature; the mature multiple is the limit."""
    horizon, growth = 8.0, 0.9
    for years in (0.0, 1.0, 3.5, 7.75):
        ahead = np.linspace(years, horizon, 100_001)
        to_come = np.trapezoid(growth * (1.0 - ahead / horizon), ahead)
        left = valuation.premium_left(years, one(horizon))[0] * growth * horizon / 2.0
        assert left == pytest.approx(to_come, rel=1e-9, abs=1e-12)
    assert valuation.premium_left(horizon, one(horizon))[0] == 0.0
    assert valuation.premium_left(2.0 * horizon, one(horizon))[0] == 0.0


def test_only_multiples_above_the_mature_one_fade() -> None:
    scale, mature = np.array([130.0, 13.0, 5.0]), np.full(3, 13.0)
    premium = valuation.growth_premium(scale, mature)
    assert premium.tolist() == pytest.approx([np.log(10.0), 0.0, 0.0])
    assert (scale * np.exp(-premium)).tolist() == pytest.approx([13.0, 13.0, 5.0])

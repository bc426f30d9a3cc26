"""How firms invest: expectations, plans, orders and the stock that earns its hurdle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from penstock.conduct import investment
from single_path import number, one, properties


@properties
@given(number(-1.0, 2.0), number(-3.0, 4.0), number(0.0, 1.0))
def test_expectations_move_towards_what_is_seen(expected: float, observed: float, gain: float) -> None:
    after = investment.update_expectation(one(expected), one(observed), one(gain))[0]
    seen = float(np.clip(observed, -1.0, 2.0))
    assert min(expected, seen) - 1e-12 <= after <= max(expected, seen) + 1e-12


@properties
@given(number(-0.5, 1.5), number(0.02, 2.0), number(0.1, 5.0))
def test_growth_that_fades_adds_up_to_its_integral(growth: float, fade: float, years: float) -> None:
    total = investment.growth_over(one(growth), one(fade), one(years))[0]
    time = np.linspace(0.0, years, 20_001)
    assert total == pytest.approx(np.trapezoid(growth * np.exp(-fade * time), time), rel=1e-6, abs=1e-9)
    assert abs(total) <= abs(growth) * years + 1e-12


def test_plans_rest_on_the_anchor_where_nothing_is_extrapolated() -> None:
    def plan(extrapolation: float, arms: float) -> float:
        arguments = (one(0.9), one(extrapolation), one(0.2), one(arms), one(0.5), one(0.4))
        return float(investment.planned_growth(*arguments)[0])

    assert plan(0.0, 0.0) == pytest.approx(0.2)
    assert plan(1.0, 0.0) == pytest.approx(0.9)
    assert plan(0.0, 0.3) > plan(0.0, 0.0)


def test_orders_replace_and_no_more_where_nothing_grows_and_nothing_is_missing() -> None:
    """Zero shocks and constant value: orders = retirement."""
    zero = one(0.0)
    rate = investment.order_rate(one(20.0), zero, one(0.7), zero, one(0.8), zero, one(4.0))
    assert rate[0] == pytest.approx(0.8)
    gap = investment.order_rate(one(20.0), zero, one(0.7), zero, one(0.8), one(4.0), one(4.0))
    assert gap[0] == pytest.approx(1.8)


def test_the_stock_wanted_earns_the_hurdle_at_target_use() -> None:
    at_hurdle, above = (investment.response_to_price(one(ratio), one(0.6)) for ratio in (1.0, 1.5))
    stock = investment.wanted_stock(one(200.0), one(1.0), at_hurdle, one(1.8), one(0.75))
    assert stock[0] * 8.76 * 1.8 * 0.75 == pytest.approx(200.0)
    dear = investment.wanted_stock(one(200.0), one(1.0), above, one(1.8), one(0.75))
    assert dear[0] > stock[0]

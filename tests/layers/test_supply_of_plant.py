"""Supply of plant: capacity in work, orders, halls on their way and power, kept and limited."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.layers import energy, facilities, silicon
from single_path import number, one, properties


@properties
@given(number(0.5, 40.0), number(0.0, 80.0), number(3.0, 8.0), number(0.0, 2.0), st.integers(0, 2**16))
def test_capacity_in_work_arrives_or_stays_in_work(
    capacity: float, wanted: float, lead: float, growth: float, seed: int
) -> None:
    stages = np.random.default_rng(seed).random((3, 1)) * capacity / 3
    moved, after = silicon.advance_capacity(
        stages, one(capacity), one(wanted), one(lead), one(growth), one(5.0), 0.33, 0.0
    )
    started = (moved.sum() - stages.sum()) + (after[0] - capacity)
    ceiling = capacity * growth * 0.25 * (capacity / 5.0) ** -0.33
    assert -1e-12 <= started <= ceiling + 1e-12
    assert (moved >= 0.0).all() and after[0] >= capacity - 1e-12
    if wanted <= capacity:
        assert started == pytest.approx(0.0, abs=1e-12)


@properties
@given(number(0.0, 100.0), number(0.0, 50.0), number(1.0, 4.0))
def test_an_order_book_is_filled_as_far_as_capacity_goes(orders: float, capacity: float, lead: float) -> None:
    fill = silicon.fill_rate(one(orders), one(capacity), one(lead))[0]
    assert 0.0 <= fill <= 1.0 / lead
    assert fill * orders <= capacity * (1 + 1e-12)


def test_a_buyer_gets_its_input_by_the_shares_of_its_suppliers() -> None:
    share = np.array([[0.7], [0.3]])
    assert silicon.input_availability(share, np.array([[1.0], [1.0]]))[0] == pytest.approx(1.0)
    assert silicon.input_availability(share, np.array([[0.5], [1.0]]))[0] == pytest.approx(0.65)
    assert silicon.input_availability(share, np.array([[2.0], [2.0]]))[0] == 1.0


@properties
@given(number(3.0, 20.0), number(0.0, 10.0), st.integers(0, 2**16))
def test_a_delay_line_keeps_what_goes_in(lead: float, starts: float, seed: int) -> None:
    pipeline = np.random.default_rng(seed).random((3, 2, 1))
    moved, done = facilities.advance_stages(pipeline, np.full((2, 1), starts), one(lead))
    assert moved.sum(axis=0) + done == pytest.approx(pipeline.sum(axis=0) + starts, rel=1e-12)
    assert (moved >= 0.0).all() and (done >= 0.0).all()


def test_a_delay_line_takes_its_lead_time_on_average() -> None:
    lead, pipeline = 6.0, np.zeros((3, 1, 1))
    arrived = []
    for quarter in range(400):
        pipeline, done = facilities.advance_stages(pipeline, np.full((1, 1), float(quarter == 0)), one(lead))
        arrived.append(done[0, 0])
    assert sum(arrived) == pytest.approx(1.0, rel=1e-9)
    assert np.dot(arrived, np.arange(400)) == pytest.approx(lead, rel=1e-6)


@properties
@given(st.lists(number(0.0, 10.0), min_size=3, max_size=3), number(0.1, 20.0))
def test_starts_are_cut_pro_rata_to_what_trades_can_take_on(wanted: list[float], limit: float) -> None:
    asked = np.array(wanted)[:, None]
    starts, share = facilities.limit_starts(asked, one(limit))
    assert starts.sum() <= limit * (1 + 1e-12)
    assert starts == pytest.approx(asked * share)
    assert (share[0] == 1.0) == (asked.sum() <= limit)
    grown = facilities.grow_limit(one(limit), share, one(0.8))[0]
    assert grown == pytest.approx(limit * (1.0075 if share[0] >= 0.999 else 1.2))


def test_power_costs_more_with_dear_gas_and_scarce_power() -> None:
    base = energy.power_price_index(energy.GAS_PRICE_USD_PER_MMBTU, one(0.5), 0.35)[0]
    assert base == pytest.approx(1.0)
    assert energy.power_price_index(2.0 * energy.GAS_PRICE_USD_PER_MMBTU, one(0.5), 0.35)[0] == pytest.approx(1.35)
    assert energy.power_price_index(energy.GAS_PRICE_USD_PER_MMBTU, one(1.0), 0.35)[0] > base
    assert energy.energy_mwh(one(1.0), 1.0)[0] == pytest.approx(8760e3 / 4)

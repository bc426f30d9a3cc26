"""Rescues and forced sales: budgets, prices, who buys and who is wound up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.conduct import rescue
from single_path import Array, number, properties


@properties
@given(st.lists(number(-10.0, 40.0), min_size=3, max_size=3), number(0.0, 60.0))
def test_a_bail_out_stays_within_its_budget_and_its_rule(shortfall: list[float], budget: float) -> None:
    systemic, gap, spent = np.array([[1.0], [1.0], [0.0]]), -np.array(shortfall)[:, None], np.array([2.0])
    given_ = np.zeros((3, 1))
    rescue.bail_out(np.arange(3), systemic, np.ones(1), np.array([budget]), spent, gap, given_, np.empty(1))
    assert (given_ >= 0.0).all()
    assert given_.sum() <= max(budget - 2.0, 0.0) * (1 + 1e-12)
    assert spent[0] == pytest.approx(2.0 + given_.sum())
    np.testing.assert_allclose(gap[:, 0], given_[:, 0] - shortfall)
    assert given_[2, 0] == 0.0
    assert (given_[:, 0] <= np.maximum(shortfall, 0.0) + 2e-6).all()


def test_forced_sales_fetch_less_the_more_is_sold_at_once() -> None:
    sold = np.array([0.0, 0.1, 0.5, 5.0])
    price = rescue.fire_sale_price(sold, np.ones(4))
    assert price[0] == pytest.approx(rescue.ASSET_PRICE)
    assert (np.diff(price) < 0.0).all()
    assert price[-1] > 0.0


def test_the_most_liquid_of_those_who_can_pay_buys() -> None:
    cash = np.array([[10.0, 1.0], [30.0, 2.0], [-np.inf, -np.inf]])
    candidates, seller = np.array([4, 7, 9]), np.array([1, 1])
    assert buyers(cash, candidates, seller, np.arange(2), np.array([2.0, 2.0])).tolist() == [7, -1]


def buyers(cash: Array, candidates: Array, firms: Array, lanes: Array, price: Array) -> Array:
    """Who buys; minus infinity: the candidate failed."""
    everybody = np.zeros((10, cash.shape[1]))
    everybody[candidates] = cash
    buyer, fate = np.empty((2, len(firms)), dtype=np.intp)
    plant, all_of_them = np.ones(len(firms)), np.ones(10, dtype=bool)
    rescue.choose_buyers(
        everybody, np.isinf(everybody).astype(float), candidates, firms, lanes, plant, plant, all_of_them, 0.0, True,
        price.copy(), buyer, fate, *np.empty((2, cash.shape[1]), dtype=np.intp),
    )  # fmt: skip
    assert ((fate == rescue.ACQUISITION) == (buyer >= 0)).all()
    return buyer


@pytest.mark.parametrize("seed", range(5))
def test_the_buyer_on_a_path_is_who_would_be_chosen_among_all_others(seed: int) -> None:
    """Candidates may be few, out of money, as rich as each other, or among the failed."""
    draw = np.random.default_rng(seed)
    count, paths, pairs = seed + 1, 4, 30
    candidates = draw.choice(8, count, replace=False)
    cash = draw.integers(-2, 4, (count, paths)).astype(float)
    cash[draw.random((count, paths)) < 0.2] = -np.inf
    firms, lanes, price = (
        draw.integers(0, 8, pairs),
        draw.integers(0, paths, pairs),
        draw.choice([0.0, 0.3, 0.6], pairs),
    )
    expected = np.full(pairs, -1)
    for k in range(pairs):
        rows = np.flatnonzero(candidates != firms[k])
        able = rows[cash[rows, lanes[k]] > rescue.BUYER_CASH_MULTIPLE * price[k]]
        if len(able):
            expected[k] = candidates[able[np.argmax(cash[able, lanes[k]])]]
    found = buyers(cash, candidates, firms, lanes, price)
    assert found.tolist() == expected.tolist()


def test_who_has_next_to_no_plant_is_wound_up_unless_it_is_bought() -> None:
    assert rescue.fate_of(1.0, 100.0, False, True) == rescue.LIQUIDATION
    assert rescue.fate_of(1.0, 100.0, False, False) == rescue.RESTRUCTURING
    assert rescue.fate_of(1.0, 100.0, True, True) == rescue.ACQUISITION
    assert rescue.fate_of(50.0, 100.0, False, True) == rescue.RESTRUCTURING

"""The price of compute: annuities pay back, hurdles rise with cost and idleness, the market clears."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from penstock.layers import platform
from penstock.layers.platform.quarter import CHOKE_PRICE
from single_path import number, one, properties


def test_annuity_pays_back_its_present_value() -> None:
    rate, decline, life = 0.1, 0.15, 5.0
    time = np.linspace(0.0, life, 200_001)
    flow = platform.annuity(one(rate), one(decline), one(life))[0] * np.exp(-(rate + decline) * time)
    assert np.trapezoid(flow, time) == pytest.approx(1.0, rel=1e-8)


@properties
@given(number(5.0, 60.0), number(0.02, 0.3), number(0.0, 0.4), number(2.0, 9.0), number(0.3, 0.95))
def test_hurdle_price_rises_with_cost_rate_and_idleness(
    cost: float, rate: float, decline: float, life: float, use: float
) -> None:
    def hurdle(c: float = cost, r: float = rate, u: float = use, life_years: float = life) -> float:
        return float(platform.hurdle_price(one(c), one(r), one(decline), one(life_years), one(u), one(0.1))[0])

    assert hurdle(c=1.1 * cost) > hurdle() > 0.1
    assert hurdle(r=1.1 * rate) > hurdle()
    assert hurdle(u=0.9 * use) > hurdle()
    assert hurdle(life_years=1.1 * life) < hurdle()
    assert hurdle(c=0.0) == pytest.approx(0.1)


@properties
@given(number(1.0, 900.0), number(0.3, 4.0), number(0.4, 0.9), number(0.5, 200.0), number(0.4, 2.5))
def test_the_clearing_price_clears(value: float, hurdle: float, use: float, stock: float, elasticity: float) -> None:
    price = platform.clearing_price(one(value), one(hurdle), one(use), one(stock), one(elasticity), one(0.0))
    wanted = platform.wanted_compute(one(value), one(hurdle), price, one(elasticity))
    fuller = platform.clearing_price(one(2.0 * value), one(hurdle), one(use), one(stock), one(elasticity), one(0.0))
    choke = CHOKE_PRICE * hurdle
    if price[0] == choke:
        # the rent that ends demand: more is wanted than there is, and no more is offered for it
        assert wanted[0] >= use * stock * (1.0 - 1e-9)
        assert fuller[0] == choke
    else:
        assert wanted[0] == pytest.approx(use * stock, rel=1e-9)
        assert price[0] < fuller[0] <= choke


@properties
@given(number(1.0, 900.0), number(0.3, 4.0), number(0.4, 2.5), number(1.0, 200.0))
def test_no_rent_is_above_the_choke_price_but_what_it_costs_to_run(
    value: float, hurdle: float, elasticity: float, short: float
) -> None:
    stock = value / (short * platform.HOURS * hurdle)
    price = platform.clearing_price(one(value), one(hurdle), one(1.0), one(stock), one(elasticity), one(0.0))
    assert price[0] == pytest.approx(min(hurdle * short ** (1.0 / elasticity), CHOKE_PRICE * hurdle))
    dear = 1.5 * CHOKE_PRICE * hurdle
    assert platform.clearing_price(one(value), one(hurdle), one(1.0), one(stock), one(elasticity), one(dear)) == dear


@properties
@given(number(0.1, 5.0), number(0.1, 5.0), number(0.0, 1.0))
def test_the_spot_price_moves_between_itself_and_the_clearing_price(
    price: float, clearing: float, speed: float
) -> None:
    after = platform.adjust_price(one(price), one(clearing), one(speed))[0]
    slack = 1e-12
    assert min(price, clearing) * (1 - slack) <= after <= max(price, clearing) * (1 + slack)
    assert platform.adjust_price(one(price), one(clearing), one(1.0))[0] == pytest.approx(clearing)
    assert platform.adjust_price(one(price), one(clearing), one(0.0))[0] == pytest.approx(price)


@properties
@given(number(0.01, 500.0), number(0.01, 500.0), number(0.1, 1.0))
def test_no_more_is_served_than_wanted_or_carried(wanted: float, stock: float, most: float) -> None:
    busy, served = platform.serve(one(wanted), one(stock), most)
    assert busy[0] <= min(wanted, most * stock)
    assert 0.0 < served[0] <= 1.0
    assert served[0] * wanted == pytest.approx(busy[0])

"""Sources of power: the screening curve, emissions, technologies, and order books of turbines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.energy import (
    Efficiency,
    advance_order_book,
    central_prices,
    direct_t_per_mwh,
    lead_time_years,
    methane_t_co2e_per_mwh,
    screening,
    technologies,
    water_m3,
)
from penstock.layers.energy.technologies import chosen, technology_named

FEW = settings(max_examples=60, deadline=None)


@FEW
@given(st.integers(0, 1000))
def test_the_screening_curve_is_the_optimum_of_the_linear_programme(seed: int) -> None:
    from scipy.optimize import linprog

    random = np.random.default_rng(seed)
    load = 100 * random.random(12)
    fixed, variable = np.sort(random.random(3) * 40)[::-1], np.sort(random.random(3) * 10)
    found = screening(load, fixed, variable)
    assert found.energy_mwh.sum() == pytest.approx(load.sum())
    assert found.capacity_mw.sum() == pytest.approx(load.max())
    cost = np.concatenate([fixed, np.repeat(variable, 12)])
    balance = np.zeros((12, 39))
    limit = np.zeros((36, 39))
    for plant in range(3):
        for hour in range(12):
            balance[hour, 3 + 12 * plant + hour] = 1
            limit[12 * plant + hour, [plant, 3 + 12 * plant + hour]] = [-1, 1]
    best = linprog(cost, A_ub=limit, b_ub=np.zeros(36), A_eq=balance, b_eq=load)
    assert found.cost_usd == pytest.approx(best.fun, rel=1e-9)


def test_what_screening_refuses() -> None:
    with pytest.raises(UsageError, match="negative or empty"):
        screening([-1.0], [1.0], [1.0])


@FEW
@given(st.floats(0.2, 0.7))
def test_heating_values_are_never_mixed(value: float) -> None:
    higher = Efficiency(value, "hhv")
    assert direct_t_per_mwh(higher) == pytest.approx(direct_t_per_mwh(higher.on("lhv")), rel=1e-12)
    assert higher.on("lhv").value > value
    assert higher.on("lhv").on("hhv").value == pytest.approx(value)
    assert methane_t_co2e_per_mwh(higher, 0.02) == pytest.approx(methane_t_co2e_per_mwh(higher.on("lhv"), 0.02))
    with pytest.raises(UsageError, match="heating value: found 'gross'; expected hhv or lhv"):
        Efficiency(value, "gross")  # type: ignore[arg-type]  # wrong on purpose


def test_published_emissions() -> None:
    assert direct_t_per_mwh(Efficiency(0.54, "hhv")) == pytest.approx(0.335, abs=0.001)
    assert float(methane_t_co2e_per_mwh(Efficiency(0.54, "hhv"), 0.017)) == pytest.approx(0.061, abs=0.001)
    # worked chain, section 5.14: 201.8 MWh of IT at 0.4 L/kWh and 232 MWh of supply
    supply = {"ccgt": 116.0, "nuclear": 46.4, "solar": 34.8, "wind": 34.8}
    rates = {"ccgt": 0.75, "nuclear": 2.5, "solar": 0.1, "wind": 0.0}
    assert water_m3(201.8, 0.4, supply, rates) == pytest.approx(81 + 208, abs=2)


def test_every_technology_is_whole() -> None:
    for one in technologies().values():
        assert one.capex_low <= one.capex_central <= one.capex_high
        assert one.source and one.grade in "ABCDEF"
        assert one.annuity_usd_per_mw_year(0.07) > 0
        assert one.co2_t_per_mwh() >= 0


@pytest.mark.parametrize("name", ["ccgt", "ocgt", "aero", "reciprocating", "fuel_cell"])
def test_dearer_gas_never_lowers_the_cost_of_a_plant_on_gas(name: str) -> None:
    one = technology_named(name)
    costs = [one.marginal_usd_per_mwh(gas, 0.0, 60.0) for gas in (2.0, 4.0, 8.0)]
    assert costs == sorted(costs) and costs[0] < costs[-1]


def test_what_technologies_refuse() -> None:
    with pytest.raises(UsageError, match=r"technology: found 'ccgtt'; expected one of .*; nearest ccgt"):
        chosen(["ccgtt"])
    with pytest.raises(UsageError, match="ccgt: capex: found an unknown field"):
        chosen({"ccgt": {"capex": 3}})
    with pytest.raises(UsageError, match="ccgt: capex_central: found -3; expected 0 or more"):
        chosen({"ccgt": {"capex_central": -3}})
    with pytest.raises(UsageError, match=r"price: found 'gas'; expected one of .*"):
        central_prices(gas=3.0)
    with pytest.raises(UsageError, match="gas_usd_per_mmbtu: found -1; expected 0 or more"):
        central_prices(gas_usd_per_mmbtu=-1.0)


@FEW
@given(st.floats(0, 200), st.floats(0, 50), st.floats(0, 50))
def test_turbines_are_neither_lost_nor_made_up(book: float, orders: float, output: float) -> None:
    later, delivered = advance_order_book(book, orders, output)
    assert float(later + delivered) == pytest.approx(book + orders, abs=1e-9)
    assert 0 <= delivered <= output and later >= 0


@FEW
@given(st.floats(0, 300), st.floats(1, 50), st.floats(1, 100))
def test_a_fuller_book_never_shortens_the_wait(book: float, output: float, more: float) -> None:
    usual = float(lead_time_years(book, output))
    assert usual >= 3.5
    assert float(lead_time_years(book + more, output)) >= usual
    assert float(lead_time_years(book, output + more)) <= usual
    if book / output <= 3.5:
        assert usual == 3.5


def test_what_order_books_refuse() -> None:
    with pytest.raises(UsageError, match="orders_gw: found -1; expected 0 or more GW"):
        advance_order_book(1.0, -1.0, 1.0)
    with pytest.raises(UsageError, match="output_gw_per_year: found 0; expected more than 0 GW"):
        lead_time_years(10.0, 0.0)


def test_regulated_plant_is_paid_for_beyond_the_trend_only() -> None:
    """A hundred of plant where ninety were expected earns the allowed return on ten; less costs nothing."""
    from penstock.layers.energy.quarter import REGULATED_RETURN, regulated_revenue

    found = regulated_revenue(np.array([100.0, 90.0, 80.0]), np.full(3, 90.0))
    assert found.tolist() == pytest.approx([0.25 * REGULATED_RETURN * 10.0, 0.0, 0.0])


def test_dearer_debt_is_passed_on() -> None:
    """Interest beyond the opening's rate comes in whole; cheaper debt takes nothing away."""
    from penstock.layers.energy.quarter import regulated_revenue

    found = regulated_revenue(np.array([90.0, 90.0]), np.full(2, 90.0), np.array([0.4, -0.4]))
    assert found.tolist() == [0.4, 0.0]

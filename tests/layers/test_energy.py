"""Dispatch, reliability, screening, emissions and order books: conservation, closed forms, orders, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.energy import (
    Efficiency,
    UnitGroup,
    adequacy,
    advance_order_book,
    central_prices,
    direct_t_per_mwh,
    dispatch,
    lead_time_years,
    methane_t_co2e_per_mwh,
    outage_table,
    screening,
    technologies,
    units_for_reliability,
    water_m3,
)
from penstock.layers.energy.hourly import Dispatch
from penstock.layers.energy.technologies import chosen, technology_named

FEW = settings(max_examples=60, deadline=None)


def case(seed: int, hours: int = 96) -> dict[str, Any]:
    """A random small system: a free variable plant, three plants with costs, a battery."""
    random = np.random.default_rng(seed)
    return {
        "load_mw": 50 + 100 * random.random(hours),
        "capacity_mw": 100 * random.random(4),
        "availability": random.random((4, hours)),
        "marginal_usd_per_mwh": np.array([0.0, *(10 + 80 * random.random(3))]),
        "battery_mw": 40 * random.random(),
        "battery_mwh": 160 * random.random(),
        "voll": 5000.0,
    }


def run(given: dict[str, Any]) -> Dispatch:
    return dispatch(**given)


@FEW
@given(st.integers(0, 10_000))
def test_energy_balances_in_every_hour(seed: int) -> None:
    inputs = case(seed)
    found = run(inputs)
    served = found.generation_mw.sum(axis=0) + found.discharge_mw - found.charge_mw + found.shed_mw
    assert np.abs(served - inputs["load_mw"]).max() < 1e-9
    store = np.diff(np.concatenate([[0.0], found.stored_mwh]))
    one_way = math.sqrt(0.87)
    assert np.abs(store - found.charge_mw * one_way + found.discharge_mw / one_way).max() < 1e-9
    limit = inputs["capacity_mw"][:, None] * inputs["availability"]
    assert (found.generation_mw <= limit + 1e-9).all() and (found.generation_mw >= 0).all()
    assert found.stored_mwh.min() >= 0 and found.stored_mwh.max() <= inputs["battery_mwh"] + 1e-9
    assert max(found.charge_mw.max(), found.discharge_mw.max()) <= inputs["battery_mw"] + 1e-9
    cost = (found.generation_mw.sum(axis=1) * inputs["marginal_usd_per_mwh"]).sum() + 5000 * found.shed_mw.sum()
    assert found.cost_usd == pytest.approx(cost, rel=1e-12)


def merit_order(given: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The readable twin without a battery: plants by cost, each as far as it goes."""
    load, capacity = np.asarray(given["load_mw"]), np.asarray(given["capacity_mw"])
    left = load.copy()
    out = np.zeros((len(capacity), len(load)))
    for plant in np.argsort(given["marginal_usd_per_mwh"], kind="stable"):
        out[plant] = np.minimum(left, capacity[plant] * np.asarray(given["availability"])[plant])
        left = left - out[plant]
    return out, left


@FEW
@given(st.integers(0, 10_000))
def test_without_a_battery_it_is_the_merit_order(seed: int) -> None:
    inputs = case(seed) | {"battery_mw": 0.0, "battery_mwh": 0.0}
    found = run(inputs)
    generation, shed = merit_order(inputs)
    assert np.abs(found.generation_mw - generation).max() < 1e-12
    assert np.abs(found.shed_mw - shed).max() < 1e-12


@FEW
@given(st.integers(0, 10_000), st.integers(0, 3), st.floats(1.0, 2.0))
def test_dearer_fuel_and_less_available_plants_never_lower_cost(seed: int, plant: int, factor: float) -> None:
    inputs = case(seed) | {"battery_mw": 0.0, "battery_mwh": 0.0}
    usual = run(inputs).cost_usd
    dearer = np.array(inputs["marginal_usd_per_mwh"])
    dearer[plant] *= factor
    assert run(inputs | {"marginal_usd_per_mwh": dearer}).cost_usd >= usual - 1e-6
    less = np.array(inputs["availability"])
    less[plant] /= factor
    assert run(inputs | {"availability": less}).cost_usd >= usual - 1e-6
    assert run(inputs | {"load_mw": np.asarray(inputs["load_mw"]) * factor}).cost_usd >= usual - 1e-6


@FEW
@given(st.integers(0, 10_000))
def test_a_battery_never_sheds_more(seed: int) -> None:
    inputs = case(seed)
    bare = run(inputs | {"battery_mw": 0.0, "battery_mwh": 0.0})
    assert run(inputs).energy_short_mwh <= bare.energy_short_mwh + 1e-9


def test_price_is_that_of_the_last_plant() -> None:
    found = dispatch([50.0, 120.0, 300.0], [100.0, 100.0], 1.0, [10.0, 40.0], voll=9000.0)
    assert found.price_usd_per_mwh.tolist() == [10.0, 40.0, 9000.0]
    assert found.hours_short == 1
    assert found.energy_short_mwh == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"load_mw": [-1.0]}, "load_mw: found -1; expected 0 or more"),
        ({"capacity_mw": [-5.0]}, "capacity_mw: found -5; expected 0 or more"),
        ({"availability": 1.2}, "availability: found a share outside 0 to 1"),
        ({"availability": np.ones((3, 7))}, "availability: found shape"),
        ({"marginal_usd_per_mwh": [1.0, 2.0]}, "marginal_usd_per_mwh: found 2 values; expected 1"),
        ({"battery_mw": -1.0}, "battery_mw: found -1; expected 0 or more"),
        ({"round_trip": 0.0}, "round_trip: found 0; expected a share above 0 and at most 1"),
    ],
)
def test_what_dispatch_refuses(change: dict[str, Any], message: str) -> None:
    usual = {"load_mw": [10.0], "capacity_mw": [20.0], "availability": 1.0, "marginal_usd_per_mwh": [5.0]}
    with pytest.raises(UsageError, match=message):
        run(usual | change)


# --- reliability ----------------------------------------------------------------------------------------


@FEW
@given(st.integers(1, 40), st.floats(0.7, 0.999), st.floats(0.5, 0.99999))
def test_the_number_of_units_is_the_smallest_that_does(needed: int, availability: float, target: float) -> None:
    from scipy.stats import binom

    count = units_for_reliability(50.0 * needed, 50.0, availability, target)
    assert count >= needed
    assert binom.sf(needed - 1, count, availability) >= target - 1e-12
    if count > needed:
        assert binom.sf(needed - 1, count - 1, availability) < target


@FEW
@given(st.floats(0.8, 0.99), st.floats(0.9, 0.999))
def test_more_outages_or_a_stricter_target_never_need_fewer_units(availability: float, target: float) -> None:
    usual = units_for_reliability(1000, 50, availability, target)
    assert units_for_reliability(1000, 50, availability - 0.05, target) >= usual
    assert units_for_reliability(1000, 50, availability, target + 0.0005) >= usual


def test_common_causes_bound_what_units_can_do() -> None:
    assert units_for_reliability(1000, 50, 0.95, 0.99, common_cause=0.1) >= units_for_reliability(1000, 50, 0.95, 0.99)
    with pytest.raises(UsageError, match=r"target: found 0\.999; expected at most 0\.995, which common causes leave"):
        units_for_reliability(1000, 50, 0.95, 0.999, common_cause=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 50, 0.95, 0.99), "load_mw: found -1; expected 0 or more MW"),
        ((100, 0, 0.95, 0.99), "unit_mw: found 0; expected more than 0 MW"),
        ((100, 50, 0.0, 0.99), "availability: found 0"),
        ((100, 50, 0.9, 1.2), "target: found 1.2; expected a share from 0 to 1"),
        ((100, 50, 0.9, 1.0), "target: found 1; expected at most 1"),
    ],
)
def test_what_reliability_refuses(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        units_for_reliability(*arguments)


GROUPS = st.lists(
    st.builds(
        UnitGroup,
        st.just("units"),
        st.integers(0, 8),
        st.floats(1, 60),
        st.floats(0, 0.3),
        st.floats(0, 0.5),
    ),
    min_size=1,
    max_size=4,
)


@FEW
@given(GROUPS)
def test_the_outage_table_is_a_distribution_with_the_right_mean(groups: list[UnitGroup]) -> None:
    table = outage_table(groups)
    assert table.sum() == pytest.approx(1.0, abs=1e-12)
    assert table.min() >= -1e-15
    mean = sum(g.count * g.unit_mw * (1 - g.forced_outage) for g in groups)
    assert table @ np.arange(len(table)) == pytest.approx(mean, abs=1e-8)


def test_the_outage_table_of_two_units() -> None:
    table = outage_table([UnitGroup("a", 2, 50.0, 0.1)], step_mw=50.0)
    assert table[:3] == pytest.approx([0.01, 0.18, 0.81])
    found = adequacy([UnitGroup("a", 2, 50.0, 0.1)], [80.0, 40.0, 0.0, -10.0], step_mw=50.0)
    assert found.lolp == pytest.approx([0.19, 0.01, 0.0, 0.0])
    assert found.lole_h == pytest.approx(0.20)
    assert found.eue_mwh == pytest.approx(0.18 * 30 + 0.01 * 80 + 0.01 * 40)


@FEW
@given(st.floats(0.01, 0.2), st.floats(0.01, 0.1), st.integers(20, 24))
def test_more_outages_never_lessen_shortage_and_another_unit_never_adds_to_it(
    outage: float, more: float, count: int
) -> None:
    load = np.linspace(500, 1000, 200)
    usual = adequacy([UnitGroup("a", count, 50.0, outage)], load)
    assert adequacy([UnitGroup("a", count, 50.0, outage + more)], load).eue_mwh >= usual.eue_mwh
    assert adequacy([UnitGroup("a", count + 1, 50.0, outage)], load).eue_mwh <= usual.eue_mwh + 1e-9


# --- screening ------------------------------------------------------------------------------------------


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


# --- emissions ------------------------------------------------------------------------------------------


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


# --- technologies, order books --------------------------------------------------------------------------


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

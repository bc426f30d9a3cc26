"""Least-cost supply: energy and money add up, prices are consistent, both solvers agree, orders hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import InputError, ModelError, UsageError
from penstock.layers.climates import climate
from penstock.layers.energy import Plan, central_prices, plan, screening, technologies
from penstock.layers.energy import solver as solver_module
from penstock.layers.energy.audit import audit
from penstock.layers.energy.days import typical_days
from penstock.layers.energy.planning import Planner, Terms, system_of

FEW = settings(max_examples=4, deadline=None)
MIX = ("ccgt", "ocgt", "solar", "wind", "battery", "grid")
WEATHER = climate("dallas")


def cheapest(**options: Any) -> Plan:
    """A plan of 1,000 MW on four days, quick to solve."""
    given: dict[str, Any] = {"grid_cap_mw": 200.0, "days": 4} | options
    names = given.pop("technologies", MIX)
    return plan(given.pop("load_mw", 1000.0), names, WEATHER, **given)


def test_energy_adds_up() -> None:
    found = cheapest(co2_cap_t_per_mwh=0.1)
    asked = float(found.system.load_mw.sum())
    losses = sum(found.generation_mwh.values()) + found.shed_mwh - asked
    assert found.battery_mwh > 0
    assert 0 < losses < 0.13 * asked
    bare = cheapest(technologies=("ccgt", "solar", "wind"))
    assert sum(bare.generation_mwh.values()) + bare.shed_mwh == pytest.approx(asked, rel=1e-9)


def test_carbon_stays_under_its_cap_and_has_a_price_only_where_it_binds() -> None:
    capped, free = cheapest(co2_cap_t_per_mwh=0.1), cheapest()
    assert capped.co2_t_per_mwh <= 0.1 + 1e-9
    assert capped.co2_price_usd_per_t > 1
    assert free.co2_price_usd_per_t == 0
    loose = cheapest(co2_cap_t_per_mwh=10.0)
    assert loose.co2_price_usd_per_t == pytest.approx(0, abs=1e-9)
    # the price of the cap as a price of carbon brings about the same emissions and capacities
    priced = cheapest(prices=central_prices(co2_usd_per_t=capped.co2_price_usd_per_t))
    total = capped.cost_usd_per_year + capped.co2_price_usd_per_t * capped.co2_t
    assert priced.cost_usd_per_year == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("cap", [None, 0.1])
def test_shadow_prices_are_consistent(cap: float | None) -> None:
    found = cheapest(co2_cap_t_per_mwh=cap)
    assert found.programme_gap < 1e-9
    assert (found.price_usd_per_mwh > -1e-6).all()
    assert found.price_usd_per_mwh.max() <= found.system.voll + 1e-6
    # what is built earns its annuity, neither more nor less, where no limit of building binds
    planner = Planner(found.system, 4)
    share = planner.share
    carbon = found.co2_price_usd_per_t
    for place, one in enumerate(found.system.plants):
        if found.new_mw[one.name] < 1.0 or one.kind == "grid":
            continue
        margin = found.price_usd_per_mwh - found.system.marginal[place] - carbon * found.system.carbon[place]
        earned = float((np.maximum(margin, 0.0) * share[place]) @ planner.hours)
        assert earned == pytest.approx(found.system.annuity[place], rel=1e-5), one.name


def test_both_solvers_agree_and_a_warm_start_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("highspy")
    system = system_of(1000.0, MIX, WEATHER, Terms(grid_cap_mw=200.0, co2_cap_t_per_mwh=0.1))
    dearer = replace(system, prices=central_prices(gas_usd_per_mmbtu=6.0))
    planner = Planner(system, 4)
    first, warm = planner.solve(), planner.solve(dearer)
    monkeypatch.setattr(solver_module, "has_highspy", lambda: False)
    other = Planner(system, 4).solve()
    cold = Planner(dearer, 4).solve()
    assert first.cost_usd_per_year == pytest.approx(other.cost_usd_per_year, rel=1e-9)
    assert warm.cost_usd_per_year == pytest.approx(cold.cost_usd_per_year, rel=1e-9)
    assert first.co2_price_usd_per_t == pytest.approx(other.co2_price_usd_per_t, rel=1e-6)
    assert warm.programme_gap < 1e-9 and cold.programme_gap < 1e-9


@FEW
@given(st.floats(1.0, 2.0), st.floats(0.0, 0.3))
def test_dearer_or_scarcer_never_costs_less(factor: float, tighter: float) -> None:
    usual = cheapest().usd_per_mwh
    gas = central_prices(gas_usd_per_mmbtu=4.0 * factor)
    assert cheapest(prices=gas).usd_per_mwh >= usual - 1e-7
    assert cheapest(grid_cap_mw=200.0 * (1 - tighter)).usd_per_mwh >= usual - 1e-7
    assert cheapest(capex_factor={"ccgt": factor}).usd_per_mwh >= usual - 1e-7
    assert cheapest(co2_cap_t_per_mwh=0.3 - tighter / 2).usd_per_mwh >= usual - 1e-7
    assert cheapest(technologies=MIX[:-1]).usd_per_mwh >= usual - 1e-7


@FEW
@given(st.floats(0.02, 0.1))
def test_more_outages_and_a_worse_pue_never_cost_less(more: float) -> None:
    usual = cheapest(technologies={"ccgt": {}, "grid": {}})
    worse = cheapest(technologies={"ccgt": {"forced_outage": 0.05 + more}, "grid": {}})
    assert worse.usd_per_mwh >= usual.usd_per_mwh - 1e-7
    larger = cheapest(technologies={"ccgt": {}, "grid": {}}, load_mw=1000.0 * (1 + more))
    assert larger.cost_usd_per_year >= usual.cost_usd_per_year


def test_without_sun_and_store_it_is_the_screening_curve() -> None:
    load = np.tile(np.linspace(60.0, 140.0, 24), 365)
    firm = {"ccgt": {"forced_outage": 0.0}, "reciprocating": {"forced_outage": 0.0}}
    steady = replace(WEATHER, dry_bulb_c=np.full(8760, 10.0), wet_bulb_c=np.full(8760, 5.0))
    found = plan(load, firm, steady, days=4)
    table = technologies()
    annuity = [table[name].annuity_usd_per_mw_year(0.07) for name in firm]
    marginal = [table[name].marginal_usd_per_mwh(4.0, 0.0, 60.0) for name in firm]
    closed = screening(load, annuity, marginal)
    assert found.cost_usd_per_year == pytest.approx(closed.cost_usd, rel=1e-6)
    for place, name in enumerate(firm):
        assert found.capacity_mw[name] == pytest.approx(closed.capacity_mw[place], rel=1e-3, abs=0.01)


def test_a_climate_may_be_named() -> None:
    named = plan(1000.0, ("ccgt", "solar"), "dallas", days=4)
    assert named.usd_per_mwh == plan(1000.0, ("ccgt", "solar"), WEATHER, days=4).usd_per_mwh
    with pytest.raises(InputError, match=r"none\.epw: weather: found no readable EPW file"):
        plan(1000.0, ("ccgt",), "none.epw")
    with pytest.raises(UsageError, match="climate: found 'dalas'"):
        plan(1000.0, ("ccgt",), "dalas")


def test_given_plants_are_used_and_limits_kept() -> None:
    found = cheapest(given_mw={"nuclear": 500.0, "battery": 50.0}, most_new_mw={"ccgt": 100.0})
    assert found.capacity_mw["nuclear"] == 500.0 and found.new_mw["nuclear"] == 0.0
    assert found.new_mw["ccgt"] <= 100.0 + 1e-6
    assert found.capacity_mw["grid"] <= 200.0 + 1e-6
    assert found.battery_mw >= 50.0 and found.battery_mwh >= 200.0
    assert found.generation_mwh["nuclear"] == pytest.approx(500.0 * 0.95 * 8760, rel=1e-6)


def test_what_cannot_be_served_is_shed_at_its_value() -> None:
    found = cheapest(technologies={"grid": {}}, grid_cap_mw=400.0, voll=7000.0)
    assert found.shed_mwh == pytest.approx(600.0 * 8760, rel=1e-9)
    assert found.price_usd_per_mwh == pytest.approx(np.full(len(found.price_usd_per_mwh), 7000.0), rel=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"load_mw": -5.0}, "load_mw: found -5; expected more than 0 MW"),
        ({"load_mw": 0.0}, "load_mw: found 0; expected more than 0 MW"),
        ({"technologies": ()}, "power: found a site without power; expected at least one technology that makes power"),
        ({"technologies": ("battery",)}, "power: found a site without power"),
        ({"technologies": ("coal",)}, "technology: found 'coal'; expected one of ccgt"),
        ({"grid_cap_mw": -1.0}, "grid_cap_mw: found -1; expected 0 or more"),
        ({"voll": -1.0}, "voll: found -1; expected 0 or more"),
        ({"co2_cap_t_per_mwh": -0.1}, "co2_cap_t_per_mwh: found -0.1; expected 0 or more"),
        ({"given_mw": {"ccgt": -2.0}}, "given_mw: ccgt: found -2; expected 0 or more MW"),
        ({"days": 0}, "days: found 0; expected 1 to 365"),
    ],
)
def test_what_a_plan_refuses(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cheapest(**options)


# --- days -----------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 30), st.integers(0, 100))
def test_days_stand_for_the_whole_year(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    series = random.random((2, 8760))
    hardness = random.random(8760)
    days = typical_days(series, hardness, count)
    assert days.weight.sum() == 365
    assert (days.weight >= 1).all()
    assert len(set(days.day.tolist())) == len(days.day) <= count + 1
    assert int(hardness.reshape(365, 24).sum(axis=1).argmax()) in days.day
    scaled = days.of(0.5 * series)
    mean = (scaled.mean(axis=-1) * days.weight).sum(axis=-1) / 365
    assert mean == pytest.approx(0.5 * series.mean(axis=1), rel=0.02)


def test_all_days_are_the_year_itself() -> None:
    series = np.random.default_rng(1).random((1, 240))
    days = typical_days(series, series[0], 10)
    assert sorted(days.day.tolist()) == list(range(10))
    order = np.argsort(days.day)
    assert days.of(series)[0][order].ravel() == pytest.approx(series[0])
    with pytest.raises(UsageError, match="hours: found 25; expected whole days"):
        typical_days(np.ones((1, 25)), np.ones(25), 1)


# --- audit ----------------------------------------------------------------------------------------------


def test_the_audit_agrees_on_a_sample_where_days_are_alike() -> None:
    """Equal days: the plan on clustered days is exact, so PyPSA must find the same cost and capacities."""
    pytest.importorskip("pypsa")
    hours = np.arange(8760)
    warm = 20.0 + 10.0 * np.sin(2 * np.pi * hours / 24)
    sun = np.maximum(np.sin(2 * np.pi * (hours % 24 - 6) / 24), 0.0) * 800.0
    same = replace(WEATHER, dry_bulb_c=warm, global_horizontal_w_m2=sun, wind_m_s=np.full(8760, 6.0))
    system = system_of(1000.0, ("ccgt", "ocgt", "wind", "battery", "grid"), same, Terms(grid_cap_mw=300.0))
    ours, theirs = Planner(system, 4).solve(), audit(system, hours=48)
    assert theirs.usd_per_mwh == pytest.approx(ours.usd_per_mwh, rel=1e-4)
    assert theirs.largest_imbalance_mw < 1e-6
    for name in ("ccgt", "grid"):
        assert theirs.capacity_mw[name] == pytest.approx(ours.capacity_mw[name], abs=2.0)


def test_a_programme_without_an_optimum_is_loud() -> None:
    from scipy.sparse import csr_array

    rows = csr_array(np.array([[1.0]]))
    programme = solver_module.LinearProgramme(rows, np.array([2.0]), np.array([2.0]), np.array([1.0]))
    with pytest.raises(ModelError, match="power plan: found no optimum"):
        programme.solve(np.array([1.0]))

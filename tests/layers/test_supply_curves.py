"""The supply curves that the quarter reads, against fresh plans; and the plan of a steady load."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.energy import fuel_factor, opening_supply
from penstock.layers.energy.quarter import GAS_PRICE_USD_PER_MMBTU
from penstock.layers.energy.regions import (
    GAS_RANGE,
    GRID_HEAT_RATE,
    curves,
    gas_share_of_price,
    read_curve,
    regions,
    supply,
)
from penstock.layers.energy.steady import CAPACITIES, INPUTS, SteadyLoad

FRESH = 200
SEED = 90_210
COST_WITHIN, CAPACITY_WITHIN, CARBON_WITHIN = 0.02, 0.05, 0.02
REGIONS = st.sampled_from(sorted(regions()))
GAS = st.floats(*GAS_RANGE)
USUAL = {
    "gas_usd_per_mmbtu": 3.5, "co2_usd_per_t": 0.0, "grid_usd_per_mwh": 60.0, "cost_of_capital": 0.07,
    "capex_gas": 1.0, "capex_solar": 1.0, "capex_wind": 1.0, "capex_battery": 1.0,
    "grid_cap_share": 0.5, "solar_factor": 1.0, "wind_factor": 1.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def steady() -> SteadyLoad:
    return SteadyLoad()


def test_its_error_on_fresh_plans_is_bounded_in_every_case(steady: SteadyLoad) -> None:
    """Regions and gas prices drawn with a seed that the fit does not use; each plan solved."""
    random = np.random.default_rng(SEED)
    for _ in range(FRESH):
        region, gas = str(random.choice(sorted(regions()))), float(random.uniform(*GAS_RANGE))
        read, plan = read_curve(region, gas), supply(region, gas_usd_per_mmbtu=gas, steady=steady)
        assert read["usd_per_mwh"] == pytest.approx(plan.usd_per_mwh, rel=COST_WITHIN), (region, gas)
        assert read["co2_t_per_mwh"] == pytest.approx(plan.co2_t_per_mwh, abs=CARBON_WITHIN), (region, gas)
        for name in CAPACITIES:
            assert read[name] == pytest.approx(plan.capacity[name], abs=CAPACITY_WITHIN), (name, region, gas)


def test_what_moves_with_gas_is_the_slope_of_the_cost(steady: SteadyLoad) -> None:
    step = 0.01
    for region in regions():
        low, high = (
            supply(region, gas_usd_per_mmbtu=GAS_PRICE_USD_PER_MMBTU + sign * step, steady=steady).usd_per_mwh
            for sign in (-1.0, 1.0)
        )
        slope = (high - low) / (2.0 * step)
        share = slope * GAS_PRICE_USD_PER_MMBTU / (0.5 * (low + high))
        assert gas_share_of_price(region) == pytest.approx(share, abs=0.01), region


def test_the_quarter_opens_with_the_mean_of_the_regions_by_load() -> None:
    opening = opening_supply()
    assert sum(region.load_share for region in regions().values()) == pytest.approx(1.0)
    costs = [float(read_curve(name, GAS_PRICE_USD_PER_MMBTU)["usd_per_mwh"]) for name in regions()]
    assert min(costs) < opening.usd_per_mwh < max(costs)
    assert (
        min(map(gas_share_of_price, regions())) < opening.gas_share_of_price < max(map(gas_share_of_price, regions()))
    )
    assert 0.0 < opening.carbon_t_per_mwh < 0.5
    # dearer gas on plants that stand costs at least what the cheapest new mix costs
    for index in (0.6, 1.5, 3.0):
        by_line = opening.usd_per_mwh * fuel_factor(index, opening.gas_share_of_price)
        assert by_line >= opening_supply(GAS_PRICE_USD_PER_MMBTU * index).usd_per_mwh * (1.0 - 1e-3)


@settings(max_examples=60, deadline=None)
@given(REGIONS, GAS, GAS)
def test_dearer_gas_never_costs_less_and_the_cost_bends_down(region: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    read = read_curve(region, np.array([low, 0.5 * (low + high), high]))
    cost = read["usd_per_mwh"]
    # a knot's cost is kept to five digits
    assert cost[0] <= cost[1] * (1 + 1e-4) and cost[1] <= cost[2] * (1 + 1e-4)
    assert cost[1] >= 0.5 * (cost[0] + cost[2]) * (1 - 6e-4)
    assert all((read[name] >= 0.0).all() for name in CAPACITIES)
    assert (read["grid"] <= regions()[region].grid_cap_share + 1e-9).all()


def test_one_gas_price_is_read_as_many_are() -> None:
    gas = np.linspace(*GAS_RANGE, 37).reshape(1, 37)
    for region in regions():
        many = read_curve(region, gas)
        assert all(many["usd_per_mwh"][0, n] == read_curve(region, gas[0, n])["usd_per_mwh"] for n in range(37))
        assert read_curve(region, 100.0)["usd_per_mwh"] == curves()[region]["usd_per_mwh"][-1]


def test_a_worse_world_never_costs_less(steady: SteadyLoad) -> None:
    base = steady.solve(USUAL).usd_per_mwh
    for name in INPUTS:
        better = name in ("grid_cap_share", "solar_factor", "wind_factor")
        changed = USUAL | {name: USUAL[name] * (1.2 if USUAL[name] else 0.0) + (0.0 if USUAL[name] else 20.0)}
        cost = steady.solve(changed).usd_per_mwh
        assert (cost <= base * (1 + 1e-9)) if better else (cost >= base * (1 - 1e-9)), name
    burnt = steady.solve(USUAL)
    linked = burnt.gas_mmbtu_per_mwh + GRID_HEAT_RATE * burnt.grid_share
    assert 0.0 < linked < 10.0


def test_what_is_refused(steady: SteadyLoad) -> None:
    with pytest.raises(UsageError, match="inputs: found 'gas'; expected gas_usd_per_mmbtu"):
        steady.solve({"gas": 3.0})
    with pytest.raises(UsageError, match="inputs: found no gas_usd_per_mmbtu"):
        steady.solve({})
    with pytest.raises(UsageError, match="gas_usd_per_mmbtu: found nan; expected 0 or more"):
        steady.solve(USUAL | {"gas_usd_per_mmbtu": float("nan")})
    with pytest.raises(UsageError, match="capex_wind: found 0; expected more than 0"):
        steady.solve(USUAL | {"capex_wind": 0.0})
    with pytest.raises(UsageError, match=r"region: found 'south'; expected one of .*"):
        supply("south")
    with pytest.raises(UsageError, match="gas_usd_per_mmbtu: found a value that is not a number"):
        read_curve("southwest", float("nan"))

"""Tokens, chips, joules and dollars are conserved from step to step, and no change for the worse makes it cheaper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.serving_chain import (
    Cost,
    Demand,
    Power,
    Serving,
    capital_recovery,
    fleet_cost,
    fleet_footprint,
    fleet_power,
    serve_demand,
)
from penstock.layers.silicon import replica

FEW = settings(max_examples=50, deadline=None)
MADE = replica("dense_70b", "h200", 2, precision="fp8")
EXACT = 1e-9

DEMANDS = st.builds(
    Demand,
    output_tokens_per_day=st.floats(1e6, 1e14),
    input_tokens_per_day=st.floats(0.0, 1e15),
    cached=st.floats(0.0, 1.0),
    context_tokens=st.floats(10.0, 20_000.0),
    prompt_tokens=st.floats(10.0, 20_000.0),
)
SHARES = st.floats(0.05, 1.0)


def power_of(serving: Serving, demand: Demand, pue: float = 1.2) -> Power:
    return fleet_power(
        serving.installed_chips,
        1275.0,
        serving.busy_share,
        network=0.1,
        pue=pue,
        output_tokens_per_day=demand.output_tokens_per_day,
    )


def cost_of(serving: Serving, power: Power, demand: Demand, price: float = 60.0) -> Cost:
    return fleet_cost(
        serving,
        power,
        demand,
        chip_usd=35_000.0,
        chip_life_years=5.0,
        chip_rate=0.1,
        building_usd_per_w=12.0,
        building_life_years=20.0,
        building_rate=0.08,
        electricity_usd_per_mwh=price,
        upkeep=0.03,
    )


@FEW
@given(DEMANDS, SHARES, SHARES)
def test_nothing_is_lost_on_the_way(demand: Demand, utilisation: float, availability: float) -> None:
    serving = serve_demand(MADE, demand, utilisation=utilisation, availability=availability)
    day = 86_400.0
    decoded = serving.decode_chips * serving.decode_tokens_per_s_per_chip * day
    assert decoded == pytest.approx(demand.output_tokens_per_day, rel=EXACT)
    read = serving.prefill_chips * serving.prefill_tokens_per_s_per_chip * day
    assert read == pytest.approx(demand.input_tokens_per_day * (1.0 - demand.cached), rel=EXACT, abs=1e-3)
    assert serving.busy_chips == pytest.approx(serving.decode_chips + serving.prefill_chips, rel=EXACT)
    assert serving.installed_chips * serving.busy_share == pytest.approx(serving.busy_chips, rel=EXACT)

    power = power_of(serving, demand)
    joules = power.joules_per_output_token * demand.output_tokens_per_day
    assert joules == pytest.approx(power.facility_average_mw * 1e6 * day, rel=EXACT)
    assert power.it_average_mw <= power.it_nameplate_mw
    assert power.it_average_mw * 1e6 == pytest.approx(serving.installed_chips * power.system_w * 1.1, rel=EXACT)

    cost = cost_of(serving, power, demand)
    parts = cost.chips_annual_usd + cost.building_annual_usd + cost.electricity_annual_usd + cost.upkeep_annual_usd
    assert cost.annual_usd == pytest.approx(parts, rel=EXACT)
    by_token = cost.usd_per_million_output_tokens * demand.output_tokens_per_day * 365.0 / 1e6
    by_hour = cost.usd_per_installed_chip_hour * serving.installed_chips * 8760.0
    assert by_token == pytest.approx(cost.annual_usd, rel=EXACT)
    assert by_hour == pytest.approx(cost.annual_usd, rel=EXACT)


@FEW
@given(DEMANDS, st.floats(0.0, 1.0))
def test_a_better_cache_never_keeps_more_chips_busy(demand: Demand, gain: float) -> None:
    better = replace(demand, cached=demand.cached + gain * (1.0 - demand.cached))
    assert busy(better) <= busy(demand) * (1.0 + EXACT)


@FEW
@given(DEMANDS, st.floats(1.0, 400.0), st.floats(1.0, 4.0))
def test_a_larger_limit_of_the_batch_never_keeps_more_chips_busy(demand: Demand, limit: float, more: float) -> None:
    assert busy(demand, most_users=limit * more) <= busy(demand, most_users=limit) * (1.0 + EXACT)


@FEW
@given(DEMANDS, st.floats(1.0, 30.0), st.floats(1.0, 2.0))
def test_a_tighter_speed_never_lowers_cost(demand: Demand, speed: float, tighter: float) -> None:
    costs = []
    for asked in (speed, speed * tighter):
        serving = serve_demand(MADE, demand, utilisation=0.5, availability=0.97, tokens_per_s_per_user=asked)
        costs.append(cost_of(serving, power_of(serving, demand), demand).annual_usd)
    assert costs[1] >= costs[0] * (1.0 - EXACT)


@FEW
@given(DEMANDS, st.floats(1.0, 1.6), st.floats(0.0, 0.5), st.floats(10.0, 200.0), st.floats(0.0, 100.0))
def test_a_worse_building_or_dearer_power_never_lowers_cost(
    demand: Demand, pue: float, worse: float, price: float, dearer: float
) -> None:
    serving = serve_demand(MADE, demand, utilisation=0.5, availability=0.97)
    usual = cost_of(serving, power_of(serving, demand, pue), demand, price).annual_usd
    assert cost_of(serving, power_of(serving, demand, pue + worse), demand, price).annual_usd >= usual
    assert cost_of(serving, power_of(serving, demand, pue), demand, price + dearer).annual_usd >= usual


@FEW
@given(DEMANDS, SHARES, SHARES)
def test_more_failures_never_lower_the_chips_to_install(demand: Demand, high: float, fraction: float) -> None:
    good = serve_demand(MADE, demand, utilisation=0.5, availability=high)
    bad = serve_demand(MADE, demand, utilisation=0.5, availability=high * fraction)
    assert bad.installed_chips >= good.installed_chips * (1.0 - EXACT)


def busy(demand: Demand, **limits: float) -> float:
    return serve_demand(MADE, demand, utilisation=0.5, availability=0.97, **limits).busy_chips


@FEW
@given(st.floats(0.0, 0.5), st.floats(0.5, 60.0))
def test_payments_over_a_life_repay_the_capital(rate: float, life: float) -> None:
    payment = float(capital_recovery(rate, life))
    worth = life if rate < 1e-9 else -((1.0 + rate) ** -life - 1.0) / rate
    assert payment * worth == pytest.approx(1.0, rel=1e-6)


DEMAND = Demand(1e12, 5e12, 0.5, 3000.0, 2500.0)
POWER = power_of(serve_demand(MADE, DEMAND, utilisation=0.5, availability=0.97), DEMAND)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Demand(-1.0, 1.0, 0.5, 1.0, 1.0), "output_tokens_per_day: found -1; expected a number above 0"),
        (lambda: Demand(1.0, 1.0, 1.5, 1.0, 1.0), "cached: found 1.5; expected a share from 0 to 1"),
        (lambda: serving(tokens_per_s_per_user=500.0), "batch: found none of dense_70b on 2 h200"),
        (lambda: serving(utilisation=0.0), "utilisation: found 0; expected a number above 0"),
        (lambda: power_of(serving(), DEMAND, pue=0.9), "pue: found 0.9; expected at least 1"),
        (lambda: footprint({"gas": 0.7}), "mix: found shares that add up to 0.7; expected 1"),
        (lambda: footprint({"gas": 0.7, "coal": 0.3}), "carbon: found no figure of coal; expected one of each source"),
    ],
)
def test_a_mistake_is_told(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def serving(**changed: float) -> Serving:
    return serve_demand(MADE, DEMAND, **{"utilisation": 0.5, "availability": 0.97, **changed})


def footprint(mix: dict[str, float]) -> object:
    return fleet_footprint(POWER, mix, {"gas": 0.3}, {"gas": 0.7}, site_water_l_per_kwh=0.4)

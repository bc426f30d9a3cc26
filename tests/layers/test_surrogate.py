"""The quick stand-in of the power plan against fresh plans, and the supply curves that read off it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.energy.quarter import GAS_SHARE_OF_PRICE
from penstock.layers.energy.regions import gas_share_of_price, regions, supply
from penstock.layers.energy.surrogate import COST_SCALE, OUTPUTS, RANGES, SlowPlan, evaluate, quick_plan, weights

FRESH = 200
SEED = 90_210
COST_WITHIN, CAPACITY_WITHIN = 0.02, 0.05
FEW = settings(max_examples=40, deadline=None)
INPUTS = st.fixed_dictionaries({name: st.floats(low, high) for name, (low, high) in RANGES.items()})


def test_its_error_on_fresh_plans_is_bounded() -> None:
    """Inputs drawn with a seed that the fit does not use; each plan solved on its 12 clustered days."""
    random = np.random.default_rng(SEED)
    draws = {name: random.uniform(low, high, FRESH) for name, (low, high) in RANGES.items()}
    quick, slow = quick_plan(draws), SlowPlan()
    plans = [slow.solve({name: float(values[n]) for name, values in draws.items()}) for n in range(FRESH)]
    truth = {name: np.array([one[name] for one in plans]) for name in OUTPUTS}
    cost = np.abs(quick.usd_per_mwh / (truth["usd_per_mwh"] * COST_SCALE) - 1.0)
    assert cost.max() < COST_WITHIN
    for name, capacity in quick.capacity.items():
        # hours of a battery count over the four that its MW commonly holds
        gap = np.abs(capacity - truth[name]) / (4.0 if name == "battery_energy" else 1.0)
        assert gap.mean() < CAPACITY_WITHIN, name
    assert np.abs(quick.co2_t_per_mwh - truth["co2_t_per_mwh"]).mean() < 0.02


@FEW
@given(INPUTS)
def test_a_plan_of_one_case_is_that_of_many(inputs: dict[str, float]) -> None:
    one = quick_plan(inputs)
    many = quick_plan({name: np.full((3, 2), value) for name, value in inputs.items()})
    assert many.usd_per_mwh.shape == (3, 2)
    assert (many.usd_per_mwh == one.usd_per_mwh).all()
    assert one.usd_per_mwh > 0
    assert all(value >= 0 for value in one.capacity.values())
    assert one.capacity["grid"] <= inputs["grid_cap_share"] + 1e-12


def test_paths_do_not_change_one_another() -> None:
    random = np.random.default_rng(1)
    inputs = random.uniform(0, 1, (len(RANGES), 130))
    whole = evaluate(inputs, weights())
    parts = np.concatenate([evaluate(inputs[:, :64], weights()), evaluate(inputs[:, 64:], weights())], axis=1)
    assert np.array_equal(whole, parts)


def test_dearer_gas_costs_more_and_emits_no_more() -> None:
    gas = np.linspace(2.75, 6.0, 12)
    for region in regions():
        found = supply(region, gas_usd_per_mmbtu=gas)
        assert (np.diff(found.usd_per_mwh) > 0).all(), region
        assert found.co2_t_per_mwh[-1] < found.co2_t_per_mwh[0], region


def test_the_pass_through_of_the_quarter_is_what_the_regions_give() -> None:
    shares = {name: gas_share_of_price(name) for name in regions()}
    assert sum(region.load_share for region in regions().values()) == pytest.approx(1.0)
    mean = sum(regions()[name].load_share * share for name, share in shares.items())
    assert all(0.2 < share < 0.5 for share in shares.values()), shares
    assert mean == pytest.approx(GAS_SHARE_OF_PRICE, abs=0.08)


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="inputs: found 'gas'; expected gas_usd_per_mmbtu"):
        quick_plan({"gas": 3.0})
    with pytest.raises(UsageError, match="inputs: found no gas_usd_per_mmbtu"):
        quick_plan({})
    with pytest.raises(UsageError, match="inputs: found a value that is not a number"):
        quick_plan(dict.fromkeys(RANGES, float("nan")))
    with pytest.raises(UsageError, match=r"region: found 'south'; expected one of .*"):
        supply("south")

"""Bills: lines sum to revenue, plans change prices, failed work is not billed, shared cost is shared out."""

from __future__ import annotations

import numpy as np
import pytest
from fleets import chat, poisson
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import fleet
from penstock.fleet.config import Model, Prices, Tenant
from penstock.fleet.metering import invoice, usage_charges


def test_lines_by_hand() -> None:
    prices = Prices(input_usd_per_mtok=1.0, cached_usd_per_mtok=0.25, output_usd_per_mtok=4.0)
    models = [Model(name="m", prices=prices), Model(name="n", prices=prices)]
    tenants = [
        Tenant(name="a"),
        Tenant(name="b", plan="batch"),
        Tenant(name="c", plan="committed", committed_usd_per_h=10.0),
    ]
    usage = np.zeros((3, 3, 4))
    usage[0, 0] = (1, 3e6, 1e6, 2e6)
    usage[1, 1] = (1, 3e6, 1e6, 2e6)
    usage[1, 2] = (1, 1e6, 0, 1e6)
    usage[2, 0] = (1, 1e6, 0, 0)
    table = invoice(usage, tenants, models, [0, 0, 1], hours=2.0)
    paid = table.groupby("tenant")["amount_usd"].sum()
    assert paid["a"] == pytest.approx(2.0 + 0.25 + 8.0)
    assert paid["b"] == pytest.approx(0.5 * (10.25 + 5.0))
    assert paid["c"] == pytest.approx(20.0)
    unused = table[table["item"] == "unused_commitment"]
    assert unused["amount_usd"].tolist() == pytest.approx([20.0 - 0.8])


def test_a_commitment_that_is_used_up_adds_nothing() -> None:
    usage = np.array([[[1, 1e9, 0, 1e9]]])
    tenants = [Tenant(name="a", plan="committed", committed_usd_per_h=1.0)]
    table = invoice(usage, tenants, [Model(name="m")], [0], hours=1.0)
    assert "unused_commitment" not in set(table["item"])


@settings(max_examples=40, deadline=None)
@given(fresh=st.floats(0, 1e12), cached=st.floats(0, 1e12), output=st.floats(0, 1e12), factor=st.floats(0, 3))
def test_charges_are_proportional(fresh: float, cached: float, output: float, factor: float) -> None:
    one = usage_charges(Prices(), fresh, cached, output)
    many = usage_charges(Prices(), fresh, cached, output, factor)
    assert sum(many.values()) == pytest.approx(factor * sum(one.values()))


def test_revenue_is_the_sum_of_lines_and_cost_is_shared_out() -> None:
    config = chat(3, error_share=0.05) | {
        "tenant": [{"name": "a", "share": 3.0}, {"name": "b", "plan": "batch"}, {"name": "c", "plan": "committed"}]
    }
    result = fleet.simulate(config, poisson(5.0, 2000, 1), 3)
    s = result.summary
    assert s["revenue_usd"] == pytest.approx(result.invoice["amount_usd"].sum())
    assert result.tenants["revenue_usd"].sum() == pytest.approx(s["revenue_usd"])
    assert result.tenants["cost_usd"].sum() == pytest.approx(s["cost_usd"])
    assert result.tenants["facility_mwh"].sum() == pytest.approx(s["energy_mwh"])
    assert result.windows["cost_usd"].sum() == pytest.approx(s["cost_usd"])
    assert result.windows["arrivals"].sum() == s["requests"]
    assert result.invoice["tokens"].sum() == s["tokens_billed"] == s["tokens_served"]
    assert s["tokens_lost"] > 0, "errors cost tokens that nobody pays"


def test_energy_carbon_and_water_of_a_replica_by_hand() -> None:
    """One replica of one H200 that works for the whole hour: between idle and full power, times PUE."""
    config = {
        "name": "energy",
        "model": [{"name": "m", "shape": "dense_8b"}],
        "pool": [{"name": "p", "model": "m", "chip": "h200", "replicas": 1}],
        "region": [{"name": "home", "pue": 1.2, "carbon_kg_per_mwh": 500.0, "water_l_per_kwh": 1.0}],
        "tenant": [{"name": "all", "retries": 0}],
    }
    result = fleet.simulate(config, poisson(8.0, 8 * 3600, 2), 1)
    pool = result.pools.iloc[0]
    hours = result.end_s / 3600.0
    idle, full = 1.275e-3 * 0.75 * 0.35 * hours, 1.275e-3 * 0.75 * hours
    assert idle < pool["it_mwh"] < full
    assert pool["facility_mwh"] == pytest.approx(1.2 * pool["it_mwh"])
    assert pool["co2_kg"] == pytest.approx(500.0 * pool["facility_mwh"])
    assert pool["water_m3"] == pytest.approx(pool["it_mwh"])

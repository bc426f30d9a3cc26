"""Fair pools: nobody is held back without need, and who takes more than a share goes on, but last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fleets import chat
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import fleet
from penstock.fleet.build import build
from penstock.fleet.compiled import columns as c
from penstock.fleet.config_file import load_config
from penstock.fleet.simulation import run


def fair_chat(tenants: int, replicas: int = 2, **pool: Any) -> dict[str, Any]:
    """A fair pool with tenants t0, t1 and so on."""
    own = [{"name": f"t{k}", "retries": 0} for k in range(tenants)]
    return chat(replicas, **{"fair": True, "router": "least_load", **pool}) | {"tenant": own}


def flood(rates: list[float], seconds: float, seed: int, prompt: float = 600.0, answer: float = 120.0) -> fleet.Trace:
    """Poisson arrivals of tenants at rates, geometric tokens."""
    rng, parts = np.random.default_rng(seed), []
    for k, rate in enumerate(rates):
        n = rng.poisson(rate * seconds)
        parts += [(t, k) for t in rng.random(n) * seconds]
    parts.sort()
    times, who = zip(*parts, strict=True)
    n = len(times)
    names = [f"t{k}" for k in who]
    return fleet.make_trace(times, rng.geometric(1 / prompt, n), rng.geometric(1 / answer, n), tenant=names)


def mean_time(result: fleet.FleetResult) -> float:
    """Mean seconds from arrival to the end."""
    return float(result.requests.total_s.mean())


def test_a_tenant_alone_is_served_as_without_fairness() -> None:
    trace = flood([60.0], 120.0, 1)
    fair, plain = (fleet.simulate(fair_chat(1, fair=f, queue="central"), trace, 1) for f in (True, False))
    assert np.array_equal(fair.requests.finish_s, plain.requests.finish_s)


def test_where_all_want_too_much_the_pool_works_at_full_speed() -> None:
    trace = flood([12.0] * 6, 120.0, 2)
    fair, plain = (fleet.simulate(fair_chat(6, fair=f, queue="central"), trace, 1) for f in (True, False))
    assert fair.end_s == pytest.approx(plain.end_s, rel=0.05)


def test_a_large_tenant_that_crowds_nobody_is_left_alone() -> None:
    trace = flood([6.0, 0.5, 0.5], 300.0, 3)
    fair, plain = (fleet.simulate(fair_chat(3, fair=f, queue="central"), trace, 1) for f in (True, False))
    assert mean_time(fair) == pytest.approx(mean_time(plain), rel=0.02)


def test_tenants_whose_weights_fit_their_loads_are_left_alone_in_a_busy_pool() -> None:
    trace = flood([14.0, 8.0], 300.0, 8)
    results = []
    for fair in (True, False):
        config = fair_chat(2, fair=fair, queue="central", max_wait_s=3.0)
        config["tenant"][0]["weight"], config["tenant"][1]["weight"] = 14.0, 8.0
        results.append(fleet.simulate(config, trace, 1))
    fair_one, plain = results
    assert fair_one.summary["rejected"] <= plain.summary["rejected"] + 0.01 * len(trace)
    assert fair_one.summary["first_token_p99_s"] < 1.3 * plain.summary["first_token_p99_s"]


def test_a_backlog_is_worked_off_at_full_speed_once_the_others_have_gone() -> None:
    """The others send for a minute; a backlog of 3,000 requests is done soon after, not at the pace of the slack."""
    busy = flood([100.0], 30.0, 4)
    calm = flood([1.0, 1.0, 1.0], 60.0, 5)
    times = np.concatenate([busy.arrival_s, calm.arrival_s])
    order = np.argsort(times, kind="stable")
    names = np.array(["t0"] * len(busy) + [f"t{k + 1}" for k in calm.tenant])[order]
    n_in = np.concatenate([busy.input_tokens, calm.input_tokens])[order]
    n_out = np.concatenate([busy.output_tokens, calm.output_tokens])[order]
    trace = fleet.make_trace(times[order], n_in, n_out, tenant=list(names))
    result = fleet.simulate(fair_chat(4), trace, 1)
    plain = fleet.simulate(fair_chat(4, fair=False, queue="central"), trace, 1)
    assert result.summary["unfinished"] == 0
    # the minute that a tenant counts as there after its last request, and the backlog itself
    assert result.end_s < 60.0 + 60.0 + 1.5 * plain.end_s


def test_giant_contexts_are_served_in_the_end() -> None:
    trace = flood([2.0, 2.0, 2.0], 100.0, 6)
    giant = np.where((trace.tenant == 0) & (np.arange(len(trace)) % 10 == 0), 50_000, trace.input_tokens)
    big = fleet.make_trace(trace.arrival_s, giant, trace.output_tokens, tenant=[trace.tenants[k] for k in trace.tenant])
    result = fleet.simulate(fair_chat(3), big, 1)
    assert result.summary["served"] == len(trace)


def test_a_full_queue_sheds_from_the_longest_line() -> None:
    trace = flood([60.0, 1.0, 1.0], 120.0, 7)
    result = fleet.simulate(fair_chat(3, replicas=1, queue_limit=20), trace, 1)
    shed = result.requests.status == c.REJECTED
    assert shed[trace.tenant == 0].sum() > 1000
    assert shed[trace.tenant > 0].sum() == 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), rate=st.floats(1.0, 60.0), replicas=st.integers(1, 3), weight=st.floats(0.5, 4.0))
def test_the_books_of_shares_close(seed: int, rate: float, replicas: int, weight: float) -> None:
    config = fair_chat(4, replicas)
    config["tenant"][0]["weight"] = weight
    built = build(load_config(config), flood([rate, 1.0, 1.0, 1.0], 40.0, seed), seed)
    run(built, seed)
    state = built.state
    assert state.counters[c.C_IN_SYSTEM] == 0
    assert (state.held == 0).all()
    assert (state.standing[:, :, [c.V_REQUESTS, c.V_TOKENS, c.V_RUNNING]] == 0).all()

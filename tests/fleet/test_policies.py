"""Each policy does what its name says: routing, admission, priorities, batch work, scaling, breakers, caps, splits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fleets import chat, poisson, servers
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import fleet
from penstock.fleet.compiled import columns as c
from penstock.fleet.scaling import hpa_desired
from penstock.fleet.view import FleetView, Request


def test_the_same_seed_gives_the_same_run_and_another_does_not() -> None:
    config = chat(3, router="power_of_two", error_share=0.05) | {"failures": {"replica_mtbf_h": 0.05}}
    trace = poisson(8.0, 1500, 1)
    one, two, other = (fleet.simulate(config, trace, seed) for seed in (4, 4, 5))
    assert np.array_equal(one.requests.finish_s, two.requests.finish_s, equal_nan=True)
    assert one.invoice.equals(two.invoice)
    assert not np.array_equal(one.requests.finish_s, other.requests.finish_s, equal_nan=True)


def test_two_choices_beat_one_and_all_beat_two() -> None:
    trace = poisson(60.0, 6000, 2)
    p99 = {r: fleet.simulate(chat(16, router=r), trace, 1).percentile("first_token_s", 99) for r in c.ROUTERS}
    assert p99["least_load"] <= p99["power_of_two"] <= p99["random"]


def test_cache_affinity_finds_the_cache_more_often() -> None:
    rng = np.random.default_rng(3)
    n = 6000
    prefix = rng.integers(0, 400, n)
    trace = fleet.make_trace(
        np.cumsum(rng.exponential(0.05, n)),
        np.full(n, 1500),
        np.full(n, 20),
        prefix=prefix,
        shareable_tokens=np.full(n, 1200),
    )
    cached = {
        router: fleet.simulate(chat(8, router=router, cache_prefixes=64), trace, 1).summary["cached_tokens_served"]
        for router in ("round_robin", "cache_affinity")
    }
    assert cached["cache_affinity"] > 1.2 * cached["round_robin"] > 0
    without = fleet.simulate(chat(8, router="cache_affinity"), trace, 1)
    assert without.summary["cached_tokens_served"] == 0


def test_a_token_bucket_lets_through_its_rate() -> None:
    trace = poisson(20.0, 8000, 4)
    config = chat(8) | {"tenant": [{"name": "all", "tokens_per_s": 3000.0, "burst_tokens": 6000.0, "retries": 0}]}
    result = fleet.simulate(config, trace, 1)
    assert result.summary["tokens_served"] == pytest.approx(3000.0 * trace.span_s, rel=0.03)
    assert result.summary["rejected"] > 0


def two_tenants(n: int, seed: int, rate: float) -> fleet.Trace:
    rng = np.random.default_rng(seed)
    names = rng.choice(["a", "b"], n)
    return fleet.make_trace(
        np.cumsum(rng.exponential(1.0 / rate, n)),
        rng.geometric(1 / 600, n),
        rng.geometric(1 / 100, n),
        tenant=list(names),
    )


def test_fair_queueing_shares_by_weight_when_there_is_not_enough() -> None:
    config = chat(1, fair=True, max_wait_s=20.0) | {
        "tenant": [{"name": "a", "weight": 3.0, "retries": 0}, {"name": "b", "weight": 1.0, "retries": 0}],
    }
    result = fleet.simulate(config, two_tenants(8000, 5, 60.0), 1)
    tokens = result.tenants.set_index("tenant")[["input_tokens", "output_tokens"]].sum(axis=1)
    assert tokens["a"] / tokens["b"] == pytest.approx(3.0, rel=0.1)


def test_the_important_go_first() -> None:
    config = chat(1, queue="central") | {"tenant": [{"name": "a"}, {"name": "b", "priority": 1}]}
    result = fleet.simulate(config, two_tenants(1500, 6, 25.0), 1)
    table = result.tenants.set_index("tenant")
    assert table["first_token_p99_s"]["a"] < 0.5 * table["first_token_p99_s"]["b"]


def test_batch_work_fills_what_is_left_and_costs_half() -> None:
    config = chat(2, queue="central") | {"tenant": [{"name": "a"}, {"name": "b", "plan": "batch"}]}
    trace = two_tenants(2000, 7, 8.0)
    alone = fleet.simulate(
        config,
        fleet.make_trace(
            trace.arrival_s[trace.tenant == 0],
            trace.input_tokens[trace.tenant == 0],
            trace.output_tokens[trace.tenant == 0],
            tenant=["a"] * int((trace.tenant == 0).sum()),
        ),
        1,
    )
    both = fleet.simulate(config, trace, 1)
    own = both.tenants.set_index("tenant")
    assert own["served"]["b"] > 0
    assert own["first_token_p99_s"]["a"] < 1.5 * alone.percentile("first_token_s", 99)
    lines = both.invoice.set_index(["tenant", "item"])["usd_per_mtok"]
    assert lines["b", "output"] == pytest.approx(0.5 * lines["a", "output"])


@pytest.mark.parametrize(
    ("current", "metric", "target", "desired"),
    [(3, 200, 100, 6), (3, 50, 100, 2), (10, 105, 100, 10), (10, 111, 100, 12), (1, 1000, 10, 100), (4, 0, 10, 0)],
)
def test_the_rule_of_the_horizontal_pod_autoscaler(current: int, metric: float, target: float, desired: int) -> None:
    """ceil(current x metric / target), unchanged within a tenth of one (Kubernetes documentation)."""
    assert hpa_desired(current, metric, target, 0.1) == desired


@pytest.mark.parametrize("policy", ["reactive", "hpa", "predictive"])
def test_a_pool_grows_with_its_load_and_shrinks_after_it(policy: str) -> None:
    calm, busy = poisson(1.0, 300, 8), poisson(25.0, 9000, 9)
    times = np.concatenate([calm.arrival_s, 300.0 + busy.arrival_s, 300.0 + busy.span_s + calm.arrival_s * 4])
    trace = fleet.make_trace(
        times,
        np.concatenate([calm.input_tokens, busy.input_tokens, calm.input_tokens]),
        np.concatenate([calm.output_tokens, busy.output_tokens, calm.output_tokens]),
    )
    rules = {"policy": policy, "min_replicas": 1, "target_load": 0.4, "stabilisation_s": 60.0}
    config = chat(1, max_replicas=12, queue="central", cold_start_s=20.0, autoscaling=rules)
    result = fleet.simulate(config, trace, 1)
    replicas = result.windows["replicas"]
    assert replicas.iloc[1] <= 1.2
    assert replicas.max() > 2.0
    assert replicas.iloc[-3] <= 1.5
    assert result.summary["unfinished"] == 0


def test_an_idle_pool_goes_to_zero_and_wakes_with_a_cold_start() -> None:
    trace = fleet.make_trace([0.0, 1000.0], [10, 10], [5, 5])
    rules = {"policy": "reactive", "min_replicas": 0, "idle_s": 100.0, "stabilisation_s": 10.0}
    result = fleet.simulate(chat(1, queue="central", cold_start_s=40.0, autoscaling=rules), trace, 1)
    first = result.requests.first_token_s
    assert first[0] < 1.0
    assert 40.0 < first[1] < 60.0
    assert result.pools["mean_replicas"][0] < 0.5


def test_an_outage_is_felt_and_mended() -> None:
    config = chat(2, cold_start_s=10.0) | {"outage": [{"at_s": 60.0, "lasts_s": 60.0, "pool": "chat", "replica": 0}]}
    trace = poisson(5.0, 1500, 10)
    result = fleet.simulate(config, trace, 1)
    assert result.summary["retries"] > 0
    assert result.summary["tokens_lost"] > 0
    assert result.summary["served"] > 0.98 * len(trace)
    assert result.pools["mean_replicas"][0] < 2.0


def test_a_region_falls_and_the_other_takes_over() -> None:
    base = chat(3)["pool"][0]
    config = {
        "name": "two regions",
        "region": [{"name": "east"}, {"name": "west", "latency_s": 0.06}],
        "pool": [base | {"name": "e", "region": "east"}, base | {"name": "w", "region": "west"}],
        "route": [{"model": "chat-70b", "pools": ["e", "w"], "policy": "failover"}],
        "outage": [{"at_s": 50.0, "lasts_s": 100.0, "region": "east"}],
    }
    result = fleet.simulate(config, poisson(4.0, 1000, 11), 1)
    west = result.requests.pool == 1
    during = (result.requests.arrival_s > 50) & (result.requests.arrival_s < 150)
    assert west[during].mean() > 0.9
    back = (result.requests.arrival_s < 50) | (result.requests.arrival_s > 150 + 65)  # with the cold start
    assert west[back].mean() < 0.1


def test_a_breaker_turns_away_from_a_bad_replica() -> None:
    def sick(view: FleetView, request: Request) -> int | None:
        return None

    trace = poisson(10.0, 900, 12)
    from penstock.fleet.build import build
    from penstock.fleet.config_file import load_config
    from penstock.fleet.result import gather
    from penstock.fleet.simulation import run

    served = {}
    for failures in (0, 3):
        config = load_config(chat(4, router="round_robin", breaker_failures=failures, breaker_open_s=60.0))
        built = build(config, trace, 1)
        built.state.rf[0, c.X_ERROR] = 0.9
        run(built, 1, router=sick)
        result = gather(built, seed=1, wall_s=1.0)
        served[failures] = int(built.state.counters[c.C_ERRORS])
        assert result.summary["unfinished"] == 0
    assert served[3] < 0.3 * served[0]


def test_less_power_slows_prompts_more_than_answers() -> None:
    trace = poisson(1.0, 400, 13)
    full, capped = (
        fleet.simulate(chat(4) | caps, trace, 1)
        for caps in ({}, {"power_cap": [{"at_s": 0.0, "lasts_s": 1e5, "fraction": 0.6}]})
    )
    answers = capped.percentile("token_s", 50) / full.percentile("token_s", 50)
    assert answers == pytest.approx(0.6**-0.25, rel=0.05)
    assert capped.percentile("first_token_s", 50) / full.percentile("first_token_s", 50) > answers


def test_a_split_of_prompts_and_answers_keeps_answers_steady() -> None:
    base = chat(2)["pool"][0]
    split = {
        "name": "split",
        "pool": [base | {"name": "p", "role": "prefill", "decode_pool": "d"}, base | {"name": "d", "role": "decode"}],
    }
    trace = poisson(6.0, 1500, 14, tokens_in=3000.0)
    together, apart = fleet.simulate(chat(4), trace, 1), fleet.simulate(split, trace, 1)
    assert apart.percentile("token_s", 99) < together.percentile("token_s", 99)
    assert apart.summary["tokens_served"] == trace.tokens


def test_what_a_small_model_cannot_answer_goes_on_to_a_large_one() -> None:
    base = chat(3)["pool"][0]
    config = {
        "name": "cascade",
        "model": [{"name": "small", "quality": 0.8}, {"name": "large"}],
        "pool": [base | {"name": "s", "model": "small"}, base | {"name": "l", "model": "large"}],
        "route": [{"model": "any", "pools": ["s", "l"], "policy": "cascade"}],
    }
    trace = poisson(3.0, 3000, 15)
    result = fleet.simulate(config, trace, 1)
    assert result.summary["escalated"] / len(trace) == pytest.approx(0.2, abs=0.03)
    usage = result.built.state.usage[0]
    assert usage[0, c.U_REQUESTS] == len(trace)
    assert usage[1, c.U_REQUESTS] == result.summary["escalated"]


@pytest.mark.parametrize(("worth", "expected"), [(0.0, "cheap"), (1.0, "good")])
def test_the_score_weighs_price_against_quality(worth: float, expected: str) -> None:
    base = chat(3)["pool"][0]
    config = {
        "name": "score",
        "model": [
            {"name": "cheap", "quality": 0.6, "prices": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.4}},
            {"name": "good", "quality": 0.99, "prices": {"input_usd_per_mtok": 3.0, "output_usd_per_mtok": 15.0}},
        ],
        "pool": [base | {"name": n, "model": n} for n in ("cheap", "good")],
        "route": [{"model": "any", "pools": ["cheap", "good"], "policy": "score"}],
        "score": {"quality_usd": worth},
    }
    result = fleet.simulate(config, poisson(1.0, 200, 16), 1)
    busiest = result.pools.set_index("pool")["requests"].idxmax()
    assert busiest == expected


def test_a_router_and_a_scaler_written_in_python() -> None:
    def shortest(view: FleetView, request: Request) -> int | None:
        own = view.replicas("chat")
        return int(own.start + np.argmin(np.where(view.ready, view.load, 1 << 30)[own.start : own.stop]))

    trace = poisson(10.0, 800, 17)
    own = fleet.simulate(chat(4), trace, 1, router=shortest)
    compiled = fleet.simulate(chat(4, router="least_load"), trace, 1)
    assert own.percentile("first_token_s", 90) == pytest.approx(compiled.percentile("first_token_s", 90), rel=0.1)
    grown = fleet.simulate(chat(1, max_replicas=3, cold_start_s=1.0), trace, 1, scaler=lambda seen, memory: 3)
    assert grown.pools["mean_replicas"][0] > 2.0


def test_spot_capacity_is_taken_back_with_notice() -> None:
    config = chat(4, spot=True, cold_start_s=5.0) | {"failures": {"spot_mtbf_h": 0.05, "spot_notice_s": 20.0}}
    result = fleet.simulate(config, poisson(4.0, 1000, 18), 1)
    assert result.pools["mean_replicas"][0] < 4.0
    assert result.summary["served"] + result.summary["failed"] + result.summary["rejected"] == 1000


@settings(max_examples=20, deadline=None)
@given(
    load=st.floats(0.1, 4.0),
    limit=st.integers(0, 20),
    seed=st.integers(0, 99),
    count=st.integers(1, 4),
    wait=st.floats(0.1, 3),
)
def test_requests_end_once_whatever_is_shed(load: float, limit: int, seed: int, count: int, wait: float) -> None:
    rng = np.random.default_rng(seed)
    trace = fleet.make_trace(np.cumsum(rng.exponential(1 / load, 200)), rng.geometric(1e-6, 200), np.ones(200))
    config: dict[str, Any] = servers(count, queue_limit=limit, max_wait_s=wait)
    s = fleet.simulate(config, trace, seed).summary
    assert s["served"] + s["rejected"] == 200

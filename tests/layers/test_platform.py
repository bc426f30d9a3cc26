"""Queues, pooling, capacity and metering: limits, orders, and books that add up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.platform import (
    autoscaling_headroom,
    bill,
    committed_bill,
    dedicated_chips,
    erlang_b,
    erlang_c,
    fleet_utilisation,
    max_utilisation,
    mean_wait,
    pooling,
    shared_chips,
    staffing,
    unit_cost_usd_per_mtok,
)
from penstock.layers.platform.admission import fair_shares, token_bucket
from penstock.layers.platform.capacity import (
    affinity_gain,
    largest_share_of_two,
    largest_share_random,
    outage_share,
    region_capacity,
    request_success,
    retried_work,
)
from penstock.layers.platform.pooling import daily_swing, mean_over_peak, steepest_slope, weekly_swing
from penstock.layers.platform.queues import burst_headroom, max_utilisation_quantile, wait_exceeds

FEW = settings(max_examples=50, deadline=None)
SERVERS = st.integers(1, 60)
LOADS = st.floats(0.01, 0.99)


@FEW
@given(SERVERS, LOADS)
def test_erlang_equals_its_definition(servers: int, busy: float) -> None:
    load = servers * busy
    terms = [load**k / math.factorial(k) for k in range(servers + 1)]
    lost = terms[-1] / sum(terms)
    assert erlang_b(servers, load) == pytest.approx(lost, rel=1e-9)
    assert erlang_c(servers, load) == pytest.approx(lost / (1.0 - busy * (1.0 - lost)), rel=1e-9)
    assert mean_wait(servers, load) == pytest.approx(erlang_c(servers, load) / (servers - load), rel=1e-9)


@FEW
@given(SERVERS, LOADS, st.floats(1.0, 1.05))
def test_more_load_waits_more_and_more_servers_wait_less(servers: int, busy: float, more: float) -> None:
    load = servers * busy
    assert erlang_c(servers, load * more) >= erlang_c(servers, load) - 1e-12
    assert erlang_c(servers + 1, load) <= erlang_c(servers, load) + 1e-12
    assert 0.0 <= erlang_b(servers, load) <= erlang_c(servers, load) <= 1.0


def test_edges_of_a_queue() -> None:
    assert erlang_b(5, 0.0) == 0.0
    assert erlang_c(np.array([2, 2]), np.array([2.0, 5.0])).tolist() == [1.0, 1.0]
    assert mean_wait(2, 3.0) == np.inf
    assert erlang_b(100_000, 95_000.0) < 1e-6
    # far above full load all but what the servers take is lost
    assert erlang_b(np.array([10, 100]), np.array([5000.0, 9000.0])) == pytest.approx(
        [1 - 10 / 5000, 1 - 100 / 9000], rel=1e-4
    )
    assert wait_exceeds(4, 2.0, 0.0) == pytest.approx(erlang_c(4, 2.0))


@FEW
@given(st.integers(1, 500), st.floats(0.01, 0.9))
def test_the_largest_use_just_keeps_its_promise(slots: int, waits: float) -> None:
    use = float(max_utilisation(slots, waits))
    assert erlang_c(slots, use * slots) <= waits
    assert erlang_c(slots, min(use + 1e-6, 1.0) * slots) >= waits - 1e-4


@FEW
@given(st.integers(1, 300), st.integers(0, 300), st.floats(0.05, 0.5))
def test_a_larger_pool_of_slots_may_be_busier(slots: int, more: int, waits: float) -> None:
    assert max_utilisation(slots + more, waits) >= max_utilisation(slots, waits) - 1e-9
    assert max_utilisation_quantile(slots + more, 0.2, 0.95) >= max_utilisation_quantile(slots, 0.2, 0.95) - 1e-9


def test_bursts_take_room() -> None:
    assert burst_headroom(0.9, 1.0, 1.0) == pytest.approx(0.9)
    assert burst_headroom(0.9, 7.0, 1.0) == pytest.approx(0.8)
    assert staffing(100.0, 1.06) == 111.0
    assert staffing(100.0, 1.06, variation_arrivals=7.0) == 122.0


@FEW
@given(st.floats(0.0, 2.0), st.floats(0.0, 1.0), st.integers(1, 1000), st.integers(1, 100), st.floats(0.6, 0.999))
def test_a_larger_pool_never_needs_more_room(own: float, part: float, k: int, times: int, percentile: float) -> None:
    small, large = pooling(own, own * part, k, percentile), pooling(own, own * part, k * times, percentile)
    assert large.cv <= small.cv + 1e-12
    assert large.cv >= own * part - 1e-12
    assert small.utilisation * small.peak_ratio == pytest.approx(1.0)
    if (
        percentile >= 0.99
    ):  # below that much variation thins the body of the law, so that little room serves many windows
        assert large.peak_ratio <= small.peak_ratio + 1e-9


def test_pooling_limits() -> None:
    alone = pooling(0.3, 0.1, 1, 0.99)
    assert alone.cv == pytest.approx(0.3)
    assert pooling(0.3, 0.1, 10**9, 0.99).cv == pytest.approx(0.1, rel=1e-6)
    assert pooling(0.3, 0.1, 1, 99).peak_ratio == alone.peak_ratio
    assert pooling(0.0, 0.0, 3, 0.99).peak_ratio == 1.0


def test_the_day_swings_about_its_mean() -> None:
    hours = np.linspace(0.0, 24.0, 97)[:-1]
    day = daily_swing(hours, 0.4)
    assert day.mean() == pytest.approx(1.0)
    assert day.max() == pytest.approx(1.4, abs=1e-3)
    assert np.abs(np.diff(day)).max() / 0.25 == pytest.approx(steepest_slope(0.4), rel=1e-2)
    week = weekly_swing(np.arange(14), 0.6)
    assert week.mean() == pytest.approx(1.0) and week[5] / week[0] == pytest.approx(0.6)
    assert mean_over_peak(0.4) == pytest.approx(1.0 / 1.4)
    assert mean_over_peak(0.4, 1.0) == 1.0
    assert autoscaling_headroom(steepest_slope(0.4), 300.0) == pytest.approx(0.4 * 2 * math.pi / 24 / 12)


@FEW
@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 4, 8]), st.floats(0.0, 50.0)), min_size=1, max_size=20),
    st.floats(0.1, 1.0),
)
def test_replicas_are_whole_and_sharing_saves_on_rare_models(models: list[tuple[int, float]], use: float) -> None:
    size = np.array([m[0] for m in models])
    work = np.array([m[1] for m in models])
    own = float(dedicated_chips(size, work, use))
    assert own >= work.sum() / use - 1e-6
    assert own >= size.sum()
    together = float(shared_chips(size, work, use, switching_loss=0.0))
    assert work.sum() / use - 1e-6 <= together <= work.sum() / use + size.max()


def test_rare_models_idle_when_each_has_its_own() -> None:
    size, work = np.full(100, 8), np.full(100, 0.1)
    assert dedicated_chips(size, work, 0.6) == 800.0
    assert shared_chips(size, work, 0.6) == 24.0


def test_two_choices_balance_better_than_one() -> None:
    for replicas in (16, 100, 10_000):
        assert largest_share_of_two(replicas) < largest_share_random(replicas)
    assert affinity_gain(0.3, 0.6, 0.06) == pytest.approx(0.12)


def test_failures_are_tried_again() -> None:
    assert request_success(1e-3, 1) == pytest.approx(1.0 - 1e-6)
    assert retried_work(np.array([0.0, 0.5]), 2).tolist() == [1.0, 1.75]
    assert region_capacity(4) == pytest.approx(4.0 / 3.0)
    assert outage_share(0.3, 4.0) == pytest.approx(1.2 / 8760.0)
    assert fleet_utilisation(0.9, 0.8, 0.7, 0.9, 0.97) == pytest.approx(0.9 * 0.8 * 0.7 * 0.9 * 0.97)


@FEW
@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.floats(0.1, 10.0)), min_size=1, max_size=12), st.floats(0.0, 500.0))
def test_fair_shares_give_out_all_and_no_more(tenants: list[tuple[float, float]], capacity: float) -> None:
    asked = np.array([t[0] for t in tenants])
    weight = np.array([t[1] for t in tenants])
    given_out = fair_shares(asked, weight, capacity)
    assert np.all(given_out <= asked + 1e-9)
    assert given_out.sum() == pytest.approx(min(capacity, asked.sum()), rel=1e-9, abs=1e-9)
    short = given_out < asked - 1e-6
    if short.any():
        level = (given_out / weight)[short]
        assert np.ptp(level) <= 1e-6 * max(level.max(), 1.0)
        assert np.all((given_out / weight)[~short] <= level.max() + 1e-6)


@FEW
@given(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=40), st.floats(0.0, 20.0), st.floats(0.0, 60.0))
def test_a_bucket_is_its_recursion(arrivals: list[float], rate: float, burst: float) -> None:
    passed = token_bucket(np.array(arrivals), rate, burst)
    level, waiting = burst, 0.0
    for work, through in zip(arrivals, passed, strict=True):
        level, waiting = level + rate, waiting + work
        sent = min(waiting, level)
        assert through == pytest.approx(sent, abs=1e-7)
        level, waiting = min(level - sent, burst), waiting - sent
    assert passed.sum() <= sum(arrivals) + 1e-9
    both = token_bucket(np.stack([arrivals, arrivals], axis=1), rate, burst)
    assert both == pytest.approx(np.stack([passed, passed], axis=1))


@FEW
@given(st.floats(0.0, 1e12), st.floats(0.0, 1e12), st.floats(0.0, 1e12), st.floats(0.0, 1.0))
def test_a_bill_is_the_sum_of_its_kinds(read: float, cached: float, out: float, batch: float) -> None:
    prices = {"input_usd_per_mtok": 0.5, "cached_usd_per_mtok": 0.1, "output_usd_per_mtok": 2.0}
    whole = bill(read, cached, out, batch_share=batch, **prices)
    assert whole.total_usd == pytest.approx(whole.input_usd + whole.cached_usd + whole.output_usd, rel=1e-9)
    plain = bill(read, cached, out, **prices)
    assert whole.total_usd == pytest.approx(plain.total_usd * (1.0 - batch / 2.0), rel=1e-9)


def test_unit_cost_times_tokens_is_the_cost_of_the_hours() -> None:
    cost = unit_cost_usd_per_mtok(1.58, 5164.0, 0.5335)
    assert cost * 5164.0 * 0.5335 * 3600.0 / 1e6 == pytest.approx(1.58, rel=1e-12)
    assert committed_bill(np.array([50.0, 150.0]), 100.0, 2.0).tolist() == [200.0, 325.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: erlang_b(0, 1.0), "servers: found 0; expected a number above 0"),
        (lambda: erlang_b(2.5, 1.0), "servers: found 2.5; expected a whole number"),
        (lambda: erlang_c(2, -1.0), "load: found -1; expected a number of at least 0"),
        (lambda: max_utilisation(4, 1.5), "wait_probability: found 1.5; expected a share from 0 to 1"),
        (lambda: pooling(0.2, 0.3, 4, 0.99), "cv_common: found 0.3; expected at most cv_tenant 0.2"),
        (lambda: pooling(0.2, 0.1, 0.5, 0.99), "k: found 0.5; expected at least 1 tenant"),
        (lambda: pooling(0.2, 0.1, 4, 100), "percentile: found 100; expected between 0 and 1"),
        (lambda: largest_share_random(4), "replicas: found 4; expected at least 16"),
        (lambda: region_capacity(1), "regions: found 1; expected more than the 1 that may fail"),
        (lambda: daily_swing(3.0, 1.5), "amplitude: found 1.5; expected a share from 0 to 1"),
        (
            lambda: bill(-1, 0, 0, input_usd_per_mtok=1, cached_usd_per_mtok=1, output_usd_per_mtok=1),
            "input_tokens: found -1",
        ),
    ],
)
def test_a_mistake_is_told(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()

"""Where theory is exact the simulator agrees: Erlang's formulas, Lindley's recursion, Little's law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fleets import chat, poisson, queue_trace, servers
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import fleet
from penstock.fleet.compiled import columns as c
from penstock.layers.platform import erlang_b, erlang_c

PAIRS = [(1, 0.5), (2, 1.0), (3, 2.0), (10, 8.0), (50, 45.0), (100, 90.0), (200, 180.0)]
"""Servers and offered load of PHYSICS R1 and R2."""
N = 60_000


def exponential(servers_: int, load: float, n: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return queue_trace(rng.exponential(1.0 / load, n), rng.exponential(1.0, n))


def waits(result: Any) -> Any:
    """Seconds until service began."""
    q = result.requests
    return q.total_s - q.input_tokens / 1e6


def error_of_share(flags: Any, parts: int = 20) -> float:
    """Standard error of the mean of a correlated sequence, by the means of its parts."""
    means = np.array([part.mean() for part in np.array_split(np.asarray(flags, dtype=float), parts)])
    return float(means.std(ddof=1) / np.sqrt(parts))


@pytest.mark.parametrize(("count", "load"), PAIRS)
def test_the_share_that_waits_is_erlang_c(count: int, load: float) -> None:
    result = fleet.simulate(servers(count), exponential(count, load, N, 100 + count), 1)
    waited = (waits(result) > 1e-6)[N // 10 :]
    expected = float(erlang_c(count, load))
    error = error_of_share(waited)
    assert abs(waited.mean() - expected) < 4.5 * error + 1e-3
    wait = waits(result)[N // 10 :]
    assert abs(wait.mean() - expected / (count - load)) < 4.5 * error_of_share(wait) + 1e-3


@pytest.mark.parametrize(("count", "load"), PAIRS)
def test_the_share_turned_away_is_erlang_b(count: int, load: float) -> None:
    result = fleet.simulate(servers(count, queue_limit=0), exponential(count, load, N, 200 + count), 1)
    lost = (result.requests.status == c.REJECTED)[N // 10 :]
    assert abs(lost.mean() - float(erlang_b(count, load))) < 4.5 * error_of_share(lost) + 1e-3


@settings(max_examples=6, deadline=None)
@given(count=st.integers(1, 30), use=st.floats(0.3, 0.85), seed=st.integers(0, 10_000))
def test_erlang_c_at_random(count: int, use: float, seed: int) -> None:
    n = 20_000
    result = fleet.simulate(servers(count), exponential(count, use * count, n, seed), 1)
    waited = (waits(result) > 1e-6)[n // 10 :]
    assert abs(waited.mean() - float(erlang_c(count, use * count))) < 5.0 * error_of_share(waited, 10) + 5e-3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shape=st.floats(0.5, 3.0), use=st.floats(0.3, 1.5))
def test_one_server_obeys_lindley(seed: int, shape: float, use: float) -> None:
    """W' = max(0, W + S - A), whatever the distributions."""
    rng = np.random.default_rng(seed)
    gaps, services = rng.gamma(shape, 1.0 / shape, 300), np.rint(rng.weibull(shape, 300) * use * 1e6 + 1) / 1e6
    result = fleet.simulate(servers(1), queue_trace(gaps, services), 1)
    expected = np.zeros(300)
    for k in range(1, 300):
        expected[k] = max(0.0, expected[k - 1] + services[k - 1] - gaps[k])
    assert np.allclose(waits(result), expected, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rate=st.floats(0.5, 30.0),
    replicas=st.integers(1, 6),
    router=st.sampled_from(c.ROUTERS),
)
def test_littles_law_on_every_run(seed: int, rate: float, replicas: int, router: str) -> None:
    result = fleet.simulate(chat(replicas, router=router), poisson(rate, 400, seed), seed)
    assert result.summary["littles_law_gap"] < 0.01
    table = result.windows
    width = result.built.config.window_s
    lengths = np.minimum(result.end_s - table["start_s"], width)
    inside = ((table["running"] + table["waiting"]) * lengths).sum()
    assert inside == pytest.approx(result.summary["mean_in_system"] * result.end_s, rel=0.01)


def test_bursts_wait_as_kingman_says_no_more() -> None:
    """The mean wait of one server at high use is at most Kingman's bound (J. F. C. Kingman, 1961)."""
    rng = np.random.default_rng(3)
    gaps, services = rng.gamma(0.5, 2.0, 40_000), rng.gamma(2.0, 0.45, 40_000)
    result = fleet.simulate(servers(1), queue_trace(gaps, services), 1)
    bound = (gaps.var() + services.var()) / (2.0 * gaps.mean() * (1.0 - services.mean() / gaps.mean()))
    assert waits(result).mean() < 1.05 * bound

"""Context, retrieval and readiness: sums by hand, limits, and agreement with the quarter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.data import (
    advance_readiness,
    agent_tokens,
    answer_quality,
    ceiling_factor,
    context_tokens,
    ingest_flop,
    opening_readiness,
    platform_spending_usd_bn,
    query_flop,
    reach,
    read_tokens,
    spending_for,
    store_bytes,
    value_unlocked,
    vectors_of,
    with_retries,
    yearly_refresh_flop,
)
from penstock.layers.data.context import best_cache
from penstock.layers.data.readiness import JOINED_SYSTEMS, TACIT_SHARE, readiness_after
from single_path import number, one, properties

FEW = settings(max_examples=50, deadline=None)


@FEW
@given(st.integers(1, 200), st.floats(10.0, 5000.0), st.floats(0.0, 2000.0))
def test_an_agent_reads_all_it_has_done_again(calls: int, base: float, growth: float) -> None:
    contexts = [base + j * growth for j in range(calls)]
    assert agent_tokens(calls, base, growth) == pytest.approx(sum(contexts), rel=1e-9)
    # a cache that holds all that was read before leaves each token to be read once
    fresh = base + growth * (calls - 1)
    assert read_tokens(sum(contexts), best_cache(calls, base, growth)) == pytest.approx(fresh, rel=1e-6)


def test_twice_the_calls_of_a_growing_agent_read_almost_four_times_the_tokens() -> None:
    assert agent_tokens(200, 100.0, 500.0) / agent_tokens(100, 100.0, 500.0) == pytest.approx(4.0, rel=0.02)


def test_context_is_the_sum_of_its_parts() -> None:
    assert context_tokens(500, 100, 1000, 400, passages=10, passage_tokens=500) == 7000
    assert with_retries(10.0, 0.2) == pytest.approx(12.5)
    assert answer_quality(0.5, 0.9, np.array([0.0, 0.5, 1.0])) == pytest.approx([0.5, 0.7, 0.9])


def test_retrieval_is_small_beside_the_tokens_it_adds() -> None:
    search = query_flop(query_tokens=50, embedder_parameters=3e8, vectors=1e8, width=1024)
    ordered = query_flop(
        query_tokens=50,
        embedder_parameters=3e8,
        vectors=1e8,
        width=1024,
        reranker_parameters=6e8,
        passages=30,
        passage_tokens=500,
    )
    visited = 40.0 * np.log2(1e8) * 6.4
    assert search == pytest.approx(2 * 3e8 * 50 + 2 * 1024 * visited)
    assert ordered - search == pytest.approx(2 * 6e8 * 30 * 500)
    assert ordered < 0.1 * 2.0 * 70e9 * 10 * 500
    # a store with fewer vectors than a search would visit is read whole
    assert query_flop(query_tokens=0, embedder_parameters=0, vectors=10, width=8) == 160


def test_an_index_weighs_more_than_its_text() -> None:
    vectors = float(vectors_of(1e9, 500.0, 0.1))
    assert vectors == pytest.approx(1e9 / 450.0, rel=1e-6)
    assert store_bytes(vectors, 1024) == pytest.approx(vectors * (4096 + 256) * 2 * 1.5)
    assert store_bytes(vectors, 1024, number_bytes=1.0) < 0.35 * store_bytes(vectors, 1024)
    assert yearly_refresh_flop(1e9, 3e8, 1.0 / 12.0) == pytest.approx(ingest_flop(1e9, 3e8))


# ------------------------------------------------------------------ readiness


def test_the_quarter_opens_at_the_central_reach() -> None:
    assert reach(JOINED_SYSTEMS[1], TACIT_SHARE[1]) == opening_readiness() == pytest.approx(0.352)
    assert reach(1.0, 0.4, 1.0) == 1.0
    assert reach(0.5, 0.4, 0.5) == pytest.approx(0.4)


@FEW
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(1.0, 5.0))
def test_value_falls_faster_than_reach(low: float, high: float, pieces: float) -> None:
    low, high = min(low, high), max(low, high)
    assert value_unlocked(low, pieces) <= value_unlocked(high, pieces) <= high + 1e-12
    assert value_unlocked(high, 1.0) == pytest.approx(high)


@FEW
@given(st.floats(0.1, 0.6), st.floats(0.02, 0.15), st.floats(0.3, 4.5), st.integers(1, 40))
def test_spending_for_a_target_reaches_it(readiness: float, speed: float, ratio: float, quarters: int) -> None:
    target = float(readiness_after(readiness, speed, ratio, quarters))
    assert spending_for(readiness, target, quarters / 4.0, speed) == pytest.approx(ratio, rel=1e-6)


def test_spending_on_platforms_follows_ai_and_what_is_left_to_join() -> None:
    assert platform_spending_usd_bn(100.0, 0.35, 0.1, 0.35) == pytest.approx(10.0)
    assert platform_spending_usd_bn(200.0, 0.35, 0.1, 0.35) == pytest.approx(20.0)
    assert platform_spending_usd_bn(100.0, 1.0, 0.1, 0.35) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: agent_tokens(-1, 1, 1), "calls: found -1; expected a number of at least 0"),
        (lambda: with_retries(1.0, 1.0), "retry: found 1; expected below 1, or no task ever ends"),
        (lambda: vectors_of(1e9, 500.0, 1.0), "overlap: found 1; expected below 1"),
        (lambda: reach(1.2, 0.1), "joined: found 1.2; expected a share from 0 to 1"),
        (lambda: spending_for(0.5, 0.4, 1.0, 0.1), "target: found 0.4; expected from the readiness 0.5 to below 1"),
        (lambda: readiness_after(0.3, 0.1, 1.0, -1), "quarters: found -1; expected a whole number of at least 0"),
        (lambda: store_bytes(1e6, 0), "width: found 0; expected a number above 0"),
    ],
)
def test_a_mistake_is_told(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


@properties
@given(number(0.0, 1.0), number(0.0, 0.3), number(0.0, 50.0))
def test_readiness_never_falls_nor_passes_one(readiness: float, speed: float, spent: float) -> None:
    after = advance_readiness(one(readiness), one(speed), one(spent))[0]
    assert readiness <= after <= 1.0
    opening = opening_readiness()
    assert ceiling_factor(one(after), opening)[0] >= ceiling_factor(one(readiness), opening)[0]
    assert ceiling_factor(one(opening), opening)[0] == pytest.approx(1.0)

"""The chain of silicon as physics: published figures, conservation, and what more of something may never do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from penstock.layers import silicon
from penstock.layers.silicon_chain import (
    allocate,
    capacity_with_missing_tools,
    failed_in_field,
    gross_dies,
    in_progress,
    joined,
    negative_binomial_yield,
    packages_from_interposers,
    packages_from_stacks,
    packages_from_wafers,
    plug_flow,
    received,
    smallest,
)

SHARES = st.floats(0.0, 1.0)


def test_a_reticle_sized_die_has_the_published_count_and_yield() -> None:
    # 814 mm2 on 300 mm: 63.5 dies; 0.1 defects per cm2 with clustering 3: 0.487 good
    assert gross_dies(814.0) == pytest.approx(63.5, abs=0.05)
    assert negative_binomial_yield(8.14, 0.1, 3.0) == pytest.approx(0.487, abs=5e-4)


@given(st.floats(0.5, 9.0), st.floats(0.01, 1.0), st.floats(0.5, 10.0))
def test_yield_falls_with_area_and_defects_and_ends_at_poisson(area: float, defects: float, clustering: float) -> None:
    one = negative_binomial_yield(area, defects, clustering)
    assert 0.0 < one < 1.0
    assert negative_binomial_yield(1.1 * area, defects, clustering) < one
    assert negative_binomial_yield(area, 1.1 * defects, clustering) < one
    assert negative_binomial_yield(area, defects, 1e8) == pytest.approx(np.exp(-area * defects), rel=1e-6)
    assert one >= np.exp(-area * defects) - 1e-12


def test_chips_of_a_quarter_are_the_smallest_of_what_the_links_carry() -> None:
    # 30,000 wafers of two-die packages, 14,000 interposer wafers, 2 million stacks
    links = np.array(
        [
            packages_from_wafers(30_000.0, gross_dies(814.0), 0.85, 2.0),
            packages_from_interposers(14_000.0, 16.0, 0.95),
            packages_from_stacks(2.0e6, 8.0),
        ]
    )
    np.testing.assert_allclose(links, [809_359.7, 212_800.0, 250_000.0], rtol=1e-6)
    assert smallest(links[:, None])[:, 0].tolist() == [1, 2, 0]
    assert smallest(np.array([[np.nan], [2.0], [1.0]]))[:, 0].tolist() == [2, 1, 0]


@given(
    arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.floats(0.0, 100.0)),
    st.floats(0.0, 400.0),
    st.integers(0, 2**32 - 1),
)
def test_allocation_gives_all_it_has_and_nobody_more_than_was_ordered(
    orders: np.ndarray, capacity: float, seed: int
) -> None:
    priority = np.random.default_rng(seed).uniform(0.1, 5.0, orders.shape[0])
    for weights in (None, priority):
        got = allocate(capacity, orders, weights)
        assert (got <= orders).all() and (got >= 0.0).all()
        expected = np.minimum(capacity, orders.sum(axis=0))
        np.testing.assert_allclose(got.sum(axis=0), expected, rtol=1e-9, atol=1e-9)
    # without priorities it is the rule of the quarter's order book
    fill = silicon.fill_rate(orders.sum(axis=0), np.full(orders.shape[1], capacity), np.ones(orders.shape[1]))
    np.testing.assert_allclose(allocate(capacity, orders), orders * fill, rtol=1e-9, atol=1e-9)


def test_allocation_with_a_priority_by_hand() -> None:
    # the first is full at a fifth of the others' level; the rest is shared pro rata
    np.testing.assert_allclose(allocate(3.0, np.array([1.0, 2.0, 3.0]), np.array([5.0, 1.0, 1.0])), [1.0, 0.8, 1.2])


@given(
    arrays(float, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=st.floats(0.0, 10.0)),
    st.integers(0, 70),
    st.floats(0.0, 10.0),
)
def test_what_a_link_took_in_leaves_it_one_cycle_later_or_lies_in_it(
    started: np.ndarray, cycle: int, rate: float
) -> None:
    finished = plug_flow(started, cycle, rate)
    held = in_progress(started, finished, cycle * rate)
    total = cycle * rate + np.cumsum(started, axis=0)
    np.testing.assert_allclose(np.cumsum(finished, axis=0) + held, total, rtol=1e-9, atol=1e-9)
    assert (held >= -1e-9 * (1.0 + total)).all()
    steps = started.shape[0]
    np.testing.assert_array_equal(finished[cycle:], started[: max(steps - cycle, 0)])
    assert (finished[:cycle] == rate).all()


@given(
    arrays(float, (3, 2), elements=st.floats(0.0, 1.0)),
    arrays(float, (5, 3), elements=SHARES),
    st.floats(0.0, 2.0),
)
def test_what_arrives_falls_with_what_suppliers_deliver(share: np.ndarray, output: np.ndarray, spare: float) -> None:
    total = share.sum(axis=0, keepdims=True)
    share = np.divide(share, total, out=np.zeros_like(share), where=total > 1e-6)
    got = received(share, output, spare)
    assert ((got >= 0.0) & (got <= 1.0)).all()
    assert (received(share, 0.9 * output, spare) <= got + 1e-12).all()
    assert (got >= received(share, output)).all()
    assert (received(share, np.ones_like(output), spare) == 1.0).all()
    # the engine's own form of the same share
    for buyer in range(2):
        if share[:, buyer].sum() > 0.0:
            same = silicon.input_availability(share[:, buyer, None], output.T)
            np.testing.assert_allclose(received(share, output)[:, buyer], same, atol=1e-12)


def test_a_link_makes_what_its_scarcest_input_allows() -> None:
    np.testing.assert_array_equal(joined(np.array([0.9, 0.2]), np.array([0.5, 0.7])), [0.5, 0.2])


@settings(max_examples=50)
@given(arrays(float, 30, elements=SHARES), arrays(float, 30, elements=SHARES), st.floats(0.0, 0.1))
def test_capacity_misses_what_its_tools_would_have_added(one: np.ndarray, other: np.ndarray, decay: float) -> None:
    capacity = 4.7 * 1.02 ** np.arange(30)
    less = np.minimum(one, other)[:, None]
    kept = capacity_with_missing_tools(capacity, less, decay)
    assert (kept <= capacity_with_missing_tools(capacity, one[:, None], decay) + 1e-12).all()
    assert (kept > 0.0).all()
    np.testing.assert_array_equal(capacity_with_missing_tools(capacity, np.ones((30, 1)), decay), 1.0)
    # without a single tool capacity only wears out
    none = capacity_with_missing_tools(capacity, np.zeros((30, 1)), decay)[:, 0] * capacity
    np.testing.assert_allclose(none, capacity[0] * (1.0 - decay) ** np.arange(30), rtol=1e-9)


def test_failures_in_the_field_are_a_hazard() -> None:
    # 9 % a year as a hazard: 2.2 % a quarter, and four quarters make the year
    assert failed_in_field(1000.0, 0.09) == pytest.approx(22.25, abs=0.01)
    kept = 1000.0
    for _ in range(4):
        kept -= failed_in_field(kept, 0.09)
    assert kept == pytest.approx(1000.0 - failed_in_field(1000.0, 0.09, years=1.0), rel=1e-12)

"""Clearing: published cases, and what must hold for any network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from penstock.errors import InputError
from penstock.money.settlement import Clearing, clear, tie_payments

EXACT = 1e-9


def iterate(L: Any, e: Any, b: Any, alpha: float, beta: float, ranks: Any, external_rank: Any) -> Any:
    """Greatest payments by plain iteration from full payment: slow and plain, the oracle of the tests."""
    n = len(e)
    owed_by_rank = {}
    for rank in sorted({*np.ravel(ranks).tolist(), *np.ravel(external_rank).tolist()}):
        inside = np.where(ranks == rank, L, 0.0)
        owed_by_rank[rank] = (inside, inside.sum(axis=1) + np.where(external_rank == rank, b, 0.0))
    due = L.sum(axis=1) + b
    p = due.copy()
    for _ in range(200_000):
        received = np.zeros(n)
        above = np.zeros(n)
        for inside, owed in owed_by_rank.values():
            share = np.clip(p - above, 0.0, owed) / np.where(owed > 0.0, owed, 1.0)
            received += inside.T @ share
            above += owed
        broke = e + received < due - 1e-12 * (due + e + received)
        following = np.where(broke, np.minimum(alpha * e + beta * received, due), due)
        if np.abs(following - p).max() < 1e-14:
            return following
        p = np.minimum(p, following)
    return p


@st.composite
def networks(draw: Any) -> Any:
    n = draw(st.integers(2, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    L = random.gamma(1.0, 1.0, (n, n)) * (random.random((n, n)) < draw(st.sampled_from([0.3, 0.7, 1.0])))
    np.fill_diagonal(L, 0.0)
    e = random.gamma(1.0, draw(st.sampled_from([0.1, 0.5, 2.0])), n) * (random.random(n) < 0.8)
    b = random.gamma(1.0, 0.5, n) * (random.random(n) < draw(st.sampled_from([0.3, 0.8])))
    ranks = random.integers(-1, 3, (n, n + 1))
    return L, e, b, ranks


def test_eisenberg_noe_example() -> None:
    L = np.full((3, 3), 0.5)
    np.fill_diagonal(L, 0.0)
    found = clear(L, [0.5, 0.625, 0.75], [1.5, 0.5, 0.5])
    assert found.payments == pytest.approx([165 / 112, 159 / 112, 1.5], abs=EXACT)
    assert found.defaults.tolist() == [True, True, False]
    assert found.converged
    assert isinstance(found, Clearing)
    # bank 1 owes a fifth of its 5/2 to each of the others
    paid = tie_payments(L, found.payments, [1.5, 0.5, 0.5])
    assert paid[0] == pytest.approx([0.0, 33 / 112, 33 / 112], abs=EXACT)


def test_the_greatest_of_many_clearing_vectors() -> None:
    found = clear([[0, 1], [1, 0]], 0)
    assert found.payments.tolist() == [1.0, 1.0]
    assert not found.defaults.any()


def test_exposure_cycle_after_a_shock() -> None:
    # A lends to B, B to C, C to A, 0.5 each; every bank has equity 1, A loses 0.5 of its external assets
    L = np.array([[0, 0, 0.5], [0.5, 0, 0], [0, 0.5, 0]])
    assert clear(L, [0.5, 1.0, 1.0]).equity == pytest.approx([0.5, 1.0, 1.0], abs=EXACT)


def test_default_costs_reach_those_that_default_later() -> None:
    # 0 fails at once, 1 only because 0 pays less; by hand: p0 = .5 x 1 = .5, p1 = .5 x .6 + .8 x .5 = .7
    L = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 1.5], [0.0, 0.0, 0.0]])
    found = clear(L, [1.0, 0.6, 0.0], alpha=0.5, beta=0.8)
    assert found.payments == pytest.approx([0.5, 0.7, 0.0], abs=EXACT)
    assert found.defaults.tolist() == [True, True, False]
    assert found.equity == pytest.approx([0.0, 0.0, 0.7], abs=EXACT)


def test_ranks_place_external_creditors() -> None:
    L = np.array([[0.0, 1.0], [0.0, 0.0]])
    for rank, reaches in ((0, 0.75), (1, 0.5), (-1, 1.0)):
        ranks = np.full((2, 2), rank)
        found = clear(L, [1.5, 0.0], [1.0, 0.0], seniority=ranks)
        assert found.payments[0] == pytest.approx(1.5, abs=EXACT)
        assert found.equity[1] == pytest.approx(reaches, abs=EXACT)
    last = np.array([[0, 0, 1], [0, 0, 0]])
    assert clear(L, [1.5, 0.0], [1.0, 0.0], seniority=last).equity[1] == pytest.approx(1.0, abs=EXACT)


def test_a_junior_ring_that_no_dollar_leaves() -> None:
    # each owes 1 senior outside and 1 junior to the other: equations of the ring alone have no solution
    L = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = clear(L, [0.9, 0.95], [1.0, 1.0], seniority=np.ones((2, 2)))
    assert found.converged
    assert found.payments == pytest.approx(
        iterate(L, np.array([0.9, 0.95]), np.ones(2), 1, 1, np.ones((2, 2)), np.zeros(2)), abs=1e-9
    )


def test_slow_ring_is_solved_exactly() -> None:
    # plain iteration would need millions of rounds to reach zero
    found = clear([[0, 1], [1, 0]], 0.0, 1e-6)
    assert found.payments == pytest.approx([0.0, 0.0], abs=EXACT)
    assert found.rounds < 10


@settings(max_examples=150, deadline=None)
@given(networks(), st.sampled_from([(1.0, 1.0), (0.5, 0.7), (0.0, 0.9), (0.9, 1.0)]), st.booleans())
def test_equals_plain_iteration_and_keeps_the_rules(network: Any, costs: Any, ranked: bool) -> None:
    L, e, b, ranks = network
    seniority = ranks if ranked else np.zeros_like(ranks)
    found = clear(L, e, b, alpha=costs[0], beta=costs[1], seniority=seniority if ranked else None)
    due = L.sum(axis=1) + b
    assert found.converged
    expected = iterate(L, e, b, costs[0], costs[1], seniority[:, :-1], seniority[:, -1])
    assert found.payments == pytest.approx(expected, abs=1e-8)
    # limited liability, payments at most obligations
    paid = tie_payments(L, found.payments, b, seniority=seniority if ranked else None)
    at_hand = e + paid.sum(axis=0)
    assert (found.payments <= due + EXACT).all()
    assert (found.payments <= at_hand + EXACT).all()
    assert (found.equity >= 0.0).all()
    assert np.array_equal(found.defaults, found.payments < due - 1e-10)
    for i in np.flatnonzero(found.defaults):
        share = np.append(paid[i] / np.where(L[i] > 0.0, L[i], 1.0), np.nan)
        owed = np.append(L[i] > 0.0, False)
        for rank in np.unique(seniority[i][owed]):
            same = share[owed & (seniority[i] == rank)]
            assert same == pytest.approx(np.full(same.size, same[0]), abs=EXACT)
            if same[0] > 1e-9:
                assert share[owed & (seniority[i] < rank)] == pytest.approx(1.0, abs=1e-8)
    # a dollar is lost only to default costs
    kept = e.sum() - (found.equity.sum() + (found.payments - paid.sum(axis=1)).sum())
    assert kept >= -EXACT
    if costs == (1.0, 1.0):
        assert kept == pytest.approx(0.0, abs=EXACT)


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(0, 5), st.booleans())
def test_more_assets_and_smaller_costs_never_hurt(network: Any, who: int, ranked: bool) -> None:
    L, e, b, ranks = network
    richer = e.copy()
    richer[who % len(e)] += 0.3
    seniority = ranks if ranked else None
    poor = clear(L, e, b, alpha=0.6, beta=0.8, seniority=seniority)
    rich = clear(L, richer, b, alpha=0.6, beta=0.8, seniority=seniority)
    free = clear(L, e, b, seniority=seniority)
    for better in (rich, free):
        assert (better.payments >= poor.payments - EXACT).all()
        assert (better.equity >= poor.equity - EXACT).all()


@settings(max_examples=60, deadline=None)
@given(networks())
def test_greatest_by_linear_programming(network: Any) -> None:
    L, e, b, _ = network
    due = L.sum(axis=1) + b
    parts = L / np.where(due > 0.0, due, 1.0)[:, None]
    best = linprog(-np.ones(len(e)), A_ub=np.eye(len(e)) - parts.T, b_ub=e, bounds=[(0.0, d) for d in due])
    assert clear(L, e, b).payments == pytest.approx(best.x, abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(networks(), st.booleans())
def test_sparse_and_paths_give_the_same(network: Any, ranked: bool) -> None:
    L, e, b, ranks = network
    seniority = ranks if ranked else None
    dense = clear(L, e, b, alpha=0.7, beta=0.9, seniority=seniority)
    thin = clear(sparse.coo_array(L), e, b, alpha=0.7, beta=0.9, seniority=seniority)
    assert thin.payments == pytest.approx(dense.payments, abs=1e-10)
    divided = tie_payments(sparse.csr_array(L), thin.payments, b, seniority=seniority)
    assert divided.toarray() == pytest.approx(tie_payments(L, dense.payments, b, seniority=seniority), abs=1e-9)
    scales = np.array([1.0, 0.5, 2.0])
    wide = clear(L[..., None] * scales, e[:, None] * scales, b, alpha=0.7, beta=0.9, seniority=seniority)
    shared = clear(L, e[:, None] * scales, b, alpha=0.7, beta=0.9, seniority=seniority)
    assert wide.payments.shape == shared.payments.shape == (len(e), 3)
    assert np.array_equal(wide.payments[:, 0], dense.payments)
    assert np.array_equal(shared.payments[:, 0], dense.payments)
    assert shared.rounds[0] == dense.rounds
    assert shared.converged.all()
    split = tie_payments(L, shared.payments, b, seniority=seniority)
    assert np.array_equal(split[..., 0], tie_payments(L, dense.payments, b, seniority=seniority))


def test_a_large_sparse_network_clears() -> None:
    random = np.random.default_rng(5)
    n, ties = 20_000, 80_000
    debtor = random.integers(0, n, ties)
    creditor = (debtor + random.integers(1, n, ties)) % n
    L = sparse.coo_array((random.gamma(1.0, 1.0, ties), (debtor, creditor)), shape=(n, n)).tocsr()
    e, b = random.gamma(1.0, 0.3, n), random.gamma(1.0, 0.5, n)
    found = clear(L, e, b)
    assert found.converged
    assert 2_000 < found.defaults.sum() < n
    outside = found.payments - np.asarray(tie_payments(L, found.payments, b).sum(axis=1)).ravel()
    assert found.equity.sum() + outside.sum() == pytest.approx(e.sum(), rel=1e-9)


GOOD = [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([[0, -1], [1, 0]], 1), {}, "L: found -1"),
        (([[0, np.nan], [1, 0]], 1), {}, "L: found a value that is not finite"),
        ((np.ones((2, 3)), 1), {}, "L: found shape"),
        (([["a", 1], [1, 0]], 1), {}, "L: found something"),
        (([[1, 1], [1, 0]], 1), {}, "owes itself"),
        ((GOOD, [1, -1]), {}, "external_assets: found -1"),
        ((GOOD, [1, np.inf]), {}, "external_assets: found a value"),
        ((GOOD, [1, 1, 1]), {}, "external_assets: found shape"),
        ((GOOD, 1, [0, -2]), {}, "external_liabilities: found -2"),
        ((GOOD, np.ones((2, 3)), np.ones((2, 4))), {}, "4 paths; expected 3"),
        ((GOOD, 1), {"alpha": 1.2}, "alpha"),
        ((GOOD, 1), {"beta": np.nan}, "beta"),
        ((GOOD, 1), {"seniority": np.zeros((3, 3))}, "seniority: found shape"),
        ((GOOD, 1), {"seniority": np.full((2, 2), 0.5)}, "whole number"),
        ((sparse.csr_array([[0.0, -1.0], [1.0, 0.0]]), 1), {}, "L: found -1"),
    ],
)
def test_invalid_input_is_named(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        clear(*arguments, **options)

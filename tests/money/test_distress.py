"""DebtRank near the critical leverage, where distress creeps: solved to the last digit; dense input in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from penstock.money import distress
from penstock.money.network_input import compressed
from penstock.money.valuation import debtrank

NODES, TIES = 2_500, 25_000
"""More than are solved densely."""

Network = tuple[Any, Any, Any]


def near_critical(leverage: float, *, heavy: bool, seed: int = 5) -> Network:
    """Exposures, equity and a small shock; the largest eigenvalue of exposures over equity is about the leverage."""
    random = np.random.default_rng(seed)
    weight = random.pareto(1.2, NODES) + 1.0 if heavy else np.ones(NODES)
    ends = random.choice(NODES, (2, TIES), p=weight / weight.sum())
    ends = ends[:, ends[0] != ends[1]]
    amount = random.gamma(1.0, 1.0, ends.shape[1])
    exposures = sparse.csr_array(sparse.coo_array((amount, (ends[0], ends[1])), shape=(NODES, NODES)))
    equity = np.asarray(exposures.sum(axis=1)).ravel() * random.uniform(0.8, 1.2, NODES) + 0.01
    scaled, vector = sparse.diags_array(1.0 / equity) @ exposures, np.ones(NODES)
    for _ in range(300):
        vector = scaled @ vector
        largest = vector.max()
        vector = vector / largest
    equity = equity * (largest / leverage)
    return exposures, equity, np.where(random.random(NODES) < 0.002, 0.3 * equity, 0.0)


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("leverage", [0.99, 0.9999, 1.001, 1.05])
def test_near_the_critical_leverage_the_equations_are_solved_exactly(leverage: float, heavy: bool) -> None:
    exposures, equity, shock = near_critical(leverage, heavy=heavy)
    found = debtrank(exposures, equity, shock)
    assert found.converged
    h = np.asarray(found.relative_loss)
    assert np.abs(distress._relative(shock + exposures @ h, equity) - h).max() <= 1e-12
    # plain iteration from below never passes the solution, and comes near it
    below = np.zeros(NODES)
    dies_out = leverage < 0.995
    for _ in range(4_000 if dies_out else 300):
        below = np.maximum(distress._relative(shock + exposures @ below, equity), below)
    assert (below <= h + 1e-12).all()
    if dies_out:
        assert np.abs(below - h).max() <= 1e-12


def test_a_guess_that_does_not_hold_leads_to_the_same_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    exposures, equity, shock = near_critical(0.9999, heavy=True)
    found = debtrank(exposures, equity, shock)
    monkeypatch.setattr(distress, "_newton", lambda *given: (None, 0))
    again = debtrank(exposures, equity, shock)
    assert again.converged
    np.testing.assert_allclose(again.relative_loss, found.relative_loss, rtol=0.0, atol=1e-12)


def test_where_no_equations_can_be_solved_iteration_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    exposures, equity, shock = near_critical(0.99, heavy=False)
    found = debtrank(exposures, equity, shock)
    monkeypatch.setattr(distress, "_solve", lambda *given, **named: None)
    crept = debtrank(exposures, equity, shock)
    assert crept.converged and crept.rounds > 0
    np.testing.assert_allclose(crept.relative_loss, found.relative_loss, rtol=0.0, atol=1e-12)


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from(["C", "F", "strided"]))
@settings(max_examples=60, deadline=None)
def test_a_dense_matrix_is_compressed_whatever_its_order(n: int, seed: int, order: Any) -> None:
    random = np.random.default_rng(seed)
    cells = np.where(random.random((n, n)) < 0.4, random.random((n, n)), 0.0)
    given_ = (
        np.repeat(np.repeat(cells, 2, axis=0), 2, axis=1)[::2, ::2] if order == "strided" else cells.copy(order=order)
    )
    found = compressed(given_)
    expected = sparse.csr_array(cells)
    assert np.array_equal(found.indptr, expected.indptr)
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.data, expected.data)

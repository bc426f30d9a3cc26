"""What clearing, DebtRank and network valuation obey on any network of up to 500 firms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Sheet, sheets
from scipy import sparse

from penstock.money.settlement import clear, tie_payments
from penstock.money.valuation import debtrank, neva

EXACT = 1e-9
COSTS = st.sampled_from([(1.0, 1.0), (0.5, 0.7), (0.9, 1.0), (0.0, 0.4)])
FEW = settings(max_examples=15, deadline=None)
FEWER = settings(max_examples=8, deadline=None)


def ranks_of(L: sparse.csr_array, random: np.random.Generator) -> sparse.csr_array:
    ranks = L.copy()
    ranks.data = random.integers(0, 3, L.nnz).astype(float)
    return ranks


@FEW
@given(sheets(), COSTS, st.booleans())
def test_clearing_keeps_its_rules(sheet: Sheet, costs: Any, ranked: bool) -> None:
    L, e, b, shock = sheet.parts()
    e = e - shock
    ranks = ranks_of(L, sheet.random) if ranked else None
    found = clear(L, e, b, alpha=costs[0], beta=costs[1], seniority=ranks)
    assert found.converged
    due = np.asarray(L.sum(axis=1)).ravel() + b
    size = 1.0 + due.max()
    paid = tie_payments(L, found.payments, b, seniority=ranks)
    at_hand = e + np.asarray(paid.sum(axis=0)).ravel()
    # limited liability, payments up to obligations; who has not defaulted pays in full
    assert (found.payments <= np.minimum(due, at_hand) + EXACT * size).all()
    assert found.payments[~found.defaults] == pytest.approx(due[~found.defaults])
    assert (found.equity >= 0.0).all()
    # absolute priority and proportionality, debtor by debtor
    dense, shares = paid.tocoo(), L.tocoo()
    share = np.asarray(L[dense.row, dense.col]).ravel()
    share = dense.data / share
    rank = np.asarray(ranks[dense.row, dense.col]).ravel() if ranked else np.zeros(dense.nnz)
    assert dense.nnz <= shares.nnz
    for i in np.flatnonzero(found.defaults):
        mine = dense.row == i
        for level in np.unique(rank[mine]):
            same = share[mine & (rank == level)]
            assert np.ptp(same) <= 1e-7
            if same.max(initial=0.0) > 1e-7:
                assert (share[mine & (rank < level)] >= 1.0 - 1e-7).all()
    # value is lost to default costs only
    outside = found.payments - np.asarray(paid.sum(axis=1)).ravel()
    lost = e.sum() - found.equity.sum() - outside.sum()
    assert lost >= -EXACT * size * sheet.n
    if costs == (1.0, 1.0):
        assert lost == pytest.approx(0.0, abs=EXACT * size * sheet.n)


@FEW
@given(sheets(), COSTS)
def test_clearing_is_monotone_greatest_and_blind_to_order(sheet: Sheet, costs: Any) -> None:
    L, e, b, shock = sheet.parts()
    options = {"alpha": costs[0], "beta": costs[1]}
    found = clear(L, e - shock, b, **options)
    size = 1.0 + found.payments.max()
    richer = clear(L, e, b, **options)
    assert (richer.payments >= found.payments - EXACT * size).all()
    assert (richer.equity >= found.equity - EXACT * size).all()
    # greatest: no payments that clear lie above; those that plain iteration reaches from above are these
    due = np.asarray(L.sum(axis=1)).ravel() + b
    parts = sparse.diags_array(1.0 / np.where(due > 0.0, due, 1.0)) @ L
    above = due.copy()
    for _ in range(20_000):
        received = parts.T @ above
        broke = e - shock + received < due * (1.0 - 1e-12)
        following = np.where(broke, np.minimum(costs[0] * (e - shock) + costs[1] * received, due), due)
        following = np.minimum(following, above)
        if np.abs(following - above).max() < 1e-13 * size:
            break
        above = following
    assert found.payments == pytest.approx(above, abs=1e-7 * size)
    order = sheet.random.permutation(sheet.n)
    mixed = clear(L[order][:, order], (e - shock)[order], b[order], **options)
    assert mixed.payments == pytest.approx(found.payments[order], abs=EXACT * size)
    assert np.array_equal(mixed.defaults, found.defaults[order])


def valued(sheet: Sheet, kernel: str, scale: float) -> Any:
    L, e, b, shock = sheet.parts()
    volatility = 0.3 if kernel in ("blackcox", "merton") else None
    return neva(L, e, b, scale * shock, kernel=kernel, recovery=0.2, sigma_equity=volatility, maturity=2.0)


@FEWER
@given(sheets(120), st.sampled_from(["en", "linear", "blackcox", "merton"]))
def test_valuation_zero_shock_and_growing_shock(sheet: Sheet, kernel: str) -> None:
    calm = valued(sheet, kernel, 0.0)
    assert calm.converged
    assert not calm.loss.any()
    L, e, b, _ = sheet.parts()
    before = np.asarray(e - b + L.sum(axis=0) - L.sum(axis=1)).ravel()
    assert (calm.equity <= before + EXACT * (1 + np.abs(before).max())).all()
    last = calm
    for scale in (0.3, 0.6, 1.0):
        found = valued(sheet, kernel, scale)
        assert found.converged
        assert (found.loss >= last.loss - EXACT * (1.0 + np.abs(found.loss).max())).all()
        assert (found.claim_value <= last.claim_value + EXACT).all()
        last = found
    assert ((last.claim_value >= 0.2 - 1e-12) & (last.claim_value <= 1.0)).all()
    assert (last.spread >= 0.0).all()


@FEW
@given(sheets(), st.sampled_from(["linear", "threshold", "once"]))
def test_distress_zero_shock_growing_shock_and_order(sheet: Sheet, rule: Any) -> None:
    L, e, b, shock = sheet.parts()
    equity = np.maximum(np.asarray(e - b + L.sum(axis=0) - L.sum(axis=1)).ravel(), 0.0)
    exposures = sparse.csr_array(L.T)
    calm = debtrank(exposures, equity, 0.0, rule=rule)
    assert np.array_equal(calm.equity, equity)
    assert not calm.loss.any()
    assert calm.rounds == 0
    found = debtrank(exposures, equity, shock, rule=rule)
    assert found.converged
    assert (found.loss >= shock).all()
    assert ((found.relative_loss >= 0.0) & (found.relative_loss <= 1.0)).all()
    if rule != "once":
        # with `once` a larger shock may reach a firm earlier, with less distress to pass on: it is not monotone
        larger = debtrank(exposures, equity, 1.5 * shock, rule=rule)
        assert (larger.loss >= found.loss - EXACT * (1.0 + found.loss.max())).all()
    # least solution: it reproduces itself
    if rule == "linear":
        again = shock + exposures @ found.relative_loss
        assert found.loss == pytest.approx(again, rel=1e-9, abs=1e-9)
    order = sheet.random.permutation(sheet.n)
    mixed = debtrank(exposures[order][:, order], equity[order], shock[order], rule=rule)
    assert mixed.loss == pytest.approx(found.loss[order], rel=1e-8, abs=1e-8)


@FEWER
@given(sheets(200))
def test_eisenberg_noe_two_ways_and_merton_without_volatility(sheet: Sheet) -> None:
    L, e, b, shock = sheet.parts()
    found = neva(L, e, b, shock, kernel="en")
    junior = L.copy()
    junior.data = np.ones_like(junior.data)
    cleared = clear(L, e - shock, b, seniority=junior)
    size = 1.0 + cleared.payments.max()
    assert np.maximum(found.equity, 0.0) == pytest.approx(cleared.equity, abs=EXACT * size)
    still = neva(L, e, b, shock, kernel="merton", sigma_equity=0.0)
    assert still.equity == pytest.approx(found.equity, abs=1e-7 * size)
    sure = neva(L, e, b, shock, kernel="merton", sigma_equity=0.4, recovery=1.0)
    assert sure.loss == pytest.approx(shock, abs=EXACT * size)


@settings(max_examples=5, deadline=None)
@given(sheets(30))
def test_paths_and_dense_give_the_same_bits(sheet: Sheet) -> None:
    L, e, b, shock = sheet.parts()
    scales = np.array([0.0, 0.5, 1.0])
    for kernel, volatility in (("en", None), ("linear", None), ("blackcox", 0.4), ("merton", 0.4)):
        wide = neva(L, e, b, shock[:, None] * scales, kernel=kernel, sigma_equity=volatility)
        dense = neva(L.toarray()[..., None] * np.ones(3), e, b, shock[:, None] * scales, kernel=kernel,
                     sigma_equity=volatility)  # fmt: skip
        for path, scale in enumerate(scales):
            alone = neva(L, e, b, shock * scale, kernel=kernel, sigma_equity=volatility)
            assert np.array_equal(wide.equity[:, path], alone.equity), kernel
            assert wide.rounds[path] == alone.rounds
            assert dense.equity[:, path] == pytest.approx(alone.equity, abs=1e-9)
    own = np.maximum(e - b, 0.1)
    for rule in ("linear", "threshold", "once"):
        wide = debtrank(L.T, own, shock[:, None] * scales, rule=rule)
        stacked = debtrank(L.toarray().T[..., None] * np.ones(3), own, shock[:, None] * scales, rule=rule)
        for path, scale in enumerate(scales):
            alone = debtrank(L.T, own, shock * scale, rule=rule)
            assert np.array_equal(wide.equity[:, path], alone.equity), rule
            assert np.array_equal(stacked.relative_loss[:, path], alone.relative_loss), rule

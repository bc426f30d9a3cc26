"""Cross-holdings, guarantees and collateral in clearing: cases by hand, and clearing without them as a limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import InputError
from penstock.money.backing import ANY_CREDITOR, Guarantees, clear_backed
from penstock.money.settlement import clear

EXACT = 1e-9


def chain(*debts: tuple[int, int, float], n: int = 3) -> np.ndarray:
    L = np.zeros((n, n))
    for debtor, creditor, amount in debts:
        L[debtor, creditor] = amount
    return L


def test_a_guarantee_pays_what_the_debtor_leaves() -> None:
    # 0 owes 1 to 1 and has 0.4; 2 backs it up to 0.5 and has 2: called 0.5, so that 1 gets 0.9
    L = chain((0, 1, 1.0))
    found = clear_backed(L, [0.4, 0.0, 2.0], guarantees=Guarantees([2], [0], [1], [0.5]))
    assert found.called == pytest.approx([0.5], abs=EXACT)
    assert found.equity == pytest.approx([0.0, 0.9, 1.5], abs=EXACT)
    whole = clear_backed(L, [0.4, 0.0, 2.0], guarantees=Guarantees([2], [0], [ANY_CREDITOR], [5.0]))
    assert whole.called == pytest.approx([0.6], abs=EXACT)
    assert whole.equity == pytest.approx([0.0, 1.0, 1.4], abs=EXACT)


def test_a_guarantor_that_cannot_pay_shares_alike_and_its_own_backer_is_called() -> None:
    # 2 backs 0 with 0.6, has 0.5 and owes 0.4 to 3: 1.0 due, half paid; 4 backs what 2 owes to 3
    L = chain((0, 1, 1.0), (2, 3, 0.4), n=5)
    assets = [0.4, 0.0, 0.5, 0.0, 9.0]
    alone = clear_backed(L, assets, guarantees=Guarantees([2], [0], [1], [1.0]))
    assert alone.called == pytest.approx([0.6], abs=EXACT)
    assert alone.equity == pytest.approx([0.0, 0.4 + 0.3, 0.0, 0.2, 9.0], abs=EXACT)
    backed = clear_backed(L, assets, guarantees=Guarantees([2, 4], [0, 2], [1, 3], [1.0, 1.0]))
    assert backed.called == pytest.approx([0.6, 0.2], abs=EXACT)
    assert backed.equity == pytest.approx([0.0, 0.7, 0.0, 0.4, 8.8], abs=EXACT)


def test_two_guarantees_of_one_debt_are_called_in_order() -> None:
    found = clear_backed(
        chain((0, 1, 1.0), n=4), [0.1, 0.0, 5.0, 5.0], guarantees=Guarantees([2, 3], [0, 0], [1, 1], [0.5, 0.9])
    )
    assert found.called == pytest.approx([0.5, 0.4], abs=EXACT)


def test_collateral_goes_to_its_creditor_first() -> None:
    # 0 has 1.0, of which 0.6 is pledged to 1; it owes 0.8 to 1 and 0.8 to 2: 1 takes 0.6, then 0.4 is shared
    # over 0.2 and 0.8
    L = chain((0, 1, 0.8), (0, 2, 0.8))
    found = clear_backed(L, [1.0, 0.0, 0.0], collateral=chain((0, 1, 0.6)))
    assert found.equity == pytest.approx([0.0, 0.6 + 0.08, 0.32], abs=EXACT)
    assert found.seized == pytest.approx([0.6, 0.0, 0.0], abs=EXACT)
    # at half its value in default it covers 0.3, and 0.2 is shared over 0.5 and 0.8
    costly = clear_backed(L, [1.0, 0.0, 0.0], collateral=chain((0, 1, 0.6)), alpha=0.5)
    assert costly.equity == pytest.approx([0.0, 0.3 + 0.2 * 0.5 / 1.3, 0.2 * 0.8 / 1.3], abs=EXACT)
    solvent = clear_backed(L, [3.0, 0.0, 0.0], collateral=chain((0, 1, 0.6)))
    assert solvent.seized.sum() == 0.0


def test_cross_holdings_by_hand() -> None:
    # 0 and 1 own a half and a quarter of each other: E0 = 1 + E1/2, E1 = 1 + E0/4, so E0 = 12/7, E1 = 10/7
    H = np.array([[0.0, 0.5], [0.25, 0.0]])
    found = clear_backed(np.zeros((2, 2)), 1.0, holdings=H)
    assert found.equity == pytest.approx([12 / 7, 10 / 7], abs=EXACT)
    # 1 owes 2 outside and has 1: its equity is 0 unless the stake lifts it; E0 = 1, E1 = max(1 + 1/4 - 2, 0)
    broke = clear_backed(np.zeros((2, 2)), 1.0, [0.0, 2.0], holdings=H)
    assert broke.equity == pytest.approx([1.0, 0.0], abs=EXACT)
    assert broke.payments == pytest.approx([0.0, 1.25], abs=EXACT)


@st.composite
def cases(draw: Any) -> Any:
    n = draw(st.integers(3, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    L = random.gamma(1.0, 1.0, (n, n)) * (random.random((n, n)) < 3 / n)
    np.fill_diagonal(L, 0.0)
    e = random.gamma(1.0, draw(st.sampled_from([0.3, 1.0, 3.0])), n)
    b = random.gamma(1.0, 0.5, n)
    H = random.random((n, n)) * (random.random((n, n)) < 2 / n)
    np.fill_diagonal(H, 0.0)
    H /= np.maximum(H.sum(axis=0) / 0.8, 1.0)
    # guarantors are numbered after those they back, so that no circle closes
    rows = [(j, i) for i in range(n) for j in range(i + 1, n) if random.random() < 1 / n]
    creditors = [int(random.integers(0, n)) for _ in rows]
    kept = [(g, d, c) for (g, d), c in zip(rows, creditors, strict=True) if c not in (g, d)]
    columns = list(zip(*kept, strict=True)) if kept else [(), (), ()]
    guarantees = Guarantees(*columns, random.gamma(1.0, 1.0, len(kept)))
    return L, e, b, H, guarantees


@settings(max_examples=15, deadline=None)
@given(cases(), st.sampled_from([(1.0, 1.0), (0.6, 0.8)]))
def test_what_holds_for_any_backed_network(case: Any, costs: Any) -> None:
    L, e, b, H, guarantees = case
    alpha, beta = costs
    found = clear_backed(L, e, b, holdings=H, guarantees=guarantees, alpha=alpha, beta=beta)
    assert found.converged
    assert (found.equity >= 0.0).all()
    assert (found.called <= np.asarray(guarantees.cap) + EXACT).all()
    assert (found.called_paid <= found.called + EXACT).all()
    due = L.sum(axis=1) + b
    np.add.at(due, np.asarray(guarantees.guarantor, dtype=int), found.called)
    assert (found.payments <= due + EXACT).all()
    assert found.stakes == pytest.approx(H @ found.equity, abs=1e-8)
    # more assets never hurt anybody
    richer = clear_backed(L, e + 0.2, b, holdings=H, guarantees=guarantees, alpha=alpha, beta=beta)
    assert (richer.equity >= found.equity - EXACT).all()
    # without anything backing, clearing
    plain = clear_backed(L, e, b, alpha=alpha, beta=beta)
    expected = clear(L, e, b, alpha=alpha, beta=beta)
    assert plain.payments == pytest.approx(expected.payments, abs=EXACT)
    assert plain.equity == pytest.approx(expected.equity, abs=EXACT)
    if alpha == beta == 1.0:
        # each dollar of outside assets reaches an outside creditor or an outside owner
        outside_paid = (b * found.payments / np.where(due > 0.0, due, 1.0)).sum()
        outside_owned = found.equity @ (1.0 - H.sum(axis=0))
        assert outside_paid + outside_owned == pytest.approx(e.sum(), rel=1e-8)


def test_paths_are_cases_side_by_side() -> None:
    L = chain((0, 1, 1.0), (1, 2, 0.8))
    assets = np.array([[0.4, 1.5], [0.1, 0.1], [1.0, 1.0]])
    H = chain((2, 1, 0.5))
    wide = clear_backed(L, assets, holdings=H, guarantees=Guarantees([2], [0], [1], [0.2]))
    for path in (0, 1):
        alone = clear_backed(L, assets[:, path], holdings=H, guarantees=Guarantees([2], [0], [1], [0.2]))
        assert np.array_equal(wide.equity[:, path], alone.equity)
        assert np.array_equal(wide.called[:, path], alone.called)
        assert wide.rounds[path] == alone.rounds


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"holdings": [[0, 0.7, 0], [0, 0, 0], [0, 0.7, 0]]}, "company 1 that add to 1.4"),
        ({"holdings": [[0, 1, 0], [1, 0, 0], [0, 0, 0]]}, "own each other wholly"),
        ({"holdings": np.eye(3)}, "a company that owns itself"),
        ({"collateral": [[0, 2, 0], [0, 0, 0], [0, 0, 0]]}, "2 pledged by node 0"),
        ({"guarantees": Guarantees([1, 0], [0, 1], [2, 2], [1, 1])}, "a circle through nodes 0, 1"),
        ({"guarantees": Guarantees([1], [1], [2], [1])}, "expected a third"),
        ({"guarantees": Guarantees([1], [5], [2], [1])}, "debtor: found a node outside 0 to 2"),
        ({"guarantees": Guarantees([1], [0], [2], [-1])}, "cap: found a cap"),
        ({"guarantees": Guarantees([2, 2], [0, 0], [1, ANY_CREDITOR], [1, 1])}, "for all creditors and for one"),
    ],
)
def test_backing_that_cannot_be_is_named(options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        clear_backed(chain((0, 1, 1.0)), 1.0, **options)

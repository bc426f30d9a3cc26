"""Each compiled kernel equals its NumPy twin, lane by lane, and keeps its promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import oracles
import pytest

from penstock.money import bills, clearing, kernels
from penstock.money.settlement import clear

UNITS, TIES, PATHS = 12, 60, 5


class Economy:
    """Random ties between a few units; the last two units are sectors."""

    def __init__(self, seed: int, paths: int = PATHS) -> None:
        draw = np.random.default_rng(seed)
        self.payer = draw.integers(0, UNITS, TIES).astype(np.intp)
        self.payee = ((self.payer + draw.integers(1, UNITS, TIES)) % UNITS).astype(np.intp)
        self.rank = draw.integers(0, clearing.CLASSES, TIES).astype(np.intp)
        self.due = draw.gamma(0.5, 2.0, (TIES, paths)) * (draw.random((TIES, paths)) < 0.9)
        self.units = draw.random((UNITS, paths))
        self.available = np.maximum(draw.normal(1.0, 3.0, (UNITS, paths)), -0.5)
        self.unlimited = np.arange(UNITS) >= UNITS - 2

    def settle(self, function: Callable[..., None], needs: npt.NDArray[np.bool_] | None = None) -> Any:
        paths = self.due.shape[1]
        share = np.full((clearing.CLASSES, UNITS, paths), np.nan)
        rounds = np.full(paths, 99, dtype=np.intp)
        flags = np.ones(paths, dtype=np.bool_) if needs is None else needs
        function(self.available, self.due, self.payer, self.payee, self.rank, self.unlimited, flags, share, rounds)
        return share, rounds


def arguments(name: str, e: Economy) -> list[Any]:
    """Fresh arguments of one kernel."""
    units, flow, other = e.units.copy(), np.zeros_like(e.due), np.ones_like(e.units)
    share = np.linspace(0.1, 1.0, TIES)
    fell = np.arange(UNITS) % 3 == 0
    # those who never fall short pay all
    classes = np.stack([np.where(fell[:, None], e.units, 1.0)] * clearing.CLASSES)
    billed = [0.5 * e.due, e.due, share, share[::-1].copy(), np.arange(TIES) % 4 == 0, e.units]
    pairs = 7.0 * e.units[: clearing.CLASSES]
    booked = [e.units, 2.0 * e.units, e.available[:-2], e.units[:-2]]
    late = 6.0 * e.units[:-2]
    opens = np.arange(3 * TIES).reshape(TIES, 3) % 7 == 0
    choices: dict[str, list[Any]] = {
        "post": [e.due, e.payer, e.payee, units],
        "accumulate": [e.due, e.payee, units],
        "add_dues": [e.due, e.payer, e.payee, opens, 7, 31, units, other, 3.0 * units, late],
        "spread": [e.units, e.payer, share, 7, 31, flow, e.payee, other],
        "spread by path": [e.units, e.payer, e.due, 7, 31, flow, e.payee, other],
        "follow": [e.units, np.arange(1, UNITS, 2), e.available[1::2, :1] + 1.0, 0.7, other],
        "share_paid": [
            classes,
            np.stack([e.available] * clearing.CLASSES),
            fell,
            np.arange(UNITS) % 2 == 0,
            other[:-2],
        ],
        "weigh_dues": [e.available, e.units, classes.reshape(-1, classes.shape[2]), units, other],
        "mark_to_market": [e.due, e.units, e.payer, e.payee, other],
        "fall_due": [
            *billed,
            e.payer,
            e.payer,
            e.payee,
            e.rank,
            opens,
            np.arange(TIES) % 5 == 0,
            np.arange(UNITS) % 2 == 0,
            flow,
            units,
            other,
            2.0 * other,
            3.0 * other,
            pairs,
        ],
        "hold_back": [*billed, e.payer, e.payee, e.rank, e.rank, fell, classes, flow, units, other, pairs],
        "serve_debt": [
            0.5 * e.due,
            e.due,
            classes,
            e.payer,
            e.payee,
            e.rank,
            e.rank[::-1].copy(),
            e.rank,
            2 - e.rank,
            fell,
            3.0 * e.due,
            units,
            other,
            pairs,
        ],
        "pay_dues": [e.due, classes, e.payer, e.payee, e.rank, e.rank, fell, flow, units, other, pairs],
        "book": [*booked[:2], False, *booked[2:], *(k * other for k in range(1, 5)), units, other],
        "book short": [*booked[:2], True, *booked[2:], *(k * other for k in range(1, 5)), units, 5.0 * other],
    }
    return choices[name]


@pytest.mark.parametrize(
    "name",
    [
        "post",
        "accumulate",
        "add_dues",
        "spread",
        "spread by path",
        "follow",
        "serve_debt",
        "share_paid",
        "weigh_dues",
        "mark_to_market",
        "fall_due",
        "hold_back",
        "pay_dues",
        "book",
        "book short",
    ],
)
@pytest.mark.parametrize("paths", [1, 5, 64])
def test_kernel_equals_its_twin(name: str, paths: int) -> None:
    economy = Economy(3, paths)
    compiled, plain = arguments(name, economy), arguments(name, economy)
    before = arguments(name, economy)
    of = next(module for module in (kernels, clearing, bills) if hasattr(module, name.split()[0]))
    getattr(of, name.split()[0])(*compiled)
    getattr(oracles, name.split()[0])(*plain)
    changed = False
    for found, expected, old in zip(compiled, plain, before, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        changed = changed or not np.array_equal(found, old)
    assert changed


def test_post_conserves_and_lets_a_unit_pay_itself() -> None:
    economy = Economy(4)
    account = economy.units.copy()
    kernels.post(economy.due, economy.payer, economy.payer, account)
    np.testing.assert_allclose(account, economy.units, rtol=1e-13, atol=1e-12)
    kernels.post(economy.due, economy.payer, economy.payee, account)
    np.testing.assert_allclose(account.sum(axis=0), economy.units.sum(axis=0), rtol=1e-13)


@pytest.mark.parametrize("seed", range(8))
def test_clearing_equals_its_twin(seed: int) -> None:
    economy = Economy(seed)
    share, rounds = economy.settle(clearing.clear_dues)
    expected, _ = economy.settle(oracles.clear_dues)
    assert (rounds >= 0).all()
    assert (share < 1.0).any()
    np.testing.assert_allclose(share, expected, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_clearing_agrees_with_the_exact_method(seed: int) -> None:
    economy = Economy(seed)
    economy.available = np.maximum(economy.available, 0.0)
    economy.available[economy.unlimited] = 1e6
    for path in range(PATHS):
        # the exact method takes one rank for each pair: keep the first, drop ties of another
        liabilities = np.zeros((UNITS, UNITS))
        ranks = np.zeros((UNITS, UNITS))
        seen: dict[tuple[int, int], int] = {}
        due = economy.due[:, path].copy()
        for t, pair in enumerate(zip(economy.payer, economy.payee, strict=True)):
            if seen.setdefault(pair, economy.rank[t]) != economy.rank[t]:
                due[t] = 0.0
                continue
            liabilities[pair] += due[t]
            ranks[pair] = economy.rank[t]
        economy.due[:, path] = due
        exact = clear(liabilities, economy.available[:, path], seniority=ranks)
        again, _ = economy.settle(clearing.clear_dues)
        paid = np.zeros(UNITS)
        np.add.at(paid, economy.payer, due * again[economy.rank, economy.payer, path])
        np.testing.assert_allclose(paid, exact.payments, atol=1e-8)
        assert exact.defaults.any()


def test_clearing_keeps_priority_limited_liability_and_the_sectors() -> None:
    economy = Economy(5)
    share, _ = economy.settle(clearing.clear_dues)
    assert ((share >= 0.0) & (share <= 1.0)).all()
    assert (share[:, economy.unlimited] == 1.0).all()
    paid, cash = economy.due * share[economy.rank, economy.payer], economy.available.copy()
    kernels.post(paid, economy.payer, economy.payee, cash)
    firms = ~economy.unlimited
    short = (share < 1.0).any(axis=0) & firms[:, None]
    assert (cash[firms] >= np.minimum(economy.available[firms], 0.0) - 1e-9).all()
    assert (cash[short & (economy.available >= 0.0)] <= 1e-8).all()
    owed = np.zeros_like(share)
    np.add.at(owed, (economy.rank, economy.payer), economy.due)
    junior_paid = (share[1:] > 0.0) & (owed[1:] > 1e-6)
    assert (share[:-1][junior_paid] == 1.0).all()


def test_clearing_touches_flagged_lanes_only_and_lanes_do_not_mix() -> None:
    economy = Economy(6)
    needs = np.array([True, False, True, False, False])
    share, rounds = economy.settle(clearing.clear_dues, needs)
    whole, _ = economy.settle(clearing.clear_dues)
    assert (share[..., ~needs] == 1.0).all()
    assert (rounds[~needs] == 0).all()
    assert np.array_equal(share[..., needs], whole[..., needs])
    alone = Economy(6)
    alone.due, alone.available = alone.due[:, 2:3].copy(), alone.available[:, 2:3].copy()
    single, _ = alone.settle(clearing.clear_dues)
    assert np.array_equal(single[..., 0], whole[..., 2])


def ring(cash: float, outside: float) -> Any:
    """Two firms owe each other 1 and each owes a sector `outside`."""
    share = np.zeros((clearing.CLASSES, 3, 1))
    rounds = np.zeros(1, dtype=np.intp)
    clearing.clear_dues(
        np.array([[cash], [cash], [0.0]]),
        np.array([[1.0], [1.0], [outside], [outside]]),
        np.array([0, 1, 0, 1], dtype=np.intp),
        np.array([1, 0, 2, 2], dtype=np.intp),
        np.array([1, 1, 1, 1], dtype=np.intp),
        np.array([False, False, True]),
        np.array([True]),
        share,
        rounds,
    )
    return share, rounds[0]


def test_clearing_of_a_ring_is_the_greatest() -> None:
    share, rounds = ring(0.0, 0.0)
    assert (share == 1.0).all()
    assert rounds == 0
    share, rounds = ring(0.25, 0.5)
    np.testing.assert_allclose(share[1, :2, 0], 0.5, atol=1e-10)
    assert rounds > 0


def test_a_dollar_short_is_no_default() -> None:
    assert (ring(0.5 - 5e-10, 0.5)[0] == 1.0).all()
    assert (ring(0.5 - 5e-8, 0.5)[0] < 1.0).any()


def test_clearing_that_does_not_settle_is_flagged() -> None:
    assert ring(0.0, 1e-5)[1] == -1


def test_wrong_types_are_refused() -> None:
    economy = Economy(1)
    with pytest.raises(TypeError):
        kernels.post(economy.due[:, ::2], economy.payer, economy.payee, economy.units)

"""Contracts: those of one pair add up, are used first, paid in any case, and signed again at their end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.engine.simulated import model_of, walk

from penstock.engine.facts import dues_by_tie
from penstock.engine.moment import Moment
from penstock.engine.steps.failures import credit_cycle
from penstock.engine.steps.spend import buy_under_contract

PAYER = np.array([0, 0, 1, 0, 2], dtype=np.intp)
"""Payers of five ties."""


def buy(due: np.ndarray, tie: np.ndarray, use: np.ndarray, activity: np.ndarray | None = None) -> np.ndarray:
    """What is bought along the ties, of which `use` is wanted, path by path."""
    alive, found = np.ones_like(use) if activity is None else activity, []
    for wanted, lives in zip(use.T, alive.T, strict=True):
        flow, room = np.full((5, 1), 99.0), np.full((2, 3, 1), 99.0)
        buy_under_contract(
            np.ones((3, 1)), np.array(wanted), due.astype(float), tie.astype(np.intp), PAYER,
            np.array(lives)[:, None], room[0], room[1], flow,
        )  # fmt: skip
        found.append(flow[:, 0])
    return np.stack(found, axis=1)


def test_what_is_wanted_beyond_contracts_is_bought_in_old_shares() -> None:
    use = np.array([[6.0], [2.0], [5.0], [0.0], [1.0]])
    bought = buy(np.array([4.0]), np.array([3]), use)
    # the first payer wants 8, has 4 under contract, and halves what it takes elsewhere
    assert bought.ravel().tolist() == pytest.approx([3.0, 1.0, 5.0, 4.0, 1.0])


def test_contracts_beyond_all_that_is_wanted_are_paid() -> None:
    use = np.array([[6.0], [2.0], [5.0], [0.0], [1.0]])
    bought = buy(np.array([9.0, 3.0]), np.array([3, 0]), use)
    assert bought.ravel().tolist() == pytest.approx([3.0, 0.0, 5.0, 9.0, 1.0])


AMOUNTS = st.floats(0.0, 100.0)


@given(
    arrays(float, (5, 3), elements=AMOUNTS),
    arrays(float, 2, elements=AMOUNTS),
    arrays(float, (5, 3), elements=st.floats(0.0, 1.0)),
)
def test_a_payer_buys_the_larger_of_wants_and_contracts(use: np.ndarray, due: np.ndarray, activity: np.ndarray) -> None:
    tie = np.array([1, 2])
    bought = buy(due, tie, use, activity)
    alive = due[:, None] * activity[tie]
    for payer in range(3):
        mine, contracted = payer == PAYER, alive[PAYER[tie] == payer].sum(axis=0)
        wanted = (use * activity)[mine].sum(axis=0)
        assert bought[mine].sum(axis=0) == pytest.approx(np.maximum(wanted, contracted))
    assert (bought >= 0.0).all()


def test_contracts_of_a_tie_add_up_and_are_signed_again() -> None:
    tie = np.array([4, 1, 4])
    due = np.array([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 3.0], [0.5, 0.5, 0.5, 0.0]])
    base = np.full((5, 1), 0.25)
    ties, total = dues_by_tie(tie, due, np.array([False, False, False]), base, 0.5)
    assert ties.tolist() == [1, 4]
    assert total.tolist() == [[0.0, 0.0, 3.0, 3.0], [1.5, 2.5, 1.5, 1.25]]


def test_a_contract_on_top_takes_what_the_tie_carried_with_it() -> None:
    ties, total = dues_by_tie(np.array([0]), np.array([[0.0, 2.0, 2.0]]), np.array([True]), np.array([[0.75]]), 0.0)
    assert ties.tolist() == [0]
    assert total.tolist() == [[0.0, 2.75, 2.75]]


def test_no_contracts_no_dues() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    ties, total = dues_by_tie(nothing, np.zeros((0, 6)), nothing.astype(bool), np.ones((2, 1)), 0.7)
    assert ties.shape == (0,) and total.shape == (0, 6)


def test_failures_follow_the_credit_cycle() -> None:
    usual, worst = credit_cycle(np.array([0.6, 0.4]))
    assert usual == pytest.approx(1.0)
    assert worst == pytest.approx(11.02 / 4.1, rel=0.02)


def test_chips_that_came_since_the_opening_carry_what_compute_rents_for() -> None:
    seen: list[float] = []

    def look(now: Moment) -> None:
        cache, owners = now.block.cache, now.block.layout.owners
        grown = now.results["owner_stock"][:owners] / cache["stock_opening"][:owners]
        opening, rent = (np.broadcast_to(cache[name], grown.shape) for name in ("capability_opening", "rent_opening"))
        scale = now.state.economy.contract_price / now.block.opening["price"]
        carried = now.results["capability"] / scale
        assert (rent >= opening).all()
        assert carried == pytest.approx(np.where(grown > 1.0, opening + rent * (grown - 1.0), opening * grown))
        seen.append(float(grown.max()))

    walk(model_of(quarters=6), 8, after=look)
    assert max(seen) > 1.0

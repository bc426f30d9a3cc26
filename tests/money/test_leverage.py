"""Capital structure: debt moves part of the way to its target, never beyond what lenders give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.money import leverage

AMOUNT = st.floats(0.0, 1000.0)


def borrow(
    owed: float = 10.0,
    principal: float = 1.0,
    capacity: float = 40.0,
    target: float = 0.5,
    room: float = 100.0,
    unfunded: float = 0.0,
    stage: float = 0.0,
    first: float = 0.0,
    new_debt: float = 0.0,
) -> tuple[float, float]:
    """New debt and surplus cash of one firm on one path in quarter 3."""
    before, after = (
        [np.array([[x]]) for x in part] for part in ((owed, principal, capacity, target), (unfunded, stage, first))
    )
    new, surplus = np.array([[new_debt]]), np.zeros((1, 1))
    leverage.borrow_to_target(0, *before, np.array([room]), *after, 3.0, new, surplus)
    return float(new[0, 0]), float(surplus[0, 0])


def test_a_quarter_of_a_third_of_the_gap_is_closed() -> None:
    # owes 9 after repayment and means to owe half of 40
    new, surplus = borrow()
    assert new == pytest.approx(0.33 / 4.0 * 11.0)
    assert surplus == pytest.approx(new)


@given(AMOUNT, AMOUNT, AMOUNT, st.floats(0.0, 1.0), AMOUNT, AMOUNT)
def test_nobody_borrows_beyond_room_or_target(
    owed: float, capacity: float, room: float, target: float, new_debt: float, part: float
) -> None:
    new, surplus = borrow(owed, 0.0, capacity, target, room, new_debt=new_debt)
    assert new - new_debt == pytest.approx(surplus)
    assert surplus >= 0.0
    if surplus > 0.0:
        assert new <= room * (1.0 + 1e-12)
        assert owed + new <= target * capacity * (1.0 + 1e-12)


@pytest.mark.parametrize("trouble", [{"unfunded": 0.1}, {"stage": 1.0}, {"stage": 2.0}, {"first": 4.0}, {"room": 0.0}])
def test_firms_in_trouble_or_without_income_do_not(trouble: dict[str, float]) -> None:
    assert borrow(**trouble) == (0.0, 0.0)


def test_targets_are_those_of_the_opening() -> None:
    owed, capacity = np.array([[5.0], [30.0], [2.0]]), np.array([[20.0], [20.0], [0.0]])
    assert leverage.target_share(owed, capacity).ravel().tolist() == pytest.approx([0.25, 1.0, 1.0])
    cash, revenue = np.array([[3.0], [-1.0]]), np.array([[6.0], [2.0]])
    assert leverage.cash_target(cash, revenue).ravel().tolist() == pytest.approx([0.5, 0.0])

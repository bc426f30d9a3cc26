"""Ratings follow distance to default late and in steps; covenants call what earnings no longer carry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.money import covenants, rating

WORST = 6


def rated(distances: list[float], opening: int = 3) -> list[float]:
    """Classes of one firm whose distance takes these values, the first that of the opening."""
    then = np.full((1, 1), min(distances[0], rating.SAFE))
    seen, given_class, out = then.copy(), np.full((1, 1), float(opening)), []
    for distance in distances:
        seen = rating.watch(seen, np.full((1, 1), distance))
        given_class = rating.rerate(given_class, np.full((1, 1), float(opening)), seen, then, WORST)
        out.append(float(given_class[0, 0]))
    return out


def test_a_steady_distance_keeps_its_class() -> None:
    assert rated([4.0] * 40) == [3.0] * 40


def test_a_short_fall_is_seen_through() -> None:
    """One bad quarter of four tenths of the distance: an average of a year forgets it."""
    assert rated([4.0, 2.4, *[4.0] * 20]) == [3.0] * 22


def test_a_lasting_fall_cuts_late_and_in_steps() -> None:
    path = rated([4.0, *[1.0] * 30])
    assert path[:2] == [3.0, 3.0]
    assert max(np.abs(np.diff(path))) == 1.0
    # three quarters of the distance are 2.5 classes, cut where one whole class is off: by two
    assert path[-1] == 5.0


def test_distance_beyond_safety_says_nothing() -> None:
    """A firm with next to no debt that takes a small loan stays what it is."""
    assert rated([20.0, *[7.0] * 30], opening=5) == [5.0] * 31


def test_an_upgrade_comes_later_than_a_cut() -> None:
    up, down = rated([3.0, *[3.0 * 1.4] * 60]), rated([3.0, *[3.0 * 0.6] * 60])
    assert up[-1] == 3.0
    assert down[-1] == 4.0


@given(st.lists(st.floats(-10.0, 30.0), min_size=2, max_size=60), st.integers(0, WORST))
def test_ratings_stay_in_their_classes_and_move_by_one(distances: list[float], opening: int) -> None:
    path = [float(opening), *rated(distances, opening)]
    assert all(0.0 <= one <= WORST and one == int(one) for one in path)
    assert np.abs(np.diff(path)).max() <= 1.0


@given(st.floats(0.1, 5.0), st.floats(0.0, 3.0))
def test_a_larger_distance_never_rates_worse(low: float, more: float) -> None:
    worse, better = rated([4.0, *[low] * 20]), rated([4.0, *[low + more] * 20])
    assert all(b <= w for b, w in zip(better, worse, strict=True))


def test_called_debt_by_hand() -> None:
    """Debt 100 on a capacity of 60, agreed at 1.35: 19 too much, of which 5 are called."""
    debt, capacity, agreed = np.full((1, 1), 100.0), np.full((1, 1), 60.0), np.full((1, 1), 1.35)
    beyond = covenants.excess(debt, capacity, agreed)
    assert beyond[0, 0] == pytest.approx(19.0)
    assert covenants.called(debt, beyond)[0, 0] == pytest.approx(5.0)
    assert covenants.called(debt, np.full((1, 1), 2.0))[0, 0] == pytest.approx(2.0)


@given(st.floats(0.0, 500.0), st.floats(0.0, 500.0))
def test_nobody_opens_in_breach(debt: float, capacity: float) -> None:
    owed, lent = np.full((1, 1), debt), np.full((1, 1), capacity)
    agreed = covenants.agreed_leverage(owed, lent)
    # without any capacity the ratio is bounded by the smallest divisor, not by the debt
    if capacity > 1e-6:
        assert covenants.excess(owed, lent, agreed)[0, 0] == 0.0


@given(st.floats(1.0, 500.0), st.floats(0.0, 300.0), st.floats(0.0, 100.0))
def test_worse_earnings_never_call_less(debt: float, capacity: float, fall: float) -> None:
    owed, agreed = np.full((1, 1), debt), np.full((1, 1), 1.35)
    before = covenants.excess(owed, np.full((1, 1), capacity), agreed)
    after = covenants.excess(owed, np.full((1, 1), capacity - fall), agreed)
    assert after[0, 0] >= before[0, 0]
    assert covenants.called(owed, after)[0, 0] <= covenants.CALL_SHARE * debt


def test_the_lowest_class_says_that_default_is_near() -> None:
    """A fall that leaves a firm far from default ends one class above the lowest; one that does not, ends there."""
    assert rated([5.0, *[1.3] * 30], opening=4)[-1] == WORST - 1.0
    assert rated([5.0, *[0.9 * rating.NEAR_DEFAULT] * 30], opening=4)[-1] == WORST
    assert rated([4.0] * 10, opening=WORST)[-1] == WORST - 1.0

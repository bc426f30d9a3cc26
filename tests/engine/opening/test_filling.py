"""Flows without a name are filled in so that sellers and buyers both come out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.engine.opening.filling import drop_small, proportional_fill

margins = st.lists(st.floats(0.0, 50.0), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(margins, margins, st.integers(0, 2**16))
def test_fill_and_slacks_meet_both_margins(sell: list[float], buy: list[float], seed: int) -> None:
    sellers, buyers = np.array(sell), np.array(buy)
    allowed = np.random.default_rng(seed).integers(0, 2, (sellers.size, buyers.size)).astype(float)
    cells, rest_sell, rest_buy = proportional_fill(sellers, buyers, allowed)
    assert (cells >= 0).all() and (cells[allowed == 0] == 0).all()
    assert cells.sum(axis=1) + rest_sell == pytest.approx(sellers, abs=1e-9)
    assert cells.sum(axis=0) + rest_buy == pytest.approx(buyers, abs=1e-9)
    keep = np.zeros(cells.shape, dtype=bool)
    left, more_sell, more_buy = drop_small(cells, rest_sell, rest_buy, 1.0, keep)
    assert left.sum(axis=1) + more_sell == pytest.approx(sellers, abs=1e-9)
    assert left.sum(axis=0) + more_buy == pytest.approx(buyers, abs=1e-9)
    assert not ((left > 0) & (left < 1.0)).any()


def test_the_fill_places_all_that_can_be_placed() -> None:
    cells, rest_sell, rest_buy = proportional_fill(np.array([3.0, 1.0]), np.array([2.0, 6.0]), np.ones((2, 2)))
    assert rest_sell == pytest.approx([0.0, 0.0], abs=1e-9) and rest_buy.sum() == pytest.approx(4.0)
    assert cells[0, 1] / cells[0, 0] == pytest.approx(3.0)
    with pytest.raises(ValueError, match="expected"):
        proportional_fill(np.ones(2), np.ones(3), np.ones((3, 2)))

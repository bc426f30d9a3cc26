"""Funding of a need: each source in its order and within its room; lenders follow mood and losses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.money import funding
from single_path import number, one, properties

rooms = st.lists(number(0.0, 30.0), min_size=6, max_size=6)


@properties
@given(number(-50.0, 150.0), rooms, number(0.0, 1.0))
def test_a_need_is_covered_in_order_and_each_source_within_its_room(
    need: float, room: list[float], flexible: float
) -> None:
    debt, line, equity, vendor, capex, cost = room
    found, scale, others = np.full((6, 1, 1), np.nan), np.ones((1, 1)), np.full((2, 1, 1), np.nan)
    money, spending = (need, debt, line, equity), (vendor, funding.FIRST_FAILED - 1.0, capex, flexible, 0.0, cost)
    before, after = ([np.full((1, 1), value) for value in part] for part in (money, spending))
    funding.cover(0, *(room[0] for room in before[:2]), *before[2:], np.ones(1), *after, found, *others, scale)
    drawn, equity_sold, let_stand, cost_cut, unfunded, surplus = found[:, 0, 0].tolist()
    planned = max(capex, funding.LEAST_PLANNED)
    borrowed, capex_cut = float(others[0, 0, 0]) - drawn, (1.0 - float(scale[0, 0])) * planned
    sources = [borrowed, drawn, equity_sold, let_stand, capex_cut, cost_cut]
    limits = [debt, line, equity, vendor, planned * min(flexible, 1 - funding.LEAST_CAPEX), funding.COST_CUT * cost]
    # whoever has to cut capital spending cuts a little more than it lacks
    more = max(capex_cut - (max(need, 0.0) - sum(sources[:4])), 0.0)
    assert more <= funding.CUT_MARGIN * planned + 1e-12
    assert sum(sources) + unfunded - more == pytest.approx(max(need, 0.0), abs=1e-9)
    assert unfunded >= -1e-12
    assert surplus == max(-need, 0.0)
    for number_, (source, limit) in enumerate(zip(sources, limits, strict=True)):
        assert -1e-12 <= source <= limit + 1e-12
        if source > 1e-9:
            # nobody turns to the next source while the one before has room
            assert all(s >= bound - 1e-9 for s, bound in zip(sources[:number_], limits[:number_], strict=True))
    assert 0.0 <= scale[0, 0] <= 1.0


@properties
@given(number(0.0, 1.0), number(0.0, 4.0), number(0.01, 0.4))
def test_lenders_open_with_mood_and_close_with_losses(mood: float, losses: float, more: float) -> None:
    def open_share(
        s: float = mood, lost: float = losses, freeze: float = 0.0, grade: float = 1.0, own: float = 0.0
    ) -> float:
        return float(funding.access(one(s), one(freeze), one(grade), one(own), one(lost))[0])

    assert 0.0 <= open_share() <= 1.0
    assert open_share(s=mood + more) >= open_share()
    assert open_share(lost=losses + more) <= open_share()
    assert open_share(freeze=1.0, grade=1.0) == pytest.approx(0.5 * open_share())
    assert open_share(freeze=1.0, grade=0.0) == 0.0
    assert open_share(own=1.0) == 0.0


def test_a_reserve_counts_costs_and_the_interest_until_income() -> None:
    assert funding.reserve(one(2.0), one(0.5), one(1.5), one(4.0))[0] == pytest.approx(5.0)

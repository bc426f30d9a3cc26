"""Who fails for want of money is in want of it; a broken covenant shuts the market; a spread is part of the hurdle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import Array, model_of

from penstock.engine.layout import RATINGS
from penstock.engine.model import run_block
from penstock.engine.moment import Moment
from penstock.engine.steps import failures, lenders
from penstock.money import covenants, funding

B = float(RATINGS.index("B"))
RATES = np.array([0.0, 0.0, 0.0, 0.0014, 0.0056, 0.03, 0.03])
FRAUD = 0.0014


def one(value: float) -> Array:
    return np.full((1, 1), value)


def test_a_years_money_pays_debt_or_it_does_not() -> None:
    """Cash 20, debt 6; loses 5 + 1 a quarter, rounds of 4: 20 - 6 - 24 + 16 = 6 are left; without rounds -10."""
    spare = one(0.0)
    funding.find_spare_means(one(20.0), one(6.0), one(-5.0), one(1.0), one(0.0), one(4.0), spare)
    assert spare[0, 0] == pytest.approx(6.0)
    funding.find_spare_means(one(20.0), one(6.0), one(-5.0), one(1.0), one(0.0), one(0.0), spare)
    assert spare[0, 0] == pytest.approx(-10.0)


@given(scale=st.floats(0.01, 100.0), numbers=st.lists(st.floats(0.0, 50.0), min_size=6, max_size=6))
def test_want_knows_no_size(scale: float, numbers: list[float]) -> None:
    """All amounts in another unit: the same firms are in want."""
    spare, scaled = one(0.0), one(0.0)
    funding.find_spare_means(*(one(x) for x in numbers), spare)
    funding.find_spare_means(*(one(scale * x) for x in numbers), scaled)
    assert scaled[0, 0] == pytest.approx(scale * spare[0, 0], rel=1e-9, abs=1e-9)


def yearly_chance(spare: float, rating: float, share: float) -> float:
    """Yearly chance of failing by a cause of its own: where the number drawn begins to mean failure."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if fails(spare, rating, share, middle):
            high = middle
        else:
            low = middle
    return 4.0 * (1.0 - high)


def fails(spare: float, rating: float, share: float, chance: float) -> bool:
    flags = [np.zeros((1, 1), dtype=bool) for _ in range(4)]
    nothing = one(0.0)
    failures.judge(
        one(1.0), one(rating), one(chance), one(spare), *[nothing] * 5, lenders.INVESTMENT_GRADE, np.zeros((0, 1)),
        np.zeros(1, dtype=bool), RATES, np.ones(1), np.full(1, share), one(1.0), np.ones(1), one(0.0), one(0.0), *flags,
        np.zeros(1), np.zeros(1),
    )  # fmt: skip
    return bool(flags[1][0, 0])


@given(share=st.floats(0.34, 1.0), rating=st.sampled_from([float(RATINGS.index("BB")), B]))
def test_the_rate_of_a_class_is_its_mean(share: float, rating: float) -> None:
    """Firms in want and others together fail at their class's rate; those who are not, at the rate of fraud."""
    poor, rich = yearly_chance(-1.0, rating, share), yearly_chance(1.0, rating, share)
    assert rich == pytest.approx(FRAUD, rel=1e-6)
    assert share * poor + (1.0 - share) * rich == pytest.approx(RATES[int(rating)], rel=1e-6)


@pytest.mark.parametrize("spare", [-100.0, 100.0])
def test_money_does_not_keep_an_investment_grade_firm_from_fraud(spare: float) -> None:
    assert yearly_chance(spare, lenders.INVESTMENT_GRADE, 0.5) == pytest.approx(FRAUD, rel=1e-6)


def test_who_opens_without_any_capacity_is_not_in_breach_at_once() -> None:
    agreed = covenants.agreed_leverage(one(2.0), one(0.0))
    assert covenants.excess(one(2.0), one(0.0), agreed)[0, 0] == 0.0


def test_a_breach_shuts_the_market_and_a_spread_lifts_the_hurdle() -> None:
    """In the quarter in which lenders call debt they lend none; at the opening all owners share one hurdle."""
    lent, spreads = [], []

    def note(now: Moment, _: str) -> None:
        r, f, owners = now.results, now.state.firms, now.block.layout.owners
        lent.append((r["new_debt"] - r["line_drawn"])[r["called_debt"] > 0.0])
        usual = now.block.facts.rating_spread[:owners]
        ratio = r["owner_hurdle"][:owners] / r["hurdle"]
        # a step sees the spread of the end of the quarter before
        seen = spreads[-1] if spreads else usual * np.ones_like(ratio)
        assert (ratio[seen >= usual] >= 1.0 - 1e-12).all()
        assert (ratio[seen <= usual] <= 1.0 + 1e-12).all()
        spreads.append(f.spread[:owners].copy())
        if now.quarter == 19:
            assert ratio.max() > 1.01

    run_block(model_of(quarters=20), 0, 128, on_quarter=note)
    found = np.concatenate(lent)
    assert len(found) > 20
    assert np.abs(found).max() < 1e-9

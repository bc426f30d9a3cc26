"""Plant that stands free finds tenants where demand is turned away; who has no sales yet builds on equity."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from simulated import Array, model_of

from penstock.engine.model import run_block
from penstock.engine.moment import Moment
from penstock.engine.state import RESTRUCTURED
from penstock.layers import facilities, platform
from penstock.money import funding

FREE = st.lists(st.floats(0.0, 50.0), min_size=1, max_size=8)


@given(FREE, st.floats(0.0, 200.0))
def test_no_more_is_let_than_stands_free_and_is_asked_for(free: list[float], unserved: float) -> None:
    stock = np.array(free)[:, None]
    let = platform.let_out(stock, np.array([unserved]), stock.sum(axis=0))
    assert (let >= 0.0).all()
    assert (let <= stock * (1.0 + 1e-12)).all()
    assert let.sum() <= min(unserved, stock.sum()) * (1.0 + 1e-9)
    if stock.sum() > 1e-6:
        np.testing.assert_allclose(let.sum(), min(unserved, stock.sum()), rtol=1e-9, atol=1e-12)


def test_rent_on_free_plant_by_hand() -> None:
    """Ten of new halls at 12 % bring 0.3 a quarter; sales that grew by 0.1 fill a third; a shrinking firm lets none."""
    found = facilities.rent_on_free_plant(np.array([10.0, 10.0, -5.0]), np.array([0.1, -0.2, 0.0]), np.array(0.12))
    np.testing.assert_allclose(found, [0.2, 0.3, 0.0])


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0), st.floats(0.01, 10.0))
def test_sales_bear_costs_at_most_whole(revenue: float, promised: float, cost: float) -> None:
    share = funding.borne(np.array(revenue), np.array(promised), np.array(cost))
    assert 0.0 <= share <= 1.0
    assert share == 1.0 or np.isclose(share, (revenue + promised) / cost)


def test_letting_in_the_model() -> None:
    """Owners of chips let together no more than is turned away, the failed nothing, and someone lets something."""
    seen: list[tuple[Array, Array, float]] = []

    def note(now: Moment, _: str) -> None:
        owners = now.block.layout.owners
        let = now.results["let"]
        seen.append((let[:owners].sum(axis=0), now.results["compute_unserved"], float(let.sum())))
        gone = now.block.cache.get("test_gone")
        if gone is not None:
            assert not let[gone].any()
        now.block.cache["test_gone"] = now.state.firms.stage >= RESTRUCTURED

    run_block(model_of(quarters=16), 0, 32, on_quarter=note)
    for let, unserved, _ in seen:
        assert (let <= unserved * (1.0 + 1e-9) + 1e-12).all()
    assert sum(total for _, _, total in seen) > 0.0


def test_plant_is_paid_for_without_fuel_and_staff() -> None:
    """What regulators allow on plant reaches the earnings of a utility whole, before other costs move."""

    def note(now: Moment, _: str) -> None:
        r, rows = now.results, now.block.cache["regulated"]
        others = np.setdiff1d(np.arange(now.block.layout.firms), rows)
        assert not r["plant_revenue"][others].any()
        assert (r["plant_revenue"][rows] <= r["sales"][rows] + 1e-12).all()
        found.append(float(r["plant_revenue"].sum()))

    found: list[float] = []
    run_block(model_of(quarters=16), 0, 32, on_quarter=note)
    assert found[-1] > 0.0

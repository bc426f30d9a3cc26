"""Make or buy: net present values by hand, break-even, and what must hold for every draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.analysis.integration import (
    PARTNERS,
    draw_inputs,
    inputs_of,
    made_already,
    purchases_of,
)
from penstock.conduct.integration import annuity, escaped_margin, make_or_buy
from penstock.engine.model import Model, prepare
from penstock.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return ps.load_world()


@pytest.fixture(scope="module")
def model(world: World) -> Model:
    return prepare(world, "baseline", quarters=2)


def test_an_annuity_is_the_sum_of_its_payments() -> None:
    assert annuity(np.array(0.1), np.array(3.0)) == pytest.approx(1 / 1.1 + 1 / 1.21 + 1 / 1.331, rel=1e-14)
    assert annuity(np.array(0.0), np.array(7.5)) == 7.5
    assert annuity(np.array(1e-7), np.array(5.0)) == pytest.approx(5.0, rel=1e-5)


def test_the_value_of_making_is_that_of_its_cash_flows() -> None:
    """100 a year growing 5 % now and 2 % later, a fifth replaced, 30 % saved, two years of work, four of use."""
    found = make_or_buy(
        np.array(100.0),
        np.array(0.3),
        shifted_share=np.array(0.2),
        rate=np.array(0.08),
        wait=np.array(2.0),
        life=np.array(4.0),
        project_cost=np.array(1.5),
        running_cost=np.array(0.5),
        success=np.array(0.6),
        growth=0.05,
        growth_after=0.02,
        capital=0.4,
    )
    replaced = 0.2 * 100.0 * 1.05**2
    flows = -1.5 / 1.08 - 1.5 / 1.08**2
    flows -= 0.6 * 0.4 * replaced / 1.08**2
    for year in range(1, 5):
        flows += 0.6 * (0.3 * replaced * 1.02**year - 0.5) / 1.08 ** (2 + year)
    assert float(found.net_present_value) == pytest.approx(flows, rel=1e-13)
    costs = 1.5 / 1.08 + 1.5 / 1.08**2 + 0.6 * sum(0.5 / 1.08 ** (2 + year) for year in range(1, 5))
    assert float(found.project_cost) == pytest.approx(costs, rel=1e-13)
    assert float(found.break_even) == pytest.approx(100.0 * costs / (costs + flows), rel=1e-13)


share = st.floats(0.0, 0.95)
project = st.fixed_dictionaries(
    {
        "shifted_share": st.floats(0.01, 1.0),
        "rate": st.floats(0.0, 0.4),
        "wait": st.floats(0.0, 10.0),
        "life": st.floats(0.5, 30.0),
        "project_cost": st.floats(0.0, 20.0),
        "running_cost": st.floats(0.0, 20.0),
        "success": st.floats(0.01, 1.0),
        "growth": st.floats(-0.3, 0.6),
        "capital": st.floats(0.0, 5.0),
    }
)


@settings(max_examples=60, deadline=None)
@given(purchases=st.floats(0.0, 500.0), low=share, high=share, partner=share, terms=project)
def test_a_larger_margin_of_the_supplier_never_lowers_the_value_of_making(
    purchases: float, low: float, high: float, partner: float, terms: dict[str, float]
) -> None:
    low, high = min(low, high), max(low, high)
    arrays = {name: np.array(value) for name, value in terms.items()}
    less, more = (
        make_or_buy(np.array(purchases), escaped_margin(np.array(m), np.array(partner), np.array(0.9)), **arrays)
        for m in (low, high)
    )
    slack = 1e-9 * (1.0 + abs(float(less.net_present_value)))
    assert more.net_present_value >= less.net_present_value - slack
    assert more.break_even <= less.break_even * (1.0 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(margin=st.floats(-0.5, 0.95), terms=project)
def test_at_break_even_making_is_worth_nothing(margin: float, terms: dict[str, float]) -> None:
    arrays = {name: np.array(value) for name, value in terms.items()}
    found = make_or_buy(np.array(1.0), np.array(margin), **arrays)
    if np.isfinite(found.break_even) and found.break_even < 1e9:
        at = make_or_buy(np.asarray(found.break_even), np.array(margin), **arrays)
        assert float(at.net_present_value) == pytest.approx(0.0, abs=1e-8 * (1.0 + float(at.project_cost)))
    elif not np.isfinite(found.break_even):
        assert make_or_buy(np.array(1e6), np.array(margin), **arrays).net_present_value <= 0.0


def test_a_margin_escaped_leaves_the_cost_and_the_partners_margin() -> None:
    assert escaped_margin(np.array(0.75), np.array(0.575), np.array(1.0)) == pytest.approx(1.0 - 0.25 / 0.425)
    assert escaped_margin(np.array(0.5), np.array(0.5), np.array(1.0)) == 0.0
    assert escaped_margin(np.array(0.5), np.array(0.5), np.array(0.8)) < 0.0


def test_inputs_come_from_the_world_where_it_has_them(world: World) -> None:
    inputs = {(x.make, x.quantity): x for x in inputs_of(world)}
    partner = inputs["own_chips", "partner_margin"]
    cited = world.parameter("gross_margin_broadcom_tpu")
    assert (partner.low, partner.central, partner.high) == (cited.low, cited.central, cited.high)
    assert partner.grade == cited.grade
    assumed = [x for x in inputs.values() if not x.parameter and x.high > 0.0]
    assert all(x.grade in "DF" and len(x.note) > 10 for x in assumed)


def test_draws_run_through_their_quantiles_and_hang_on_their_path_alone(world: World) -> None:
    inputs = inputs_of(world)
    few, many = draw_inputs(inputs, 7, 3), draw_inputs(inputs, 7, 400)
    for key, values in many.items():
        assert np.array_equal(values[:3], few[key]), key
    for x in inputs:
        if x.high > x.low:
            values = many[x.make, x.quantity]
            inside = ((values >= x.low) & (values <= x.high)).mean()
            assert 0.8 < inside < 0.98 or x.central in (x.low, x.high), x
            assert x.central in (x.low, x.high) or abs(float((values < x.central).mean()) - 0.5) < 0.12, x


def test_what_is_bought_of_a_design_partner_is_made_already(model: Model) -> None:
    rows = model.layout.category["accelerators"].slice
    for name in ("alphabet", "microsoft", "meta"):
        firm = model.layout.units.index(name)
        total = 4.0 * float(model.facts.category_base["accelerators"][firm, 0])
        bought = purchases_of(model, firm, "own_chips")
        assert not set(bought) & set(PARTNERS)
        assert sum(bought.values()) + made_already(model, firm, "own_chips") == pytest.approx(total)
    assert rows.stop > rows.start
    assert made_already(model, model.layout.units.index("alphabet"), "own_chips") > 1.0

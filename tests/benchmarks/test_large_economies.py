"""Economies with each firm many times: sheets add up as the original's, and the engine conserves money on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.large_economies import MOST_CONSERVATION, enlarged, measure, model_of, name_of

from penstock.engine.layout import build_layout
from penstock.engine.model import prepare
from penstock.engine.opening.state import Opening
from penstock.world import load_world

COPIES = 3


@pytest.fixture(scope="module")
def small() -> Opening:
    return prepare(load_world(), quarters=1).opening


@pytest.fixture(scope="module")
def large(small: Opening) -> Opening:
    return enlarged(small, COPIES)


def test_totals_stay_and_every_copy_is_a_part(small: Opening, large: Opening) -> None:
    assert len(large.firms) == COPIES * len(small.firms)
    for name in ("sheet", "flows"):
        one, other = getattr(small, name), getattr(large, name)
        money = [column for column in one.columns if column not in ("ai_capex_share", "ebit_margin", "other_growth")]
        money = [column for column in money if column != "recession_beta"]
        np.testing.assert_allclose(other[money].sum(), one[money].sum(), rtol=1e-12)
        np.testing.assert_allclose(
            other.loc[name_of("nvidia", 2), money], one.loc["nvidia", money] / COPIES, rtol=1e-12
        )
    assert large.flows.loc[name_of("nvidia", 1), "ebit_margin"] == small.flows.loc["nvidia", "ebit_margin"]
    np.testing.assert_allclose(large.flow_ties["base"].sum(), small.flow_ties["base"].sum(), rtol=1e-12)
    owned = large.physical.drop(columns=["leased_share", "own_use_share", "pue"]).sum()
    np.testing.assert_allclose(owned, small.physical[owned.index].sum(), rtol=1e-12)


def test_debt_ties_add_to_the_sheet_of_every_copy(large: Opening) -> None:
    ties = large.debt_ties
    loans = ties[ties["instrument"] != "lease"].groupby("borrower")["balance"].sum()
    expected = large.sheet["debt"]
    np.testing.assert_allclose(loans.reindex(expected.index).fillna(0.0), expected, rtol=1e-9, atol=1e-9)


def test_every_copy_has_the_ties_of_its_original(small: Opening, large: Opening) -> None:
    for table, end in (("flow_ties", "payer"), ("flow_ties", "payee"), ("debt_ties", "lender"), ("stakes", "holder")):
        one = getattr(small, table)[end].value_counts()
        other = getattr(large, table)[end].value_counts()
        for firm, count in one.items():
            copies = COPIES if firm in small.firms else 1
            for number in range(copies):
                assert other[name_of(firm, number)] == count * (1 if copies == COPIES else COPIES), (table, end, firm)
    assert large.flow_ties["tie_id"].is_unique
    assert set(large.schedules["tie_id"]) <= set(large.flow_ties["tie_id"])


def test_layers_stand_in_the_order_that_the_engine_wants(small: Opening, large: Opening) -> None:
    one, other = build_layout(small), build_layout(large)
    assert other.owners == COPIES * one.owners
    assert np.array_equal(other.layer, np.repeat(one.layer, COPIES))
    for name, block in one.category.items():
        assert len(other.category[name]) == COPIES * len(block), name


def test_the_engine_conserves_money_on_many_firms() -> None:
    found = measure(load_world(), COPIES, 3, "demand_disappoints")
    assert found.firms == COPIES * 137
    assert 0.0 < found.conservation <= MOST_CONSERVATION
    assert found.nonconverged == 0


def test_one_copy_is_the_world_itself() -> None:
    world = load_world()
    one, other = prepare(world, quarters=2), model_of(world, "baseline", 1, 2)
    pd.testing.assert_frame_equal(one.opening.sheet, other.opening.sheet)
    assert one.layout.tie_id == other.layout.tie_id
    assert np.array_equal(one.facts.tie_base, other.facts.tie_base)


def test_fewer_than_one_copy_is_refused(small: Opening) -> None:
    with pytest.raises(ValueError, match="found 0; expected at least 1"):
        enlarged(small, 0)

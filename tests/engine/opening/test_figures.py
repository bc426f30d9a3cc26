"""Opening figures: stated ones win, stocks are carried, and each estimate names its rule."""

from __future__ import annotations

import pandas as pd
import pytest
from tiny_companies import changed, company, stated, world_of

from penstock.engine.opening.figures import Figures, opening_figures
from penstock.engine.opening.universe import build_universe
from penstock.world import World


def test_figures_are_complete_and_each_estimate_names_its_rule(figures: Figures) -> None:
    optional = ["ai_revenue", "data_center_revenue", "cloud_revenue", "stakes_book", "ai_capex_share"]
    needed = [metric for metric in figures.value.columns if metric not in optional]
    assert not figures.value[needed].isna().any().any()
    known = figures.value.notna()
    assert figures.grade.isin(list("ABCDEF"))[known].stack().dropna().all()
    estimated = figures.rule[(figures.grade == "F") & known].stack().dropna()
    assert len(estimated) > 100
    # a stated stock may turn F only by what an estimated flow moved it
    assert estimated[estimated.str.startswith("stated")].str.contains("carried").all()
    assert (estimated.str.len() > 4).all()


def test_a_stated_figure_wins_over_a_hand_made_one(world: World) -> None:
    row = stated("openai", cash_and_investments=55.0)
    financials = pd.concat([world.table("financials"), pd.DataFrame(row)], ignore_index=True)
    mine = changed(world, financials=financials)
    found = opening_figures(mine, build_universe(mine))
    assert found.value.loc["openai", "cash_and_investments"] == 55.0
    assert found.grade.loc["openai", "cash_and_investments"] == "A"


def test_a_row_that_replaces_wins_over_the_world(world: World, figures: Figures) -> None:
    gross = world.figures().loc[("galaxy", "revenue"), "value"]
    assert gross > 60.0
    assert figures.value.loc["galaxy", "revenue"] == pytest.approx(0.9)
    assert figures.grade.loc["galaxy", "revenue"] == "F"


def test_stocks_are_carried_by_the_flows_between(world: World, figures: Figures) -> None:
    before = world.figures().loc[("apple", "total_equity"), "value"]
    end = pd.Timestamp(world.figures().loc[("apple", "total_equity"), "period_end"])
    years = (pd.Timestamp(world.as_of) - end).days / 365.25
    row = figures.value.loc["apple"]
    expected = before + years * (row["net_income"] - row["dividends_and_buybacks"])
    assert row["total_equity"] == pytest.approx(expected)
    assert "carried 3 months" in figures.rule.loc["apple", "total_equity"]
    assert figures.grade.loc["apple", "total_equity"] >= "D"


def test_a_loan_signed_after_the_debt_figure_is_added_on_both_sides(world: World, figures: Figures) -> None:
    stated_figures = world.figures()
    added = 0.875
    debt = stated_figures.loc[("iren", "total_debt"), "value"]
    assert figures.value.loc["iren", "total_debt"] == pytest.approx(debt + added)
    contracts = world.table("contracts").drop(columns="active")
    without = changed(world, contracts=contracts[contracts["id"] != "d_lo_iren_cv"])
    less = opening_figures(without, build_universe(without)).value.loc["iren"]
    for metric in ("total_debt", "total_assets"):
        assert figures.value.loc["iren", metric] - less[metric] == pytest.approx(added)


def test_missing_figures_follow_the_median_of_the_group(world: World) -> None:
    rows = []
    for name, margin in (("a", 0.1), ("b", 0.2), ("c", 0.4)):
        rows += stated(name, revenue=10.0, operating_income=10.0 * margin, total_assets=20.0)
    rows += stated("d", revenue=30.0)
    small = world_of(
        world,
        {"companies": [company(n, "silicon", "network") for n in "abcd"], "financials": rows},
    )
    found = opening_figures(small, build_universe(small))
    assert found.value.loc["d", "operating_income"] == pytest.approx(6.0)
    assert found.value.loc["d", "total_assets"] == pytest.approx(60.0)
    assert found.grade.loc["d", "operating_income"] == "F"
    assert "median of the group" in found.rule.loc["d", "operating_income"]


def test_a_group_of_two_borrows_the_median_of_all(world: World) -> None:
    rows = [*stated("a", revenue=10.0, total_assets=20.0), *stated("b", revenue=10.0, total_assets=40.0)]
    rows += [*stated("c", revenue=10.0, total_assets=60.0), *stated("d", revenue=10.0)]
    companies = [company(n, "silicon", "network") for n in "abc"] + [company("d", "energy", "utility")]
    small = world_of(world, {"companies": companies, "financials": rows})
    assert opening_figures(small, build_universe(small)).value.loc["d", "total_assets"] == pytest.approx(40.0)

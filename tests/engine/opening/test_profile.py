"""Ratings, values and evidence of firms, and the tables that tell them."""

from __future__ import annotations

import pandas as pd
import pytest

from penstock.engine.opening.assumptions import group_assumptions, private_sheets, universe_overrides
from penstock.engine.opening.estimates import RATING_SCALE, ratings
from penstock.engine.opening.figures import Figures
from penstock.engine.opening.state import GROUPS, Opening
from penstock.engine.opening.summary import by_grade, opening_tables
from penstock.engine.opening.universe import Universe
from penstock.world import World


def test_profile_has_a_rating_a_value_and_a_volatility(world: World, opening: Opening) -> None:
    table = opening.profile
    assert table["rating"].isin(RATING_SCALE).all()
    assert table.loc["nextera", "rating"] == "A"
    assert not table.loc["nextera", "rating_estimated"]
    assert table.loc["openai", "rating_estimated"]
    assert (table["market_value"] > 0.0).all()
    assert table.loc["nvidia", "equity_volatility"] == world.parameter("equity_vol_nvidia").central
    assert table["evidence_share_ef"].between(0.0, 1.0).all()
    assert table.loc["openai", "evidence_share_ef"] == pytest.approx(1.0)
    assert table.loc["meta", "evidence_share_ef"] < 0.1


def test_estimated_ratings_lie_near_the_stated_ones(universe: Universe, figures: Figures) -> None:
    nothing = pd.Series("", index=universe.rating.index)
    estimate = ratings(figures.value, universe.group, nothing)
    rated = universe.rating.index[~universe.rating_estimated]
    off = [abs(RATING_SCALE.index(estimate[f]) - RATING_SCALE.index(universe.rating[f])) for f in rated]
    assert sum(step <= 1 for step in off) >= 0.8 * len(off)
    assert max(off) <= 3


def test_tables_tell_evidence_plugs_and_who_is_left_out(world: World, opening: Opening) -> None:
    tables = dict(opening_tables(world, opening))
    by_layer = [table for title, table in tables.items() if "by evidence grade" in title]
    assert len(by_layer) == 5
    for table in by_layer:
        assert table[list("ABCDEF")].sum(axis=1).between(1.0 - 1e-9, 1.0 + 1e-9).all()
    left_out = tables["Left out"]
    assert "stargate_llc" in set(left_out["company"])


def test_the_weakest_input_names_a_sum() -> None:
    table = by_grade(pd.Series([3.0, 1.0]), pd.Series(["A", "E"]), pd.Series(["ai", "ai"]))
    assert list(table["weakest"]) == ["E", "E"]
    assert table.loc[0, "A"] == pytest.approx(0.75)


def test_assumptions_carry_range_unit_grade_and_reason() -> None:
    for rows in (group_assumptions(), private_sheets()):
        assert (rows["low"] <= rows["central"]).all()
        assert (rows["central"] <= rows["high"]).all()
        assert rows["grade"].isin(["E", "F"]).all()
        assert (rows["why"].str.len() > 10).all()
        assert rows["unit"].notna().all()
    assert set(group_assumptions()["group"]) == set(GROUPS)
    assert not private_sheets().duplicated(["company", "metric"]).any()


def test_hand_made_rows_name_companies_of_the_bundled_world(world: World) -> None:
    known = set(world.table("companies")["id"])
    assert set(private_sheets()["company"]) <= known
    assert set(universe_overrides().index) <= known

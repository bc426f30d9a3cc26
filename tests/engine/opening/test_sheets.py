"""Opening sheets meet and say what the figures say; what cannot meet is one signed plug."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from penstock.engine.opening.balance import (
    ASSET_LINES,
    LIABILITY_LINES,
    check_sheet,
    liability_side,
    opening_sheet,
)
from penstock.engine.opening.figures import Figures
from penstock.engine.opening.state import SHEET_COLUMNS, Opening
from penstock.engine.opening.universe import Universe
from penstock.errors import ModelError
from penstock.world import World


def test_sheets_meet(opening: Opening) -> None:
    sheet = opening.sheet
    assert list(sheet.columns) == list(SHEET_COLUMNS)
    assets = sheet[list(ASSET_LINES)].sum(axis=1)
    owed = sheet[list(LIABILITY_LINES)].sum(axis=1) + sheet["equity"]
    assert ((assets - owed).abs() <= 1e-9 * assets.clip(lower=1.0)).all()
    assert (sheet[[*ASSET_LINES, *LIABILITY_LINES]] >= 0.0).all().all()


def test_plugs_are_small_where_evidence_is_good(opening: Opening) -> None:
    assets = opening.sheet[list(ASSET_LINES)].sum(axis=1)
    share = opening.sheet["plug"].abs() / assets
    assert (share[opening.sheet_grades["plug"] <= "C"] < 0.05).all()
    assert opening.sheet["plug"].abs().sum() < 0.005 * assets.sum()


def test_sheets_say_what_the_figures_say(opening: Opening, figures: Figures) -> None:
    check_sheet(opening.sheet, figures)
    good = figures.grade["total_assets"] != "F"
    assets = opening.sheet[list(ASSET_LINES)].sum(axis=1) - opening.sheet["stake_revaluation"]
    gap = (assets - figures.value["total_assets"] - opening.sheet["plug"].abs())[good].abs()
    assert (gap < 1e-6 * (1.0 + assets[good])).all()


@pytest.mark.parametrize("line", ["cash", "buildings", "debt", "other_liabilities", "equity"])
def test_a_changed_cell_is_caught(opening: Opening, figures: Figures, line: str) -> None:
    wrong = opening.sheet.copy()
    wrong.loc["microsoft", line] += 1e-5 * wrong.loc["microsoft", line] + 1e-5
    with pytest.raises(ModelError, match="microsoft"):
        check_sheet(wrong, figures)


def test_a_change_that_still_meets_is_caught_by_the_figures(opening: Opening, figures: Figures) -> None:
    wrong = opening.sheet.copy()
    wrong.loc["oracle", ["cash", "debt"]] += 1.0
    check_sheet(wrong)
    with pytest.raises(ModelError, match=r"oracle: cash"):
        check_sheet(wrong, figures)


def test_leases_counted_twice_go_first(world: World, universe: Universe, figures: Figures) -> None:
    value, firm = figures.value.copy(), "microsoft"
    room = value.loc[firm, "total_assets"] - value.loc[firm, "total_debt"]
    value.loc[firm, "total_equity"] = room - 0.5 * value.loc[firm, "lease_liabilities"]
    side = liability_side(replace(figures, value=value), universe)
    assert side.payables[firm] > 10.0
    kept = 0.5 * value.loc[firm, "lease_liabilities"] - side.payables[firm]
    assert side.lease_liabilities[firm] == pytest.approx(kept)
    assert side.plug[firm] == 0.0


def test_what_cannot_meet_is_one_signed_plug(world: World, universe: Universe, figures: Figures) -> None:
    value, firm = figures.value.copy(), "microsoft"
    value.loc[firm, "total_equity"] = value.loc[firm, "total_assets"]
    over, grades = opening_sheet(world, universe, figures=replace(figures, value=value))
    assert over.loc[firm, "plug"] == pytest.approx(value.loc[firm, "total_debt"])
    check_sheet(over)
    value = figures.value.copy()
    value.loc[firm, "cash_and_investments"] = value.loc[firm, "total_assets"] + 7.0
    under, _ = opening_sheet(world, universe, figures=replace(figures, value=value))
    assert under.loc[firm, "plug"] == pytest.approx(-7.0)
    check_sheet(under)
    assert grades.loc[firm, "plug"] in "ABCDEF"


def test_marks_of_stakes_raise_assets_and_equity_alike(world: World, universe: Universe, figures: Figures) -> None:
    fair = pd.Series({"microsoft": 135.0})
    plain, _ = opening_sheet(world, universe, figures=figures)
    marked, grades = opening_sheet(world, universe, stakes_fair_value=fair, figures=figures)
    mark = marked.loc["microsoft", "stake_revaluation"]
    assert mark == pytest.approx(135.0 - 2.0)
    assert marked.loc["microsoft", "equity"] - plain.loc["microsoft", "equity"] == pytest.approx(mark)
    assert grades.loc["microsoft", "equity"] == "F"
    assert (marked.drop("microsoft") - plain.drop("microsoft")).abs().max().max() < 1e-9


def test_a_firm_that_earns_nothing_yet_is_under_construction(opening: Opening) -> None:
    row = opening.sheet.loc["hyperion_jv"]
    assert row["buildings"] == 0.0
    assert row["construction"] > 5.0
    assert row["cash"] == pytest.approx(22.0)

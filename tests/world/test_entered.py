"""Who entered a row of the world."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.world import load_world
from penstock.world.entered import entered_in
from penstock.world.schema import SCHEMA
from penstock.world.vocabulary import EVIDENCE, EVIDENCE_MEANING


def test_the_data_set_and_how_each_row_came_into_it() -> None:
    world, entered = load_world(), entered_in("ai-2025")
    assert set(EVIDENCE) == set(EVIDENCE_MEANING)
    for table in ("financials", "contracts", "sites", "parameters"):
        for row in world.every_row(table).head(50).to_dict("records"):
            told = entered.told(table, row)
            assert told == f"Penstock contributors, data set ai-2025: {EVIDENCE_MEANING[row['evidence']]}"


def test_rows_of_an_overlay_are_yours_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    world = load_world()
    rows = world.every_row("financials")
    changed, other = rows.iloc[5], rows.iloc[6]
    key = SCHEMA["financials"].key
    text = ",".join([*key, "value"]) + "\n" + ",".join([*(str(changed[name]) for name in key), "1.5"]) + "\n"
    (tmp_path / "mine" / "financials.csv").write_text(text, encoding="utf-8")
    laid = load_world(overlay=tmp_path / "mine").every_row("financials").iloc[5].to_dict()
    assert laid["value"] == 1.5
    entered = entered_in("ai-2025", tmp_path / "mine")
    assert entered.who("financials", laid) == "you, in the overlay mine"
    assert entered.who("financials", other.to_dict()) == "Penstock contributors, data set ai-2025"
    assert entered.who("contracts", {"id": "d_co_orcl_openai"}) == "Penstock contributors, data set ai-2025"


def test_a_folder_of_ones_own_is_named(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    assert entered_in(str(tmp_path / "world")).who("contracts", {"id": "x"}) == "the folder world"


@pytest.mark.parametrize("evidence", [None, "", "unheard"])
def test_without_evidence_only_the_who_is_told(evidence: object) -> None:
    row = {"id": "x", "evidence": evidence}
    assert entered_in("ai-2025").told("contracts", row) == "Penstock contributors, data set ai-2025"

"""The telecom world of 1999-12-31 holds nothing that was known only later, and its rules are its own."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pandas as pd
import pytest

from penstock.errors import InputError
from penstock.world import World, load_world
from penstock.world.exporting import export_folder, new_world
from penstock.world.inputs import rows_used
from penstock.world.loading import BUNDLED

AS_OF = "1999-12-31"
FOLDER = BUNDLED["telecom-1999"]


@pytest.fixture(scope="module")
def world() -> World:
    return load_world("telecom")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "telecom"))


def add(path: Path, row: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")


def test_the_alias_is_the_world(world: World) -> None:
    assert world == load_world("telecom-1999")
    assert world.name == "telecom-1999"
    assert world.as_of == dt.date(1999, 12, 31)


def test_every_row_was_known(world: World) -> None:
    days = [day for rows in rows_used(world).values() for day in rows.values() if day]
    assert len(days) > 800
    assert max(days) <= AS_OF
    assert world.every_row("series")["date"].max() <= AS_OF
    assert world.every_row("financials")["period_end"].max() <= AS_OF
    assert world.every_row("contracts")["announced"].max() <= AS_OF
    assert world.every_row("parameters")["known_from"].max() <= AS_OF
    assert world.table("booms").empty
    for frame in world.rules.values():
        assert frame["known_from"].max() <= AS_OF and (frame["known_from"] != "").all()


def test_every_assumption_says_how_good_it_is(world: World) -> None:
    for name in ("assumptions", "constants", "network_assumptions", "group_assumptions", "fleet_ages"):
        frame = world.rules[name]
        assert frame["grade"].isin(list("ABCDEF")).all()
        why = frame["note"] if "note" in frame else frame["why"]
        assert (why.str.len() > 3).all()


def test_later_rows_are_refused(copied: Path) -> None:
    add(
        copied / "series.csv",
        "nasdaq_composite,us_equity_investors,2000-03-10,5048.62,index,page,e_macrotrends_nasdaq,",
    )
    add(copied / "financials.csv", "cisco,FY2000,2000-07-29,revenue,18.9,usd_bn,reported,memory,e_mem_filings,later")
    add(copied / "parameters.csv", "known_later,1,2,3,ratio,nothing,memory,e_mem_filings,later,2001-06-30")
    add(
        copied / "contracts.csv",
        "later_loan,loan,us_high_yield_market,winstar,9,,,,,2000-06-30,,,firm,active,high,memory,e_mem_filings,later,",
    )
    later = load_world(copied)
    assert later.table("series")["date"].max() <= AS_OF
    assert later.table("financials")["period_end"].max() <= AS_OF
    assert "known_later" not in set(later.table("parameters")["name"])
    assert "later_loan" not in set(later.active_contracts()["id"])
    used = rows_used(later)
    assert not any("later" in key for rows in used.values() for key in rows)
    assert max(day for rows in used.values() for day in rows.values()) <= AS_OF
    with pytest.raises(InputError, match="known_from 2001-06-30"):
        later.parameter("known_later")


def test_a_boom_that_was_not_over_is_refused() -> None:
    now = load_world()
    booms = now.every_row("booms")
    assert (booms["known_from"] > AS_OF).any()
    then = World("then", dt.date(1999, 12, 31), "x", {"booms": booms})
    assert (then.table("booms")["known_from"].fillna("") <= AS_OF).all()


def test_rules_count_in_the_hash(copied: Path, world: World) -> None:
    before = load_world(copied)
    path = copied / "rules" / "constants.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("0.064", "0.065"), encoding="utf-8")
    after = load_world(copied)
    assert before.hash == world.hash
    assert after.hash != world.hash
    assert load_world(FOLDER.parent / "data").hash == load_world().hash


@pytest.mark.parametrize(
    ("file", "row", "message"),
    [
        (
            "constants.csv",
            "algorithmic_gain,0,0,0,per year,F,again,1999-12-31",
            "name: found 'algorithmic_gain' twice; expected one row of it",
        ),
        (
            "constants.csv",
            "later,0,0,0,per year,F,told in 2001,2001-06-18",
            "known_from: found 2001-06-18; expected a day not after the as-of date 1999-12-31",
        ),
        ("constants.csv", "short,0", "cells: found another count than in the header; expected 8"),
        (
            "constants.csv",
            "when,0,0,0,per year,F,some day,soon",
            "known_from: found 'soon'; expected an ISO date",
        ),
        (
            "constant.csv",
            "name,central\nx,1",
            "rules/constant.csv: file: found no rule table; expected one of the model; nearest constants.csv",
        ),
    ],
)
def test_bad_rules_are_told(copied: Path, file: str, row: str, message: str) -> None:
    path = copied / "rules" / file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    path.write_text(text + row + "\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_world(copied)
    assert message in str(error.value)


def test_a_copy_takes_its_rules_along(tmp_path: Path, world: World) -> None:
    for made in (new_world(tmp_path / "mine", "telecom"), export_folder(world, tmp_path / "out")):
        again = load_world(made[-1].parent)
        assert again.hash == world.hash
        assert set(again.rules) == set(world.rules)


def test_all_worlds_list_what_they_hand_out() -> None:
    world = load_world()
    used = rows_used(world)
    assert len(used["companies"]) == len(world.every_row("companies"))
    assert len(used["contracts"]) == int(world.table("contracts")["active"].sum())
    assert set(used["series"].values()) == set(pd.Series(world.table("series")["date"]))

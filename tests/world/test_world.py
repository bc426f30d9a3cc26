"""The world does not change, knows what was known at its date, and finds what a person names."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import InputError, UsageError
from penstock.world import World, load_world
from penstock.world.frames import number_text
from penstock.world.grading import grade_of, weakest


@pytest.fixture
def world(small_world: Path) -> World:
    return load_world(small_world)


def test_tables_handed_out_are_copies(world: World) -> None:
    for frame in (world.table("companies"), world.tables["companies"], world.every_row("companies")):
        frame.loc[0, "name"] = "changed"
        frame.pop("layer")
    figures, ties = world.figures(), world.active_contracts()
    figures.loc[:, "value"] = -1.0
    ties.loc[:, "amount_usd_bn"] = -1.0
    assert list(world.table("companies")["name"]) == [
        "NVIDIA",
        "Cloudy Compute",
        "Lab Corporation",
        "Lab Two",
    ]
    assert (world.figures()["value"] > 0).all()
    assert world.active_contracts()["amount_usd_bn"].min() > 0


def test_tables_given_in_are_copied_too(world: World) -> None:
    frames = world.tables
    again = World("again", world.as_of, world.hash, frames)
    frames["companies"].loc[0, "name"] = "changed"
    assert again.table("companies").loc[0, "name"] == "NVIDIA"


def test_attributes_cannot_be_set_or_deleted(world: World) -> None:
    with pytest.raises(AttributeError, match="as_of cannot be set"):
        world.as_of = dt.date(2020, 1, 1)
    with pytest.raises(AttributeError, match="hash cannot be deleted"):
        del world.hash


def test_it_travels_by_pickle(world: World) -> None:
    again = pickle.loads(pickle.dumps(world))
    assert again == world
    pd.testing.assert_frame_equal(again.table("contracts"), world.table("contracts"))


def test_columns_are_typed_and_graded(world: World) -> None:
    companies, ties = world.table("companies"), world.table("contracts")
    assert companies["mag7"].dtype == bool
    assert ties["amount_usd_bn"].dtype == "float64"
    assert list(companies["grade"]) == ["A", "C", "E", "E"]
    assert list(ties["grade"]) == ["A", "A", "E", "B", "C", "A"]
    assert companies["ticker"].isna().tolist() == [False, False, True, True]


def test_hash_covers_content_date_and_overlay(small_world: Path, tmp_path: Path) -> None:
    base = load_world(small_world)
    assert load_world(small_world).hash == base.hash
    assert load_world(small_world, as_of="2025-06-30").hash != base.hash
    overlay = tmp_path / "over"
    overlay.mkdir()
    (overlay / "parameters.csv").write_text("name,central\npue,1.25\n")
    assert load_world(small_world, overlay=overlay).hash != base.hash
    text = (small_world / "companies.csv").read_text()
    (small_world / "companies.csv").write_text(text.replace("Lab Two", "Lab 2"))
    assert load_world(small_world).hash != base.hash


def test_what_is_announced_later_is_not_in_force(small_world: Path) -> None:
    world = load_world(small_world)
    active = world.table("contracts").set_index("id")["active"]
    assert active.to_dict() == {
        "gpus": True,
        "gpus_part": True,
        "rent": True,
        "later": False,
        "talks": True,
        "line": True,
    }
    assert "later" in set(load_world(small_world, as_of="2026-01-31").active_contracts()["id"])
    assert set(load_world(small_world, as_of="2025-01-14").active_contracts()["id"]) == {"rent"}


def test_ties_in_force_tell_each_sum_once(world: World) -> None:
    ties = world.active_contracts().set_index("id")
    assert list(ties.index) == ["gpus", "rent", "line"]
    assert ties["undrawn"].to_dict() == {"gpus": False, "rent": False, "line": True}
    assert not ties["ended"].any()


def test_a_part_counts_where_its_whole_does_not(small_world: Path) -> None:
    text = (small_world / "contracts.csv").read_text()
    spoiled = text.replace("2025-12-31,firm,active,high", "2025-12-31,firm,terminated,high")
    (small_world / "contracts.csv").write_text(spoiled)
    assert "gpus_part" in set(load_world(small_world).active_contracts()["id"])


def test_figures_follow_the_opening_rule(world: World) -> None:
    figures = world.figures()
    revenue = figures.loc[("cloudy", "revenue")]
    assert revenue["value"] == 7.0
    assert revenue["period_end"] == "2025-12-31"
    assert revenue["grade"] == "E"  # one recalled quarter names the sum
    assert revenue["basis"] == "derived"
    debt = figures.loc[("cloudy", "total_debt")]
    assert (debt["value"], debt["basis"]) == (4.5, "reported")  # reported before estimate
    assert figures.loc[("nvidia", "revenue"), "grade"] == "D"


def test_figures_stand_at_the_date(small_world: Path) -> None:
    figures = load_world(small_world, as_of="2025-10-15").figures()
    assert figures.loc[("cloudy", "revenue"), "value"] == 2.0  # three quarters do not make a year
    assert ("nvidia", "revenue") not in figures.index
    assert ("cloudy", "total_debt") not in figures.index


def test_a_world_of_an_early_date_has_no_figures(small_world: Path) -> None:
    figures = load_world(small_world, as_of="2020-01-01").figures()
    assert figures.empty
    assert figures.index.names == ["company_id", "metric"]


def test_parameters_known_later_are_refused(small_world: Path) -> None:
    assert load_world(small_world).parameter("pue").central == 1.2
    earlier = load_world(small_world, as_of="2024-12-31")
    assert earlier.parameter("old_pue").known_from == dt.date(2022, 6, 30)
    assert list(earlier.table("parameters")["name"]) == ["old_pue"]
    with pytest.raises(InputError) as caught:
        earlier.parameter("pue")
    assert str(caught.value) == (
        "parameters.csv: pue: found known_from 2025-12-31; expected a day not after the as-of date 2024-12-31"
    )
    with pytest.raises(UsageError, match=r"found 'pui'; .*; nearest pue"):
        earlier.parameter("pui")


def test_a_boom_counts_once_over_and_its_end_once_recovered(small_world: Path) -> None:
    booms = load_world(small_world).table("booms").set_index("boom")
    assert booms.loc["early", "recovery_years"] == 6
    assert pd.isna(booms.loc["recent", "recovery_years"])
    assert pd.isna(booms.loc["recent", "long_run_payoff"])
    assert list(load_world(small_world, as_of="2017-01-01").table("booms")["boom"]) == ["early"]
    assert load_world(small_world, as_of="2030-01-01").table("booms")["recovery_years"].notna().all()


@pytest.mark.parametrize(
    ("text", "kinds", "found"),
    [
        ("nvidia", ("company",), "nvidia"),
        ("NVDA", ("company",), "nvidia"),
        ("cldy", ("company",), "cloudy"),
        ("Lab Corporation", ("company",), "labcorp"),
        ("corporation", ("company",), "labcorp"),
        ("cloud", ("company",), "cloudy"),
        ("one", ("site",), "campus"),
        ("gpus", ("tie",), "gpus"),
        ("gpus_", ("tie",), "gpus_part"),
        ("campus", ("company", "site"), "campus"),
    ],
)
def test_names_resolve(world: World, text: str, kinds: tuple[str, ...], found: str) -> None:
    assert world.resolve(text, kinds) == found


def test_several_matches_are_listed_and_none_tells_the_nearest(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        world.resolve("lab")
    assert str(caught.value) == "company: found 'lab', which names 2; expected one of labcorp, labtwo"
    with pytest.raises(UsageError) as caught:
        world.resolve("nvidea")
    expected = "an id, ticker, name or a unique part of one; nearest nvidia"
    assert str(caught.value) == f"company: found 'nvidea'; expected {expected}"
    with pytest.raises(UsageError):
        world.resolve("")


def test_overlay_changes_adds_and_keeps(small_world: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "mine"
    overlay.mkdir()
    (overlay / "contracts.csv").write_text("id,amount_usd_bn,note\nrent,7,mine\n")
    (overlay / "financials.csv").write_text(
        "company_id,period,period_end,metric,value,unit,basis,evidence,source_id\n"
        "cloudy,FY2025,2025-12-31,total_debt,9,usd_bn,estimate,memory,s_news\n"
        "labtwo,FY2025,2025-12-31,valuation,3,usd_bn,estimate,memory,s_news\n"
    )
    base, laid = load_world(small_world), load_world(small_world, overlay=overlay)
    assert laid.name.endswith("+mine")
    rent = laid.table("contracts").set_index("id").loc["rent"]
    assert (rent["amount_usd_bn"], rent["annual_usd_bn"], rent["note"]) == (7.0, 2.0, "mine")
    assert len(laid.table("contracts")) == len(base.table("contracts"))
    assert len(laid.table("financials")) == len(base.table("financials")) + 1
    assert laid.figures().loc[("labtwo", "valuation"), "value"] == 3.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,amount\nrent,7\n", "m/contracts.csv:1: header: found 'amount'; expected a column of the schema"),
        ("amount_usd_bn\n7\n", "m/contracts.csv:1: header: found no column 'id'; expected the key id"),
        ("id,amount_usd_bn\nrent,-7\n", "m/contracts.csv:2: amount_usd_bn: found '-7'; expected 0 or more"),
        (
            "id,provider_id\nrent,no\n",
            "m/contracts.csv:2: provider_id: found 'no'; expected an id of companies",
        ),
        ("id,share\nrent,0\nrent,1\n", "m/contracts.csv:3: id: found 'rent' again; expected a key not used"),
    ],
)
def test_defects_of_an_overlay_name_its_own_rows(small_world: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "contracts.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        load_world(small_world, overlay=tmp_path / "m")
    assert str(caught.value).startswith(message)


def test_reprs_are_one_line_and_a_table_without_script(world: World) -> None:
    assert repr(world).count("\n") == 0
    assert "4 companies, 6 ties" in repr(world)
    page = world._repr_html_()
    assert page.startswith("<table>") and page.endswith("</table>")
    assert "<script" not in page


def test_a_name_with_markup_is_escaped(world: World) -> None:
    other = World("<script>", world.as_of, world.hash, world.tables)
    assert "<script" not in other._repr_html_()


@pytest.mark.parametrize("date", ["31.12.2025", "2025-13-01", "soon"])
def test_a_date_that_is_none(small_world: Path, date: str) -> None:
    with pytest.raises(UsageError, match="expected an ISO date"):
        load_world(small_world, as_of=date)


@given(st.lists(st.sampled_from("ABCDE"), min_size=1))
def test_the_weakest_input_names_a_sum(grades: list[str]) -> None:
    assert weakest(grades) == max(grades)


@given(st.sampled_from(["filing", "press_release", "news", "paper"]), st.booleans())
def test_evidence_beats_the_kind_of_source(kind: str, recalled: bool) -> None:
    evidence = "memory" if recalled else "derived"
    assert grade_of(evidence, "a;b", {"a": kind}) == ("E" if recalled else "D")
    assert grade_of("page", "a;b", {"a": kind, "b": "filing"}) == {"filing": "A", "press_release": "B"}.get(kind, "C")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_as_written(value: float) -> None:
    assert float(number_text(value)) == value

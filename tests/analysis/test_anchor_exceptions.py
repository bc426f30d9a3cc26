"""A comparison with the ranges of the first year tells what lies outside, and counts what is not explained."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from penstock.analysis import anchors
from penstock.analysis.anchors import (
    GrowthSwitch,
    anchor_ranges,
    anchored_companies,
    exceptions,
    judged,
    read_exceptions,
    unexplained,
)
from penstock.cli.main import main
from penstock.errors import InputError
from penstock.world import World, load_world


@pytest.fixture(scope="module")
def bundled() -> World:
    return load_world()


def medians_at(world: World, place: float) -> dict[tuple[str, str], float]:
    """A year at a place in each range: 0 the low end, 1 the high end."""
    ranges = anchor_ranges(world).dropna(subset=["low_usd_bn"])
    year = ranges["low_usd_bn"] + place * (ranges["high_usd_bn"] - ranges["low_usd_bn"])
    return dict(zip(zip(ranges["company"], ranges["metric"], strict=True), year, strict=True))


def test_medians_inside_their_ranges_are_no_exceptions(bundled: World) -> None:
    table = judged(bundled, medians_at(bundled, 0.5))
    assert len(exceptions(table)) == 0
    assert (table["inside"].isna() == table["low_usd_bn"].isna()).all()
    assert (table["beyond"].dropna() == 0.0).all()


@pytest.mark.parametrize("place", [-0.2, 1.2])
def test_medians_outside_are_told_with_their_distance(bundled: World, place: float) -> None:
    table = judged(bundled, medians_at(bundled, place))
    outside = exceptions(table)
    assert len(outside) == int(table["low_usd_bn"].notna().sum())
    end = outside["low_usd_bn"] if place < 0 else outside["high_usd_bn"]
    assert (outside["beyond"] == outside["model_usd_bn"] / end - 1.0).all()
    assert ((outside["beyond"] < 0.0) == (place < 0)).all()


def test_an_explained_exception_is_not_counted(bundled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchors, "explained", lambda: {("oracle", "capex"): "because"})
    table = judged(bundled, medians_at(bundled, 1.5))
    told = table.set_index(["company", "metric"])["reason"]
    assert told["oracle", "capex"] == "because"
    assert unexplained(table) == len(exceptions(table)) - 1
    inside = judged(bundled, medians_at(bundled, 0.5))
    assert (inside["reason"] == "").all(), "a reason stands only beside an exception"


def test_a_company_that_the_model_lacks_is_neither_in_nor_out(bundled: World) -> None:
    others = {key: value for key, value in medians_at(bundled, 0.5).items() if key[0] != "nvidia"}
    table = judged(bundled, others).set_index("company")
    assert table.loc["nvidia", "inside"].isna().all()
    assert table.loc["amazon", "inside"].all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("company,metric\n", "expected company, metric, reason"),
        ("company,metric,reason\noracle,cash,x\n", ":2: metric: found 'cash'"),
        ("company,metric,reason\noracle,capex,\n", ":2: reason: found nothing"),
        ("company,metric,reason\noracle,capex,x\noracle,capex,y\n", ":3: company: found 'oracle' with 'capex' again"),
    ],
)
def test_a_bad_file_of_exceptions_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "anchor_exceptions.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_exceptions(file)


def test_the_file_of_exceptions_reads_and_names_companies_of_the_table(bundled: World) -> None:
    assert {company for company, _ in read_exceptions(anchors.EXCEPTIONS)} <= set(anchored_companies(bundled))


def test_the_fall_is_measured_at_the_lowest_quarter() -> None:
    switch = GrowthSwitch(("2026Q1", "2026Q2", "2026Q3"), 100.0, (110.0, 120.0, 130.0), (90.0, 48.0, 70.0))
    assert switch.fall_from_opening == pytest.approx(0.52)
    assert switch.fall_from_baseline == pytest.approx(0.60)
    assert switch.holds
    weaker = GrowthSwitch(("2026Q1",), 100.0, (110.0,), (61.0,))
    assert not weaker.holds
    assert switch.to_dict()["lowest_quarter"] == "2026Q2"
    assert list(switch.to_pandas()["without_growth"]) == [90.0, 48.0, 70.0]


@pytest.mark.parametrize(("place", "passed"), [(0.5, True), (1.5, False)])
def test_the_command_fails_only_for_unexplained_exceptions(
    bundled: World, place: float, passed: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = pd.DataFrame({"quantity": ["x"], "ok": [True]})
    monkeypatch.setattr("penstock.engine.opening.check.check_opening", lambda world, opening: (opened, True))
    monkeypatch.setattr(anchors, "first_years", lambda world: SimpleNamespace(opening=None))
    switch = GrowthSwitch(("2026Q1",), 100.0, (110.0,), (90.0,))
    table = judged(bundled, medians_at(bundled, place))
    monkeypatch.setattr(anchors, "first_year_check", lambda world, model: (table, switch))
    code = main(["world", "opening", "--check", "--format", "json"])
    result = json.loads(capfd.readouterr().out)["result"]
    assert list(result) == ["check", "anchors", "growth_switch"]
    assert result["growth_switch"]["holds"] is False
    assert len(result["anchors"]) == 50
    assert code == (0 if passed else 1)


def test_the_simulated_check_keeps_to_its_exceptions(bundled: World) -> None:
    table, switch = anchors.first_year_check(bundled, anchors.first_years(bundled))
    outside = exceptions(table)
    assert len(outside) <= anchors.EXCEPTIONS_ALLOWED
    found = set(zip(outside["company"], outside["metric"], strict=True))
    assert found == set(read_exceptions(anchors.EXCEPTIONS)), "the file explains what lies outside, and nothing else"
    assert table["model_usd_bn"].notna().all(), "every anchored company is simulated"
    assert len(switch.quarters) == len(switch.baseline) == len(switch.without_growth) == anchors.SWITCH_QUARTERS
    assert switch.opening > 0.0
    assert switch.without_growth[-1] < switch.baseline[-1]

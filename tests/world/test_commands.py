"""The commands of `penstock world` answer, write what they say, and refuse what they must."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.world import load_world
from penstock.world.concentration import concentration


def result_of(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["world", *arguments, "--format", "json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert "not a forecast, rating or advice" in document["notice"]
    return document["result"]


def test_a_company_card_has_all_its_parts(capfd: pytest.CaptureFixture[str]) -> None:
    card = result_of(capfd, "show", "CRWV")
    assert list(card) == ["company", "figures", "ties_in", "ties_out", "sites", "power"]
    assert card["company"]["id"] == "coreweave"
    revenue = next(row for row in card["figures"] if row["metric"] == "revenue")
    assert (revenue["value"], revenue["grade"], revenue["period_end"]) == (5.13, "C", "2025-12-31")
    assert all(row["grade"] in "ABCDE" for row in card["figures"])
    assert {row["other_party"] for row in card["ties_out"]} >= {"openai", "meta", "microsoft"}
    reasons = {row["id"]: row["counts"] for row in card["ties_in"] + card["ties_out"]}
    assert reasons["d_eq_nvda_crwv_2026"] == "not yet announced"
    assert reasons["d_lo_crwv_rcf"] == "in loan_jpm_coreweave_revolver"
    assert reasons["d_aq_crwv_corz"] == "no: terminated"


def test_the_card_in_a_terminal_tells_what_is_missing(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "show", "mistral"]) == 0
    out = capfd.readouterr().out
    assert "This world holds no ties out, no sites, no power projects of mistral." in out
    assert "valuation" in out


@pytest.mark.parametrize("command", ["concentration", "opening"])
def test_a_day_before_all_figures_is_answered(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    for form in ("table", "csv"):
        assert main(["--as-of", "1990-01-01", "--format", form, "world", command]) == 0
    assert "This world holds no figures" in capfd.readouterr().out or command == "opening"
    assert result_of(capfd, command, "--as-of", "1990-01-01")


def test_ties_of_a_company_and_one_tie(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = result_of(capfd, "ties", "labcorp", "--world", str(small_world))["ties"]
    assert [(row["id"], row["side"], row["counts"]) for row in rows] == [
        ("rent", "in", "yes"),
        ("later", "in", "not yet announced"),
    ]
    assert result_of(capfd, "ties", "gpus", "--world", str(small_world))["provider_id"] == "nvidia"


def test_sources_behind_a_thing_and_rows_on_a_source(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    behind = result_of(capfd, "sources", "cloudy", "--world", str(small_world))["sources"]
    assert {row["source"]: row["rows"] for row in behind} == {"s_filing": 7, "s_news": 8}
    rows = result_of(capfd, "sources", "s_press", "--world", str(small_world))["rows"]
    assert [(row["table"], row["key"]) for row in rows] == [
        ("contracts", "later"),
        ("parameters", "pue"),
        ("parameters", "old_pue"),
    ]
    assert main(["world", "sources", "qqqq", "--world", str(small_world)]) == 2


def test_concentration_answers_the_claim() -> None:
    answer = concentration(load_world())
    measures = answer.measures
    assert list(measures.index) == [
        "AI builders' capex",
        "compute owned",
        "cloud revenue",
        "model equity",
        "market value",
    ]
    assert ((measures["mag7"] > 0) & (measures["mag7"] < measures["all"])).all()
    assert (measures["share"] - measures["mag7"] / measures["all"]).abs().max() < 1e-12
    assert (answer.holders.sum(axis=1) - measures["share"]).abs().max() < 1e-9
    shipped = load_world().table("series").query("series == 'h100e_shipped_cumulative'")
    last = shipped.sort_values("date").groupby("entity")["value"].last().sum()
    assert measures.loc["compute owned", "all"] == pytest.approx(last, rel=1e-12)
    assert answer.sentence.startswith("The Magnificent Seven hold")
    assert "but not for model equity" in answer.sentence


def test_concentration_of_a_world_without_the_seven(small_world: Path) -> None:
    text = (small_world / "financials.csv").read_text()
    kept = [line for line in text.splitlines() if not line.startswith(("nvidia", "cloudy"))]
    (small_world / "financials.csv").write_text("\n".join(kept) + "\n")
    assert concentration(load_world(small_world)).sentence.startswith("This world holds no figures")


def test_new_then_diff_is_empty_and_new_refuses_a_full_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    assert main(["world", "new", str(folder), "--from", "ai-2025"]) == 0
    assert load_world(folder).hash == load_world().hash
    capfd.readouterr()
    assert result_of(capfd, "diff", "ai-2025", str(folder))["summary"][0]["changed"] == 0
    before = sorted(path.stat().st_mtime_ns for path in folder.iterdir())
    assert main(["world", "new", str(folder)]) == 4
    assert "expected a new or empty one" in capfd.readouterr().err
    assert sorted(path.stat().st_mtime_ns for path in folder.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_new_refuses_a_world_with_defects_and_writes_nothing(small_world: Path, tmp_path: Path) -> None:
    (small_world / "series.csv").unlink()
    assert main(["world", "new", str(tmp_path / "copy"), "--from", str(small_world)]) == 3
    assert not (tmp_path / "copy").exists()


def test_a_place_that_is_a_file_is_refused(small_world: Path, tmp_path: Path) -> None:
    place = tmp_path / "taken"
    place.write_text("mine")
    assert main(["world", "new", str(place), "--from", str(small_world)]) == 4
    assert main(["world", "export", "--world", str(small_world), "--out", str(place / "below")]) == 4
    assert place.read_text() == "mine"


def test_diff_tells_rows_and_cells(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = small_world.with_name("other")
    assert main(["world", "new", str(other), "--from", str(small_world)]) == 0
    text = (other / "contracts.csv").read_text()
    kept = [line for line in text.splitlines() if not line.startswith("talks")]
    (other / "contracts.csv").write_text("\n".join(kept).replace("10,,0.2", "12,,0.2") + "\n")
    with (other / "parameters.csv").open("a") as file:
        file.write("wue,,0.2,,l/kWh,water,memory,s_news,,\n")
    capfd.readouterr()
    rows = result_of(capfd, "diff", str(small_world), str(other))["rows"]
    assert [tuple(row.values()) for row in rows] == [
        ("contracts", "talks", "removed", "", "", ""),
        ("contracts", "gpus", "changed", "amount_usd_bn", "10", "12"),
        ("parameters", "wue", "added", "", "", ""),
    ]


def test_export_needs_out_and_reads_back(small_world: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "export", "--world", str(small_world)]) == 2
    out, as_of = tmp_path / "out", "2025-06-30"
    arguments = ["world", "export", "--world", str(small_world), "--as-of", as_of]
    assert main([*arguments, "--out", str(out)]) == 0
    assert load_world(out).hash == load_world(small_world, as_of=as_of).hash
    assert load_world(out).as_of.isoformat() == as_of
    assert main([*arguments, "--format", "json", "--out", str(tmp_path / "w.json")]) == 0
    document = json.loads((tmp_path / "w.json").read_text())
    assert len(document["tables"]["contracts"]) == 6
    assert document["as_of"] == as_of
    assert capfd.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "small", "w.json"]


def test_export_keeps_an_overlay(small_world: Path, tmp_path: Path) -> None:
    overlay, out = tmp_path / "over", tmp_path / "out"
    overlay.mkdir()
    (overlay / "companies.csv").write_text("id,name\nlabtwo,Second Lab\n")
    arguments = ["--world", str(small_world), "--overlay", str(overlay), "--out", str(out)]
    assert main(["world", "export", *arguments]) == 0
    assert load_world(out).resolve("second lab") == "labtwo"


def test_a_descriptor_that_is_not_json(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (small_world / "datapackage.json").write_text("{")
    assert main(["world", "check", "--world", str(small_world)]) == 3
    assert capfd.readouterr().err.startswith("penstock: datapackage.json: file: found text that is not JSON")
    (small_world / "datapackage.json").write_text('{"as_of": "yesterday"}')
    assert main(["world", "check", "--world", str(small_world)]) == 3
    message = "datapackage.json: as_of: found 'yesterday'; expected an ISO date, as 2025-12-31"
    assert capfd.readouterr().err == f"penstock: {message}\n"

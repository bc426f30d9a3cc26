"""`penstock scenario` as a program reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main
from penstock.scenarios import knobs, library, load_scenario


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["scenario", *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)["result"]


def test_list_names_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["name"] for row in result(capsys, "list")] == list(library())
    # a shock of 2026 cannot be played in a world that begins after it
    later = {row["name"]: row["touches"] for row in result(capsys, "list", "--as-of", "2026-12-31")}
    assert later["efficiency_shock"] == "does not fit this world"
    assert later["funding_freeze"].startswith("finance.debt_access")


def test_knobs_tell_range_grade_row_and_step(capsys: pytest.CaptureFixture[str]) -> None:
    rows = result(capsys, "knobs")
    assert len(rows) == len(knobs())
    gas = result(capsys, "knobs", "gas_price", "-v")
    assert [row["name"] for row in gas] == ["energy.gas_price_usd_per_mmbtu"]
    assert set(gas[0]) == {
        *("name", "meaning", "unit", "default", "low", "high", "grade", "parameter", "step", "basis")
    }


def test_a_new_file_passes_its_check_and_differs_from_the_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = result(capsys, "new", str(tmp_path / "mine"), "--extends", "power_delay")["written"]
    assert written == str(tmp_path / "mine.toml")
    checked = result(capsys, "check", written)
    assert (checked["defects"], checked["hash"]) == (0, load_scenario(written).hash8)
    assert checked["touches"] == "energy.power_delay_quarters, demand.speed"
    rows = result(capsys, "diff", "power_delay", written)
    assert {row["entry"] for row in rows} == {"demand.speed"}
    assert next(row["mine"] for row in rows if row["key"] == "apply") == "*0.8"
    assert result(capsys, "diff", written, written) == []


def test_show_carries_the_notice_and_each_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "show", "chip_supply_cut", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert "not a forecast" in shown["notice"]
    assert shown["result"]["scenario"]["extends"] == "baseline"
    assert shown["result"]["event"][0]["target"] == "tsmc"

"""`stress`, `bottlenecks` and `payoff`: what they print, in each format, and how they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main

SMALL = ["--paths", "24", "--quarters", "6", "--jobs", "1", "--no-progress"]


def result(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    told = json.loads(capsys.readouterr().out)
    assert told["schema_version"] == 1
    return told["result"], told["notice"]


def test_stress_in_json_and_again_from_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    line = ["stress", "funding_freeze", *SMALL, "--size", "0.5", "--size", "1", "--format", "json"]
    assert main([*line, "--out", run]) == 0
    found, notice = result(capsys)
    assert "not a forecast, rating or advice" in notice and "world ai-2025" in notice
    assert [row["size"] for row in found["sizes"]] == [0.5, 1.0]
    assert {row["scenario"] for row in found["differences"]} == {"funding_freeze_x0_5", "funding_freeze_x1"}
    payers = [row for row in found["payers"] if row["scenario"] == "funding_freeze_x1"]
    total = next(row["level"] for row in payers if row["bearer"] == "total")
    assert sum(row["level"] for row in payers[:5]) == pytest.approx(total, rel=1e-12)
    for row in found["defaults"]:
        assert row["share_low90"] <= row["share"] <= row["share_high90"]
    assert main(["stress", "--run", run, "--format", "json"]) == 0
    again, _ = result(capsys)
    assert again["differences"] == found["differences"]
    assert again["order"] == found["order"]
    assert main(["stress", "funding_freeze_x1", "--run", run]) == 0
    printed = capsys.readouterr().out
    for part in ("who breaks", "who follows whom", "causes of default", "who pays", "who buys the pieces"):
        assert f"funding_freeze_x1: {part}" in printed
    assert "funding_freeze_x0_5" not in printed


def test_bottlenecks_prints_tables_with_errors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["bottlenecks", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "baseline: what binds, % of paths ± standard error; 24 paths, seed 7"
    shares = next(line for line in lines if line.strip().startswith("2026Q4"))
    assert shares.count("±") == 5
    assert sum(int(cell.split(" ±")[0]) for cell in shares.split("  ")[2:] if "±" in cell) == pytest.approx(100, abs=3)
    assert any("energy.power_delay_quarters -1" in line for line in lines)


def test_payoff_writes_its_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tables"
    assert main(["payoff", *SMALL, "--format", "json", "--out", str(out)]) == 0
    found, notice = result(capsys)
    assert "not a forecast" in notice
    assert {path.stem for path in out.iterdir()} == set(found)
    grades = {row["grade"] for row in found["assumptions"]}
    assert grades <= set("ABCDEF") and "F" in grades
    assert main(["payoff", *SMALL]) == 0
    printed = capsys.readouterr().out
    assert "What stands at the end of the run: 24 paths; the same paths without crises beside" in printed
    assert "do not add them" in printed


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("stress", 2, "stress: found no scenario; expected at least one beside the base, or --run DIR"),
        ("stress funding_freez", 2, "scenario: found 'funding_freez'; expected"),
        ("stress baseline", 2, "scenario: found 'baseline' twice; expected scenarios with different names"),
        ("stress funding_freeze --size -1", 2, "size: found -1; expected a number of 0 or more"),
        ("stress --run nowhere", 2, "run: found 'nowhere'; expected the directory of a run"),
        ("bottlenecks --scenario nothing", 2, "scenario: found 'nothing'; expected"),
        ("payoff --paths 0", 2, "--paths"),
        ("payoff --seed x", 2, "--seed: found 'x'; expected a whole number of 0 or more, or `random`"),
        ("payoff --quarters 61", 2, "quarters: found 61; expected a whole number from 1 to 60"),
        ("bottlenecks --quarters 61", 2, "quarters: found 61; expected a whole number from 1 to 60"),
    ],
)
def test_what_is_refused(
    line: str,
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"penstock: {message}")
    assert told.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

"""`backtest`, `forecast` and `world audit` on the command line: answers, files and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.cli.main import main

LATER = """series,entity,date,value,unit
capex_usd_bn,microsoft,2026-03-31,33,usd_bn
azure_growth_yoy,microsoft,2026-03-31,0.3,
"""


@pytest.fixture
def later(tmp_path: Path) -> Path:
    path = tmp_path / "later.csv"
    path.write_text(LATER, encoding="utf-8")
    return path


def test_scores_of_later_data_as_json(later: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", "score", str(later), "--paths", "8", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    result = told["result"]
    assert result["total"]["points"] == 1 and "not a forecast" in told["notice"]
    assert {"cover_50", "cover_80", "cover_95", "width_ratio", "crps_ratio_random_walk"} <= set(result["series"][0])
    assert result["horizons"][0]["quarters_ahead"] == 1
    assert result["not_carried"][0]["series"] == "azure_growth_yoy"


def test_freeze_needs_a_place_and_score_reads_it(
    later: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forecast", "freeze", "--paths", "8", "--quarters", "1"]) == 2
    assert "--out: found nothing" in capsys.readouterr().err
    place = tmp_path / "frozen"
    assert main(["forecast", "freeze", "--paths", "8", "--quarters", "1", "--out", str(place)]) == 0
    assert main(["forecast", "freeze", "--paths", "8", "--quarters", "1", "--out", str(place)]) == 4
    capsys.readouterr()
    assert main(["forecast", "score", str(later), "--forecast", str(place)]) == 0
    out = capsys.readouterr().out
    assert "capex_usd_bn microsoft" in out and "Not carried (1)" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["backtest", "ai", "--from", "2024"], 2, "--from: found '2024'; expected an ISO date, as 2024-12-31"),
        (["backtest", "ai", "--from", "2024-11-30"], 2, "--from: found 2024-11-30; expected the last day of a quarter"),
        (["backtest", "ai", "--from", "2024-06-30"], 3, "known_from: found 2024-10-31"),
        (["backtest", "ai", "--world", "no_such"], 2, "--world: found another world; expected none"),
        (["forecast", "score", "no_such.csv"], 3, "no_such.csv: file: found nothing"),
    ],
)
def test_what_cannot_be_done(arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == code
    assert message in capsys.readouterr().err


def test_the_audit_of_what_is_bundled_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "audit", "--paths", "8"]) == 0
    assert "Numbers without a source (0)" in capsys.readouterr().out


def test_the_audit_of_a_world_with_a_number_without_a_reason_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["world", "new", str(tmp_path / "mine"), "--from", "ai-2024"]) == 0
    table = tmp_path / "mine" / "rules" / "constants.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([lines[0], "site_price,8,11.5,17,usd_bn per GW,F,,2024-12-31"]) + "\n", encoding="utf-8")
    assert main(["world", "audit", "--world", str(tmp_path / "mine"), "--paths", "8"]) == 1
    out = capsys.readouterr().out
    assert "Numbers without a source (1)" in out and "neither source nor reason" in out

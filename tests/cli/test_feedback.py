"""`loop`, `policy` and `integration`: what they print, what they write, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from penstock.analysis.policy import EFFECTS, PolicyStudy
from penstock.cli.context import Settings
from penstock.cli.integration_tables import _chance
from penstock.cli.main import main
from penstock.cli.output import emit
from penstock.cli.policy_tables import policy_sections
from penstock.engine.seen import CHANNELS

WIDTH = 100
SMALL = ["-n", "8", "-j", "1", "--no-progress"]


def json_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["notice"].startswith("Conditional on the scenario and assumptions shown")
    result: dict[str, Any] = found["result"]
    return result


def test_loop_holds_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    line = ["loop", *SMALL, "--quarters", "3", "--at", "2026Q2", "--turn", "2", "--format", "json", "-o", str(out)]
    assert main(line) == 0
    result = json_of(capsys)
    gain = result["gain"]["gain"]
    assert sum(row["part"] for row in result["firms"]) == pytest.approx(gain, rel=1e-9)
    assert np.prod([row["value"] for row in result["links"]]) == pytest.approx(gain, rel=1e-9)
    assert result["curve"][-1]["gain"] == pytest.approx(gain, rel=1e-12)
    cut = {row["without"]: row for row in result["cuts"]}
    assert cut["valuation_loop"]["gain"] == 0.0 and cut["valuation_loop"]["capex_usd_bn"] != 0.0
    assert [row["channel"] for row in result["channels"]] == list(CHANNELS)
    names = ("links", "curve", "channels", "firms", "debt", "levels", "cuts")
    assert {path.name for path in out.iterdir()} == {f"{name}.parquet" for name in names}


def test_none_of_a_policy_has_no_effect_and_no_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    line = ["policy", *SMALL, "--quarters", "3", "--policy", "disclosure", "--strength", "0", "--format", "json"]
    assert main([*line, "-o", str(out)]) == 0
    result = json_of(capsys)
    (row,) = result["changes"]
    for name in ("defaults_per_path", "loss_usd_bn", "surplus_usd_bn", "capex_usd_bn", "public_money_usd_bn"):
        assert row[name] == 0.0
    assert row["public_money_per_loss_avoided"] is None
    assert {path.name for path in out.iterdir()} == {"levels.parquet", "changes.parquet", "policies.parquet"}


def test_integration_fits_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["integration", *SMALL, "--quarters", "2"]) == 0
    printed = capsys.readouterr().out
    rows = [text for text in printed.splitlines() if text.startswith(" ")]
    assert max(len(text) for text in rows) <= WIDTH
    for title in ("Own chips", "Own models", "Own power", "Own chips in the ensemble"):
        assert title in printed
    assert "Conditional on the scenario" in printed


SIZES = {
    "defaults": (-0.14, 0.03),
    "loss": (-1231.4, 289.2),
    "written_down": (-15.04, 4.72),
    "surplus": (1369.2, 118.3),
    "capex": (-231.4, 28.4),
    "public_money": (14.71, 3.32),
}
"""As wide as the changes of a long run: mean and standard error."""


def test_policies_fit_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for name in ("vendor_finance_cap", "rescue_budget_300"):
        row: dict[str, object] = {"policy": name, "title": "Suppliers may finance little of what they sell"}
        for item in EFFECTS:
            mean, error = SIZES[item.name]
            row |= {item.key: mean, f"{item.name}_se": error}
            row |= {f"{item.name}_low90": mean - 476.0, f"{item.name}_high90": mean + 476.0}
        row |= {"helped_share": 0.5, "surplus_forgone_per_loss_avoided": 0.03}
        row |= {"surplus_forgone_per_loss_avoided_se": 0.02, "public_money_per_loss_avoided_se": 0.03}
        rows.append({**row, "public_money_per_loss_avoided": 0.07 if name == "rescue_budget_300" else np.nan})
    changes = pd.DataFrame(rows)
    levels = pd.DataFrame([(item.name, item.unit, 1273.0, 260.0) for item in EFFECTS])
    levels.columns = pd.Index(["effect", "unit", "mean", "se"])
    study = PolicyStudy(levels, changes, changes[["policy", "title"]], ())
    emit(policy_sections(study, "a shock", people=True), Settings())
    printed = capsys.readouterr().out
    assert max(len(text) for text in printed.splitlines() if text.startswith(" ")) <= WIDTH
    assert "rescue_budget_300: 0.070 ±0.030 of public money" in printed
    assert "1 of 2 avoid no loss beyond two standard errors." in printed


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        (
            "policy --policy discloser -o out",
            2,
            "policy: found 'discloser'; expected rescue_budget, permit_speed, vendor_finance_cap, disclosure, "
            "capacity_market, export_rule or a file; nearest disclosure",
        ),
        ("policy --budget=-5 -o out", 2, "budget: found -5; expected usd_bn of 0 or more"),
        ("policy --strength 2 -o out", 2, "strength: found 2; expected a number from 0 (none of it) to 1 (as written)"),
        ("policy --policy none.toml -o out", 3, "none.toml: file: found nothing; expected a scenario file"),
        ("loop --at 2025Q4 -o out", 2, "--at: found '2025Q4'; expected a quarter after 2026Q1, such as 2027Q1"),
        ("loop --at soon -o out", 2, "--at: found 'soon'; expected a quarter after 2026Q1, such as 2027Q1"),
        ("loop --size 0 -o out", 2, "size: found 0; expected a push above 0 and at most 0.5"),
        (
            "loop --quarters 8 --turn 8 -o out",
            2,
            "turn: found 8 quarters from quarter 4 on; expected at least 1 and an end within the 8 quarters of the run",
        ),
        ("integration --run nowhere -o out", 2, "run: found 'nowhere'; expected the directory of a run"),
    ],
)
def test_bad_input_is_told_and_writes_nothing(
    line: str, code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == code
    assert capsys.readouterr().err == f"penstock: {told}\n"
    assert not list(tmp_path.iterdir())


def test_a_chance_that_all_or_no_draws_agree_on_is_told_as_a_range() -> None:
    assert _chance(0.0, 0.0, 16) == "0 to 14 %"
    assert _chance(1.0, 0.0, 16) == "86 to 100 %"
    assert _chance(0.5, 0.125, 16) == "50 ±12 %"
    # Wilson's interval at 90 % of 1 in 16
    assert _chance(1 / 16, 0.0605, 16) == "1 to 24 %"

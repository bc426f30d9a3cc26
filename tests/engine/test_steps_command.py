"""`penstock steps`: what it computes on the real model, and what it prints."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from penstock.analysis.steps import HEADLINES, STEPS, StepStudy, mean_and_error
from penstock.cli import run_summary as summary
from penstock.cli.main import main

WIDTH = 100


def study(factor: float = 1.0) -> StepStudy:
    """A study with changes as wide as those of a long run."""
    sizes = {"usd_bn": 41234.5, "million": 12345.6, "gw": 512.3, "per_path": 31.2}
    levels = pd.DataFrame(
        [(item.name, item.unit, factor * sizes[item.unit], 0.1 * factor * sizes[item.unit]) for item in HEADLINES],
        columns=["output", "unit", "mean", "se"],
    )
    rows = []
    for number, step in enumerate(STEPS):
        row: dict[str, object] = {"step": step}
        for item in HEADLINES:
            scale = 1000.0 if item.unit == "usd_bn" else 1.0 if item.name == "defaults" else 100.0
            row[item.key], row[item.error] = -factor * 16.8 * scale, factor * 0.92 * scale
        rows.append({**row, "moves_most": "capex", "standard_errors": 0.5 + number})
    return StepStudy(levels, pd.DataFrame(rows))


@pytest.mark.parametrize("factor", [1.0, 1e-3, 1e-6])
def test_the_table_fits_a_hundred_columns(
    factor: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from penstock.cli.context import Settings
    from penstock.cli.output import emit

    emit(summary.step_sections(study(factor), "baseline", people=True), Settings())
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert sum(line.split()[0] in STEPS for line in lines if line.split()) >= len(STEPS)


def test_every_step_is_told_with_the_output_that_it_moves_most() -> None:
    note = summary.step_sections(study(), "baseline", people=True)[0].note
    assert "want: capex by 0.5" in note and "payoff: capex by 12" in note


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-3.1234, 0.4123, "-3.12 ±0.41"),
        (1234.5, 56.7, "+1,234 ±57"),
        (-0.00001, 0.00004, "+0.00 ±0.00"),
        (0.0, 0.0, "0"),
        (2.0, math.nan, "+2.00"),
    ],
)
def test_a_mean_has_the_digits_of_its_error(value: float, error: float, text: str) -> None:
    assert summary.with_error(value, error, signed=True) == text


def test_the_error_of_a_mean_is_that_over_paths() -> None:
    mean, error = mean_and_error(np.array([1.0, 2.0, 3.0, 6.0]))
    assert (mean, error) == (3.0, pytest.approx(np.sqrt(14.0 / 3.0) / 2.0))
    assert math.isnan(mean_and_error(np.array([1.0]))[1])


def test_steps_off_change_what_they_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["steps", "-n", "8", "--quarters", "4", "--jobs", "1", "--format", "json", "--prior", "--out"]
    assert main([*line, str(tmp_path / "out")]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert [row["output"] for row in result["levels"]] == [item.name for item in HEADLINES]
    changes = pd.DataFrame(result["changes"]).set_index("step")
    assert list(changes.index) == list(STEPS)
    assert changes.loc["payoff", "moves_most"] == "surplus"
    assert changes.loc["payoff", "spending_usd_bn"] == 0.0 > changes.loc["payoff", "surplus_usd_bn"]
    assert changes.loc["plan", "capex_usd_bn"] < 0.0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["steps.parquet"]

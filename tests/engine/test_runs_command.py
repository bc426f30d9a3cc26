"""What the commands print of a run, and with which code they end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fake_model import FakeScenario, run_fake

from penstock.cli import run_summary as summary
from penstock.cli.main import main
from penstock.report.source import ReportData, read_run


@pytest.fixture(scope="module")
def data() -> ReportData:
    return read_run(run_fake(scenario=["baseline", "shock"], quarters=8))


def test_headlines_are_medians_and_ranges_of_paths(data: ReportData) -> None:
    table = summary.headline_table(data).set_index(["scenario", "output", "year"])
    economy = data.economy[(data.economy["scenario"] == "shock") & data.economy["quarter"].str.startswith("2027")]
    energy = economy.groupby("path")["energy_mwh"].sum() * 1e-6
    row = table.loc[("shock", "Energy used", "2027")]
    assert row["unit"] == "TWh a year"
    np.testing.assert_allclose(row[["p05", "median", "p95"]].astype(float), energy.quantile([0.05, 0.5, 0.95]))
    power = economy[economy["quarter"] == "2027Q4"]["it_mw"].median() / 1000
    assert table.loc[("shock", "IT power in use", "2027"), "median"] == pytest.approx(power)


def test_defaults_count_each_company_once_a_path(data: ReportData) -> None:
    table = summary.headline_table(data).set_index(["scenario", "output"])
    outcomes = data.outcomes[data.outcomes["scenario"] == "baseline"].dropna(subset="default_quarter")
    counts = outcomes.groupby("path")["company_id"].nunique().reindex(range(data.paths), fill_value=0)
    assert table.loc[("baseline", "Companies in default, so far"), "median"] == counts.median()


def test_scenarios_are_compared_path_by_path(data: ReportData) -> None:
    table = summary.difference_table(data)
    assert set(table["scenario"]) == {"shock"}
    row = table[table["output"] == "Capital spending"].iloc[0]
    assert row["low95"] <= row["mean"] <= row["high95"]
    # on common random numbers the fake shock shifts every path by the same amount
    assert row["p95"] - row["p05"] < 1e-9 < abs(row["mean"])


def test_a_weak_balance_sheet_is_printed_as_a_range_with_its_grade(data: ReportData) -> None:
    failures = summary.failure_table(data).set_index(["scenario", "company"])
    assert "grade F" in failures.loc[("baseline", "zeta"), "paths_in_default"]
    assert "grade" not in failures.loc[("baseline", "openai"), "paths_in_default"]


def test_tables_for_people_have_a_line_per_output_and_a_column_per_year(data: ReportData) -> None:
    table = summary.for_people(summary.headline_table(data), "median", "p05", "p95")
    assert list(table.columns) == ["scenario", "output", "unit", "2027"]
    assert len(table) == 2 * 7
    assert "default chain of 3 or more: baseline" in summary.chain_sentence(data)


def test_the_check_line_says_whether_all_hold() -> None:
    assert "all hold" in summary.check_sentence(run_fake(paths=2))
    with pytest.warns(match="not finite"):
        broken = run_fake(paths=2, scenario=FakeScenario("broken", "broken"))
    assert "do not use these numbers" in summary.check_sentence(broken)


def test_verify_passes_a_whole_run_and_fails_a_damaged_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_fake(tmp_path / "run", paths=5)
    assert main(["runs", "verify", str(tmp_path / "run")]) == 0
    file = tmp_path / "run" / "bands" / "baseline.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    capsys.readouterr()
    assert main(["runs", "verify", str(tmp_path / "run")]) == 1
    assert "bands/baseline.parquet: found SHA-256" in capsys.readouterr().err


def test_verify_fails_a_manifest_that_leaves_out_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_fake(tmp_path, paths=5)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "files": []}))
    assert main(["runs", "verify", str(tmp_path)]) == 1
    assert "bands/baseline.parquet: found a table that manifest.json does not name" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_broken_manifest_hides_no_other_run(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_fake(tmp_path / "whole", paths=5)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text(text)
    assert main(["runs", "list", str(tmp_path), "--format", "json"]) == 0
    states = {row["state"] for row in json.loads(capsys.readouterr().out)["result"]}
    assert states == {"finished", "broken: manifest.json"}


def test_list_names_finished_and_unfinished_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done:
            raise KeyboardInterrupt

    run_fake(tmp_path / "whole", paths=5)
    with pytest.raises(KeyboardInterrupt):
        run_fake(tmp_path / "half", on_progress=stop)
    (tmp_path / "other").mkdir()
    capsys.readouterr()
    assert main(["runs", "list", str(tmp_path), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["result"]
    assert {(Path(row["run"]).name, row["state"], row["paths"]) for row in rows} == {
        ("whole", "finished", 5),
        ("half", "unfinished", 300),
    }


def test_an_empty_place_lists_no_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", str(tmp_path / "none"), "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("run,id,state")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--paths", "0"], 2, "paths"),
        (["run", "--paths", "many"], 2, "paths"),
        (["run", "--quarters", "0"], 2, "quarters"),
        (["run", "--seed", "x"], 2, "--seed: found 'x'"),
        (["run", "--jobs", "0"], 2, "jobs"),
        (["run", "no_such_scenario"], 2, "no_such_scenario"),
        (["run", "--world", "no_such_world"], 2, "no_such_world"),
        (["run", "--run", "no_such_run"], 2, "no_such_run"),
        (["run", "baseline", "--run", "no_such_run"], 2, "expected one of the two"),
        (["run", "--scenario", "baseline", "--run", "no_such_run"], 2, "expected one of the two"),
        (["run", "baseline", "--scenario", "no_such_scenario"], 2, "no_such_scenario"),
        (["path", "no_such_run", "3"], 2, "no_such_run"),
        (["report", "."], 3, "found no run"),
        (["runs", "verify", "no_such_run"], 2, "no_such_run"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_runs_of_different_sizes_are_compared_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No table has as many rows in both, so that no column can be told apart by its largest difference."""
    run_fake(tmp_path / "one", scenario=["baseline"], quarters=4)
    run_fake(tmp_path / "other", scenario=["baseline", "shock"], quarters=8)
    for form in ("table", "json", "csv"):
        assert main(["runs", "diff", str(tmp_path / "one"), str(tmp_path / "other"), "--format", form]) == 0
    assert "no" in capsys.readouterr().out

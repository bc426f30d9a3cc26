"""`penstock portfolio` and `penstock explain`: what is printed, exit codes, and mistakes that leave nothing behind."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import penstock as ps
from penstock.cli import portfolio as commands
from penstock.cli.context import Settings
from penstock.cli.main import main
from penstock.engine.run import Run
from penstock.engine.storage import read_tables

ROWS = """company,instrument,amount,currency,lgd
CoreWeave,bond,250000000,USD,
crusoe,loan,80000000,EUR,0.4
vantage,lease,40000000,USD,
"=HYPERLINK(""http://a"",""b"")",bond,1000,USD,
nobody at all,bond,2000,USD,
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "one"
    return ps.simulate(ps.load_world(), "funding_freeze", paths=12, quarters=12, out=out)


@pytest.fixture
def run(done: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directory of the run, whose model is made once and not at every call."""
    assert done.directory is not None
    real = commands.opened

    def opened(directory: Path, settings: Settings) -> Run:
        return done if directory == done.directory else real(directory, settings)

    monkeypatch.setattr(commands, "opened", opened)
    return done.directory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "exposures.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def picture(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_table_for_people(
    run: Path, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["portfolio", str(file), "--run", str(run)]) == 0
    printed = capsys.readouterr().out
    for text in (
        "Exposures: 3 of 5 rows placed, 384 USD m; 2 rows not placed",
        "1 EUR = 1.174 USD (fx_usd_per_eur_end_2025, grade E).",
        f'{file}:5: company: found \'=HYPERLINK("http://a","b")\'; expected plain text, no formula',
        f"{file}:6: company: found 'nobody at all'; expected an id, LEI, ticker, name or a unique part of one",
        "Loss of the portfolio, 12 paths, 2026Q1 to 2028Q4",
        "Expected shortfall 99%",
        "The worst 1 % of paths",
        "lease_relet",
        "not a forecast, rating or advice",
    ):
        assert text in printed


def test_json_holds_everything_and_the_notice(run: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["portfolio", str(file), "--run", str(run), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert "not a forecast" in document["notice"]
    result = document["result"]
    assert result["matching"]["placed"] == 3
    whole = next(row for row in result["summary"] if row["measure"] == "expected_loss")
    for name in ("by_company", "by_instrument", "by_cause"):
        assert sum(row["expected_loss"] for row in result[name]) == pytest.approx(whole["value"], rel=1e-9)
    assert whole["level"] is None


def test_csv_is_safe_to_open_in_a_spreadsheet(run: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["portfolio", str(file), "--run", str(run), "--format", "csv"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("# unplaced\n")
    for row in csv.reader(io.StringIO(captured.out)):
        for cell in row:
            if cell[:1] in ("=", "+", "@", "-"):
                float(cell)


def test_out_writes_the_tables(run: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["portfolio", str(file), "--run", str(run), "--out", str(tmp_path / "out"), "-q"]) == 0
    capsys.readouterr()
    assert len(read_tables([tmp_path / "out" / "losses.parquet"])) == 12
    assert read_tables([tmp_path / "out" / "unplaced.parquet"])["rows"].sum() == 2


def test_scenarios_are_simulated_on_common_numbers(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["--scenario", "baseline", "--scenario", "funding_freeze"]
    assert main(["portfolio", str(file), *names, "-n", "4", "--quarters", "1", "-j", "1", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["result"]["by_scenario"]
    assert [row["scenario"] for row in rows] == ["baseline", "funding_freeze"]
    assert rows[0]["difference"] == 0.0


BAD = {
    "no file": ("portfolio none.csv --run RUN", 3, "none.csv: file: found nothing; expected a file of exposures"),
    "no file, told before a simulation": ("portfolio none.csv", 3, "none.csv: file: found nothing; expected a file"),
    "no run": ("portfolio FILE --run none", 2, "run: found 'none'; expected the directory of a run"),
    "a rate in words": ("portfolio FILE --run RUN --rate EUR=much", 2, "--rate: found 'EUR=much'; expected CODE=USD"),
    "a rate of no currency": ("portfolio FILE --run RUN --rate EURO=1", 2, "rate: found 'EURO'; expected a currency"),
    "run and scenario": (
        "portfolio FILE --run RUN --scenario baseline", 2, "--run: found a scenario beside it; expected one of"),
    "unknown scenario": ("portfolio FILE --scenario basline", 2, "scenario: found 'basline'; expected"),
    "nothing to place": ("portfolio BROKEN --run RUN", 3, "rows: found 1, none of which can be placed; expected one"),
    "path in words": (
        "explain RUN --path first", 2, "path: found 'first'; expected a number from 0 to 11, worst or median"),
    "path too large": ("explain RUN --path 12", 2, "path: found '12'; expected a number from 0 to 11, worst or median"),
    "explain without a run": ("explain", 2, "RUN: found nothing; expected the directory of a run"),
    "scenario of another run": (
        "explain RUN --scenario baseline", 2, "scenario: found 'baseline'; expected one of funding_freeze"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_told_and_nothing_is_written(
    case: str,
    run: Path,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line, code, told = BAD[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.csv").write_text("company,instrument,amount\nnobody,bond,1\n", encoding="utf-8")
    places = {"FILE": str(file), "RUN": str(run), "BROKEN": "broken.csv"}
    words = [places.get(word, word) for word in line.split()]
    before = picture(tmp_path)
    assert main([*words, "--out", "out"] if "explain" not in words or len(words) > 1 else words) == code
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""
    assert picture(tmp_path) == before


def test_explain_tells_the_worst_path(
    done: Run, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert main(["explain", str(run), "--out", str(tmp_path / "story")]) == 0
    printed = capsys.readouterr().out
    told = ps.explain(done)
    assert f"Path {told.path} of funding_freeze" in printed
    assert "rank 1 of 12" in printed
    for sentence in told.story:
        assert sentence.text in printed
    assert "write_down: debit " in printed
    assert len(read_tables([tmp_path / "story" / "story.parquet"])) == len(told.to_pandas())


def test_explain_in_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(run), "--path", "median", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "not a forecast" in document["notice"]
    story = document["result"]["story"]
    assert story
    assert all(sentence["postings"] for sentence in story)

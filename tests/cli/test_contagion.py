"""`penstock contagion` and `penstock systemic`: files, methods, what is refused, and that nothing is then written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.analysis.firm_network import network_of
from penstock.cli.main import main
from penstock.errors import UsageError
from penstock.world import load_world

TIES = "debtor,creditor,amount\na,b,0.5\na,c,0.5\nb,a,0.5\nb,c,0.5\nc,a,0.5\nc,b,0.5\n"
BALANCES = "id,external_assets,external_liabilities\na,0.5,1.5\nb,0.625,0.5\nc,0.75,0.5\n"
CYCLE = "debtor,creditor,amount\nb,a,0.5\nc,b,0.5\na,c,0.5\n"
SHEETS = "id,external_assets,external_liabilities,volatility\na,10,9,0.2\nb,5,4,0.2\nc,3,2,0.2\n"
SHOCK = "id,loss\na,0.5\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("t.csv", TIES), ("b.csv", BALANCES), ("cycle.csv", CYCLE), ("sheets.csv", SHEETS)):
        Path(name).write_text(text, encoding="utf-8")
    Path("shock.csv").write_text(SHOCK, encoding="utf-8")
    return tmp_path


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code = main([*arguments, "--format", "json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)["result"]


def column(found: Any, name: str) -> list[float]:
    return [row[name] for row in sorted(found["firms"], key=lambda row: row["company_id"])]


def test_the_example_of_eisenberg_and_noe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "contagion", "t.csv", "b.csv", "--method", "en")
    assert column(found, "paid") == pytest.approx([165 / 112, 159 / 112, 1.5], abs=1e-9)
    assert column(found, "failed") == [True, True, False]
    assert found["totals"]["converged"]


def test_files_of_spreadsheets_are_read_as_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mark of order of bytes, semicolons between cells, the ends of lines of Windows."""
    for name, text in (("t.csv", TIES), ("b.csv", BALANCES)):
        Path(name).write_bytes(("\ufeff" + text.replace(",", ";").replace("\n", "\r\n")).encode())
    found = result(capsys, "contagion", "t.csv", "b.csv", "--method", "en")
    assert column(found, "paid") == pytest.approx([165 / 112, 159 / 112, 1.5], abs=1e-9)


@pytest.mark.parametrize(
    ("options", "equity"),
    [
        (("debtrank",), (3 / 7, 6 / 7, 5 / 7)),
        (("neva-linear",), (3 / 7, 6 / 7, 5 / 7)),
        (("debtrank-threshold",), (0.5, 1, 1)),
        (("neva-en",), (0.5, 1, 1)),
        (("en",), (0.5, 1, 1)),
        (("debtrank", "--recovery", "1"), (0.5, 1, 1)),
    ],
)
def test_methods_on_the_cycle(
    folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], equity: tuple[float, ...]
) -> None:
    found = result(capsys, "contagion", "cycle.csv", "sheets.csv", "--shock", "shock.csv", "--method", *options)
    losses = column(found, "loss")
    assert [
        before - loss for before, loss in zip(column(found, "equity_before"), losses, strict=True)
    ] == pytest.approx(equity, abs=1e-9)


def test_black_cox_from_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--shock", "shock.csv", "--method", "neva-blackcox", "--recovery", "0.6")
    found = result(capsys, "contagion", "cycle.csv", "sheets.csv", *options)
    left = [b - x for b, x in zip(column(found, "equity_before"), column(found, "loss"), strict=True)]
    assert left == pytest.approx([0.499999994579, 0.999999999690, 0.998589596263], abs=1e-9)


def test_a_tie_is_removed_and_no_shock_loses_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = ("contagion", "cycle.csv", "sheets.csv", "--shock", "shock.csv", "--remove", "a>c")
    found = result(capsys, *calls)
    assert column(found, "loss_without") == pytest.approx([0.5, 0.0, 0.0], abs=1e-12)
    assert found["totals"]["loss_saved"] == pytest.approx(4 / 7 + 1 / 7 + 2 / 7 - 0.5, abs=1e-9)
    for method in ("debtrank", "en", "neva-merton"):
        calm = result(capsys, "contagion", "cycle.csv", "sheets.csv", "--method", method)
        assert column(calm, "loss") == [0.0, 0.0, 0.0]


def test_a_junior_tie_that_is_removed_takes_nothing_from_those_before_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was owed to c is owed outside, still after b: 3 are left for b, who is owed 3."""
    Path("ranked.csv").write_text("debtor,creditor,amount,seniority\na,b,3,0\na,c,3,1\n", encoding="utf-8")
    Path("rich.csv").write_text("id,external_assets,external_liabilities\na,6,0\nb,1,0\nc,1,0\n", encoding="utf-8")
    Path("shock.csv").write_text("id,loss\na,3\n", encoding="utf-8")
    asked = ("contagion", "ranked.csv", "rich.csv", "--method", "en", "--shock", "shock.csv", "--remove")
    found = result(capsys, *asked, "a>c")
    assert column(found, "company_id") == ["a", "b", "c"]
    assert column(found, "loss") == pytest.approx([0, 0, 3])
    assert column(found, "loss_without") == pytest.approx([0, 0, 0])
    # without the senior tie the junior one is paid no more than before
    assert column(result(capsys, *asked, "a>b"), "loss_without") == pytest.approx([0, 0, 3])


def test_a_pair_of_firms_with_several_ties_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    network = network_of(load_world())
    several = network.ties.groupby(["debtor", "creditor"])["tie_id"].nunique()
    debtor, creditor = several[several > 1].index[0]
    with pytest.raises(UsageError, match=r"--remove: found '.*>.*', which names [2-9]; expected one of"):
        network.find_tie(f"{network.firms[debtor]}>{network.firms[creditor]}")


def test_guarantees_stakes_and_collateral_from_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("k.csv").write_text(
        "debtor,creditor,amount,kind,obligor\na,b,1,,\nc,b,0.5,guarantee,a\nb,c,0.5,stake,\n", encoding="utf-8"
    )
    Path("s.csv").write_text("id,external_assets,external_liabilities\na,0.4,0\nb,0,0\nc,2,0\n", encoding="utf-8")
    found = result(capsys, "contagion", "k.csv", "s.csv", "--method", "en")
    # a pays 0.4, c makes 0.5 good and owns a half of what b has then
    assert column(found, "paid_on_guarantees") == pytest.approx([0, 0, 0.5], abs=1e-9)
    assert column(found, "equity_before") == pytest.approx([0, 0.9, 1.5 + 0.45], abs=1e-9)


BAD_TIES = {
    "a,zz,1": "t.csv:2: creditor: found 'zz'; expected a company of the balances",
    "a1,b,1": "t.csv:2: debtor: found 'a1'; expected a company of the balances; nearest a",
    "a,b,-1": "t.csv:2: amount: found '-1'; expected a number of at least 0",
    "a,a,1": "t.csv:2: creditor: found 'a'; expected another company than the debtor",
    "a,b,nan": "t.csv:2: amount: found 'nan'; expected a finite number",
    "a,b,=1+1": "t.csv:2: amount: found a formula '=1+1'; expected a number",
    "a,b,": "t.csv:2: amount: found nothing; expected a number",
    "=a,b,1": "t.csv:2: debtor: found a formula '=a'; expected a name",
    "a,b,1,2": "t.csv:2: cells: found 4; expected 3 as in the header (quote a cell that holds a comma)",
}
BAD_KINDS = {
    "a,b,1.2,stake,": "t.csv:2: amount: found '1.2'; expected a number up to 1",
    "a,b,0.7,stake,\na,c,0.7,stake,": "t.csv:3: amount: found stakes in a of 140 % in all; expected at most 100 %",
    "a,b,1,guarantee,c\nc,b,1,guarantee,a": (
        "t.csv:3: obligor: found guarantees in a circle (c > a > c); expected guarantees that end"
    ),
    "a,b,1,guarantee,b": ("t.csv:2: obligor: found 'b'; expected a third company beside guarantor and creditor"),
    "a,b,1,bond,": "t.csv:2: kind: found 'bond'; expected one of debt, stake, guarantee, collateral",
}
BAD_BALANCES = {
    "id,external_assets\na,1\n": (
        "b.csv:1: header: found no column external_liabilities; expected id,external_assets,external_liabilities"
    ),
    BALANCES + "a,1,1\n": "b.csv:5: id: found 'a' again; expected each company once",
    BALANCES.replace("0.75", "x"): "b.csv:4: external_assets: found 'x'; expected a number",
    BALANCES.replace("external_assets", "external_asets"): (
        "b.csv:1: header: found 'external_asets'; expected a column of id, external_assets, external_liabilities, "
        "volatility; nearest external_assets"
    ),
    "": "b.csv:1: header: found an empty file; expected names of columns",
}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 3) -> list[str]:
    before = sorted(path.name for path in Path().iterdir())
    assert main([*arguments, "--out", "made"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sorted(path.name for path in Path().iterdir()) == before, "something was written"
    return captured.err.removeprefix("penstock: ").splitlines()


@pytest.mark.parametrize("row", BAD_TIES)
def test_a_bad_tie_is_told(folder: Path, capsys: pytest.CaptureFixture[str], row: str) -> None:
    Path("t.csv").write_text(f"debtor,creditor,amount\n{row}\n", encoding="utf-8")
    assert refused(capsys, "contagion", "t.csv", "b.csv") == [BAD_TIES[row]]


@pytest.mark.parametrize("rows", BAD_KINDS)
def test_bad_backing_is_told(folder: Path, capsys: pytest.CaptureFixture[str], rows: str) -> None:
    Path("t.csv").write_text(f"debtor,creditor,amount,kind,obligor\n{rows}\n", encoding="utf-8")
    assert refused(capsys, "contagion", "t.csv", "b.csv") == [BAD_KINDS[rows]]


@pytest.mark.parametrize("text", BAD_BALANCES)
def test_bad_balances_are_told(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    Path("b.csv").write_text(text, encoding="utf-8")
    assert refused(capsys, "contagion", "t.csv", "b.csv")[0] == BAD_BALANCES[text]


def test_other_files_that_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("latin.csv").write_bytes(b"id,loss\na,1\n\xe9,2\n")
    assert refused(capsys, "contagion", "t.csv", "b.csv", "--shock", "latin.csv") == [
        "latin.csv:3: encoding: found a byte 0xe9 that is not UTF-8; expected text in UTF-8"
    ]
    assert refused(capsys, "contagion", "t.csv", "none.csv") == [
        "none.csv: file: found none that can be read (No such file or directory); expected a CSV file"
    ]
    Path("shock.csv").write_text("id,loss\nd,1\na,1\na,2\n", encoding="utf-8")
    assert refused(capsys, "contagion", "t.csv", "b.csv", "--shock", "shock.csv") == [
        "shock.csv:2: id: found 'd'; expected a firm of the network",
        "shock.csv:4: id: found 'a' again; expected each firm once",
    ]
    assert refused(capsys, "contagion", "t.csv", "b.csv", "--method", "neva-merton") == [
        "t.csv and b.csv: volatility: found no such column; expected it for the method neva-merton"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("t.csv",), "files: found ties alone; expected TIES.csv and BALANCES.csv, or neither"),
        (("t.csv", "b.csv", "--remove", "a>x"), "--remove: found 'a>x'; expected a tie of this network or"),
        (("t.csv", "b.csv", "--alpha", "0.5"), "--alpha, --beta: found them with debtrank; expected them with rv only"),
        (("t.csv", "b.csv", "--recovery", "1.5"), "--recovery: found 1.5; expected a number from 0 to 1"),
        (("t.csv", "b.csv", "--scenario", "baseline"), "files: found a run, scenario or quarter beside them"),
        (("t.csv", "b.csv", "--method", "neva"), "--method: found 'neva'; expected en, rv, debtrank"),
        (("t.csv", "b.csv", "--fail", "d"), "--fail: found 'd'; expected a firm of the network"),
        (("--quarter", "2027Q4"), "--quarter: found a quarter without a run or scenario"),
    ],
)
def test_wrong_use_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert refused(capsys, "contagion", *arguments, code=2)[0].startswith(message)


def test_the_opening_network_and_its_notice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contagion", "--fail", "OpenAI Group PBC", "--remove", "stake:microsoft>openai", "--out", "o"]) == 0
    captured = capsys.readouterr()
    assert "not a forecast, rating or advice" in captured.out
    assert "of which by contagion" in captured.out
    assert "Without stake:microsoft>openai: loss" in captured.out
    assert (folder / "o" / "contagion.parquet").exists()

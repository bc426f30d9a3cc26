"""`chain` and `token`: what they print, in each format, and how they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main

SMALL = ["--quarters", "5", "--paths", "8", "--no-progress"]


def result(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    told = json.loads(capsys.readouterr().out)
    assert told["schema_version"] == 1
    return told["result"], told["notice"]


def test_chain_shows_links_and_what_binds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chain"]) == 0
    printed = capsys.readouterr().out
    for text in ("The chain, upstream first", "Binds now: packaging", "Relieved, memory binds at", "zeiss_smt 59%"):
        assert text in printed
    assert max(len(line) for line in printed.splitlines() if "Inputs by evidence" not in line) <= 100
    assert main(["chain", "--format", "json"]) == 0
    found, notice = result(capsys)
    assert "not a forecast" in notice
    assert {"binding", "links", "companies", "mix", "assumptions"} == set(found)
    assert found["binding"]["now"]["link"] == "packaging"
    assert main(["chain", "--format", "csv"]) == 0
    assert "# companies" in capsys.readouterr().out


def test_chain_with_cuts_in_json_and_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["chain", "--cut", "packaging.tsmc=0.5:1q", "--cut", "sk_hynix=0.9:1q@2026Q2", *SMALL]
    assert main([*line, "--format", "json"]) == 0
    found, _ = result(capsys)
    assert [(cut["target"], cut["link"], cut["from"]) for cut in found["cuts"]] == [
        ("tsmc", "packaging", "2026Q1"),
        ("sk_hynix", None, "2026Q2"),
    ]
    racks = [row for row in found["travel"] if row["link"] == "rack"]
    assert [row["quarter"] for row in racks] == ["2026Q1", "2026Q2", "2026Q3", "2026Q4", "2027Q1"]
    for row in racks:
        assert row["percent"] == pytest.approx(100.0 * (row["cut"] / row["no_cut"] - 1.0), abs=1e-9)
    assert min(row["percent"] for row in racks) < -20.0
    assert {row["measure"] for row in found["economy"]} >= {"chips in service", "tokens served"}
    assert main(line) == 0
    printed = capsys.readouterr().out
    assert "How the cut travels up: tsmc in packaging x 0.5 for 1 quarter from 2026Q1; sk_hynix x 0.9" in printed
    assert "What it does to the economy" in printed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["chain", "--cut", "zeis_smt=0.5:2q"], "--cut: found 'zeis_smt'; expected a company of the chain, or a link"),
        (["chain", "--cut", "zeiss_smt=2:2q"], "--cut: factor: found '2'; expected a number from 0"),
        (["chain", "--cut", "zeiss_smt"], "--cut: found 'zeiss_smt'; expected ID=FACTOR:Nq"),
        (["chain", "--cut", "tsmc=0.5:2q@2024Q1"], "--cut: quarter: found 2024Q1; expected 2026Q1 or later"),
        (["token", "dense_80b"], "model: found 'dense_80b'; expected one of"),
        (["token", "dense_8b", "--chip", "h1000"], "chip: found 'h1000'"),
        (["token", "dense_8b", "--site", "crusoe_moon"], "site: found 'crusoe_moon'"),
        (["token", "dense_8b", "--site", "google_mesa"], "--site: found google_mesa, for which no power is known"),
        (["token", "dense_8b", "--set", "pue"], "--set: found 'pue'; expected INPUT=NUMBER, such as utilisation=0.7"),
        (["token", "dense_8b", "--set", "pue=nan"], "--set: found 'pue=nan'; expected INPUT=NUMBER"),
    ],
)
def test_refusals(
    line: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*line, "--no-progress"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"penstock: {message}")
    assert told.out == "" and "Traceback" not in told.err
    assert list(tmp_path.iterdir()) == []


def test_token_prints_one_waterfall(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "dense_70b", "--chip", "h200", "--power", "60", "--integrated"]) == 0
    printed = capsys.readouterr().out
    for text in (
        "dense_70b: 4 h200 a replica",
        "designer margin",
        "Bought or integrated",
        "Down to joules",
        "J per token",
    ):
        assert text in printed
    assert main(["token", "dense_70b", "--vs", "dense_8b", "--format", "json", "--set", "utilisation=0.6"]) == 0
    found, _ = result(capsys)
    for one in (found, found["versus"]):
        total = sum(part["usd_per_mtok"] for part in one["parts"])
        assert total == pytest.approx(one["price"]["usd_per_mtok"], abs=1e-9)
        assert next(row["central"] for row in one["drivers"] if row["input"] == "utilisation") == 0.6
    assert found["versus"]["price"]["usd_per_mtok"] < found["price"]["usd_per_mtok"]

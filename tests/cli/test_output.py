"""Results as table, JSON and CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from penstock.cli.context import Format, Settings
from penstock.cli.output import NOTICE, Section, emit, notice, number
from penstock.version import __version__
from penstock.world import load_world

FRAME = pd.DataFrame(
    {
        "company_id": ["nvidia", "oracle"],
        "revenue_usd_bn": [187.142, np.nan],
        "day": [dt.date(2025, 12, 31), pd.NaT],
        "ties": [12, 3],
    }
)
FOOT = "A notice."


def shown(result: Any, form: Format, capsys: pytest.CaptureFixture[str], **more: str) -> tuple[str, str]:
    emit(result, Settings(format=form), **more)
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_json_is_one_object_with_version_notice_and_result(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = shown(FRAME, Format.JSON, capsys, notice=FOOT)
    assert err == ""
    assert json.loads(out) == {
        "schema_version": 1,
        "notice": FOOT,
        "result": [
            {"company_id": "nvidia", "revenue_usd_bn": 187.142, "day": "2025-12-31", "ties": 12},
            {"company_id": "oracle", "revenue_usd_bn": None, "day": None, "ties": 3},
        ],
    }


def test_json_of_plain_values(capsys: pytest.CaptureFixture[str]) -> None:
    card = {
        "share": np.float64(0.5),
        "whole": np.int64(3),
        "path": np.array([1.0, np.inf]),
        "yes": np.bool_(True),
        "format": Format.CSV,
        "inner": {"none": None, "set": {"b", "a"}, "pair": (1, "x")},
    }
    out, _ = shown(card, Format.JSON, capsys)
    assert json.loads(out)["result"] == {
        "share": 0.5,
        "whole": 3,
        "path": [1.0, None],
        "yes": True,
        "format": "csv",
        "inner": {"none": None, "set": ["a", "b"], "pair": [1, "x"]},
    }


def test_json_of_sections_and_of_a_named_index(capsys: pytest.CaptureFixture[str]) -> None:
    sections = [
        Section("card", "A card", {"id": "nvidia"}),
        Section("rows", "Rows", FRAME[["company_id", "ties"]].set_index("company_id")),
    ]
    out, _ = shown(sections, Format.JSON, capsys)
    assert json.loads(out)["result"] == {
        "card": {"id": "nvidia"},
        "rows": [{"company_id": "nvidia", "ties": 12}, {"company_id": "oracle", "ties": 3}],
    }


def test_an_analysis_gives_its_dictionary_to_json_and_its_table_to_csv(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @dataclass
    class Answer:
        value: float

        def to_pandas(self) -> pd.DataFrame:
            return pd.DataFrame({"value": [self.value]})

        def to_dict(self) -> dict[str, Any]:
            return {"value": self.value}

    assert json.loads(shown(Answer(0.25), Format.JSON, capsys)[0])["result"] == {"value": 0.25}
    assert shown(Answer(0.25), Format.CSV, capsys)[0] == "value\n0.25\n"


def test_csv_keeps_every_digit_and_leaves_the_notice_out_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    exact = pd.DataFrame({"x": [0.1 + 0.2], "text": ['a, "b"']})
    out, err = shown(exact, Format.CSV, capsys, notice=FOOT)
    assert list(csv.DictReader(io.StringIO(out))) == [{"x": repr(0.1 + 0.2), "text": 'a, "b"'}]
    assert err.strip() == FOOT


def test_csv_of_sections_sets_them_apart(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown([Section("a", "A", {"k": 1}), Section("b", "B", {"k": None})], Format.CSV, capsys)
    assert out == "# a\nname,value\nk,1\n\n# b\nname,value\nk,\n"


@pytest.mark.parametrize(("columns", "width"), [(None, 80), ("132", 132), ("none", 80)])
def test_a_table_that_is_piped_has_a_width_and_every_number(
    columns: str | None, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    wide = pd.DataFrame({f"a_rather_long_column_{i}": [1_234_567 + i, 10.0 * i] for i in range(20)})
    wide.insert(0, "company", ["nvidia", "a company with a rather long name of many words"])
    out, _ = shown(wide, Format.TABLE, capsys, title="Wide", notice=FOOT)
    table = out.rstrip().removesuffix(FOOT)
    assert max(len(line) for line in table.splitlines()) <= width
    assert all(f"{1_234_567 + i:,}" in table for i in range(20))
    assert out.startswith("Wide\n")
    assert out.rstrip().endswith(FOOT)  # sentences stay whole
    assert "\x1b" not in out


def test_a_table_takes_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(pd.DataFrame({"[bold]": ["[red]x[/red] :smile:"]}), Format.TABLE, capsys)
    assert "[bold]" in out
    assert "[red]x[/red] :smile:" in out


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234567.8, "1,234,568"), (123.45, "123"), (12.345, "12.3"), (1.2345, "1.23"),
     (0.012345, "0.0123"), (99.96, "100"), (9.996, "10.0"), (-0.5, "-0.5"), (float("nan"), ""), (float("inf"), "∞")],
)  # fmt: skip
def test_numbers_for_people(value: float, text: str) -> None:
    assert number(value) == text


def test_the_notice_names_conditions_grades_version_and_vintage() -> None:
    world = load_world()
    text = notice(world, {"A": 0.75, "F": 0.25})
    assert NOTICE in text
    assert "not a forecast, rating or advice" in text
    assert "A 75 %" in text
    assert "F 25 %" in text
    assert "B 0 %" in text
    assert __version__ in text
    assert "ai-2025 as of 2025-12-31" in text


def test_without_shares_the_notice_takes_those_of_the_tables() -> None:
    text = notice(load_world())
    shares = [int(part.split()[-2]) for part in text.split("grade: ")[1].split(".")[0].split(",")]
    assert len(shares) == 6
    assert 97 <= sum(shares) <= 103


def test_no_line_of_a_piped_table_ends_in_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown([Section("a", "A", FRAME, note="A note."), Section("b", "B", {"k": 1})], Format.TABLE, capsys)
    assert out == "".join(f"{line.rstrip()}\n" for line in out.splitlines())
    assert "A note." in out

"""`penstock model`: figures with ranges in every format, and one line for each mistake."""

from __future__ import annotations

import csv
import io
import json

import pytest

from penstock.cli.main import main

LINE = ["model", "--params", "405e9", "--tokens", "15.6e12", "--chips", "16384:h100"]
FIGURES = ("training_flop", "days", "goodput", "energy_mwh", "cost_usd")


def test_json_holds_each_figure_between_its_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINE, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert "not a forecast" in document["notice"]
    result = document["result"]
    for name in FIGURES:
        assert result[f"{name}_low"] <= result[name] <= result[f"{name}_high"], name
        assert result[f"{name}_low"] < result[f"{name}_high"], name
    assert result["training_flop"] == pytest.approx(3.79e25, rel=0.01)
    assert 0.0 < result["goodput"] < 1.0


def test_the_table_tells_units_ranges_and_assumptions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(LINE) == 0
    told = capsys.readouterr().out
    assert "405 billion parameters on 15.6 trillion tokens with 16,384 NVIDIA H100" in told
    for words in ("1e24 FLOP", "days", "MWh", "million USD", "chip_mtbf_h", "not a forecast, rating or advice"):
        assert words in told
    assert all(len(line) <= 100 for line in told.splitlines()[:20])


def test_csv_has_a_row_for_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINE, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["unit"] for row in rows] == ["FLOP", "days", "", "", "h", "MWh", "USD"]
    assert all(float(row["low"]) <= float(row["central"]) <= float(row["high"]) for row in rows)


def test_a_chip_without_a_price_has_no_cost(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["model", "--params", "7e9", "--tokens", "1e12", "--chips", "256:trainium2", "--format", "json"]
    assert main(line) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["cost_usd"] is None and result["cost_usd_low"] is None
    assert result["energy_mwh"] > 0.0


def test_attention_counts_where_a_sequence_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINE, "--sequence", "8192", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["training_flop"] == pytest.approx(3.95e25, rel=0.005)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"--params": "-1"}, 2, "penstock: params: found -1; expected a number above 0"),
        ({"--tokens": "0"}, 2, "penstock: tokens: found 0; expected a number above 0"),
        ({"--chips": "h100"}, 2, "penstock: --chips: found 'h100'; expected N:CHIP such as 16384:h100"),
        ({"--chips": "x:h100"}, 2, "penstock: --chips: found 'x:h100'; expected N:CHIP such as 16384:h100"),
        ({"--chips": "-8:h100"}, 2, "penstock: chips: found -8; expected a number above 0"),
        ({"--chips": "8:h1000"}, 2, "nearest h100"),
        ({"--chips": "8:h100"}, 2, "expected at least 90 chips"),
        ({"--chips": "8:wse3"}, 3, "penstock: chips.csv: wse3: found no dense peak, memory or bandwidth"),
        ({"--precision": "fp4"}, 2, "penstock: precision: found 'fp4'; expected bf16 or fp8"),
        ({"--sequence": "-1"}, 2, "penstock: sequence: found -1; expected a number of at least 0"),
    ],
)
def test_a_mistake_is_one_line(
    change: dict[str, str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = dict(zip(LINE[1::2], LINE[2::2], strict=True)) | change
    assert main(["model", *(word for pair in options.items() for word in pair)]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert len(told.err.splitlines()) == 1

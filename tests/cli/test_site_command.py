"""`penstock site`: what is printed and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.cli.main import main

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "sites" / "prairie.toml")


def printed(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert main(["site", *words]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_a_campus_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, "hyperion")
    for text in ("Power on, block by block", "Stages, months", "PUE", "water", "Filled in by rule", "not a forecast"):
        assert text in out
    assert max(len(line) for line in out.splitlines() if not line.startswith("Conditional on the scenario")) <= 120


def test_a_campus_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, EXAMPLE, "--format", "json")
    document = json.loads(out)
    result = document["result"]
    assert set(result) == {"summary", "stages", "blocks", "capex", "spending", "year", "assumed"}
    assert {"p10", "p50", "p90"} <= set(result["blocks"][0])
    assert len(result["year"]) == 12
    assert "not a forecast" in document["notice"]


def test_power_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys, "hyperion", "--power", "--load-mw", "5000", "--format", "json")
    result = json.loads(out)["result"]
    assert set(result) == {"site", "summary", "mix", "turbines", "given", "assumed"}
    wanted = {"hours_short", "co2_t", "cost_usd_per_year", "usd_per_mwh_served", "water_site_m3", "water_plants_m3"}
    assert wanted <= set(result["summary"][0])
    assert {row["load_mw"] for row in result["summary"]} == {2262.0, 5000.0}
    assert not err


def test_power_for_people_and_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, EXAMPLE, "--power")
    for text in ("power that is given", "hours short", "$/MWh", "CO2", "water", "Makers of heavy gas turbines"):
        assert text in out
    out, _ = printed(capsys, EXAMPLE, "--power", "--format", "csv")
    assert "# mix" in out and "# summary" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["hyperoin"], 2, "site: found 'hyperoin'"),
        (["hyperion", "--load-mw", "5000"], 2, "--load-mw: found it without --power; expected both"),
        (["hyperion", "--power", "--load-mw", "-5"], 2, "--load-mw: found -5; expected more than 0 MW"),
        (["nowhere.toml"], 3, "nowhere.toml: file: found nothing; expected the TOML file of a site"),
    ],
)
def test_what_is_refused(capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str) -> None:
    out, err = printed(capsys, *words, code=code)
    assert message in err and not out
    assert "Traceback" not in err

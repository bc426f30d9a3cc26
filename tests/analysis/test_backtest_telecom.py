"""The telecom world runs on the code of the other one: it conserves, repeats, and is scored with and without ties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.analysis.backtest_outcomes import COLUMNS
from penstock.analysis.backtest_telecom import backtest_telecom
from penstock.cli.main import main
from penstock.engine.checks import conservation_error
from penstock.engine.model import prepare, simulate_paths
from penstock.engine.moment import Moment
from penstock.world import load_world

AS_OF = "1999-12-31"
PATHS = 24
KEYS = ["fact", "median", "low", "high", "share_in_band", "hit"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The command's list of facts."""
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        code = main(["backtest", "telecom", "--format", "json", "-n", str(PATHS), "--quiet"])
    assert code == 0
    document = json.loads(text.getvalue())
    assert "not a forecast" in document["notice"]
    result: list[dict[str, object]] = document["result"]
    return result


def test_the_ledger_holds_in_every_quarter() -> None:
    worst: list[float] = []

    def note(now: Moment, _quarter: str) -> None:
        worst.append(float(conservation_error(now)[0].max()))

    found = simulate_paths(prepare(load_world("telecom"), quarters=24), 0, PATHS, on_quarter=note)
    assert len(worst) == 24
    assert max(worst) < 1e-9
    assert found.checks["conservation_max_rel"] < 1e-9
    assert found.checks["nonconverged"] == 0 and found.checks["nan"] == 0


def test_a_path_is_the_same_whatever_it_is_asked_with() -> None:
    model = prepare(load_world("telecom"), quarters=6)
    alone, among = simulate_paths(model, 9, 1), simulate_paths(model, 0, 16)
    assert (alone.company["market_value_usd_bn"][..., 0] == among.company["market_value_usd_bn"][..., 9]).all()


def test_a_run_lists_its_inputs_and_none_is_later() -> None:
    run = ps.simulate(load_world("telecom"), paths=2, quarters=2)
    assert run.manifest["world"]["as_of"] == AS_OF
    inputs = run.manifest["inputs"]
    assert {"companies", "financials", "contracts", "series", "parameters", "rules/assumptions"} <= set(inputs)
    days = [day for rows in inputs.values() for day in rows.values() if day]
    assert len(days) > 800 and max(days) <= AS_OF
    assert run.layers["quarter"].iloc[0] == "2000Q1"


def test_empty_layers_are_allowed() -> None:
    world = load_world("telecom")
    model = prepare(world, quarters=4)
    layers = set(model.opening.profile["layer"])
    assert "energy" not in layers and "data" not in layers
    block = simulate_paths(model, 0, 8)
    assert np.isfinite(block.economy["energy_mwh"]).all()


def test_the_command_gives_a_list_of_facts(listed: list[dict[str, Any]]) -> None:
    assert [row["fact"] for row in listed] == [1, 2, 4, 6, 8, 10, 11, 13, 15]
    for row in listed:
        assert list(row)[:6] == KEYS
        assert isinstance(row["hit"], bool)
        assert 0.0 <= row["share_in_band"] <= 1.0
        parts = row["parts"]
        assert isinstance(parts, list)
        assert row["share_in_band"] == min(item["share_in_band"] for item in parts)
        assert row["hit"] == all(item["hit"] for item in parts)
        assert set(KEYS[1:]) <= set(row["without_ties"])


def test_cut_ties_cost_creditors_nothing() -> None:
    found = backtest_telecom(paths=PATHS)
    told = [
        {item.part.part: item.share_told for fact in facts for item in fact.parts}
        for facts in (found.facts, found.without_ties)
    ]
    # makers lose on bills of carriers that fail; with all ties cut nobody loses on anybody
    assert told[0]["lost"] > 0.5
    assert told[1]["lost"] == 0.0
    # what a default does not move is there either way
    assert told[0]["in_use"] == told[1]["in_use"] == 1.0


def test_facts_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    rows = [
        "a,growth,growth,tokens_served,,,2000>2001,0,100,0.3,true,grows,",
        "a,spent,level,capex_usd_bn,layer=platform,,2000,0,1000,0.3,,some,",
    ]
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    found = backtest_telecom(paths=8, quarters=8, facts=path)
    assert [item.fact for item in found.facts] == ["a"]
    assert found.facts[0].hit
    assert len(found.to_pandas()) == 2
    assert found.to_dict()["hits"] == 1


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "telecom", "--facts", "nowhere.csv"]) == 2
    assert capsys.readouterr().err.startswith("penstock: facts: found no file nowhere.csv; expected a CSV file")


def test_another_world_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "telecom", "--world", "elsewhere"]) == 2
    message = "--world: found 'elsewhere'; expected telecom-1999, which this command is about"
    assert message in capsys.readouterr().err

"""`penstock reverse` and `penstock sensitivity`: what they print, and what they refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from penstock.analysis.model_sensitivity import KNOB_FACTORS, LUCK, REST, sensitivity
from penstock.analysis.reverse import Reverse
from penstock.analysis.reverse_search import Check, Solution
from penstock.analysis.shock_space import bundled_space
from penstock.analysis.steps import HEADLINES
from penstock.analysis.targets import Target
from penstock.cli.context import Settings
from penstock.cli.main import main
from penstock.cli.output import emit
from penstock.cli.search_tables import reverse_sections, sensitivity_sections
from penstock.engine.parameters import assumptions
from penstock.errors import UsageError
from penstock.scenarios import knobs, load_scenario
from penstock.world import load_world

WIDTH = 120
FEW = ["-n", "8", "--quarters", "3", "-j", "1", "--no-progress"]


def solution() -> Solution:
    space = bundled_space()
    z = np.linspace(-3.0, 3.0, len(space.factors))
    parts = space.parts(z)
    rows = [
        (item.name, item.meaning, item.told(size), size, part, 0.25, 3.1, 2.9, item.grade)
        for item, size, part in zip(space.factors, z, parts, strict=True)
    ]
    names = [
        "factor",
        "meaning",
        "effect",
        "z",
        "part",
        "share_without",
        "distance_sd_high",
        "distance_sd_low",
        "grade",
    ]
    frame = pd.DataFrame(rows, columns=names).sort_values("part", ascending=False, ignore_index=True)
    check = Check(0.56, 0.5, 0.62, 21.0, 256, 8)
    scenario = {"name": "reverse_1", **space.tables(z, "2027Q1")}
    return Solution(space.distance(z), 1.5, 4.0, z, check, frame, ("sentiment", "demand_ceiling"), scenario)


def found(solutions: tuple[Solution, ...], share: float, closest: Solution | None = None) -> Reverse:
    return Reverse(
        target=Target("defaults", 20.0),
        scenario="baseline",
        start="2027Q1",
        last="2035Q4",
        unshocked=Check(share, share - 0.01, share + 0.01, 12.0, 256, 7),
        since="2033Q1" if share >= 0.5 else "",
        solutions=solutions,
        closest=closest,
        space=bundled_space(),
        radius=5.0,
        sought=2,
        evaluations=250,
        path_count=20_000,
    )


def printed(result: Reverse, capsys: pytest.CaptureFixture[str]) -> str:
    emit(reverse_sections(result, 63.0), Settings())
    return capsys.readouterr().out


def test_shocks_are_told_in_a_table_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(found((solution(), solution()), 0.05), capsys)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "Without a shock 5 % (4 to 6 %) of paths meet the target; the median is 12.0 defaults." in text
    assert "250 shocks tried on 20,000 paths in 63 s." in text
    assert "56 % (50 to 62 %)" in text


def test_a_target_that_holds_already_is_told_with_its_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(printed(found((), 0.9), capsys).split())
    assert "no shock is needed: without one 90 % (89 to 91 %) of paths meet defaults>=20" in text
    assert "half of them do by the end of 2033Q1" in text


def test_a_search_without_success_says_so_and_tells_the_closest(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(found((), 0.0, solution()), capsys)
    assert "no shock within 5 standard deviations of the stated space was found" in text
    assert "The shock that came closest" in text


def test_a_further_shock_that_was_not_found_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(found((solution(),), 0.05), capsys)
    assert "A further one with sentiment, demand_ceiling, " in text
    assert "held still was not found within distance 5." in text


def test_a_shock_is_a_scenario_that_can_be_read() -> None:
    item = solution()
    scenario = load_scenario(item.scenario)
    settings = {change.what: change.apply for change in scenario.changes}
    for factor, size in zip(bundled_space().factors, item.z, strict=True):
        if factor.kind == "knob" and size == 0.0:
            assert factor.what not in settings
        elif factor.kind == "knob" and factor.scale == "log":
            assert float(settings[factor.what][1:]) == pytest.approx(np.exp(factor.sd * size))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["reverse"], "--target: found nothing; expected what must come about"),
        (["reverse", "--target", "defaults=5"], "target: found 'defaults=5'; expected defaults>= or defaults>;"),
        (
            ["reverse", "--target", "fails=oracel"],
            "expected an id, ticker, name or a unique part of one; nearest oracle",
        ),
        (
            ["reverse", "--target", "defaults>=5", "--from", "soon"],
            "from: found 'soon'; expected a quarter from 2026Q1",
        ),
        (["sensitivity", "--method", "moris"], "method: found 'moris'; expected morris or sobol; nearest morris"),
        (["sensitivity", "--method", "sobol", "--factor", "price_elastic"], "nearest price_elasticity"),
    ],
)
def test_what_cannot_be_done_is_told(line: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*line, *FEW]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_without_salib_the_way_to_get_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "SALib", None)
    assert main(["sensitivity", "--method", "morris", *FEW]) == 2
    assert "pip install 'penstock[analysis]'" in capsys.readouterr().err


def test_reverse_answers_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["reverse", "--target", "defaults>=1", "-n", "16", "--quarters", "16", "-j", "1", "--format", "json"]
    assert main([*line, "--out", str(tmp_path / "out")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "not a forecast" in document["notice"]
    result = document["result"]
    assert result["target"] == "defaults>=1"
    assert result["unshocked"]["share"] >= 0.5
    assert result["holds_since"] <= "2029Q4"
    assert result["evaluations"] == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"reverse.parquet", "shock_space.parquet"}


def test_morris_tells_effects_of_every_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    factors = ["price_elasticity", "finance.debt_access", "surplus_ratio"]
    line = ["sensitivity", "--method", "morris", *FEW, "--samples", "4", "--format", "json", "--out"]
    options = [word for name in factors for word in ("--factor", name)]
    assert main([*line, str(tmp_path / "out"), *options]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    table = pd.DataFrame(result["indices"]).set_index(["output", "factor"])
    assert set(table.index.get_level_values("output")) == {*(item.name for item in HEADLINES), "loss"}
    assert result["evaluations"] == 4 * (len(factors) + 1)
    assert result["paths_simulated"] == 2 * result["evaluations"]
    # what only counts the surplus moves nothing else
    assert table.loc[("surplus", "surplus_ratio"), "mu"] > 0.0
    assert table.loc[("capex", "surplus_ratio"), "mu_star"] == 0.0
    assert table.loc[("capex", "finance.debt_access"), "mu"] >= 0.0
    assert (tmp_path / "out" / "indices.parquet").is_file()


def test_sobol_splits_the_variance_between_parameters_the_rest_and_luck(capsys: pytest.CaptureFixture[str]) -> None:
    world = load_world()
    names = ["surplus_ratio", "price_opening", "mood_gain"]
    result = sensitivity(world, "sobol", paths=8, quarters=2, samples=16, factors=names, leading=2)
    assert result.screened > 0
    # each of the two moves an output more than the third does
    assert len(result.indices.factors) == 4
    assert {"surplus_ratio", REST, LUCK} < set(result.indices.factors)
    surplus = result.indices.table.query("output == 'surplus'").set_index("factor")["ST"]
    assert surplus.idxmax() == "surplus_ratio"
    emit(sensitivity_sections(result, 5.0), Settings())
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "settings of the model" in text and "to screen" in text


def test_the_factors_of_the_study_exist() -> None:
    assert set(KNOB_FACTORS) <= set(knobs())
    assert LUCK not in assumptions() and REST not in assumptions()
    with pytest.raises(UsageError, match="factor: found 'nonsense'"):
        sensitivity(load_world(), "morris", factors=["nonsense"], quarters=1)

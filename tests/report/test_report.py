"""What a report says: findings from tables, ranges where the notice asks for them, nothing from outside."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixture_run import fixture_run

from penstock.errors import OutputError
from penstock.report.figures_differences import differences
from penstock.report.figures_failures import money_sankey, who_fails
from penstock.report.figures_fans import fan
from penstock.report.findings import five_sentences
from penstock.report.html import render_report, rerun_command, write_report
from penstock.report.measures import SPENDING
from penstock.report.source import read_run

SIZE_LIMIT = 1_500_000
SIX = (
    "baseline",
    "funding_freeze",
    "chip_supply_cut",
    "power_delay",
    "demand_disappoints",
    "efficiency_shock",
)


@pytest.fixture(scope="module")
def text() -> str:
    return render_report(fixture_run(120))


def payload(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', text, re.S)
    assert found
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def test_six_scenarios_stay_below_the_limit_of_size() -> None:
    assert len(render_report(fixture_run(40, SIX)).encode()) < SIZE_LIMIT


def test_the_policy_forbids_every_call_and_names_the_scripts(text: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "connect-src 'none'" in policy[1]
    assert "unsafe-eval" not in policy[1]
    assert policy[1].count("sha256-") == 3
    script = re.search(r"script-src ([^;]*);", policy[1])
    assert script and "unsafe-inline" not in script[1]


def test_nothing_is_loaded_from_outside(text: str) -> None:
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert "@import" not in text
    assert "url(" not in text.split("<script>", 1)[0]


def test_there_are_five_sentences_with_numbers() -> None:
    sentences = five_sentences(read_run(fixture_run(120)))
    assert len(sentences) == 5
    assert all(re.search(r"\d", item.text) and item.text.endswith(".") for item in sentences)


def test_findings_change_with_the_tables() -> None:
    few, none = (five_sentences(read_run(fixture_run(60, defaults=d))) for d in (True, False))
    assert few[2].text != none[2].text
    assert none[2].text == "No company defaults on any of the 60 paths."


def test_the_growth_sentence_holds_the_median_of_the_paths() -> None:
    run = fixture_run(200)
    yearly = run.economy.groupby(["path", run.economy["quarter"].str[:4]])["ai_revenue_usd_bn"].sum().unstack()
    data = read_run(run)
    figure = fan(data, SPENDING)
    sentence = figure.finding()
    stated = re.search(r"to \$([\d.]+)(bn|tn) a year in 2035", sentence)
    assert stated
    value = float(stated[1]) * (1000.0 if stated[2] == "tn" else 1.0)
    assert value == pytest.approx(yearly["2035"].median(), rel=0.06)


def test_a_company_on_weak_evidence_gets_a_range_with_the_grade_and_no_dot() -> None:
    figure = who_fails(read_run(fixture_run(200)))
    keys = [column.key for column in figure.columns]
    rows = {row[keys.index("company_id")]: row for row in figure.rows}
    assert "grade F" in str(rows["openai"][keys.index("share_text")])
    assert rows["openai"][keys.index("estimate")] is None
    assert rows["coreweave"][keys.index("estimate")] is not None


def test_a_difference_between_equal_scenarios_is_zero() -> None:
    run = fixture_run(30, ("baseline", "same_again"))
    figure = differences(read_run(run))
    assert figure is not None
    for row in figure.rows:
        np.testing.assert_allclose([float(value) for value in row[2:7]], 0.0, atol=1e-12)


def test_differences_are_taken_path_by_path() -> None:
    run = fixture_run(60, ("baseline", "funding_freeze"))
    figure = differences(read_run(run))
    assert figure is not None
    capex = run.economy.groupby(["scenario", "path"])["capex_usd_bn"].sum().unstack(0)
    expected = 100.0 * (capex["funding_freeze"] / capex["baseline"] - 1.0).median()
    row = next(row for row in figure.rows if row[0] == "capex_usd_bn")
    assert row[3] == pytest.approx(expected)


def test_the_sankey_has_no_cycle_and_keeps_every_dollar() -> None:
    run = fixture_run(10)
    figure = money_sankey(read_run(run))
    assert figure is not None and run.flows is not None
    ranks = {name: rank for name, _, rank in figure.options["nodes"]}
    forward = [row for row in figure.rows if row[4] == "forward"]
    back = [row for row in figure.rows if row[4] == "return"]
    assert back
    assert all(ranks[row[2]] < ranks[row[3]] for row in forward)
    assert sum(float(row[5]) for row in figure.rows) == pytest.approx(run.flows["usd_bn_mean"].sum())


def test_a_run_without_flows_or_opening_still_has_a_report() -> None:
    bare = fixture_run(20, with_flows=False, with_opening=False)
    text = render_report(
        type(bare)(**{**{name: getattr(bare, name) for name in bare.__dataclass_fields__}, "world": None})
    )
    assert "does not carry the evidence grades" in text
    assert 'data-figure="money"' not in text


def test_every_figure_has_a_sentence_for_every_choice(text: str) -> None:
    for figure in payload(text)["figures"]:
        wanted = 1
        for facet in figure["facets"]:
            wanted *= len(facet["values"])
        assert len(figure["findings"]) == wanted
        assert all(sentence.endswith(".") for sentence in figure["findings"].values())


def test_every_snippet_of_python_compiles(text: str) -> None:
    for figure in payload(text)["figures"]:
        compile(figure["python"], figure["id"], "exec")


def test_the_notice_stands_at_the_head_and_the_foot(text: str) -> None:
    assert text.count("not a forecast, rating or advice") >= 2
    assert "as of 2025-12-31" in text


def test_names_can_not_break_out_of_the_page() -> None:
    run = fixture_run(20)
    run.opening.profile.loc["coreweave", "name"] = "</script><script>alert(1)</script>"
    text = render_report(run)
    assert "<script>alert" not in text
    assert payload(text)["figures"]


def test_the_rerun_command_names_what_was_run() -> None:
    command = rerun_command(read_run(fixture_run(20, ("baseline", "power_delay"))))
    assert command == "./penstock run baseline power_delay --paths 20 --quarters 40 --seed 7"


def test_the_report_is_the_same_for_the_same_run() -> None:
    assert render_report(fixture_run(20)) == render_report(fixture_run(20))


def test_writing_gives_a_whole_file_and_no_rest(tmp_path: Path) -> None:
    target = write_report(fixture_run(10), tmp_path / "report.html")
    assert target.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    assert stat.S_IMODE(target.stat().st_mode) & 0o444 == 0o444


def test_a_place_that_can_not_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="report"):
        write_report(fixture_run(5), tmp_path / "missing" / "report.html")


def test_the_price_of_a_token_is_told_where_the_world_can_price_it() -> None:
    from dataclasses import replace

    import penstock as ps
    from penstock.report.figures_token import token_waterfall
    from penstock.report.source import read_run

    data = read_run(fixture_run())
    assert token_waterfall(replace(data, world=None)) is None
    figure = token_waterfall(replace(data, world=ps.load_world()))
    assert figure is not None
    keys = [column.key for column in figure.columns]
    for model, _ in figure.facets[0].values:
        rows = [row for row in figure.rows if row[0] == model]
        assert abs(sum(float(row[keys.index("share")]) for row in rows) - 1.0) < 1e-9
        assert "A million output tokens cost users $" in figure.findings[model]

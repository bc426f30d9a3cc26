"""Figures of a company that are changed, edits on a scenario of one's own, and what stands where one looks for it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from browsing import Opened
from running import Studio
from test_browser import findings

import penstock as ps
from penstock.cli.main import main
from penstock.engine.manifest import read_json
from penstock.world import load_world

OWN = """name = "my_case"
[[change]]
what = "demand.ceiling"
apply = "*0.6"
from = "2027Q1"
why = "a doubt of mine"
[[remove]]
tie = "d_co_orcl_openai"
"""


@pytest.fixture(scope="module")
def own_run(studio: Studio) -> str:
    """A run whose first scenario is of one's own making."""
    return str(studio.do({"task": "simulate", "scenarios": [{"text": OWN}], "paths": 8, "quarters": 5})["run"])


def put(page: Any, value: str, *, low: str = "", why: str = "") -> None:
    """Fill the form for a figure by keyboard, from the field that has the focus."""
    page.keyboard.press("Control+A")
    page.keyboard.type(value)
    page.keyboard.press("Tab")
    page.keyboard.type(low)
    form = page.get_by_role("form", name="Change a figure")
    if why:
        form.get_by_label("Why").fill(why)
    form.get_by_role("button", name="Put in the tray").press("Enter")


@pytest.mark.browser
def test_a_figure_is_changed_by_keyboard_and_runs_to_the_bit_on_the_command_line(
    tab: Opened, studio: Studio, small_run: str, tmp_path: Path
) -> None:
    page = tab.go("network?company=oracle", small_run)
    before = float(load_world().figures().loc[("oracle", "cash_and_investments"), "value"])
    tab.button("Change its figures").press("Enter")
    assert page.evaluate("document.activeElement.id") == "company-figures"
    figures = page.get_by_role("region", name="figures-oracle")
    row = figures.locator("tr", has_text="cash and investments")
    assert f"${before:.1f}bn" in row.inner_text()
    row.get_by_role("button", name="Change").press("Enter")
    form = page.get_by_role("form", name="Change a figure")
    assert "grade" in form.inner_text()
    assert findings(page, "network with the form") == []
    put(page, "4", low="2.5", why="spent on halls")
    edits = page.locator("section[aria-label=Edits]")
    assert f"Oracle: cash and investments $4.00bn, was ${before:.1f}bn" in edits.inner_text()
    assert "$4.00bn" in row.inner_text() and "you" in row.inner_text(), "shown as if it were so, as one's own"
    assert "of it is yours" in tab.text()
    assert page.evaluate("document.activeElement.textContent") == "Change", "back where the form was opened"
    page.keyboard.press("Enter")
    put(page, "5")
    assert "Edits: 1" in edits.inner_text(), "a figure has one value"
    tab.button("Undo").click()
    tab.button("Redo").click()
    page.reload()
    tab.settle()
    assert "$5.00bn" in page.locator("section[aria-label=Edits]").inner_text()
    text = tab.saved(page.locator("section[aria-label=Edits]").get_by_role("button", name="Scenario file"))
    assert '[[figure]]\ncompany = "oracle"\nmetric = "cash_and_investments"\nvalue = 5.0' in text
    ours = studio.do(
        {"task": "simulate", "scenarios": [{"name": "baseline"}, {"text": text}], "paths": 6, "quarters": 4}
    )["run"]
    file, theirs = tmp_path / "edited_world.toml", tmp_path / "run"
    file.write_text(text, encoding="utf-8")
    size = ["--paths", "6", "--quarters", "4", "--overlay", str(studio.workspace / "overlay"), "--quiet"]
    assert main(["run", "baseline", str(file), *size, "--out", str(theirs)]) == 0
    files = [read_json(run / "manifest.json")["files"] for run in (studio.workspace / "runs" / ours, theirs)]
    assert files[0] == files[1], "to the bit"
    cash = ps.open_run(theirs).bands.query(
        "company_id == 'oracle' and measure == 'cash_usd_bn' and quarter == '2026Q1'"
    )
    means = cash.set_index("scenario")["mean"]
    assert means["edited_world"] < means["baseline"], "and it is felt"
    assert tab.problems == []


@pytest.mark.browser
def test_a_figure_that_keeps_its_source_and_one_that_was_unknown(tab: Opened, small_run: str) -> None:
    page = tab.go("network?company=oracle", small_run)
    figures = page.get_by_role("region", name="figures-oracle")
    figures.locator("tr", has_text="operating cash flow").get_by_role("button", name="Change").click()
    form = page.get_by_role("form", name="Change a figure")
    form.get_by_label("another reading of its source").check()
    form.get_by_role("button", name="Put in the tray").click()
    tab.button("Set another figure").click()
    form.get_by_label("Figure").select_option("lease_liabilities")
    form.get_by_label("USD bn", exact=True).fill("16")
    form.get_by_label("Low end").fill("17")
    form.get_by_role("button", name="Put in the tray").click()
    assert "low: found 17; expected at most the value, 16" in page.locator("[role=alert]").first.inner_text()
    form.get_by_label("Low end").fill("12")
    form.get_by_role("button", name="Put in the tray").click()
    text = tab.saved(page.locator("section[aria-label=Edits]").get_by_role("button", name="Scenario file"))
    world = load_world()
    source = world.figures().loc[("oracle", "operating_cash_flow"), "source_id"]
    assert f'source_id = "{source}"' in text
    assert 'metric = "lease_liabilities"\nvalue = 16.0\nlow = 12.0' in text
    assert tab.problems == []


@pytest.mark.browser
def test_a_card_says_who_entered_a_figure(tab: Opened, small_run: str) -> None:
    page = tab.go("network?company=oracle", small_run)
    dialog = page.locator("dialog")
    ours = "Penstock contributors, data set ai-2025"
    figures = page.get_by_role("region", name="figures-oracle")
    figures.locator("tr", has_text="market cap").get_by_role("button").first.click()
    page.wait_for_selector("dialog dt:has-text('Used by')")
    assert f"Entered by\n{ours}: " in dialog.inner_text()
    page.keyboard.press("Escape")
    page.locator("aside button.number:has-text('$300bn')").click()
    page.wait_for_selector("dialog dt:has-text('Binding')")
    assert f"Entered by\n{ours}: read on a page of the source" in dialog.inner_text()
    page.keyboard.press("Escape")
    tie = next(row for row in tab.studio.get("/api/world/network")["ties"] if row["id"] == "evil_tie")
    assert tie["entered_by"] == "you, in the overlay overlay: from memory, the source named but not read again"
    page.locator("aside button.number", has_text="%").first.click()
    page.wait_for_selector("dialog h3:has-text('What the scenarios change')")
    assert f"facts: {ours}" in dialog.inner_text()
    assert f"{ours.split(',')[0]}, scenario library" in dialog.inner_text()
    assert tab.problems == []


def test_the_card_of_a_run_tells_every_change_and_who_made_it(studio: Studio, own_run: str) -> None:
    rows = studio.get(f"/api/runs/{own_run}/card")["changes"]
    assert [(row["what"], row["apply"], row["by"]) for row in rows] == [
        ("demand.ceiling", "*0.6", "you, in a scenario of your own"),
        ("d_co_orcl_openai", "removed", "you, in a scenario of your own"),
    ]


def test_edits_are_put_on_a_scenario_by_its_text(studio: Studio) -> None:
    tray = {"name": "edited_world", "base": OWN, "remove": [{"tie": "d_vf_nvda_openai"}, {"tie": "d_co_orcl_openai"}]}
    code, found = studio.call("POST", "/api/scenarios/text", tray)
    assert code == 200, found
    assert found["name"] == "edited_world"
    assert found["text"].count("[[remove]]") == 2 and 'what = "demand.ceiling"' in found["text"]
    code, again = studio.call("POST", "/api/scenarios/text", {**tray, "base": found["text"]})
    assert (code, again["name"]) == (200, "edited_world_2")
    assert again["text"].replace("edited_world_2", "edited_world") == found["text"]
    code, refused = studio.call("POST", "/api/scenarios/text", {"base": "name = 'x'\nfrom = 1\n"})
    assert code == 422
    assert "base:2: key: found 'from'" in refused["detail"]


@pytest.mark.browser
def test_remove_and_rerun_builds_on_the_scenario_in_view(tab: Opened, studio: Studio, own_run: str) -> None:
    page = tab.go("flows", own_run)
    contracts = page.get_by_role("region", name="contracts")
    with page.expect_request("**/api/jobs") as sent:
        contracts.get_by_role("button", name="Remove and rerun").first.click()
    first, second = sent.value.post_data_json["scenarios"]
    assert 'name = "my_case"' in first["text"]
    assert 'name = "edited_world"' in second["text"]
    assert 'what = "demand.ceiling"' in second["text"] and second["text"].count("[[remove]]") == 2
    tray = page.locator("section[aria-label=Edits]")
    assert "beside my case" in tray.inner_text()
    tray.get_by_label("Built on").select_option("baseline")
    assert "beside baseline" in tray.inner_text()
    for job in studio.get("/api/jobs")["jobs"]:
        studio.call("DELETE", f"/api/jobs/{job['id']}")
    assert [problem for problem in tab.problems if "cancelled" not in problem] == []


@pytest.mark.browser
def test_a_line_stands_between_data_and_forecast(tab: Opened, small_run: str) -> None:
    page = tab.go("network?company=microsoft", small_run)
    chart = page.get_by_role("region", name="Microsoft over time")
    page.get_by_label("Measure").select_option("capex_usd_bn")
    line = chart.locator("[data-as-of]")
    assert line.get_attribute("data-as-of") == "2025-12-31"
    assert "data to 2025-12-31" in chart.locator("svg").first.text_content()
    border = float(line.get_attribute("x1") or "nan")
    known = [float(mark.get_attribute("cx") or "nan") for mark in chart.locator("[data-on-record]").all()]
    assert len(known) >= 8 and max(known) < border
    rows = list(csv.DictReader(io.StringIO(tab.saved(chart.get_by_role("button", name="CSV").first))))
    on_record = [row for row in rows if row["what"].startswith("on record")]
    assert max(row["when"] for row in on_record) <= "2025-12-31"
    assert {row["when"] for row in rows if row["what"].startswith("simulated")} >= {"2026Q1", "2028Q4"}
    quarter = load_world().table("series").set_index(["series", "entity", "date"])["value"]
    last = float(quarter[("capex_usd_bn", "microsoft", "2025-12-31")])
    assert float(on_record[-1]["value"]) == pytest.approx(last)
    page = tab.go("report", small_run)
    for figure in ("fan-ai-revenue_usd_bn", "layer-revenue"):
        assert "data to 2025-12-31" in page.locator(f"[data-figure^='{figure[:8]}'] svg").first.text_content(), figure
    page = tab.go("sites?site=xai_colossus_1", small_run)
    assert "data to 2025-12-31" in page.locator("[data-picture] svg").first.text_content()
    assert tab.problems == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_pinned_runs_and_contracts_stand_where_one_looks(
    browser: Any, studio: Studio, small_run: str, own_run: str, width: int
) -> None:
    tab = Opened(browser, studio, width)
    page = tab.go(f"lab?focus=shocks&quarters=5&paths=8&pins={small_run},{own_run}")
    pins, fans = page.get_by_label("Pinned runs").bounding_box(), page.locator("[data-fan]").first.bounding_box()
    assert pins is not None and fans is not None
    assert pins["y"] + pins["height"] <= fans["y"], "above the charts"
    assert page.locator("[data-fan] [data-as-of]").count() == page.locator("[data-fan] .median").count() >= 3
    page.get_by_role("button", name="Their difference from the first").press("Enter")
    assert page.evaluate("document.activeElement.id") == "pinned-differences"
    page = tab.go("flows", small_run)
    chart = page.locator("[data-figure=money]").bounding_box()
    contracts = page.get_by_label("The contracts behind a flow").bounding_box()
    assert chart is not None and contracts is not None
    if width == 1280:
        assert contracts["x"] > chart["x"] + chart["width"] and abs(contracts["y"] - chart["y"]) < 40, "beside"
    else:
        assert contracts["y"] > chart["y"] + chart["height"] and contracts["x"] < 40, "below, as wide as the page"
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert tab.problems == []
    tab.close()


@pytest.mark.browser
def test_rounds_of_a_cascade_count_each_company_once(tab: Opened, studio: Studio, small_run: str) -> None:
    page = tab.go("cascade?scenario=lab_cannot_pay", small_run)
    told = studio.get(f"/api/runs/{small_run}/cascade?scenario=lab_cannot_pay&path=worst")
    fell = {event["company_id"] for event in told["events"] if event["stage"] in ("standstill", "rescue")}
    section = page.locator("h2:has-text('Round by round') ~ div.row").first
    rows = list(csv.DictReader(io.StringIO(tab.saved(section.get_by_role("button", name="CSV")))))
    assert sum(int(row["count"]) for row in rows) == len(fell) > 0
    assert [int(row["round"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(int(row["same"]) <= int(row["count"]) for row in rows)
    assert tab.problems == []


@pytest.mark.browser
def test_the_list_of_sites_stands_beside_the_map(tab: Opened, small_run: str) -> None:
    page = tab.go("map", small_run)
    drawn = page.locator(".map-and-list figure").bounding_box()
    listed = page.locator(".map-and-list section").bounding_box()
    assert drawn is not None and listed is not None
    assert listed["x"] > drawn["x"] + drawn["width"] and listed["width"] > 330
    assert tab.problems == []

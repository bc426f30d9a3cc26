"""A knob over time in the lab: when a slider acts, a path of values for any knob, and who entered what it is set to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from browsing import WAIT_MS, Opened
from running import Studio, started
from test_browser import findings

import penstock as ps
from penstock.scenarios import read_scenario
from penstock.scenarios.knobs import knobs
from penstock.scenarios.program import compile_program
from penstock.world.on_record import on_record

GAS = "energy.gas_price_usd_per_mmbtu"
WAIT = "energy.power_delay_quarters"


def felt(text: str, knob: str, quarters: int) -> list[float]:
    """What a run makes of a knob at its default under a scenario file, a value a quarter."""
    program = compile_program(read_scenario(text, world=ps.load_world()), "2026Q1", quarters)
    table = program.draw(np.full((len(program.changes), 1), 0.5))
    return [float(np.ravel(table.value(knob, q, knobs()[knob].default))[0]) for q in range(quarters)]


def drawn(place: Any) -> list[float]:
    """What the chart of a knob draws."""
    return [float(value) for value in place.locator("[data-knob]").get_attribute("data-values").split()]


def test_a_knob_tells_its_source_and_who_entered_it(studio: Studio) -> None:
    found = studio.get("/api/knobs")
    assert found["first_quarter"] == "2026Q1"
    rows = {row["name"]: row for row in found["knobs"]}
    assert set(rows) == set(knobs())
    behind = ps.load_world().table("parameters").set_index("name").loc["grid_wait_large_load"]
    assert rows[WAIT]["source_id"] == behind["source_id"] and behind["source_id"]
    assert rows[WAIT]["entered_by"].startswith("Penstock contributors, data set ai-2025: ")
    assert (rows[GAS]["source_id"], rows[GAS]["entered_by"]) == ("", "Penstock contributors, table of knobs: assumed")
    assert rows["demand.ceiling"]["entities"] == ["consumer", "enterprise", "agents"]
    assert rows["silicon.capacity"]["layers"] == ["silicon"]


def test_the_card_of_a_run_tells_when_a_change_acts(studio: Studio) -> None:
    text = (
        'name = "gas"\n[[change]]\nwhat = "energy.gas_price_usd_per_mmbtu"\napply = "=6"\n'
        'from = "2026Q2"\nuntil = "2026Q4"\nover = 2\n'
    )
    run = studio.do({"task": "simulate", "scenarios": [{"text": text}], "paths": 4, "quarters": 4})["run"]
    (row,) = studio.get(f"/api/runs/{run}/card")["changes"]
    assert (row["from"], row["until"], row["over"]) == ("2026Q2", "2026Q4", 2)


@pytest.mark.browser
def test_a_path_of_values_is_set_by_keyboard_and_is_what_a_run_takes(tab: Opened, small_run: str) -> None:
    page = tab.go("lab?focus=shocks&quarters=24&paths=8", "")
    tab.button("Set any knob, quarter by quarter").press("Enter")
    form = page.get_by_role("form", name="Change a knob by quarter")
    tab.settle()
    assert page.evaluate("document.activeElement.tagName") == "SELECT", "in the form at once"
    form.get_by_label("Knob").select_option(GAS)
    form.get_by_label("value of step 1").fill("6")
    form.get_by_role("button", name="Then another value").press("Enter")
    form.get_by_label("value of step 2").fill("9")
    form.get_by_label("phased in, step 2").fill("4")
    form.get_by_label("until").select_option("2030Q2")
    assert "3.5 from 2026Q1 to 2026Q4, 6 from 2027Q1 to 2027Q4, 9 from 2028Q4 to 2030Q2, 3.5 from 2030Q3 on" in (
        form.locator("svg").get_attribute("aria-label") or ""
    )
    shown = drawn(form)
    assert findings(page, "lab with the form") == []
    form.get_by_role("button", name="Put in the tray").press("Enter")
    edits = page.locator("section[aria-label=Edits]")
    edits.wait_for()
    assert "Price of natural gas at the hub: 6 from 2027Q1, 9 from 2028Q1 over 4 quarters, until 2030Q2" in (
        edits.inner_text()
    )
    assert page.evaluate("document.activeElement.id") == "by-quarter", "back where it was opened"
    page.reload()
    tab.settle()
    text = tab.saved(page.locator("section[aria-label=Edits]").get_by_role("button", name="Scenario file"))
    assert shown == pytest.approx(felt(text, GAS, 24)), "what is drawn is what a run takes"
    assert text.count("[[change]]") == 2
    tab.button("Undo").click()
    assert "Edits: 0" in page.locator("section[aria-label=Edits]").inner_text(), "a path is one edit"
    assert tab.problems == []


@pytest.mark.browser
@pytest.mark.parametrize("how, typed", [("times", ("0.8", "0.5")), ("plus", ("2", "-1")), ("set", ("5", "7"))])
def test_each_way_to_move_a_knob_is_drawn_as_a_run_takes_it(
    tab: Opened, small_run: str, how: str, typed: tuple[str, str]
) -> None:
    page = tab.go("lab?focus=shocks&preset=gas_spike&quarters=20", "")
    tab.button("Set any knob, quarter by quarter").click()
    form = page.get_by_role("form", name="Change a knob by quarter")
    form.get_by_label("Knob").select_option(GAS)
    form.get_by_label("How it moves").select_option(how)
    form.get_by_label("value of step 1").fill(typed[0])
    form.get_by_role("button", name="Then another value").click()
    form.get_by_label("value of step 2").fill(typed[1])
    form.get_by_label("phased in, step 2").fill("3")
    shown = drawn(form)
    assert "On top of what moves it already" in form.inner_text(), "the preset moves it too"
    form.get_by_role("button", name="Put in the tray").click()
    edits = page.locator("section[aria-label=Edits]")
    edits.get_by_label("Built on").select_option("gas_spike")
    text = tab.saved(edits.get_by_role("button", name="Scenario file"))
    assert shown == pytest.approx(felt(text, GAS, 20))
    assert tab.problems == []


@pytest.mark.browser
def test_what_the_language_does_not_know_is_told_in_the_form(tab: Opened, small_run: str) -> None:
    page = tab.go("lab?focus=shocks", "")
    tab.button("Set any knob, quarter by quarter").click()
    form = page.get_by_role("form", name="Change a knob by quarter")
    form.get_by_label("Knob").select_option("silicon.capacity")
    form.get_by_label("Of one company alone").fill("nobody_at_all")
    form.get_by_role("button", name="Put in the tray").click()
    told = page.locator("[role=alert]").first
    told.wait_for()
    assert "nobody_at_all" in told.inner_text() and "expected" in told.inner_text()
    assert page.locator("section[aria-label=Edits]").count() == 0
    form.get_by_role("button", name="Then another value").click()
    form.get_by_label("first quarter of step 2").select_option("2026Q2")
    form.get_by_role("button", name="Put in the tray").click()
    assert "steps out of order" in told.inner_text()


@pytest.mark.browser
def test_a_slider_says_when_it_acts_and_who_set_it(tab: Opened, small_run: str) -> None:
    page = tab.go("lab?quarters=5&paths=8", "")
    card = page.locator("dialog")
    tab.button("Power: delay: default, grade C").click()
    card.get_by_text("Source entered by").wait_for()
    assert "Penstock contributors, data set ai-2025" in card.inner_text(), "who entered the default"
    assert "Plausible range" in card.inner_text() and "0 to 8 quarters" in card.inner_text()
    card.get_by_role("button", name="Close").click()
    page.get_by_label("Power: delay, as a number").fill("3")
    page.keyboard.press("Tab")
    page.locator("summary", has_text="acts from 2027Q1").nth(5).click()
    page.get_by_label("Power: delay: from").select_option("2026Q2")
    page.get_by_label("Power: delay: until").select_option("2026Q4")
    page.get_by_label("Power: delay: over how many").fill("2")
    page.keyboard.press("Tab")
    assert "the run takes your quarters" in page.locator("p.answer").inner_text(), "the estimate says what it is not"
    shown = drawn(page.locator("details[open]"))
    assert shown == pytest.approx([0, 1.5, 3, 3, 0])
    tab.button("Power: delay: yours, grade F").click()
    assert "you, with this slider" in card.inner_text()
    assert "yours, from 2026Q2 over 2 quarters until 2026Q4" in card.inner_text()
    card.get_by_role("button", name="Close").click()
    page.reload()
    tab.settle()
    text = tab.saved(page.get_by_role("region", name="Run", exact=True).get_by_role("button", name="Scenario file"))
    assert 'from = "2026Q2"\nuntil = "2026Q4"\nover = 2' in text
    assert felt(text, WAIT, 5) == pytest.approx(shown)
    tab.button("Back to defaults").click()
    assert "w.energy" not in page.url and "s.energy" not in page.url
    assert findings(page, "lab") == []
    assert tab.problems == []


@pytest.mark.browser
def test_the_range_of_a_typed_figure_is_drawn_in_its_chart(tab: Opened, small_run: str) -> None:
    entry = {"company": "oracle", "metric": "cash_and_investments", "value": 10.0, "low": 4.0, "high": 25.0}
    edits = quote(json.dumps([{"table": "figure", "label": "cash", "entry": entry}]))
    page = tab.go(f"network?company=oracle&edits={edits}", small_run)
    chart = page.get_by_role("region", name="Oracle over time")
    assert chart.get_by_label("Measure").input_value() == "cash_usd_bn", "the measure that was edited is shown"
    own = chart.locator("[data-own]")
    assert "yours, in the tray: $10.0bn, $4.00bn to $25.0bn as you said" in (own.locator("title").text_content() or "")
    box, dot = own.locator("[data-range]").bounding_box(), own.locator("circle").bounding_box()
    assert box and dot
    middle = dot["y"] + dot["height"] / 2
    above, below = middle - box["y"], box["y"] + box["height"] - middle
    assert above / below == pytest.approx(15 / 6, rel=0.25), "from low to high, on the scale of the chart"
    rows = json.loads(tab.saved(chart.get_by_role("button", name="JSON").first))
    (mine,) = [row for row in rows if row["what"].startswith("yours")]
    assert (mine["value"], mine["low"], mine["high"]) == (10.0, 4.0, 25.0)
    chart.get_by_label("Measure").select_option("revenue_usd_bn")
    assert own.count() == 0
    weak = [row for row in json.loads(tab.saved(chart.get_by_role("button", name="JSON").first)) if row["grade"] == "E"]
    assert weak and weak[0]["high"] == pytest.approx(1.15 * weak[0]["value"]), "what the grade stands for"
    assert tab.problems == []


@pytest.mark.browser
def test_a_run_of_another_world_and_a_world_without_sites_are_told(browser: Any, tmp_path: Path) -> None:
    ps.simulate(ps.load_world(), "baseline", paths=4, quarters=4, out=tmp_path / "runs" / "foreign")
    with started(tmp_path, "--world", "telecom") as studio:
        opened = Opened(browser, studio)
        page = opened.go("home")
        assert "No run of telecom-1999 here yet" in opened.text(), (
            "the latest run of another world is not taken for one"
        )
        assert "telecom build-out" in page.locator("h1").inner_text() and "2026" not in opened.text()
        page = opened.go("report", "foreign")
        assert "This run is of the world ai-2025" in page.locator("[data-elsewhere]").inner_text()
        for name, told in (
            ("map", "names no site"),
            ("sites", "names no site"),
            ("bottlenecks", "no physical chain"),
            ("learn", "No circular deal"),
            ("network?company=oracle", "Not in this world"),
        ):
            page = opened.go(name)
            assert told in opened.text(), name
            assert page.locator("[role=alert]").count() == 0, name
        opened.close()


@pytest.mark.browser
def test_a_server_that_is_gone_and_a_run_that_is_cancelled_are_told(browser: Any, tmp_path: Path) -> None:
    with started(tmp_path) as studio:
        opened = Opened(browser, studio)
        page = opened.go("lab?focus=shocks&paths=20000")
        opened.button("Run", exact=True).click()
        page.wait_for_selector(".job progress", timeout=WAIT_MS)
        opened.button("Cancel").click()
        stopped = page.locator(".stopped")
        stopped.wait_for(timeout=WAIT_MS)
        assert "cancelled" in stopped.inner_text() and "kept" in stopped.inner_text()
        stopped.get_by_role("button").click()
        assert stopped.count() == 0
    page.get_by_role("link", name="Network", exact=True).click()
    told = page.locator("[role=alert]").first
    told.wait_for()
    assert "The server does not answer" in told.inner_text() and "fetch" not in told.inner_text()
    opened.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.browser
def test_a_company_of_ones_own_says_whose_its_figures_are_and_waits_for_nothing(tab: Opened, small_run: str) -> None:
    company = {"id": "acme", "name": "Acme", "layer": "platform", "roles": "neocloud", "opening": {"revenue": 5}}
    edits = quote(json.dumps([{"table": "company", "label": "new company Acme", "entry": company}]))
    page = tab.go(f"network?company=acme&edits={edits}", small_run)
    assert "No run in view knows it" in tab.text()
    (row,) = page.get_by_role("region", name="figures-acme").locator("tbody tr").all()
    assert "you" in row.inner_text() and "data" not in row.inner_text()
    page = tab.go("network?company=oracle", small_run)
    change = page.get_by_role("region", name="figures-oracle").get_by_role("button", name="Change: revenue", exact=True)
    assert change.count() == 1, "what is done to a row is named with the row"
    assert tab.problems == []


def test_of_a_company_without_a_record_the_columns_stay() -> None:
    found = on_record(ps.load_world(), "bond_market", ("revenue",))
    assert len(found) == 0 and {"value", "grade", "end"} <= set(found.columns)

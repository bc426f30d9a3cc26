"""What a person changes in the browser: units, a site and its token, companies and ties, and what comes of it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from browsing import WAIT_MS, Opened
from running import SCRIPT_NAME, Studio

import penstock as ps
from penstock.cli.main import main
from penstock.engine.manifest import read_json

pytestmark = pytest.mark.browser


def test_flows_are_shown_in_dollars_gigawatts_and_chips(tab: Opened, small_run: str) -> None:
    page = tab.go("flows", small_run)
    units = page.get_by_role("group", name="Unit")
    assert page.locator("[data-figure=money]").count() == 1
    slider = page.get_by_role("slider", name="Year")
    slider.press("ArrowRight")
    assert page.locator("[data-figure=money] figcaption").inner_text().startswith("In 2027,")
    slider.press("ArrowLeft")
    for label, figure, told in (("GW", "capacity-gw", " GW, "), ("Chips", "capacity-chips", "million chips")):
        units.get_by_role("button", name=label).click()
        page.wait_for_selector(f"[data-figure={figure}] .chart svg", timeout=WAIT_MS)
        assert told in page.locator(f"[data-figure={figure}] figcaption").inner_text()
        assert page.locator("[data-figure=money]").count() == 0
    page.reload()
    tab.settle()
    assert page.locator("[data-figure=capacity-chips]").count() == 1
    assert tab.problems == []


def test_the_page_of_a_site_says_what_the_functions_say(tab: Opened, studio: Studio) -> None:
    page = tab.go("sites?site=xai_colossus_1")
    world = ps.load_world(overlay=studio.workspace / "overlay")
    price = ps.token_price(world, "dense_70b").price["usd_per_mtok"]
    assert f"${price:.3g}" in page.locator("p.answer").inner_text()
    page.get_by_label(re.compile("^Beside")).select_option("moe_671b")
    page.wait_for_selector("svg title:has-text('moe 671b, electricity')", state="attached", timeout=WAIT_MS)
    page.get_by_label("bought beside integrated").check()
    page.wait_for_selector("svg title:has-text('integrated, electricity')", state="attached", timeout=WAIT_MS)
    box = page.get_by_label("utilisation, set to")
    box.fill("0.65")
    box.press("Tab")
    tab.settle()
    assert "--set utilisation=0.65" in tab.text()
    assert "set.utilisation=0.65" in page.url
    given = ps.token_price(world, "dense_70b", inputs={"utilisation": 0.65}).price["usd_per_mtok"]
    assert f"${given:.3g}" in page.locator("p.answer").inner_text()
    assert tab.problems == []


def test_a_company_is_added_and_its_file_runs_from_the_command_line(
    tab: Opened, small_run: str, tmp_path: Path
) -> None:
    page = tab.go("network", small_run)
    tab.button("Add a company").click()
    form = page.get_by_role("form", name="Add a company")
    form.get_by_label("Name").fill(f"Acme {SCRIPT_NAME}")
    form.get_by_label("Layer").select_option("platform")
    form.get_by_label(re.compile("^revenue")).fill("2.5")
    tab.button("Put in the tray").click()
    tie = page.get_by_role("form", name="Add a tie")
    provider = tie.get_by_label("Provider").input_value()
    assert provider.startswith("acme_")
    tie.get_by_label("Receiver").fill("openai")
    tie.get_by_label("USD bn in all").fill("12")
    tab.button("Put in the tray").click()
    edits = page.locator("section[aria-label=Edits]")
    assert "Edits: 2" in edits.inner_text()
    text = tab.saved(edits.get_by_role("button", name="Scenario file"))
    file = tmp_path / "edited_world.toml"
    file.write_text(text, encoding="utf-8")
    size = ["--paths", "4", "--quarters", "4", "--quiet"]
    assert main(["run", "baseline", str(file), *size, "--out", str(tmp_path / "run")]) == 0
    run = ps.open_run(tmp_path / "run")
    assert provider in set(run.bands.loc[run.bands["scenario"] == "edited_world", "company_id"])
    assert provider not in set(run.bands.loc[run.bands["scenario"] == "baseline", "company_id"])
    own = page.locator("svg g[aria-label*='yours, in the tray']")
    assert own.count() == 1, "the network shows it"
    own.press("Enter")
    page.wait_for_selector("aside h2:has-text('Acme')")
    assert "$2.50bn" in tab.text()
    page.get_by_role("link", name="Money flows").click()
    page.get_by_label("Payer").select_option("ai")
    page.get_by_label("Payee").select_option("platform")
    assert "yours, in the tray" in tab.text(), "and so do the contracts behind a flow"
    assert page.evaluate("window.evil") is None
    assert tab.problems == []


def test_a_tie_is_changed_by_keyboard_and_not_by_a_prompt(tab: Opened, small_run: str) -> None:
    page = tab.go("network?company=oracle", small_run)
    page.locator("aside tr", has_text="OpenAI").get_by_role("button", name="Change").press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type("150")
    page.keyboard.press("Enter")
    edits = page.locator("section[aria-label=Edits]")
    assert "Edits: 2" in edits.inner_text()
    text = tab.saved(edits.get_by_role("button", name="Scenario file"))
    assert 'tie = "d_co_orcl_openai"' in text
    assert "amount_usd_bn = 150.0" in text
    assert tab.problems == []


EVIL_SCENARIO = f"""name = "evil"
title = "<script>window.evil=1</script> {SCRIPT_NAME}"
story = "<img src=x onerror=window.evil=1>"
evidence = "=HYPERLINK(1)"
[[change]]
what = "demand.speed"
apply = "*0.9"
from = "2026Q2"
why = "<svg onload=window.evil=1>"
"""


def test_the_title_of_a_scenario_is_text_wherever_it_stands(tab: Opened, studio: Studio) -> None:
    run = studio.do({"task": "simulate", "scenarios": [{"text": EVIL_SCENARIO}], "paths": 4, "quarters": 4})["run"]
    for name in ("report", "home", f"lab?focus=shocks&pins={run}", "cascade"):
        page = tab.go(name, run)
        assert page.evaluate("window.evil") is None, name
    page = tab.go("home", run)
    page.locator(".panel button.number").last.click()
    page.wait_for_selector("dialog dl.facts")
    assert "<svg onload" in page.locator("dialog").inner_text()
    assert page.evaluate("window.evil") is None
    page.keyboard.press("Escape")
    page.goto(f"{studio.address}/api/runs/{run}/report")
    page.wait_for_selector("figure .chart svg", timeout=WAIT_MS)
    assert page.evaluate("window.evil") is None


def test_two_tabs_and_the_command_line_do_not_confuse_each_other(browser: Any, studio: Studio, small_run: str) -> None:
    """The same scenario from a tab and from the command line, another from a second tab, all at once."""
    first, second = Opened(browser, studio), Opened(browser, studio)
    ours = [sys.executable, "-m", "penstock", "run", "gas_spike", "--paths", "24", "--quarters", "5"]
    overlay = ["--overlay", "overlay", "--quiet"]
    for tab, preset in ((first, "gas_spike"), (second, "rates_up")):
        tab.go(f"lab?focus=shocks&preset={preset}&paths=24&quarters=5", small_run)
    before = set((studio.workspace / "runs").glob("gas_spike-*"))
    with subprocess.Popen([*ours, *overlay], cwd=studio.workspace, stdout=subprocess.DEVNULL) as command:
        # the command line is first: a tab waits for a run that another process writes, a command says so and ends
        while command.poll() is None and not set((studio.workspace / "runs").glob("gas_spike-*")) - before:
            time.sleep(0.02)
        for tab in (first, second):
            tab.button("Run", exact=True).click()
        for tab in (first, second):
            tab.page.wait_for_selector("text=Unpin", timeout=WAIT_MS)
        assert command.wait(timeout=WAIT_MS / 1000) == 0
    for tab, preset in ((first, "gas_spike"), (second, "rates_up")):
        run = re.search(r"pins=([^&]+)", tab.page.url)
        assert run is not None
        assert run[1].startswith(preset.replace("_", "-")) or run[1].startswith(preset)
        directory = studio.workspace / "runs" / run[1]
        assert read_json(directory / "manifest.json")["scenarios"][0]["name"] == preset
        assert main(["runs", "verify", str(directory)]) == 0
        assert tab.problems == []
        tab.close()
    of_gas = [row for row in studio.get("/api/runs")["runs"] if row["scenarios"] == "gas_spike" and row["paths"] == 24]
    assert len(of_gas) == 1, "one run, whoever asked for it"

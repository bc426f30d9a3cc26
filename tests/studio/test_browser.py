"""The studio in a real browser: every page opens clean, can be used by keyboard, and nothing in a name runs."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from browsing import PAGES, WAIT_MS, Opened, artefacts
from running import FORMULA_NAME, SCRIPT_NAME, Studio

pytestmark = pytest.mark.browser


def findings(page: Any, name: str, *rules: str) -> list[str]:
    """What axe calls serious or critical (by these rules where given), and whether the page scrolls sideways."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="found no axe-playwright-python").Axe()
    assert page.locator("h1").count() == 1, name
    assert page.locator("p.answer").inner_text().strip(), name
    sideways = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    told = axe.run(
        page, options={"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    ).response["violations"]
    return ["scrolls sideways"] * bool(sideways) + [
        f"{item['id']}: {node['html'][:160]}"
        for item in told
        if item["impact"] in ("serious", "critical")
        for node in item["nodes"][:3]
    ]


def take_pictures(page: Any, name: str, width: int, scheme: str) -> None:
    """Pictures of a page in both colours, where a folder for them is named."""
    if folder := artefacts():
        for shown in ("light", "dark"):
            page.emulate_media(color_scheme=shown)
            page.wait_for_timeout(200)
            page.screenshot(path=folder / f"{name.split('?')[0]}-{width}-{shown}.png", full_page=True)
        page.emulate_media(color_scheme=scheme)


REACHABLE = 'a[href],button,input,select,textarea,summary,[tabindex="0"]'
WATCH_FOCUS = """(wanted) => {
  const open = (e) => !e.disabled && e.tabIndex >= 0 && e.getClientRects().length > 0;
  window.__wanted = new Set([...document.querySelectorAll(wanted)].filter(open));
  window.__order = [];
  document.addEventListener('focusin', (event) => window.__order.push(event.target));
  document.activeElement.blur();
  window.scrollTo(0, 0);
  return window.__wanted.size;
}"""
MISSED = """() => {
  const seen = new Set(window.__order);
  const told = (e) => e.outerHTML.slice(0, 120);
  return [...window.__wanted].filter((e) => !seen.has(e)).map(told);
}"""
OUT_OF_ORDER = """() => {
  const order = window.__order.filter((e) => window.__wanted.has(e));
  const after = (a, b) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING;
  const first = order.slice(0, new Set(order).size);
  const back = first.slice(1).filter((e, k) => first[k] !== e && !after(first[k], e));
  return back.slice(1).map((e) => e.outerHTML.slice(0, 120));
}"""
"""One step back is the way round: a page begins at its own content, after the links to other pages."""


WIDE_TABLES = """() => [...document.querySelectorAll('.table-wrap')]
  .filter((wrap) => wrap.clientWidth && wrap.scrollWidth > wrap.clientWidth + 1)
  .map((wrap) => wrap.getAttribute('aria-label') || wrap.outerHTML.slice(0, 120))"""


@dataclass
class Tour:
    """What was seen on every page, opened one after the other in one tab; by page, empty where nothing was wrong."""

    axe: dict[str, list[str]] = field(default_factory=dict)
    reload: dict[str, tuple[str, str]] = field(default_factory=dict)
    keyboard: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def tour(browser: Any, studio: Studio, small_run: str) -> Tour:
    """Each page is opened, looked at by axe, reloaded, and walked through with the Tab key."""
    opened, seen = Opened(browser, studio), Tour()
    for name in PAGES:
        page = opened.go(name, small_run)
        if found := findings(page, name):
            seen.axe[name] = found
        page.emulate_media(color_scheme="dark")
        if found := findings(page, name, "color-contrast"):
            seen.axe[f"{name}, dark"] = found
        page.emulate_media(color_scheme="light")
        take_pictures(page, name, 1280, "light")
        before = page.url, opened.text()
        page.reload()
        opened.settle()
        if before != (page.url, opened.text()):
            seen.reload[name] = before[1], opened.text()
        wanted = page.evaluate(WATCH_FOCUS, REACHABLE)
        assert wanted > 15, name
        for _ in range(wanted + 4):
            page.keyboard.press("Tab")
        if left := page.evaluate(MISSED) + page.evaluate(OUT_OF_ORDER):
            seen.keyboard[name] = left[:5]
    seen.problems = opened.problems
    opened.close()
    return seen


def test_every_page_opens_clean_and_passes_axe(tour: Tour) -> None:
    assert tour.axe == {}
    assert tour.problems == []


def test_a_reload_returns_to_the_same_state_on_every_page(tour: Tour) -> None:
    assert tour.reload == {}


def test_the_tab_key_reaches_everything_in_order_on_every_page(tour: Tour) -> None:
    assert tour.keyboard == {}


def test_every_page_is_whole_and_clean_on_a_phone_in_the_dark(browser: Any, studio: Studio, small_run: str) -> None:
    opened = Opened(browser, studio, 390, "dark")
    found = {}
    for name in PAGES:
        page = opened.go(name, small_run)
        if seen := findings(page, name):
            found[name] = seen
        if wide := page.evaluate(WIDE_TABLES):
            found[f"{name}, tables"] = wide
        take_pictures(page, name, 390, "dark")
    assert found == {}
    assert opened.problems == []
    opened.close()


def test_a_table_on_a_phone_is_cards_with_the_rest_of_the_columns_behind_a_button(
    browser: Any, studio: Studio, small_run: str
) -> None:
    opened = Opened(browser, studio, 390)
    page = opened.go("cascade?scenario=lab_cannot_pay", small_run)
    table = page.get_by_role("region", name="cascade: Enter goes")
    first = table.get_by_role("row").nth(1)
    assert table.get_by_role("table").count() == 1, "a screen reader still finds a table"
    assert table.get_by_role("columnheader").count() == 7
    assert first.get_by_role("cell").count() == 4
    more = table.get_by_role("button", name="3 more columns")
    more.focus()
    page.keyboard.press("Enter")
    assert first.get_by_role("cell").count() >= 6
    assert "Layer" in first.locator("td[data-label=Layer]").get_attribute("data-label")
    table.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == 2, "arrows lead from card to card"
    page.set_viewport_size({"width": 1280, "height": 900})
    opened.settle()
    assert table.get_by_role("button", name="Fewer columns").count() == 0, "wide enough, it is a table again"
    assert opened.problems == []
    opened.close()


def test_a_name_is_text_wherever_it_stands(tab: Opened, small_run: str) -> None:
    for name in ("network?company=evil_corp", "network?company=formula_corp", "evidence?q=evil_source"):
        page = tab.go(name, small_run)
        assert page.evaluate("window.evil") is None
    page = tab.go("network?company=evil_corp", small_run)
    assert SCRIPT_NAME in page.locator("aside").inner_text()
    page.locator("aside").get_by_role("button", name="$1.00bn").first.click()
    page.wait_for_selector("dialog code")
    assert "<script>" in page.locator("dialog").inner_text()
    assert page.evaluate("window.evil") is None
    page.keyboard.press("Escape")
    # a scenario's title and a company's name in a run, its report too
    assert tab.problems == []


def test_what_is_downloaded_is_no_formula(tab: Opened, small_run: str) -> None:
    page = tab.go("evidence?q=evil_source", small_run)
    region = page.locator("main")
    with page.expect_download() as download:
        region.get_by_role("button", name="CSV", exact=True).nth(-2).click()
    rows = list(csv.reader(Path(download.value.path()).read_text(encoding="utf-8").splitlines()))
    cells = [cell for row in rows for cell in row]
    assert any("SUM(A1)" in cell for cell in cells)
    assert [cell for cell in cells if cell[:1] in ("=", "+", "@")] == []
    page = tab.go("network?company=evil_corp", small_run)
    with page.expect_download() as download:
        page.locator("main").get_by_role("button", name="CSV", exact=True).first.click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "'=1+1" in text or FORMULA_NAME not in text
    assert ",=" not in text


def test_a_mark_of_the_cascade_opens_its_causes_by_keyboard(tab: Opened, small_run: str) -> None:
    page = tab.go("cascade?scenario=lab_cannot_pay", small_run)
    page.locator("svg g[role=button]").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("aside[aria-label=Causes]")
    assert page.locator("aside ol li").count() >= 1
    assert "event=" in page.url
    page.reload()
    tab.settle()
    assert page.locator("aside[aria-label=Causes]").count() == 1, "a reload returns to the same state"


def test_with_reduced_motion_a_cascade_is_shown_whole_at_once(tab: Opened, small_run: str) -> None:
    page = tab.go("cascade?scenario=lab_cannot_pay&quarter=2026Q1", small_run)
    before = page.locator("svg g[role=button]").count()
    tab.button("Play").click()
    assert tab.button("Play").count() == 1, "nothing moves"
    assert page.get_by_label("Quarter, from a list").input_value() == "2028Q4"
    assert page.locator("svg g[role=button]").count() > before


def test_edits_go_through_the_tray_to_a_scenario_file(tab: Opened, small_run: str) -> None:
    page = tab.go("network?company=oracle", small_run)
    page.locator("aside tr", has_text="OpenAI").get_by_role("button", name="Remove").click()
    assert "Edits: 1" in page.locator("section[aria-label=Edits]").inner_text()
    tab.button("Undo").click()
    assert "Edits: 0" in page.locator("section[aria-label=Edits]").inner_text()
    tab.button("Redo").click()
    with page.expect_download() as download:
        page.locator("section[aria-label=Edits]").get_by_role("button", name="Scenario file").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert 'tie = "d_co_orcl_openai"' in text
    page.reload()
    tab.settle()
    assert "Edits: 1" in page.locator("section[aria-label=Edits]").inner_text()
    assert tab.problems == []


def test_a_slider_moves_the_fans_and_a_run_is_pinned(tab: Opened, small_run: str) -> None:
    page = tab.go("lab?focus=shocks&quarters=5&paths=8", "")
    assert tab.button("Prepare the sliders").count() == 1, "whoever asks for shocks waits for them alone"
    page = tab.go("lab?quarters=5&paths=8", "")
    median = "document.querySelector('[data-fan=\"Capital spending\"] .median').getAttribute('d')"
    before = page.evaluate(median)
    slider = page.locator("[id='s-finance.debt_access']")
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    assert page.evaluate(median) != before
    assert "s.finance.debt_access" in page.url
    assert "shown is an estimate" in page.locator("main").inner_text()
    value = slider.input_value()
    page.reload()
    tab.settle()
    assert page.locator("[id='s-finance.debt_access']").input_value() == value
    tab.button("Run", exact=True).click()
    page.wait_for_selector(".job progress")
    page.wait_for_selector("text=Unpin", timeout=WAIT_MS)
    assert "pins=" in page.url
    assert tab.problems == []


def test_a_number_opens_its_card(tab: Opened, small_run: str) -> None:
    page = tab.go("home", small_run)
    page.locator(".panel button.number").last.click()
    page.wait_for_selector("dialog dl.facts")
    text = page.locator("dialog").inner_text()
    assert small_run in text
    assert "16 paths, 12 quarters, seed 7" in text
    assert "grade" in text.lower()


def test_one_card_after_another_shows_its_own(tab: Opened, small_run: str) -> None:
    page = tab.go("home", small_run)
    page.locator(".panel button.number").last.click()
    page.wait_for_selector(f"dialog:has-text('{small_run}')")
    page.keyboard.press("Escape")
    page.goto(page.url.replace("/home", "/network") + "&company=oracle")
    tab.settle()
    page.locator("aside button.number:has-text('$300bn')").first.click()
    page.wait_for_selector("dialog:has-text('d_co_orcl_openai')")
    assert small_run not in page.locator("dialog").inner_text()
    assert tab.problems == []


def test_every_number_of_a_table_opens_its_card_by_keyboard_too(tab: Opened, small_run: str) -> None:
    page = tab.go("cascade?scenario=lab_cannot_pay", small_run)
    table = page.get_by_role("region", name="cascade: Enter goes")
    numbers = table.locator("td.n")
    assert numbers.count() > 0
    assert numbers.locator("button").count() == numbers.count(), "no number without a card"
    table.focus()
    page.keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.matches('td button')")
    numbers.locator("button").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog dl.facts")
    text = page.locator("dialog").inner_text()
    assert "Amount" in text
    assert small_run in text
    assert tab.problems == []


def test_every_number_of_a_sentence_opens_its_own_card_by_keyboard_too(tab: Opened, small_run: str) -> None:
    page = tab.go("home", small_run)
    told = page.locator("p.answer [role=button]")
    assert told.count() > 3
    assert page.locator("p.answer [role=button][tabindex='0']").count() == 1, "one stop of Tab a sentence"
    told.first.focus()
    page.keyboard.press("ArrowRight")
    number = page.evaluate("document.activeElement.textContent")
    assert number == told.nth(1).inner_text() != told.first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_selector(f"dialog:has-text('{small_run}')")
    assert page.locator("dialog .big").inner_text() == number
    assert not any(text[:2] == "20" and len(text) == 4 for text in told.all_inner_texts()), "a year is no number"


def test_what_is_lost_who_waits_and_how_it_scores_are_shown(tab: Opened, small_run: str) -> None:
    page = tab.go("bottlenecks", small_run)
    lost = page.locator("[data-figure='tokens-lost']")
    assert "quadrillion tokens are served" in lost.locator("figcaption").inner_text()
    lost.get_by_role("button", name="Show table").click()
    assert lost.locator("tbody tr").count() == 10
    lost.locator("td button").first.click()
    page.wait_for_selector(f"dialog:has-text('{small_run}')")
    page = tab.go("map")
    page.locator("svg circle[role=button]").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog dl.facts")
    text = page.locator("dialog").inner_text()
    assert "waits for the grid" in text and "penstock site" in text and "MW" in text
    page = tab.go("evidence?open=card.history", small_run)
    text = tab.text()
    assert "80% intervals cover 65% to 95%" in text
    assert "Not for" in text, "the model card is read there"
    page.get_by_role("button", name="alphabet: capex, $bn", exact=True).click()
    assert "alphabet: capex" in page.locator("[data-figure='backtest-points'] figcaption").inner_text()
    assert tab.problems == []


def test_each_assumption_of_structure_shows_what_it_does_in_the_run(tab: Opened, small_run: str) -> None:
    page = tab.go("evidence?open=structure", small_run)
    tab.button("Switch each part off and run again").click()
    table = page.get_by_role("region", name="switches: Enter goes")
    table.wait_for(timeout=WAIT_MS)
    rows = table.locator("tbody tr")
    assert rows.count() == 8
    for text in rows.all_inner_texts():
        assert "\u00a0to\u00a0" in text or "no path differs" in text or "off already" in text, text
    assert "most clearly" in page.locator("#part-structure").inner_text()
    rows.first.get_by_role("button", name="Put in the tray").click()
    assert "contagion off" in page.locator("section[aria-label=Edits]").inner_text()
    text = tab.saved(page.locator("#part-structure").get_by_role("button", name="CSV", exact=True).first)
    assert text.splitlines()[0].startswith("switch,meaning,note,output,unit,base,level,difference,se,low95,high95")
    page.reload()
    tab.settle()
    assert table.locator("tbody tr").count() == 8, "a reload shows again what was found"
    assert tab.problems == []


def test_relief_has_a_price_a_unit_with_its_interval(tab: Opened, small_run: str) -> None:
    page = tab.go("bottlenecks", small_run)
    tab.button("Loosen each limit and run again").click()
    table = page.get_by_role("region", name="shadow-prices: Enter goes")
    table.wait_for(timeout=WAIT_MS)
    row = table.locator("tr", has_text="MW of firm power had a year sooner").first
    assert row.locator("td button").count() >= 3, "each price opens its card"
    assert "$" in row.inner_text() and " to " in row.inner_text()
    assert "95% interval" in tab.text()
    assert tab.problems == []


def test_the_smallest_help_is_told_for_a_default(tab: Opened, small_run: str) -> None:
    page = tab.go("cascade?scenario=lab_cannot_pay", small_run)
    mark = page.locator("svg g[role=button][aria-label*=', default in 202']:not([aria-label*='2026Q1'])").first
    mark.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("aside h3:has-text('Smallest help')")
    tab.settle()
    text = page.locator("aside").inner_text()
    assert "keeps it from its default" in text or "No grant up to" in text
    assert tab.problems == []


def test_a_tie_is_taken_out_and_the_run_made_again_from_its_card(tab: Opened, small_run: str) -> None:
    page = tab.go("flows?flow=ai,platform", small_run)
    page.get_by_role("button", name="d_co_orcl_openai").first.click()
    page.get_by_role("button", name="Remove this tie and rerun").click()
    page.wait_for_selector(".job[data-total='512']", timeout=WAIT_MS)
    tab.button("Cancel").click()
    page.wait_for_selector(".job", state="detached", timeout=WAIT_MS)
    assert "without d_co_orcl_openai" in page.locator("section[aria-label=Edits]").inner_text()
    assert page.get_by_role("button", name="d_co_orcl_openai", exact=True).count() == 0, (
        "it is not among the contracts any more"
    )
    assert tab.problems == []


def test_exposures_are_handed_in_and_valued(tab: Opened, small_run: str, tmp_path: Path) -> None:
    book = tmp_path / "book.csv"
    book.write_text('company,instrument,amount\nOracle,bond,200000000\n"=cmd|calc",bond,5\n', encoding="utf-8")
    page = tab.go("portfolio", small_run)
    page.locator("input[type=file]").set_input_files(book)
    page.wait_for_selector("text=What is lost", timeout=WAIT_MS)
    assert "1 of 2 rows are placed" in page.locator("p.answer").inner_text()
    with page.expect_download() as download:
        page.locator("main").get_by_role("button", name="CSV", exact=True).first.click()
    assert ",=cmd" not in Path(download.value.path()).read_text(encoding="utf-8")
    assert tab.problems == []


def test_a_tab_without_the_token_may_look_and_not_touch(browser: Any, studio: Studio, small_run: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{studio.address}/#/bottlenecks?run={small_run}")
    page.wait_for_selector("text=What is relief worth?", timeout=WAIT_MS)
    page.get_by_role("button", name="Loosen each limit").click()
    page.wait_for_selector("[role=alert]")
    assert "open the address that" in page.locator("[role=alert]").inner_text()
    context.close()


def test_print_is_light_whatever_the_screen_is(browser: Any, studio: Studio, small_run: str) -> None:
    opened = Opened(browser, studio, scheme="dark")
    page = opened.go("report", small_run)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav.pages").is_hidden()
    opened.close()


def test_the_report_of_a_run_opens_apart_from_the_studio(tab: Opened, small_run: str) -> None:
    page = tab.go("report", small_run)
    with tab.context.expect_page() as opened:
        page.get_by_role("link", name="Open the report").click()
    report = opened.value
    report.wait_for_selector("figure .chart svg", timeout=WAIT_MS)
    assert report.evaluate("window.origin") == "null"
    assert json.loads(report.evaluate("JSON.stringify(window.opener)")) is None

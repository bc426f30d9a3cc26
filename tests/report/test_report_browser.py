"""The report in a real browser with the network off: no request, no error, and everything can be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixture_run import fixture_run

from penstock.report.html import write_report

sync_api = pytest.importorskip("playwright.sync_api", reason="found no playwright; expected the extra `dev`")

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
FIGURES = 12
"""The figures of a run with two scenarios, flows and an opening state."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return write_report(fixture_run(60, ("baseline", "funding_freeze")), folder / "report.html")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")], ids=str)
def opened(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[tuple[Any, list[str]]]:
    """The page, and what it did that it must not."""
    width, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, accept_downloads=True
    )
    page = context.new_page()
    problems: list[str] = []

    def on_request(sent: Any) -> None:
        if sent.url != report.as_uri() and not sent.url.startswith(("data:", "blob:")):
            problems.append(f"request: {sent.url}")

    def on_console(message: Any) -> None:
        if message.type in ("error", "warning"):
            problems.append(f"console: {message.text}")

    page.on("request", on_request)
    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.append(f"page: {error}"))
    page.goto(report.as_uri())
    page.wait_for_selector("#money .chart svg")
    yield page, problems
    context.close()


def test_every_figure_is_drawn_without_a_request_or_an_error(opened: tuple[Any, list[str]]) -> None:
    page, problems = opened
    assert page.locator("figure").count() == FIGURES
    assert page.locator("figure .chart[role=img] svg").count() == FIGURES
    assert page.locator("figure .chart[aria-label*='.']").count() == FIGURES
    assert problems == []


def test_the_page_never_scrolls_sideways(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    for button in page.locator("[data-action=table]").all():
        if button.get_attribute("aria-expanded") == "false":
            button.click()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_table_buttons_show_and_hide_real_tables(opened: tuple[Any, list[str]]) -> None:
    page, problems = opened
    buttons = page.locator("[data-action=table]")
    assert buttons.count() == FIGURES
    for button in buttons.all():
        table = page.locator(f"#{button.get_attribute('aria-controls')}")
        before = table.is_visible()
        button.press("Enter")
        assert table.is_visible() != before
        assert table.locator("tbody tr").count() > 0
    assert problems == []


def test_choices_change_the_sentence_and_the_table(opened: tuple[Any, list[str]]) -> None:
    page, problems = opened
    figure = page.locator("#fan-capex-usd-bn")
    before = figure.locator("figcaption").inner_text()
    figure.locator("select").select_option("funding_freeze")
    assert figure.locator("figcaption").inner_text() != before
    assert page.locator("#bottlenecks select").first.input_value() == "funding_freeze"
    page.locator("#money select").nth(1).select_option("2030")
    assert page.locator("#money figcaption").inner_text().startswith("In 2030")
    figure.locator("input[type=checkbox]").check()
    assert problems == []


def test_a_figure_can_be_taken_away(opened: tuple[Any, list[str]]) -> None:
    page, problems = opened
    for figure in ("fan-capex-usd-bn", "money", "evidence"):
        for name, starts in (("CSV", b""), ("JSON", b"{"), ("SVG", b"<svg"), ("PNG", b"\x89PNG")):
            with page.expect_download() as download:
                page.locator(f"#{figure} .actions").get_by_role("button", name=name, exact=True).click()
            content = Path(download.value.path()).read_bytes()
            assert len(content) > 200
            assert content.startswith(starts)
            assert download.value.suggested_filename == f"penstock-{figure}.{name.lower()}"
    assert problems == []


def test_colours_can_be_chosen_and_are_remembered(opened: tuple[Any, list[str]]) -> None:
    page, problems = opened
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.locator("#theme-toggle").click()
    after = page.evaluate(ground)
    assert after != before
    # a browser hands what is stored to its other processes in its own time, and a reload may start one
    page.wait_for_timeout(500)
    page.reload()
    assert page.evaluate(ground) == after
    assert problems == []


def test_print_is_light_whatever_the_screen_is(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.wait_for_function(
        "[...document.querySelectorAll('.chart svg text')].some((t) => t.getAttribute('fill') === '#55606E')"
    )

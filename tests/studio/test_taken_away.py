"""What a chart gives away: its table, its data, its picture, and Python that runs and gives its numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from browsing import Opened
from running import Studio

pytestmark = pytest.mark.browser

CHARTS = "[data-picture], .figure"
KINDS = ("CSV", "JSON", "SVG", "PNG", "Copy as Python")
WHERE = (
    "home",
    "network?company=oracle",
    "flows",
    "flows?unit=gw",
    "cascade?scenario=lab_cannot_pay",
    "bottlenecks",
    "map",
    "sites?site=xai_colossus_1",
    "evidence?open=rests.history",
    "report",
    "lab?quarters=5&paths=8",
)


@pytest.fixture(scope="module")
def taken(browser: Any, studio: Studio, small_run: str) -> dict[str, Any]:
    """Charts of every page: which lack a button, and the Python that each gives."""
    opened = Opened(browser, studio)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=studio.address)
    lacking: list[str] = []
    python: dict[str, str] = {}
    for name in WHERE:
        page = opened.go(name, small_run)
        for chart in page.locator(CHARTS).all():
            title = f"{name}: {chart.locator('h3').first.inner_text() if chart.locator('h3').count() else ''}"
            names = [text.strip() for text in chart.locator("button").all_inner_texts()]
            lacking += [f"{title}: {kind}" for kind in KINDS if kind not in names]
            if not chart.locator("figcaption").inner_text().strip():
                lacking.append(f"{title}: a sentence")
            chart.get_by_role("button", name="Python").click()
            page.wait_for_timeout(30)
            python[title] = page.evaluate("navigator.clipboard.readText()")
    problems = opened.problems
    opened.close()
    return {"lacking": lacking, "python": python, "problems": problems}


def test_every_chart_has_a_sentence_and_all_that_can_be_taken_away(taken: dict[str, Any]) -> None:
    assert taken["lacking"] == []
    assert len(taken["python"]) > 20
    assert taken["problems"] == []


def test_the_python_of_every_chart_runs(taken: dict[str, Any], studio: Studio, tmp_path: Path) -> None:
    """In one process, in the folder of the workspace: each text on its own, its output kept."""
    texts = list(dict.fromkeys(taken["python"].values()))
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    script = tmp_path / "each.py"
    script.write_text(EACH, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "texts.json")],
        cwd=studio.workspace,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


EACH = """import contextlib, io, json, sys, traceback

failed = []
for text in json.load(open(sys.argv[1], encoding="utf-8")):
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(text, "chart", "exec"), {})
    except BaseException:
        failed.append(text + traceback.format_exc())
        continue
    if not out.getvalue().strip():
        failed.append(text + "printed nothing")
print(*failed, sep="\\n\\n")
sys.exit(bool(failed))
"""


def test_a_picture_that_is_saved_is_one(tab: Opened, small_run: str) -> None:
    page = tab.go("cascade?scenario=lab_cannot_pay", small_run)
    figure = page.locator("[data-picture]").first
    text = tab.saved(figure.get_by_role("button", name="SVG"))
    assert text.startswith("<svg") and "var(--" not in text
    assert "not a forecast" in text, "a picture carries the notice"
    with page.expect_download() as download:
        figure.get_by_role("button", name="PNG").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    rows = json.loads(tab.saved(figure.get_by_role("button", name="JSON")))
    assert {"quarter", "company_id", "stage"} <= set(rows[0])

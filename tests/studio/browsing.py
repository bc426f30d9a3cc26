"""A tab of a real browser on a running studio, and what it did that it must not."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from running import Studio

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PAGES = (
    "home",
    "network?company=oracle",
    "flows",
    "cascade?event=0",
    "portfolio",
    "evidence?open=rests.checks.history.structure.grades.card.sources.parameters",
    "bottlenecks",
    "report",
    "map",
    "sites?site=xai_colossus_1&vs=moe_671b",
    "learn",
    "lab?quarters=5&paths=8",
)
WAITING = (
    "Loading…",
    "Working: ",
    "Reading the world",
    "bit for bit…",
    "being prepared",
    "Following it",
    "Looking for loops",
    "being compiled",
)
LOOK = """document.querySelector('h1') && !document.documentElement.hasAttribute('data-waiting')
  ? document.body.innerText : ''"""
WAIT_MS = 240_000


class Opened:
    """A tab that notes what it must not do: outside requests, logged errors and warnings, uncaught faults."""

    def __init__(self, browser: Any, studio: Studio, width: int = 1280, scheme: str = "light") -> None:
        self.studio = studio
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("request", self._request)
        self.page.on("console", lambda m: m.type in ("error", "warning") and self.problems.append(f"console: {m.text}"))
        self.page.on("pageerror", lambda error: self.problems.append(f"page: {error}"))
        self.page.goto(f"{studio.address}/#token={studio.token}")
        self.page.wait_for_selector("h1")

    def _request(self, sent: Any) -> None:
        if not sent.url.startswith((self.studio.address + "/", "data:", "blob:")):
            self.problems.append(f"request: {sent.url}")

    def go(self, page: str, run: str = "") -> Any:
        """Open a page and wait until nothing on it waits."""
        join = "&" if "?" in page else "?"
        self.page.goto(f"{self.studio.address}/#/{page}{f'{join}run={run}' if run else ''}")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing on the page waits, twice in a row."""
        quiet = 0
        deadline = time.monotonic() + WAIT_MS / 1000
        while quiet < 2:
            # a waiting for a function would need eval, which the page's policy forbids
            text = self.page.evaluate(LOOK)
            done = "Charts by Apache" in text and not any(word in text for word in WAITING)
            quiet = quiet + 1 if done else 0
            assert time.monotonic() < deadline, f"{self.page.url} still waits"
            self.page.wait_for_timeout(50)
        self.page.wait_for_timeout(100)

    def text(self) -> str:
        """What the page says."""
        return str(self.page.locator("main").inner_text())

    def button(self, name: str, **options: Any) -> Any:
        """A button by its name."""
        return self.page.get_by_role("button", name=name, **options)

    def saved(self, button: Any) -> str:
        """The text of the file that a button saves."""
        with self.page.expect_download() as download:
            button.click()
        return Path(download.value.path()).read_text(encoding="utf-8")

    def close(self) -> None:
        """Close the tab."""
        self.context.close()


def artefacts() -> Path | None:
    """Where pictures go when PENSTOCK_ARTEFACTS names a folder."""
    folder = os.environ.get("PENSTOCK_ARTEFACTS")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)

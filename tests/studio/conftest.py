"""One studio as a person starts it and one browser, shared by the tests of this folder."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("fastapi", reason="found no fastapi; expected the extra `studio`")
pytest.importorskip("uvicorn", reason="found no uvicorn; expected the extra `studio`")

from browsing import FLAGS, Opened
from running import EVIL_OVERLAY, Studio, started

SLOWEST = ("/api/world/systemic", "/api/world/circularity", "/api/world/opening", "/api/world/follow")
"""Questions that pages ask first: worked on while other tests run."""


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    overlay = folder / "overlay"
    overlay.mkdir()
    for name, text in EVIL_OVERLAY.items():
        (overlay / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def studio(workspace: Path) -> Iterator[Studio]:
    """A running studio whose world holds names that want to be run as script and as formula."""
    with started(workspace, "--overlay", str(workspace / "overlay")) as running:
        for question in SLOWEST:
            threading.Thread(target=_asked, args=(running, question), daemon=True).start()
        yield running


def _asked(studio: Studio, question: str) -> None:
    with contextlib.suppress(OSError):  # told to the test that asks for it
        studio.call("GET", question)


@pytest.fixture(scope="session")
def small_run(studio: Studio) -> str:
    """The name of a run with two scenarios, small enough to be made for a test."""
    scenarios = [{"name": "baseline"}, {"name": "lab_cannot_pay"}]
    return str(studio.do({"task": "simulate", "scenarios": scenarios, "paths": 16, "quarters": 12})["run"])


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="found no playwright; expected the extra `dev`")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def tab(browser: Any, studio: Studio, small_run: str) -> Iterator[Opened]:
    opened = Opened(browser, studio)
    yield opened
    opened.close()

"""A studio as a person starts it, in a workspace of its own, for the tests of this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("fastapi", reason="found no fastapi; expected the extra `studio`")
pytest.importorskip("uvicorn", reason="found no uvicorn; expected the extra `studio`")

from running import EVIL_OVERLAY, Studio, started


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
        yield running


@pytest.fixture(scope="session")
def small_run(studio: Studio) -> str:
    """The name of a run with two scenarios, small enough to be made for a test."""
    scenarios = [{"name": "baseline"}, {"name": "lab_cannot_pay"}]
    return str(studio.do({"task": "simulate", "scenarios": scenarios, "paths": 16, "quarters": 12})["run"])

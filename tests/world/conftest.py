"""Gives each test a small world of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_world import write_small_world


@pytest.fixture
def small_world(tmp_path: Path) -> Path:
    """Folder of the small world; its files are the test's to change."""
    return write_small_world(tmp_path / "small")

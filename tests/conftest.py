"""What tests of several packages share; modules of this folder are importable by name."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; without one the test is skipped, or fails where PENSTOCK_STRICT is 1."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    message = f"found no browser; expected one of {', '.join(CHROMIUM_NAMES)} on PATH"
    if os.environ.get("PENSTOCK_STRICT") == "1":
        pytest.fail(message)
    pytest.skip(message)

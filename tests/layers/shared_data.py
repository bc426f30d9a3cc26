"""Full public files beside the checkout, which may be read by tests and may not be committed."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"
STATIONS = {
    "dallas": "USA_TX_Dallas-Fort.Worth.epw.gz",
    "phoenix": "USA_AZ_Phoenix-Sky.Harbor.epw.gz",
    "leesburg": "USA_VA_Leesburg.Exec.epw.gz",
}


def full_year(name: str) -> Path:
    """The EPW file of a climate; the test is skipped where it is not at hand."""
    path = SHARED / STATIONS[name]
    if not path.is_file():
        pytest.skip(f"found no {path.name} in ../shared/data; the extract is tested without it")
    return path

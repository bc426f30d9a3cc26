"""Makes `fake_model` and the other helpers importable by name, in spawned processes too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hashes of a run that nothing happened to."""
    from fake_model import run_fake, table_hashes

    place = tmp_path_factory.mktemp("runs") / "whole"
    run_fake(place)
    return table_hashes(place)

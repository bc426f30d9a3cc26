"""A run that Ctrl-C stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_model import run_fake


class StopAfter:
    """Interrupts, as Ctrl-C does, once so many paths are done."""

    def __init__(self, paths: int) -> None:
        self.paths = paths

    def __call__(self, done: int, total: int, note: str) -> None:
        if done >= self.paths:
            raise KeyboardInterrupt


def interrupted(place: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        run_fake(place, on_progress=StopAfter(256))
    return place

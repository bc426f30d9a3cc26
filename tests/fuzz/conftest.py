"""Makes the helpers of the tests importable by name, and interrupts what hangs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "engine"), str(TESTS / "fuzz")]


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A reader that does not come back is interrupted."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("a reader hangs")

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)

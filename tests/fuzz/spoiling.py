"""Files spoiled in every way, and what a reader may do with them: return, or say what is wrong.

The gate tries the same few examples each time. `PENSTOCK_FUZZ=5000` tries that many new ones for each reader.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import PenstockError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = int(os.environ.get("PENSTOCK_FUZZ", "0"))
IN_THE_GATE = 25
HANG_S = 30
"""seconds after which a reader of a few kilobytes counts as hanging"""

NASTY = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'""', b"'", b"'''", b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"[",
    b"]", b"[[", b"{", b"}", b"=", b"-", b"-1", b"0", b"1e999", b"-1e999", b"nan", b"NaN", b"inf", b"1e-400",
    b"9" * 400, b"9" * 5000, b"0x1", b"1_0", b"true", b"null", b"2025-13-45", b"9999-12-31", b"0000-00-00",
    b"[" * 2000, b'{"a":' * 2000, b"a." * 2000, b"\\", b"\\u0000", b'"\\ud800"', b"../../etc/passwd", b"=1+1",
    b"\xe2\x80\xae", b"x" * 140_000,
)  # fmt: skip
"""What readers tend to stumble over."""


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """A sound file with a few places cut, doubled, flipped or filled with something nasty; or no such file at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=400))
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.integers(0, 40))
        match draw(st.integers(0, 5)):
            case 0:
                del data[place : place + length]
            case 1:
                data[place:place] = data[place : place + length]
            case 2 if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case 3:
                del data[place:]
            case 4:
                data[place : place + length] = draw(st.sampled_from(NASTY))
            case _:
                data[place:place] = draw(st.sampled_from(NASTY))
    return bytes(data)


def holds_out(reader: Callable[[Path], object], whole: bytes, name: str) -> None:
    """The sound file is read, and each spoiled form of it is read or refused in words."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(whole)
        reader(file)

    @settings(
        max_examples=EXAMPLES or IN_THE_GATE,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(spoiled(whole))
    def look(data: bytes) -> None:
        read(reader, data, name)

    look()


def read(reader: Callable[[Path], object], data: bytes, name: str) -> None:
    """Either it is read, or the message is ours, in one line for each defect and not longer than a page."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(data)
        signal.alarm(HANG_S)
        try:
            reader(file)
        except PenstockError as error:
            told = str(error)
            assert told and "Traceback" not in told and "found" in told, told[:500]
            assert all(len(line) < 2_000 for line in told.splitlines()), told[:500]
        finally:
            signal.alarm(0)

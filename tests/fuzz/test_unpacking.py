"""What is packed unpacks to a limit, and what breaks off is refused."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from types import ModuleType

import pytest

from penstock import fleet
from penstock.errors import PenstockError
from penstock.fleet import loaders
from penstock.layers import weather_file
from penstock.layers.weather_file import read_epw
from penstock.world.packed import unpacked


@pytest.mark.parametrize(("name", "module"), [("trace.csv.gz", loaders), ("town.epw.gz", weather_file)])
def test_a_small_file_that_unpacks_to_more_than_the_limit_is_refused(
    name: str, module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 20_000_000)
    bomb = gzip.compress(b"0" * 100_000_000, compresslevel=9)
    assert len(bomb) < 200_000
    (tmp_path / name).write_bytes(bomb)
    reader = fleet.load_trace if module is loaders else read_epw
    tracemalloc.start()
    try:
        with pytest.raises(PenstockError, match="found more than 20,000,000 bytes unpacked; expected at most that"):
            reader(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_unpacking_gives_what_was_packed_and_refuses_what_breaks_off() -> None:
    whole = bytes(range(256)) * 20_000
    assert unpacked(whole, "x", len(whole)) == whole
    packed = gzip.compress(whole[:100]) + gzip.compress(whole[100:])
    assert unpacked(packed, "x", len(whole)) == whole == gzip.decompress(packed)
    for data in (packed[:-20], packed[:5], b"\x1f\x8b"):
        with pytest.raises(PenstockError, match=r"x: found a .*gzip file"):
            unpacked(data, "x", len(whole))
    with pytest.raises(PenstockError, match="expected at most"):
        unpacked(whole, "x", len(whole) - 1)

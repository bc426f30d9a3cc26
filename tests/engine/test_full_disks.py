"""Disks that fill and places that forbid: no finished chunk is lost, and the message is clear."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from fake_model import run_fake
from fake_model import table_hashes as hashes

from penstock.engine import storage
from penstock.errors import OutputError


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_fills_while_the_database_writes_is_an_output_error(tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    table = pd.DataFrame({"number": np.random.default_rng(1).random(100_000)})
    (tmp_path / f".table.parquet.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(OutputError) as caught:
        storage.write_table(file, table)
    assert str(caught.value) == (
        f"{file}: found no space left on device; expected a place with room that can be written"
    )
    assert caught.value.exit_code == 4
    assert list(tmp_path.iterdir()) == []
    # the same connection writes once there is room
    assert storage.write_table(file, table) == storage.sha256_of(file)


def refused_by_system(monkeypatch: pytest.MonkeyPatch, number: int, after: int) -> None:
    """The system refuses, with this error, each file after so many."""
    write, written = storage._write, []

    def refuse(path: Path, fill: Any) -> None:
        written.append(path)
        if len(written) > after:

            def full(part: Path) -> None:
                part.write_bytes(b"half")
                raise OSError(number, os.strerror(number))

            return write(path, full)
        return write(path, fill)

    monkeypatch.setattr(storage, "_write", refuse)


@pytest.mark.parametrize("after", [0, 5, 12, 26])
def test_a_disk_that_fills_at_any_file_loses_no_finished_chunk(
    after: int, tmp_path: Path, whole: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "run"
    with monkeypatch.context() as patch:
        refused_by_system(patch, errno.ENOSPC, after)
        with pytest.raises(OutputError, match="found no space left on device; expected a place with room"):
            run_fake(place)
    assert not list(tmp_path.rglob("*.part"))
    kept = len(list(place.glob(".work/*.json"))) if place.exists() else 0
    seen: list[int] = []
    run_fake(place, on_progress=lambda done, total, note: seen.append(done))
    assert seen[0] == min(kept * 128, 300)
    assert hashes(place) == whole


def test_a_read_only_place_is_refused_and_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused_by_system(monkeypatch, errno.EROFS, 0)
    with pytest.raises(OutputError, match="found read-only file system; expected a place with room"):
        run_fake(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="no directory is closed to root")
def test_a_directory_without_the_right_to_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="found permission denied; expected a place with room"):
            run_fake(tmp_path / "run")
    finally:
        tmp_path.chmod(0o755)


def test_a_message_of_the_database_keeps_its_reason(tmp_path: Path) -> None:
    """DuckDB's own error for a place that does not take a file."""
    with pytest.raises(duckdb.IOException), storage._reason_of_system():
        raise duckdb.IOException("IO Error: something else")
    with pytest.raises(OSError) as caught, storage._reason_of_system():
        raise duckdb.IOException('IO Error: Cannot open file "x": Permission denied')
    assert caught.value.errno == errno.EACCES

"""Clocks set anew, and two processes on one run directory: no number moves, and nobody writes into another's run."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_model import ENGINE, prepare, run_fake
from fake_model import table_hashes as hashes
from interrupted_run import interrupted

from penstock.engine import checkpoints, ensemble
from penstock.errors import InUseError, OutputError


@pytest.mark.parametrize("year", [1980, 2099])
def test_a_clock_that_is_set_anew_changes_no_number(
    year: int, tmp_path: Path, whole: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = interrupted(tmp_path / "run")
    started = json.loads((place / "run.json").read_text())["started"]

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Clock:
            return cls(year, 1, 1, tzinfo=tz)

    monkeypatch.setattr(ensemble.dt, "datetime", Clock)
    for file in place.rglob("*.*"):
        os.utime(file, (Clock.now(dt.UTC).timestamp(),) * 2)
    manifest = run_fake(place).manifest
    assert hashes(place) == whole
    assert manifest["started"] == started and manifest["wall_s"] >= 0.0


HOLDING = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from fake_model import run_fake

def wait(done, total, note):
    if done == 128:
        print("holding", flush=True)
        sys.stdin.read()

run_fake(Path({place!r}), on_progress=wait)
"""


def test_a_second_process_is_refused_while_the_first_goes_on(tmp_path: Path, whole: dict[str, str]) -> None:
    place = tmp_path / "run"
    script = HOLDING.format(tests=str(Path(__file__).parent), place=str(place))
    first = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdin is not None and first.stdout is not None
    with first:
        assert first.stdout.readline() == "holding\n"
        with pytest.raises(OutputError, match="found a process writing this run; expected to be alone") as caught:
            run_fake(place)
        first.stdin.close()
        assert first.wait(timeout=60) == 0
    assert caught.value.exit_code == 4
    assert hashes(place) == whole


def test_who_is_refused_leaves_what_the_other_is_writing_alone(tmp_path: Path) -> None:
    place = tmp_path / "run"
    run, late = (checkpoints.RunDirectory(place, {"paths": 1}) for _ in range(2))
    with run.working("2026-01-01T00:00:00+00:00") as started:
        assert started is not None
        part = place / "economy" / ".baseline-000000.parquet.1.part"
        part.parent.mkdir()
        part.write_bytes(b"half")
        with pytest.raises(InUseError, match="expected to be alone"), late.working(started):
            pytest.fail("two hold one directory")
        assert part.read_bytes() == b"half"


def test_who_comes_before_anything_is_written_leaves_the_place_to_the_first(tmp_path: Path) -> None:
    place = tmp_path / "run"
    late = checkpoints.RunDirectory(place, {"paths": 1})
    with checkpoints.holding(place):
        (place / "economy").mkdir()
        with pytest.raises(InUseError), late.working("2026-01-01T00:00:00+00:00"):
            pytest.fail("two hold one directory")
        assert (place / "economy").is_dir()


def test_a_run_that_another_process_finished_meanwhile_is_read_not_made_again(
    tmp_path: Path, whole: dict[str, str]
) -> None:
    place, late, seen = tmp_path / "run", tmp_path / "late", []

    def prepare_while_another_finishes(*given: Any, **more: Any) -> Any:
        if not late.exists():
            late.touch()
            run_fake(place)
        return prepare(*given, **more)

    engine = replace(ENGINE, prepare=prepare_while_another_finishes)
    run_fake(place, engine=engine, on_progress=lambda done, total, note: seen.append(note))
    assert seen == []
    assert hashes(place) == whole
    assert not (place / ".work").exists() and not (place / "run.json").exists()


def test_a_lock_that_was_taken_away_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that opened the lock before its holder finished must not hold beside one that came after."""
    place, real = tmp_path / "run", checkpoints.fcntl.flock
    held: list[str] = []

    def taken_away_once(number: int, how: int) -> None:
        real(number, how)
        if not held:
            held.append("old")
            (place / ".work" / "lock").unlink()

    monkeypatch.setattr(checkpoints.fcntl, "flock", taken_away_once)
    with (
        checkpoints.holding(place),
        pytest.raises(InUseError),
        checkpoints.holding(place),
    ):
        pytest.fail("two hold one directory")

"""What machines and people do to a run: no finished chunk is lost, no number is wrong, and the message is clear."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from fake_model import ENGINE, FakeModel, prepare, run_fake, simulate_paths
from fake_model import table_hashes as hashes

from penstock.engine import checkpoints, ensemble, storage
from penstock.engine.executors import ProcessPool
from penstock.engine.run import open_run
from penstock.errors import InputError, InUseError, ModelError, OutputError


class StopAfter:
    """Interrupts, as Ctrl-C does, once so many paths are done."""

    def __init__(self, paths: int) -> None:
        self.paths = paths

    def __call__(self, done: int, total: int, note: str) -> None:
        if done >= self.paths:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hashes of a run that nothing happened to."""
    place = tmp_path_factory.mktemp("runs") / "whole"
    run_fake(place)
    return hashes(place)


def interrupted(place: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        run_fake(place, on_progress=StopAfter(256))
    return place


# ------------------------------------------------------------------ full and forbidden places


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


# ------------------------------------------------------------------ damaged files


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "flipped":
        data[len(data) // 3] ^= 16
    elif how == "truncated":
        del data[len(data) // 2 :]
    else:
        data = bytearray()
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("economy/baseline-000000.parquet", "flipped"),
        ("outcomes/baseline-000001.parquet", "truncated"),
        (".work/baseline-000000.json", "flipped"),
        (".work/baseline-000000.json", "emptied"),
        (".work/baseline-000000-company.npy", "emptied"),
        (".work/baseline-000001-flows.npy", "flipped"),
        (".work/baseline-000001-economy.npy", "truncated"),
    ],
)
def test_a_damaged_file_of_an_unfinished_run_is_made_again(
    name: str, how: str, tmp_path: Path, whole: dict[str, str]
) -> None:
    place = interrupted(tmp_path / "run")
    damage(place / name, how)
    seen: list[int] = []
    run_fake(place, on_progress=lambda done, total, note: seen.append(done))
    assert seen[0] == 128
    assert hashes(place) == whole


@pytest.mark.parametrize("how", ["flipped", "truncated", "emptied"])
def test_a_damaged_table_of_a_finished_run_is_never_read(how: str, tmp_path: Path) -> None:
    place = tmp_path / "run"
    run_fake(place)
    damage(place / "economy" / "baseline-000001.parquet", how)
    with pytest.raises(InputError, match=r"economy/baseline-000001\.parquet: found SHA-256 .*; expected SHA-256"):
        _ = open_run(place).economy
    assert len(open_run(place).bands) > 0


def test_a_record_whose_checks_were_changed_counts_for_nothing(tmp_path: Path) -> None:
    place = interrupted(tmp_path / "run")
    note = place / ".work" / "baseline-000000.json"
    note.write_text(note.read_text().replace("1e-15", "0e-15"))
    assert run_fake(place).manifest["checks"]["conservation_max_rel"] == 1e-15
    seen: list[int] = []
    place = interrupted(tmp_path / "other")
    note = place / ".work" / "baseline-000001.json"
    note.write_text(note.read_text().replace("1e-15", "1e-16"))
    run_fake(place, on_progress=lambda done, total, note: seen.append(done))
    assert seen[0] == 128


@pytest.mark.parametrize("how", ["truncated", "emptied"])
@pytest.mark.parametrize("finished", [True, False])
def test_a_damaged_note_of_a_run_is_named(how: str, finished: bool, tmp_path: Path) -> None:
    place = tmp_path / "run"
    if finished:
        run_fake(place)
    else:
        interrupted(place)
    note = place / ("manifest.json" if finished else "run.json")
    before = hashes(place)
    damage(note, how)
    with pytest.raises(InputError, match=rf"{note.name}: found .*; expected the JSON that a run writes"):
        run_fake(place)
    assert hashes(place) == before


def test_what_a_process_left_that_was_killed_after_its_last_file_goes_with_the_next_call(
    tmp_path: Path, whole: dict[str, str]
) -> None:
    place = tmp_path / "run"
    run_fake(place)
    (place / ".work").mkdir()
    (place / ".work" / "baseline-000000.json").write_text("{}")
    (place / "run.json").write_text((place / "manifest.json").read_text())
    run_fake(place)
    assert not (place / ".work").exists() and not (place / "run.json").exists()
    assert hashes(place) == whole


# ------------------------------------------------------------------ clocks and company


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


# ------------------------------------------------------------------ workers that die or starve


@dataclass(frozen=True)
class Deadly:
    """Simulates, but ends as told when it comes to the last paths, as long as the file is there."""

    flag: Path
    how: str

    def __call__(self, model: FakeModel, first_path: int, count: int) -> Any:
        if first_path >= 512 and self.flag.exists():
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
            return np.ones((1 << 29, 8))
        return simulate_paths(model, first_path, count)


@pytest.mark.parametrize(
    ("how", "told"), [("killed", "a worker process ended before its work was done"), ("starved", "found no memory")]
)
def test_a_worker_that_dies_or_starves_costs_no_finished_chunk(how: str, told: str, tmp_path: Path) -> None:
    flag, place = tmp_path / "flag", tmp_path / "run"
    flag.touch()
    engine = replace(ENGINE, prepare=prepare, simulate_paths=Deadly(flag, how))
    with pytest.raises(ModelError, match=told) as caught:
        run_fake(place, paths=600, jobs=2, engine=engine)
    assert caught.value.exit_code == 5 and "finished chunks are kept" in str(caught.value)
    kept = len(list(place.glob(".work/*.json")))
    flag.unlink()
    seen: list[int] = []
    run_fake(place, paths=600, on_progress=lambda done, total, note: seen.append(done))
    assert seen[0] == kept * 128
    run_fake(tmp_path / "whole", paths=600)
    assert hashes(place) == hashes(tmp_path / "whole")


def test_a_temporary_place_without_room_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(OutputError, match="found no such file or directory; expected a place with room"):
        list(ProcessPool(2).map(len, ["a", "b"]))

"""Damaged files of a run are made again or refused: no wrong number is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_model import run_fake
from fake_model import table_hashes as hashes
from interrupted_run import interrupted

from penstock.engine.run import open_run
from penstock.errors import InputError


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

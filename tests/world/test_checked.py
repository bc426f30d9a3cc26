"""Marks of files without a defect: they spare the check of the same bytes and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.world import DefectsError, checked, load_world
from penstock.world.defects import Defect
from penstock.world.reading import RawWorld


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    marks = tmp_path / "marks"
    monkeypatch.setattr(checked, "folder", lambda: marks)
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return marks


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders that were checked, one entry a check."""
    seen: list[Path] = []
    check = checked.find_defects

    def looking(world: RawWorld) -> list[Defect]:
        seen.append(world.folder)
        return check(world)

    monkeypatch.setattr(checked, "find_defects", looking)
    return seen


def mark_of(place: Path) -> Path:
    (mark,) = place.iterdir()
    return mark


def flip(file: Path, at: int, bit: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1 << bit
    file.write_bytes(content)


def test_the_same_bytes_are_checked_once(small_world: Path, place: Path, looked: list[Path]) -> None:
    first, again = load_world(small_world), load_world(small_world)
    assert looked == [small_world]
    assert first.hash == again.hash
    assert mark_of(place).read_text() == mark_of(place).stem


def test_a_bit_flipped_is_told_as_without_a_mark(small_world: Path, place: Path, looked: list[Path]) -> None:
    """Every bit of a word and of a number: what is told is what a folder that was never seen is told."""
    load_world(small_world)
    file = small_world / "companies.csv"
    whole = file.read_bytes()
    word = whole.index(b"platform")
    for bit in range(8):
        flip(file, word, bit)
        told = []
        for _ in range(2):
            with pytest.raises(DefectsError) as caught:
                load_world(small_world)
            told.append(str(caught.value))
        mark_of(place).rename(place / "away")
        with pytest.raises(DefectsError) as caught:
            load_world(small_world)
        (place / "away").rename(place / "back")
        assert [str(caught.value)] * 2 == told
        assert "companies.csv" in told[0]
        file.write_bytes(whole)


def test_remarks_on_what_is_accepted_are_told_each_time(small_world: Path, place: Path, looked: list[Path]) -> None:
    file = small_world / "sources.csv"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    remarks = [load_world(small_world).messages for _ in range(2)]
    assert len(looked) == 1
    assert remarks[0] == remarks[1]
    assert any("byte order mark" in remark for remark in remarks[1])


@pytest.mark.parametrize("content", [None, b"", b"\xff\x00", b"0" * 64])
def test_a_mark_that_is_gone_or_broken_means_a_check(
    content: bytes | None, small_world: Path, place: Path, looked: list[Path]
) -> None:
    load_world(small_world)
    mark = mark_of(place)
    whole = mark.read_bytes()
    if content is None:
        mark.unlink()
    else:
        mark.write_bytes(content)
    load_world(small_world)
    assert len(looked) == 2
    assert mark_of(place).read_bytes() == whole


def test_a_place_that_cannot_be_written_means_a_check_each_time(
    small_world: Path, place: Path, looked: list[Path]
) -> None:
    place.write_text("a file in the way")
    load_world(small_world)
    load_world(small_world)
    assert len(looked) == 2
    assert place.read_text() == "a file in the way"


def test_nothing_is_marked_where_python_is_to_write_no_compiled_files(
    small_world: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    load_world(small_world)
    assert not place.exists()


def test_an_overlay_and_other_source_have_marks_of_their_own(
    small_world: Path, place: Path, looked: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "over"
    overlay.mkdir()
    (overlay / "companies.csv").write_bytes((small_world / "companies.csv").read_bytes())
    load_world(small_world)
    load_world(small_world, overlay=overlay)
    assert len(looked) == len(list(place.iterdir())) == 2
    load_world(small_world, overlay=overlay)
    assert len(looked) == 2
    monkeypatch.setattr(checked, "source_hash", lambda: "other")
    load_world(small_world)
    assert len(looked) == 3


def test_only_so_many_are_kept(
    small_world: Path, place: Path, looked: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked, "MOST_MARKS", 2)
    for source in "abcd":
        monkeypatch.setattr(checked, "source_hash", lambda source=source: source)
        load_world(small_world)
    assert len(list(place.iterdir())) == 2

"""Files that the program keeps for itself: the oldest go, and nothing that happens to the folder is an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.kept_files import drop_oldest


def test_the_oldest_go_and_other_files_stay(tmp_path: Path) -> None:
    for age, name in enumerate(("new.kept", "middle.kept", "old.kept", "older.kept", "oldest.other")):
        file = tmp_path / name
        file.touch()
        os.utime(file, (1e9 - age, 1e9 - age))
    drop_oldest(tmp_path, "*.kept", 2)
    assert {file.name for file in tmp_path.iterdir()} == {"new.kept", "middle.kept", "oldest.other"}


def test_a_file_that_another_process_removed_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.kept").touch()
    monkeypatch.setattr(Path, "glob", lambda place, pattern: iter([tmp_path / "a.kept", tmp_path / "gone.kept"]))
    drop_oldest(tmp_path, "*.kept", 1)
    assert (tmp_path / "a.kept").exists()

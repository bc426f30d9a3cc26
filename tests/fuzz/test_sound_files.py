"""What Atheris spoils is sound to begin with: each reader reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.fuzz_readers import READERS


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_its_sound_files(name: str, tmp_path: Path) -> None:
    file, sounds, reader = READERS[name](tmp_path)
    assert sounds
    for sound in sounds:
        (tmp_path / file).write_bytes(sound)
        reader(tmp_path / file)

"""Workers that die or starve cost no finished chunk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_model import ENGINE, Deadly, prepare, run_fake
from fake_model import table_hashes as hashes

from penstock.engine.executors import ProcessPool
from penstock.errors import ModelError, OutputError


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

"""Manifests and tables of a run, spoiled: each is refused in words."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from fake_model import run_fake
from spoiling import holds_out

from penstock.engine.run import open_run
from penstock.engine.run_list import list_runs
from penstock.engine.storage import read_tables
from penstock.errors import PenstockError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "run"
    run_fake(place, paths=5, quarters=2)
    return place


@pytest.mark.filterwarnings("ignore::penstock.errors.SchemaNotice")
def test_manifests(run: Path) -> None:
    whole = (run / "manifest.json").read_bytes()

    def load(spoiled_file: Path) -> None:
        (run / "manifest.json").write_bytes(spoiled_file.read_bytes())
        list_runs(run.parent)
        _ = open_run(run).economy

    holds_out(load, whole, "manifest.json")
    (run / "manifest.json").write_bytes(whole)


def test_parquet(run: Path) -> None:
    """A spoiled table is refused by its hash; read without that guard, it is an OSError or another table."""
    file = run / "outcomes" / "baseline-000000.parquet"
    whole = file.read_bytes()

    def load(spoiled_file: Path) -> None:
        file.write_bytes(spoiled_file.read_bytes())
        if spoiled_file.read_bytes() != whole:
            with pytest.raises(PenstockError, match="found SHA-256"):
                _ = open_run(run).outcomes
        with suppress(OSError):
            read_tables([file])

    holds_out(load, whole, "table.parquet")
    file.write_bytes(whole)

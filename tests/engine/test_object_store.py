"""A run whose workers put what they finish into an object store: the same bytes, no other run's, nothing half."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_model import run_fake
from fake_model import table_hashes as hashes

from penstock.cli.main import main
from penstock.engine.executors import Serial
from penstock.engine.object_store import ObjectStore
from penstock.errors import InputError, OutputError, UsageError

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def url() -> Iterator[str]:
    """A store in memory, as far from a directory as an object store is."""
    files = fsspec.filesystem("memory")
    yield "memory://bucket/run"
    files.store.clear()


def names(url: str) -> set[str]:
    files, root = fsspec.core.url_to_fs(url)
    return {place.removeprefix(f"{root}/") for place in files.find(root)}


class StopAfter(Serial):
    """An executor whose machine is lost after so many pieces."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def map(self, function: Any, tasks: Any) -> Any:
        for number, result in enumerate(super().map(function, tasks)):
            if number == self.pieces:
                raise KeyboardInterrupt
            yield result


def test_the_run_has_the_bytes_of_one_without_a_store(tmp_path: Path, url: str) -> None:
    run_fake(tmp_path / "plain", paths=400)
    run_fake(tmp_path / "run", paths=400, executor=Serial(), store=url)
    assert hashes(tmp_path / "plain") == hashes(tmp_path / "run")
    tables = {str(path) for path in hashes(tmp_path / "run")}
    assert names(url) == tables | {"manifest.json"}, "working files go, and nothing else is left"


def test_a_finished_run_is_pulled_and_checked(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_fake(tmp_path / "run", paths=200, store=url)
    assert main(["runs", "pull", url, str(tmp_path / "copy"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["files"] == len(hashes(tmp_path / "run"))
    assert hashes(tmp_path / "run") == hashes(tmp_path / "copy")
    assert main(["runs", "verify", str(tmp_path / "copy")]) == 0
    with pytest.raises(OutputError, match="expected an empty directory"):
        ObjectStore(url).pull(tmp_path / "copy")
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/bands/baseline.parquet", b"other bytes")
    with pytest.raises(InputError, match=r"bands/baseline\.parquet: found SHA-256"):
        ObjectStore(url).pull(tmp_path / "spoiled")
    assert not (tmp_path / "spoiled" / "manifest.json").exists(), "a damaged copy is no run"
    files.rm_file(f"{root}/bands/baseline.parquet")
    with pytest.raises(InputError, match=r"bands/baseline\.parquet: found no file"):
        ObjectStore(url).pull(tmp_path / "gone")


def test_a_lost_head_goes_on_from_the_store(tmp_path: Path, url: str) -> None:
    """Its directory is gone with it; what workers had put is fetched and not simulated again."""
    run_fake(tmp_path / "plain", paths=600)
    with pytest.raises(KeyboardInterrupt):
        run_fake(tmp_path / "first", paths=600, executor=StopAfter(1), store=url)
    seen: list[int] = []
    run_fake(tmp_path / "second", paths=600, store=url, on_progress=lambda done, total, note: seen.append(done))
    assert seen[0] >= 384
    assert hashes(tmp_path / "plain") == hashes(tmp_path / "second")


def test_a_spoiled_chunk_in_the_store_is_simulated_again(tmp_path: Path, url: str) -> None:
    run_fake(tmp_path / "plain", paths=600)
    with pytest.raises(KeyboardInterrupt):
        run_fake(tmp_path / "first", paths=600, executor=StopAfter(1), store=url)
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/economy/baseline-000001.parquet", b"no table")
    run_fake(tmp_path / "second", paths=600, store=url)
    assert hashes(tmp_path / "plain") == hashes(tmp_path / "second")


def test_a_store_holds_one_run(tmp_path: Path, url: str) -> None:
    """Chunks of two runs have the same names; taking one for the other would be a wrong result."""
    with pytest.raises(KeyboardInterrupt):
        run_fake(tmp_path / "first", paths=600, executor=StopAfter(1), store=url)
    with pytest.raises(OutputError, match=r"run\.json: found another run"):
        run_fake(tmp_path / "second", paths=600, seed=8, store=url)
    run_fake(tmp_path / "first", paths=600, store=url)
    with pytest.raises(OutputError, match=r"manifest\.json: found another run"):
        run_fake(tmp_path / "second", paths=600, seed=8, store=url)


def test_processes_put_into_a_store_that_is_a_folder(tmp_path: Path) -> None:
    run_fake(tmp_path / "plain", paths=300)
    run_fake(tmp_path / "run", paths=300, jobs=2, store=f"file://{tmp_path}/store")
    assert hashes(tmp_path / "plain") == hashes(tmp_path / "run") == hashes(tmp_path / "store")


def test_what_cannot_be_used_is_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="without out"):
        run_fake(None, paths=20, store=url)
    with pytest.raises(UsageError, match="--store: found nonsense://x"):
        run_fake(tmp_path / "run", paths=20, store="nonsense://x")
    with pytest.raises(InputError, match=r"found no manifest\.json"):
        ObjectStore("memory://nothing/here").pull(tmp_path / "copy")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="expected a store within reach"):
        run_fake(tmp_path / "other", paths=20, store=f"file://{tmp_path}/file/below")


def test_names_that_leave_the_run_are_refused(tmp_path: Path, url: str) -> None:
    run_fake(tmp_path / "run", paths=20, store=url)
    files, root = fsspec.core.url_to_fs(url)
    manifest = json.loads(files.cat_file(f"{root}/manifest.json"))
    manifest["files"][0]["path"] = "../outside.parquet"
    files.pipe_file(f"{root}/manifest.json", json.dumps(manifest).encode())
    with pytest.raises(InputError, match="expected a path inside the run"):
        ObjectStore(url).pull(tmp_path / "copy")
    assert not (tmp_path / "outside.parquet").exists()

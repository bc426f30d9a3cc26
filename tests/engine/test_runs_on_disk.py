"""A run directory: resumed after an interruption, refused when it is not its own, whole or absent."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_model import ENGINE, PATHS, QUARTERS, FakeScenario, FakeWorld
from fake_model import run_fake as run
from fake_model import table_hashes as hashes

from penstock.engine import executors
from penstock.engine.ensemble import simulate
from penstock.engine.executors import GUARD_ADVICE
from penstock.engine.manifest import damaged_files, default_directory, identity
from penstock.engine.run import open_run
from penstock.errors import InputError, OutputError

MANIFEST_KEYS = {
    "schema_version", "penstock", "python", "packages", "world", "scenarios", "seed", "paths", "quarters",
    "chunk_paths", "started", "wall_s", "checks", "files",
}  # fmt: skip


class StopAfter:
    """Interrupts, as Ctrl-C does, once so many paths are done."""

    def __init__(self, paths: int) -> None:
        self.paths = paths

    def __call__(self, done: int, total: int, note: str) -> None:
        if done >= self.paths:
            raise KeyboardInterrupt


def chunks_on_disk(directory: Path) -> int:
    return len(list((directory / "economy").glob("*.parquet")))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_is_resumed_to_the_same_bytes(tmp_path: Path, jobs: int) -> None:
    run(tmp_path / "whole", paths=600)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", paths=600, jobs=jobs, on_progress=StopAfter(256))
    assert 2 <= chunks_on_disk(tmp_path / "run") <= 5
    assert not (tmp_path / "run" / "manifest.json").exists()
    assert not list((tmp_path / "run").rglob("*.part"))
    with pytest.raises(InputError, match="unfinished run"):
        open_run(tmp_path / "run")
    seen: list[int] = []
    run(tmp_path / "run", paths=600, on_progress=lambda done, total, note: seen.append(done))
    assert seen[0] >= 256
    assert hashes(tmp_path / "whole") == hashes(tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "manifest.json", "economy", "layers", "outcomes", "events", "losses", "bands", "flows",
    }  # fmt: skip


def test_a_damaged_chunk_is_simulated_again_on_resume(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", on_progress=StopAfter(256))
    flip_byte(tmp_path / "run" / "layers" / "baseline-000000.parquet")
    (tmp_path / "run" / ".work" / "baseline-000001-company.npy").unlink()
    run(tmp_path / "run")
    assert hashes(tmp_path / "whole") == hashes(tmp_path / "run")


def test_the_same_call_reads_a_finished_run(tmp_path: Path) -> None:
    first = run(tmp_path / "run")
    again = run(tmp_path / "run", on_progress=StopAfter(0))
    assert again.manifest == first.manifest


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("change", [{"seed": 8}, {"paths": 301}, {"quarters": 5}, {"scenario": "shock"}])
def test_a_directory_with_another_run_is_refused(tmp_path: Path, change: dict[str, Any], finished: bool) -> None:
    if finished:
        run(tmp_path / "run")
    else:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run", on_progress=StopAfter(128))
    before = hashes(tmp_path / "run")
    with pytest.raises(OutputError, match="found another run") as caught:
        run(tmp_path / "run", **change)
    assert caught.value.exit_code == 4
    assert hashes(tmp_path / "run") == before


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="found other files"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="expected a directory"):
        run(tmp_path / "file")
    with pytest.raises(OutputError, match="not a directory"):
        run(tmp_path / "file" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # workers start anew, with the limit of this process, and are no copies of one that was there before
    monkeypatch.delitem(sys.modules, executors.MODEL, raising=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # a limit on the size of a file is what a process can set for itself; a full disk fails in the same call
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        with pytest.raises(OutputError, match="expected a place with room") as caught:
            run(tmp_path / "run", jobs=jobs)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.exit_code == 4
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("*.parquet"))
    run(tmp_path / "run")


def test_a_run_that_another_process_writes_is_refused(tmp_path: Path) -> None:
    def call_again(done: int, total: int, note: str) -> None:
        if done == 128:
            run(tmp_path / "run")

    with pytest.raises(OutputError, match="found a process writing this run"):
        run(tmp_path / "run", on_progress=call_again)


def flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_flipped_byte_and_a_missing_file_are_found(tmp_path: Path) -> None:
    manifest = run(tmp_path / "run").manifest
    assert damaged_files(tmp_path / "run", manifest) == []
    flip_byte(tmp_path / "run" / "outcomes" / "baseline-000001.parquet")
    (tmp_path / "run" / "events" / "baseline-000000.parquet").unlink()
    damage = damaged_files(tmp_path / "run", manifest)
    assert len(damage) == 2
    assert "events/baseline-000000.parquet: found no file" in damage[0] + damage[1]
    with pytest.raises(OutputError, match="penstock runs repair"):
        run(tmp_path / "run")


def test_the_manifest_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    run(tmp_path / "run", scenario=["baseline", "shock"])
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert set(manifest) >= MANIFEST_KEYS
    assert set(manifest["world"]) >= {"name", "as_of", "hash"}
    assert [set(scenario) for scenario in manifest["scenarios"]] == [{"name", "hash", "text"}] * 2
    assert set(manifest["checks"]) == {"conservation_max_rel", "nonconverged", "nan"}
    listed = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    assert listed == hashes(tmp_path / "run")
    rows = {entry["path"]: entry["rows"] for entry in manifest["files"]}
    assert rows["economy/shock-000002.parquet"] == (PATHS - 256) * QUARTERS


def test_a_thousand_paths_of_140_companies_stay_under_60_megabytes(tmp_path: Path) -> None:
    simulate(FakeWorld(), FakeScenario("baseline", "many"), paths=128, out=tmp_path / "run", engine=ENGINE)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    bands = sum(path.stat().st_size for path in files if path.parent.name == "bands")
    others = sum(path.stat().st_size for path in files) - bands
    assert bands + others * 1000 / 128 < 60e6


def test_the_default_directory_names_the_scenario_and_what_is_run() -> None:
    def directory(**changes: Any) -> Path:
        wanted: dict[str, Any] = {"paths": 10, "quarters": 4, "seed": 7, "prior": False, "keep": "summary"}
        return default_directory(identity(FakeWorld(), [FakeScenario()], **(wanted | changes)))

    assert directory().parent == Path("runs")
    assert directory().name.startswith("baseline-") and len(directory().name) == len("baseline-") + 8
    assert len({directory(), directory(seed=8), directory(prior=True), directory(paths=11)}) == 4


KILLED = """
import os, signal, sys
from pathlib import Path
{model}
sys.path.insert(0, {tests!r})
from fake_model import run_fake

def stop(done, total, note):
    if done:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run_fake(Path({out!r}), paths=2000, jobs=2, on_progress=stop)
"""


@pytest.mark.parametrize("model", ["", "import penstock.engine.model"], ids=["started anew", "copied"])
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, model: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(KILLED.format(model=model, tests=str(Path(__file__).parent), out=str(tmp_path / "run")))
    # output ends only when every process that holds it has ended
    done = subprocess.run([sys.executable, script], capture_output=True, timeout=60)
    assert done.returncode == -9
    run(tmp_path / "run", paths=2000)
    assert damaged_files(tmp_path / "run", open_run(tmp_path / "run").manifest) == []


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from fake_model import run_fake
from penstock.errors import PenstockError

def main():
    try:
        run_fake(jobs=2)
        print("done")
    except PenstockError as error:
        print(error)

{call}
"""


@pytest.mark.parametrize(
    ("call", "expected"), [("main()", GUARD_ADVICE), ("if __name__ == '__main__': main()", "done")]
)
def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path, call: str, expected: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), call=call))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == expected
    assert done.stderr == ""

"""Each kind of bad input, through the command line: one clear message, its exit code, nothing changed on disk.

Every case stands in a folder of its own with a small world `mine` and says the exact text on standard error.
What a message must say of each field of a world or scenario is held in `tests/world` and `tests/scenarios`.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_input.case import SMALL_RUN, Case
from bad_input.places import PLACES
from bad_input.scenarios import SCENARIO
from bad_input.usage import USAGE
from bad_input.worlds import WORLD

from penstock.cli.main import main
from small_world import write_small_world

Picture = dict[str, tuple[int, int]]
"""Files and folders, with size and time of change."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest run there is, written by the command."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert main([*SMALL_RUN.split(), "-q", "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a person stands: a folder with a sound small world in it."""
    write_small_world(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(folder: Path) -> Picture:
    """Every file and folder below, with its size and time of change."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


def hold(case: Case, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The command line of the case ends as it says and leaves the folder as it was."""
    if case.prepare is not None:
        case.prepare(folder)
    before = picture(folder)
    capfd.readouterr()
    code = main(case.line.split())
    out, err = capfd.readouterr()
    assert (code, out, err) == (case.code, "", f"penstock: {told(case, folder)}\n")
    assert picture(folder) == before


def told(case: Case, folder: Path) -> str:
    """The message with what only the folder knows."""
    rows = 0
    if (manifest := folder / "whole" / "manifest.json").is_file():
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        rows = next(entry["rows"] for entry in files if entry["path"].startswith("bands/"))
    position = (folder / "mine" / "sources.csv").read_bytes().find(b"\xe9")
    return case.told.format(rows=rows, position=position)


@pytest.mark.parametrize("name", WORLD)
def test_a_world_that_is_not_sound(name: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hold(WORLD[name], folder, capfd)


@pytest.mark.parametrize("name", SCENARIO)
def test_a_scenario_that_is_not_sound(name: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hold(SCENARIO[name], folder, capfd)


@pytest.mark.parametrize("name", USAGE)
def test_a_mistake_of_usage(name: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hold(USAGE[name], folder, capfd)


@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_cannot_be_used(
    name: str, folder: Path, finished: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished, folder / "whole")
    hold(PLACES[name], folder, capfd)


# ------------------------------------------------------------------ accepted, with a remark


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        (lambda text: text.replace(",", ";").encode(), "columns are split by ';' instead of ','; accepted"),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "starts with a byte order mark; accepted"),
    ],
    ids=["semicolons", "byte order mark"],
)
@pytest.mark.parametrize("line", ["world check --world mine", "scenario show baseline --world mine"])
def test_another_form_of_file_is_taken_with_a_remark(
    change: Callable[[str], bytes], remark: str, line: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = folder / "mine" / "parameters.csv"
    path.write_bytes(change(path.read_text(encoding="utf-8")))
    assert main(line.split()) == 0
    assert capfd.readouterr().err == f"penstock: parameters.csv: {remark}\n"
    assert main([*line.split(), "--quiet"]) == 0
    assert capfd.readouterr().err == ""


# ------------------------------------------------------------------ as a process of its own


@pytest.mark.parametrize("case", [WORLD["NaN"], SCENARIO["unknown knob"], USAGE["unknown flag"], PLACES["a file"]])
def test_the_command_itself_ends_the_same_way(case: Case, folder: Path) -> None:
    if case.prepare is not None:
        case.prepare(folder)
    before = picture(folder)
    done = command(case.line, folder)
    assert (done.returncode, done.stdout, done.stderr) == (case.code, "", f"penstock: {case.told}\n")
    assert picture(folder) == before


def test_a_place_that_fills_up_leaves_nothing_half_written(folder: Path, finished: Path) -> None:
    """A limit on the size of files stands for a full disk: the largest file of the run no longer fits."""
    sizes = sorted(path.stat().st_size for path in finished.rglob("*.parquet"))
    done = command(f"{SMALL_RUN} -o out", folder, file_limit=(sizes[-2] + sizes[-1]) // 2)
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.startswith("penstock: out/")
    assert done.stderr.count("\n") == 1
    assert not (folder / "out" / "manifest.json").exists()
    assert [path.name for path in (folder / "out").rglob("*.part")] == []


def command(line: str, folder: Path, *, file_limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, with no file above the limit (bytes)."""

    def limit() -> None:
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return subprocess.run(
        [sys.executable, "-m", "penstock", *line.split()],
        cwd=folder,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )

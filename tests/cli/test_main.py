"""The command line: options before and after the command, exit codes, one line per mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType
from typing import Annotated

import pytest
import typer

from penstock.cli import main as frame
from penstock.cli.context import Format, Settings, common
from penstock.cli.main import main
from penstock.errors import InputError, ModelError, OutputError
from penstock.version import __version__

SEEN: list[Settings] = []
ERRORS = {
    "input": InputError("contracts.csv:4: amount: found -1; expected 0 or more"),
    "output": OutputError("here: found a file; expected a folder"),
    "model": ModelError("conservation: found 1e-3; expected below 1e-9"),
    "interrupt": KeyboardInterrupt(),
    "unmet": typer.Exit(1),
}


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commands of our own: `probe KIND` in the manner of `run`, and the group `rooms` with `look`."""

    @common
    def probe(settings: Settings, kind: Annotated[str, typer.Argument()], deep: bool = False) -> None:
        """Look.

        Further text.
        """
        SEEN.append(settings)
        if kind in ERRORS:
            raise ERRORS[kind]

    def register(app: typer.Typer) -> None:
        app.command("probe")(probe)

    app = typer.Typer()
    app.command("look")(probe)

    @app.command("other")
    @common
    def other(settings: Settings) -> None:
        """Another, so that `rooms` is a group."""

    single, group = ModuleType("probe_module"), ModuleType("rooms_module")
    single.__dict__["register"] = register
    group.__dict__["app"] = app
    monkeypatch.setitem(sys.modules, "probe_module", single)
    monkeypatch.setitem(sys.modules, "rooms_module", group)
    monkeypatch.setitem(frame.COMMANDS, "probe", frame.Entry("probe_module", False, "Look into it."))
    monkeypatch.setitem(frame.COMMANDS, "rooms", frame.Entry("rooms_module", True, "Several rooms."))
    SEEN.clear()


@pytest.mark.parametrize(
    "line",
    [
        "--world X --as-of 2024-12-31 --format json -q -v probe ok",
        "probe ok --world X --as-of 2024-12-31 --format json -q -v",
        "--world X probe --as-of 2024-12-31 ok --format json -q -v",
        "--world X rooms --as-of 2024-12-31 look ok --format json -qv",
    ],
)
def test_common_options_hold_wherever_they_stand(line: str) -> None:
    assert main(line.split()) == 0
    expected = Settings(world="X", as_of="2024-12-31", format=Format.JSON, quiet=True, verbose=1, progress=False)
    assert [expected] == SEEN


def test_a_later_option_wins() -> None:
    assert main(["--world", "X", "probe", "ok", "--world", "Y", "--overlay", "over"]) == 0
    assert (SEEN[0].world, SEEN[0].overlay) == ("Y", "over")


def test_nothing_given_means_the_bundled_world_as_a_table() -> None:
    assert main(["probe", "ok"]) == 0
    assert [Settings()] == SEEN


@pytest.mark.parametrize(
    ("kind", "code"), [("input", 3), ("output", 4), ("model", 5), ("interrupt", 130), ("unmet", 1)]
)
def test_each_failure_has_its_exit_code(kind: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", kind]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    expected = {"interrupt": "penstock: interrupted\n", "unmet": ""}.get(kind, f"penstock: {ERRORS[kind]}\n")
    assert captured.err == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--bogus", "found --bogus"),
        ("probe ok --dep", "nearest --deep"),
        ("probe", "found nothing; expected a value"),
        ("probe ok too-many", "found 'too-many' beside the others"),
        ("prob ok", "nearest probe"),
        ("rooms lok", "rooms: found 'lok'; expected one of look, other; nearest look"),
        ("--format xml probe ok", "--format: found 'xml'; expected table, json or csv"),
        ("probe ok --as-of yesterday", "expected a date"),
        ("probe ok --as-of", "--as-of: found nothing behind it; expected a value"),
        ("--quiet", "found nothing; expected one of world"),
    ],
)
def test_a_mistake_of_usage_is_one_line_and_exit_2(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("penstock: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err
    assert SEEN == []


@pytest.mark.parametrize("line", ["--version", "probe --version", "rooms look --version"])
def test_version(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    assert capsys.readouterr().out == f"penstock {__version__}\n"


@pytest.mark.parametrize("line", ["", "--help"])
def test_help_names_every_command(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    shown = capsys.readouterr().out
    for name, entry in frame.COMMANDS.items():
        assert name in shown
        assert " ".join(entry.help.split()[:3]) in shown


@pytest.mark.parametrize("line", ["rooms", "rooms --help"])
def test_help_of_a_group(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    assert "look" in capsys.readouterr().out


def test_help_of_a_command_lists_the_common_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--help"]) == 0
    shown = capsys.readouterr().out
    for option in ("--world", "--overlay", "--as-of", "--format", "-q", "-v", "--no-progress", "--version"):
        assert option in shown
    assert "--deep" in shown


def test_a_command_may_not_take_a_common_name() -> None:
    def clash(settings: Settings, world: str) -> None: ...

    with pytest.raises(TypeError, match="world"):
        common(clash)


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from penstock.cli.main import main; main(['--help']); "
        "heavy = {'pandas', 'numpy', 'numba', 'scipy', 'duckdb', 'xarray', 'pydantic', 'rich'}; "
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "penstock", "--version"], capture_output=True, text=True, check=False)
    assert done.stdout == f"penstock {__version__}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_a_terminal_cannot_hold_are_no_error(encoding: str) -> None:
    """Rules of tables are lines that neither ASCII nor Latin-1 has."""
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "scenario", "list"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    rule = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
    assert (rule * 8 if encoding == "utf-8" else "?" * 8) in done.stdout.decode(encoding)

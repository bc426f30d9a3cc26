"""The launcher sets itself up once, says in one line what is missing, and hands its arguments on."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "penstock"
TOOLS = ("sh", "dirname", "readlink", "cat", "cksum", "rm", "mv", "mkdir", "chmod")

FAKE_UV = """#!/bin/sh
echo "uv $*" >>"$CALLS"
if [ "$1" = venv ]; then
    for last in "$@"; do :; done
    mkdir -p "$last/bin" "$last/site"
    cp_python "$last/bin/python"
fi
"""
FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *purelib*) echo "${0%/bin/python}/site" ;;
    *version_info*) exit 0 ;;
    *) for argument in "$@"; do echo "<$argument>"; done ;;
esac
"""


@dataclass
class Place:
    """A copy of the launcher in a folder with a space in its name, and a PATH that holds only what we say."""

    root: Path
    bin: Path
    calls: Path

    def tool(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def start(self, *arguments: str, launcher: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(launcher or self.root / "penstock"), *arguments],
            cwd=self.bin,
            env={"PATH": str(self.bin), "CALLS": str(self.calls), "HOME": str(self.bin)},
            capture_output=True,
            text=True,
            check=False,
        )

    def uv_calls(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "a clone"
    root.mkdir()
    shutil.copy2(LAUNCHER, root / "penstock")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (root / name).write_text("numpy==2.0.0\n")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tools / tool).symlink_to(found)
    return Place(root, tools, tmp_path / "calls")


@pytest.fixture
def with_uv(place: Place) -> Place:
    place.tool("uv", FAKE_UV)
    template = place.bin / "python-template"
    template.write_text(FAKE_PYTHON)
    place.tool("cp_python", f'#!/bin/sh\ncat "{template}" >"$1" && chmod 755 "$1"\n')
    return place


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.splitlines()
    said = [line for line in lines if "setting up" not in line]
    assert len(said) == 1, lines
    assert said[0].startswith("penstock: ")
    return said[0]


def test_it_is_a_posix_script() -> None:
    assert LAUNCHER.read_text().startswith("#!/bin/sh\n")
    assert os.access(LAUNCHER, os.X_OK)
    assert subprocess.run(["sh", "-n", str(LAUNCHER)], check=False).returncode == 0


def test_without_python_one_line_says_what_to_install(place: Place) -> None:
    done = place.start("run")
    assert done.returncode == 4
    assert "Python 3.11" in one_line(done)
    assert not (place.root / ".venv").exists()


def test_a_python_that_is_too_old_does_not_count(place: Place) -> None:
    place.tool("python3", "#!/bin/sh\nexit 1\n")
    assert "Python 3.11" in one_line(place.start("run"))


def test_a_later_name_of_python_is_found(place: Place) -> None:
    place.tool("python3", "#!/bin/sh\nexit 1\n")
    place.tool("python3.12", '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; *print*) echo 3.12;; esac\n')
    message = one_line(place.start("run"))
    assert "python3.12-venv" in message
    assert not (place.root / ".venv").exists()


def test_it_installs_from_the_locked_list_and_hands_on_its_arguments(with_uv: Place) -> None:
    done = with_uv.start("world", "show", "two words", "")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "<-P>",
        "<-m>",
        "<penstock>",
        "<world>",
        "<show>",
        "<two words>",
        "<>",
    ]
    install = with_uv.uv_calls()[-1]
    assert "--require-hashes" in install
    assert install.endswith(str(with_uv.root / "requirements.txt"))
    link = with_uv.root / ".venv" / "site" / "penstock-source.pth"
    assert link.read_text() == f"{with_uv.root / 'src'}\n"


def test_the_second_call_installs_nothing(with_uv: Place) -> None:
    with_uv.start("run")
    first = with_uv.uv_calls()
    done = with_uv.start("run")
    assert with_uv.uv_calls() == first
    assert done.stderr == ""


def test_a_changed_list_is_installed(with_uv: Place) -> None:
    with_uv.start("run")
    first = len(with_uv.uv_calls())
    (with_uv.root / "requirements.txt").write_text("numpy==2.1.0\n")
    with_uv.start("run")
    assert len(with_uv.uv_calls()) == first + 1


def test_through_a_link_from_elsewhere(with_uv: Place, tmp_path: Path) -> None:
    link = tmp_path / "linked"
    link.symlink_to("a clone/penstock")
    done = with_uv.start("--version", launcher=link)
    assert done.returncode == 0, done.stderr
    assert (with_uv.root / ".venv" / ".penstock").exists()


def test_a_failed_installation_leaves_no_stamp(with_uv: Place) -> None:
    with_uv.tool("uv", FAKE_UV + '[ "$1" = venv ]\n')
    done = with_uv.start("run")
    assert done.returncode == 4
    assert "requirements.txt" in one_line(done)
    with_uv.tool("uv", FAKE_UV)
    assert with_uv.start("run").returncode == 0


def test_the_gate_uses_the_list_of_test_tools(with_uv: Place) -> None:
    done = with_uv.start("test", "-k", "ledger")
    assert done.returncode == 0, done.stderr
    gate = with_uv.root / "tools" / "gate.py"
    assert done.stdout.splitlines() == [f"<{gate}>", "<-k>", "<ledger>"]
    assert with_uv.uv_calls()[-1].endswith(str(with_uv.root / "requirements-dev.txt"))
    calls = len(with_uv.uv_calls())
    with_uv.start("run")
    assert len(with_uv.uv_calls()) == calls, "the list of test tools holds the base list"

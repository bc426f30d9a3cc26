"""The examples in the docs run.

A block ```` ```console run ```` holds lines `$ penstock …`, each of which must exit 0; lines between them
must occur in what the command prints, whatever the spaces (`…` alone stands for anything). A block
```` ```python run ```` is executed. The blocks of a page run in order in one empty folder.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from penstock.cli.main import main

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?P<kind>console|python) run\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
WITH_EXAMPLES = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]


def squeezed(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def run_console(body: str, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = ""
    for line in body.splitlines():
        if line.startswith("$ "):
            words = shlex.split(line[2:], comments=True)
            assert words and words[0] in {"penstock", "./penstock"}, f"{where}: cannot run {line!r}"
            code = main(words[1:])
            captured = capsys.readouterr()
            assert code == 0, f"{where}: {line} exits {code}\n{captured.err}"
            printed = squeezed(captured.out)
        elif line.strip() not in {"", "…", "..."}:
            assert squeezed(line) in printed, f"{where}: {line!r} is not in what was printed"


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")  # a page shows lines of tables unfolded; how they fold is tested apart
    names: dict[str, object] = {"__name__": "__docs__"}
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        where = str(page.relative_to(ROOT))
        if block["kind"] == "console":
            run_console(block["body"], where, capsys)
        else:
            exec(compile(block["body"], where, "exec"), names)


def test_there_are_examples() -> None:
    assert WITH_EXAMPLES


LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#|mailto:)(?P<target>[^)#\s]+)")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        assert (page.parent / link["target"]).exists(), f"{page.name}: {link['target']} is not there"

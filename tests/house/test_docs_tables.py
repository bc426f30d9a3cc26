"""The tables of the docs are those of the model, and the code that the docs name is there."""

from __future__ import annotations

import ast
import csv
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "penstock"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
MODEL = ROOT / "docs" / "model.md"
STEPS = ("want", "serve", "earn", "spend", "plan", "order", "fund", "settle", "close", "value", "mend", "payoff")
PLACE = re.compile(r"`(?P<file>[a-z_/]+\.py)::(?P<name>\w+(?:\.\w+)?)`")


def load_tool() -> ModuleType:
    path = ROOT / "tools" / "make_model_tables.py"
    spec = importlib.util.spec_from_file_location("make_model_tables", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names_in(path: Path) -> set[str]:
    """Functions, classes, methods and constants of a module."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            found |= (
                {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
                if isinstance(node, ast.ClassDef)
                else set()
            )
        elif isinstance(node, ast.Assign):
            found |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def test_generated_tables_are_what_the_model_says() -> None:
    stale = [str(path.relative_to(ROOT)) for path in load_tool().out_of_date()]
    assert not stale, f"run python tools/make_model_tables.py: {stale}"


def test_a_changed_number_makes_a_page_out_of_date() -> None:
    text = MODEL.read_text(encoding="utf-8")
    block = re.search(r"\| `[a-z_]+` \|[^\n]*\d[^\n]*\n", text)
    assert block is not None
    changed = text.replace(block[0], re.sub(r"\d", "8", block[0]).replace("8", "87", 1), 1)
    tool = load_tool()
    assert tool.filled(changed, "model.md") == tool.filled(text, "model.md") != changed


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        load_tool().filled("<!-- generated: nonsense -->\n<!-- end -->", "page.md")


def test_every_uncertain_parameter_is_on_the_page_of_the_model() -> None:
    text = MODEL.read_text(encoding="utf-8")
    with (SOURCE / "engine" / "assumptions.csv").open(encoding="utf-8", newline="") as file:
        missing = [row["name"] for row in csv.DictReader(file) if f"`{row['name']}`" not in text]
    assert not missing


@pytest.mark.parametrize("step", STEPS)
def test_each_step_has_its_section_with_its_code(step: str) -> None:
    sections = re.split(r"^### ", MODEL.read_text(encoding="utf-8"), flags=re.MULTILINE)
    mine = [section for section in sections if re.match(rf"\d+ {step}\b", section, flags=re.IGNORECASE)]
    assert len(mine) == 1, f"{step}: one section '### N {step} …'"
    assert f"`engine/steps/{step}.py::" in mine[0]
    assert f"<!-- generated: parameters {step} -->" in mine[0]
    for heading in ("**Question.**", "**Where.**", "**Left out.**", "**Traps.**"):
        assert heading in mine[0], f"{step}: {heading}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_code_that_a_page_names_is_there(page: Path) -> None:
    missing = []
    for place in PLACE.finditer(page.read_text(encoding="utf-8")):
        path = SOURCE / place["file"]
        if not path.is_file() or place["name"] not in names_in(path):
            missing.append(place[0])
    assert not missing

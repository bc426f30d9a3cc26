"""The model knows no world and no company by name, and only the scorers of back-tests know what came after."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.engine.opening.state import SECTORS
from penstock.world import load_world
from penstock.world.loading import ALIASES, BUNDLED

SOURCE = Path(__file__).parents[2] / "src" / "penstock"
MODEL = ("layers", "money", "conduct", "engine")
MODULES = sorted(path for package in MODEL for path in (SOURCE / package).rglob("*.py"))
ALL = sorted(SOURCE.rglob("*.py"))
WORDS_OF_THE_MODEL = {*SECTORS, "network", "carrier"}
"""Ids of worlds that are sectors of the model or plain words of its tables."""
WORD = re.compile(r"[a-z0-9_]+")


def names() -> set[str]:
    """Ids of companies, ties and sites of all bundled worlds, and the worlds' names."""
    found: set[str] = {name.replace("-", "_") for name in (*BUNDLED, *ALIASES)}
    for name in BUNDLED:
        world = load_world(name)
        for table in ("companies", "contracts", "sites"):
            found |= set(world.every_row(table)["id"].astype(str))
    return found - WORDS_OF_THE_MODEL


NAMES = names()
EXCEPTIONS = {
    "layers/silicon/benchmarks.py": "products in the words of a published table that the roofline is held against",
}
"""Modules that may name companies, each with the reason."""


def texts(module: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a module that is no docstring or note."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes:
            yield node.lineno, node.value


def named(text: str) -> set[str]:
    """Ids in a text, alone or as a part of a longer word."""
    words = set(WORD.findall(text.lower().replace("-", "_")))
    parts = {part for word in words for part in word.split("_") if len(part) > 4}
    return (words | parts) & NAMES


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_of_the_model_names_a_company_or_a_world(module: Path) -> None:
    found = [(line, text) for line, text in texts(module) if named(text)]
    if module.relative_to(SOURCE).as_posix() in EXCEPTIONS:
        assert found, f"{module.name} names nobody any more: strike it off the list"
        return
    for line, text in found:
        raise AssertionError(f"{module.name}:{line}: {text!r} names {named(text)}; a world's table should tell it")


def test_the_search_for_names_finds_them() -> None:
    assert named("nvidia") == {"nvidia"}
    assert named("nvidia_h100e_owned_cumulative") == {"nvidia"}
    assert named("worldcom>lucent") == {"worldcom", "lucent"}
    assert named("telecom-1999") == {"telecom_1999", "telecom"}
    assert not named("models_revenue_share")


@pytest.mark.parametrize("module", ALL, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_scorers_read_outcomes(module: Path) -> None:
    name = module.relative_to(SOURCE).as_posix()
    scorer = name.startswith(("analysis/backtest", "cli/backtest"))
    imported = {
        alias
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        for alias in _imports(node)
        if "backtest" in alias
    }
    assert scorer or not imported, f"{name} imports {imported}; what came after is for scorers"
    if not scorer:
        told = [text for _, text in texts(module) if re.search(r"outcomes/|/outcomes|facts\.csv|TARGETS", text)]
        told += [text for _, text in texts(module) if text in {"outcomes.csv", "outcomes_series.csv", "events.csv"}]
        # the schema names the files that a loader leaves alone
        assert not told or name == "world/schema.py", f"{name}: {told}; outcomes are for scorers"


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def test_outcomes_lie_outside_every_world() -> None:
    for folder in BUNDLED.values():
        assert not [path for path in folder.rglob("*") if re.search(r"outcomes|events|TARGETS|facts", path.name)]

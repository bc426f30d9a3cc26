"""The order of the packages: a package imports only from those before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "penstock"
RANK = {
    "world": 0,
    "passes": 0,
    "layers": 1,
    "money": 1,
    "fleet": 2,
    "conduct": 3,
    "scenarios": 4,
    "engine": 5,
    "analysis": 6,
    "report": 7,
    "studio": 8,
    "cli": 9,
}
SHARED = {"arrays", "bounds", "errors", "kept_files", "machine", "version"}
FRONT_DOOR = {"__init__.py", "__main__.py"}


def may_import(importer: str, imported: str) -> bool:
    """Whether a module of one package may import from another."""
    return importer == imported or imported in SHARED or RANK[imported] < RANK[importer]


def imported_packages(module: Path) -> Iterator[tuple[int, str]]:
    """Line and first-level name of everything of penstock that a module imports, wherever in its text."""
    package = module.relative_to(SOURCE).parts[:-1]
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["penstock", *package][: len(package) + 2 - node.level] if node.level else []
            start = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            names = [f"{start}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "penstock" and len(parts) > 1:
                yield node.lineno, parts[1]


MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.name not in FRONT_DOOR)


def test_every_package_has_its_place() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages == set(RANK)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_from_packages_before_its_own(module: Path) -> None:
    own = module.relative_to(SOURCE).parts[0].removesuffix(".py")
    known = SHARED | set(RANK) | {"__version__"}
    for line, package in imported_packages(module):
        assert package in known, f"{module.name}:{line}: penstock.{package} is not a package of the house"
        if own in SHARED:
            assert package in SHARED, f"{module.name}:{line}: {own} imports penstock.{package}"
        elif package != "__version__":
            assert may_import(own, package), f"{module.name}:{line}: {own} imports penstock.{package}"


def test_layers_and_money_do_not_know_each_other() -> None:
    assert not may_import("layers", "money")
    assert not may_import("money", "layers")
    assert may_import("engine", "money")
    assert not may_import("world", "engine")

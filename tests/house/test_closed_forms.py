"""No closed form lies about: what a package of layers exports is called by the product or told in the docs."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "penstock"
PACKAGES = ("ai", "data", "silicon", "facilities", "energy", "platform")
TOLD = re.compile(r"`(?:[a-z_/]+(?:\.py::|\.))*([a-z_]+)(?:\([^`]*\))?`")


@cache
def used() -> set[str]:
    """Every name that code of the product reads; to define, import or export it is not to read it."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize("folder", PACKAGES)
def test_what_a_package_exports_is_used_or_told(folder: str) -> None:
    package = importlib.import_module(f"penstock.layers.{folder}")
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "docs" / "reference" / "contract.md"]
    told = {name for page in pages for name in TOLD.findall(page.read_text(encoding="utf-8"))}
    contract = pages[-1].read_text(encoding="utf-8")
    told |= set(re.findall(r"[a-z_]\w+", contract[contract.index("**Python.**") :]))
    exported = {name for name in package.__all__ if callable(getattr(package, name)) and name.islower()}
    assert exported - used() - told == set()

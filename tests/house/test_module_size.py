"""Modules stay small: one idea each."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("src/penstock", "tests", "tools", "benchmarks")
LIMIT_LINES = 450

LARGER: dict[str, str] = {}
"""Modules above the limit, each with the reason."""

MODULES = sorted(module for place in PLACES for module in (ROOT / place).rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_small_or_says_why_not(module: Path) -> None:
    lines = len(module.read_text(encoding="utf-8").splitlines())
    name = str(module.relative_to(ROOT))
    if name in LARGER:
        assert lines > LIMIT_LINES, f"{name} has become small: strike it off the list"
    else:
        assert lines <= LIMIT_LINES, f"{name} has {lines} lines; split it, or list it with its reason"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_a_drawer(module: Path) -> None:
    assert module.stem not in {"utils", "util", "helpers", "misc", "common"}

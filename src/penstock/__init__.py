"""Penstock: a simulator of the AI infrastructure economy. Start with `load_world` and `simulate`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from penstock.version import __version__

if TYPE_CHECKING:
    from penstock.analysis.circularity import circularity
    from penstock.analysis.contagion import contagion
    from penstock.analysis.dollar import follow
    from penstock.analysis.explain import explain
    from penstock.analysis.portfolio import portfolio
    from penstock.analysis.systemic import systemic
    from penstock.engine.ensemble import simulate
    from penstock.engine.run import Run, open_run
    from penstock.world import World, load_world

# Loaded when first asked for, so that `penstock --help` and `import penstock` stay quick.
_HOMES = {
    "Run": "penstock.engine.run",
    "World": "penstock.world",
    "circularity": "penstock.analysis.circularity",
    "contagion": "penstock.analysis.contagion",
    "explain": "penstock.analysis.explain",
    "follow": "penstock.analysis.dollar",
    "load_world": "penstock.world",
    "open_run": "penstock.engine.run",
    "portfolio": "penstock.analysis.portfolio",
    "simulate": "penstock.engine.ensemble",
    "systemic": "penstock.analysis.systemic",
}

__all__ = [
    "Run",
    "World",
    "__version__",
    "circularity",
    "contagion",
    "explain",
    "follow",
    "load_world",
    "open_run",
    "portfolio",
    "simulate",
    "systemic",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'penstock' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

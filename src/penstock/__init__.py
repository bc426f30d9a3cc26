"""Penstock: a simulator of the AI infrastructure economy. Start with `load_world` and `simulate`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from penstock.version import __version__

if TYPE_CHECKING:
    from penstock.analysis.circularity import circularity
    from penstock.analysis.contagion import contagion
    from penstock.analysis.dollar import follow
    from penstock.analysis.model_sensitivity import sensitivity
    from penstock.analysis.reverse import reverse
    from penstock.analysis.systemic import systemic
    from penstock.engine.ensemble import simulate
    from penstock.engine.run import Run, open_run
    from penstock.world import World, load_world

# Loaded when first asked for, so that `penstock --help` and `import penstock` stay quick.
_HOMES = {
    "Run": "penstock.engine.run",
    "World": "penstock.world",
    "circularity": "penstock.analysis.circularity",
    "follow": "penstock.analysis.dollar",
    "contagion": "penstock.analysis.contagion",
    "load_world": "penstock.world",
    "open_run": "penstock.engine.run",
    "reverse": "penstock.analysis.reverse",
    "sensitivity": "penstock.analysis.model_sensitivity",
    "simulate": "penstock.engine.ensemble",
    "systemic": "penstock.analysis.systemic",
}

__all__ = [
    "Run",
    "World",
    "__version__",
    "circularity",
    "contagion",
    "follow",
    "load_world",
    "open_run",
    "reverse",
    "sensitivity",
    "simulate",
    "systemic",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'penstock' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Penstock: a simulator of the AI infrastructure economy. Start with `load_world` and `simulate`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from penstock.machine import without_collector
from penstock.version import __version__

if TYPE_CHECKING:
    from penstock.analysis.bottlenecks import bottlenecks
    from penstock.analysis.circularity import circularity
    from penstock.analysis.contagion import contagion
    from penstock.analysis.dollar import follow
    from penstock.analysis.explain import explain
    from penstock.analysis.integration import integration
    from penstock.analysis.loop import loop
    from penstock.analysis.model_sensitivity import sensitivity
    from penstock.analysis.payoff import payoff
    from penstock.analysis.policy import policy
    from penstock.analysis.portfolio import portfolio
    from penstock.analysis.reverse import reverse
    from penstock.analysis.stress import stress
    from penstock.analysis.supply_chain import supply_chain
    from penstock.analysis.systemic import systemic
    from penstock.analysis.token_price import token_price
    from penstock.engine.ensemble import simulate
    from penstock.engine.run import Run, open_run
    from penstock.world import World, load_world

# Loaded when first asked for, so that `penstock --help` and `import penstock` stay quick.
_HOMES = {
    "Run": "penstock.engine.run",
    "World": "penstock.world",
    "bottlenecks": "penstock.analysis.bottlenecks",
    "circularity": "penstock.analysis.circularity",
    "contagion": "penstock.analysis.contagion",
    "explain": "penstock.analysis.explain",
    "follow": "penstock.analysis.dollar",
    "integration": "penstock.analysis.integration",
    "load_world": "penstock.world",
    "loop": "penstock.analysis.loop",
    "open_run": "penstock.engine.run",
    "payoff": "penstock.analysis.payoff",
    "policy": "penstock.analysis.policy",
    "portfolio": "penstock.analysis.portfolio",
    "reverse": "penstock.analysis.reverse",
    "sensitivity": "penstock.analysis.model_sensitivity",
    "simulate": "penstock.engine.ensemble",
    "stress": "penstock.analysis.stress",
    "supply_chain": "penstock.analysis.supply_chain",
    "systemic": "penstock.analysis.systemic",
    "token_price": "penstock.analysis.token_price",
}

__all__ = [
    "Run",
    "World",
    "__version__",
    "bottlenecks",
    "circularity",
    "contagion",
    "explain",
    "follow",
    "integration",
    "load_world",
    "loop",
    "open_run",
    "payoff",
    "policy",
    "portfolio",
    "reverse",
    "sensitivity",
    "simulate",
    "stress",
    "supply_chain",
    "systemic",
    "token_price",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'penstock' has no attribute {name!r}")
    with without_collector():
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

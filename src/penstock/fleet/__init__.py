"""Request-level simulation of serving fleets: traces, policies, metering, export."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.fleet.config import FleetConfig
    from penstock.fleet.config_file import load_config
    from penstock.fleet.loaders import load_trace
    from penstock.fleet.prefix import prefix_hit, prefix_hits
    from penstock.fleet.result import FleetResult
    from penstock.fleet.simulation import simulate
    from penstock.fleet.trace import Trace, make_trace

# Loaded when first asked for: the economy reads only the surface.
_HOMES = {
    "FleetConfig": "config",
    "FleetResult": "result",
    "Trace": "trace",
    "load_config": "config_file",
    "load_trace": "loaders",
    "make_trace": "trace",
    "prefix_hit": "prefix",
    "prefix_hits": "prefix",
    "simulate": "simulation",
}

__all__ = [
    "FleetConfig",
    "FleetResult",
    "Trace",
    "load_config",
    "load_trace",
    "make_trace",
    "prefix_hit",
    "prefix_hits",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'penstock.fleet' has no attribute {name!r}")
    return getattr(importlib.import_module(f"penstock.fleet.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

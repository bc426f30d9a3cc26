"""Request-level simulation of serving fleets: traces, policies, metering, export."""

from __future__ import annotations

from penstock.fleet.config import FleetConfig, load_config
from penstock.fleet.loaders import load_trace
from penstock.fleet.prefix import prefix_hit, prefix_hits
from penstock.fleet.result import FleetResult
from penstock.fleet.simulate import simulate
from penstock.fleet.trace import Trace, make_trace

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

"""A simulated fleet as Prometheus would scrape it: text exposition format 0.0.4, one sample per window with its time.

Metrics carry the names that inference servers use where these are common (`time_to_first_token_seconds`), under the
prefix `penstock_fleet_`; dashboards need their prefix changed and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from penstock.fleet.compiled import columns as c
from penstock.fleet.result import FleetResult

PREFIX = "penstock_fleet_"
BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

GAUGES = {
    "replicas": ("replicas", "Replicas that are on, mean of the window."),
    "requests_running": ("running", "Requests that replicas work on, mean of the window."),
    "requests_waiting": ("waiting", "Requests that wait, mean of the window."),
    "utilisation_ratio": ("utilisation", "Share of the time of replicas that are on in which they work."),
    "good_ratio": ("good_share", "Share of requests ended in the window that met both objectives."),
    "error_budget_burn_ratio": ("error_budget_burn", "Share of requests not good over the share allowed."),
}
COUNTERS = {
    "requests_total": ("arrivals", "Requests that came."),
    "requests_served_total": ("served", "Requests served in full."),
    "requests_rejected_total": ("rejected", "Requests sent away."),
    "requests_failed_total": ("failed", "Requests that failed, were cancelled or timed out."),
    "cost_usd_total": ("cost_usd", "Cost of the fleet in US dollars."),
    "facility_energy_mwh_total": ("facility_mwh", "Energy drawn by the facility."),
}


def prometheus_text(result: FleetResult, *, start_unix_s: float = 0.0) -> str:
    """The metrics of a run: gauges and counters by window with time stamps, histograms of latency at the end.

    Args:
        start_unix_s: instant of the first window's beginning, so that a backfill lands where it should.
    """
    table, fleet = result.windows, _escaped(result.built.config.name)
    stamps = ((start_unix_s + table["start_s"] + result.built.config.window_s) * 1000).astype(np.int64)
    lines: list[str] = []
    for name, (column, text) in GAUGES.items():
        lines += _family(name, "gauge", text, fleet, table[column], stamps)
    for name, (column, text) in COUNTERS.items():
        lines += _family(name, "counter", text, fleet, table[column].cumsum(), stamps)
    served = result.requests.status == c.SERVED
    last = int(stamps.iloc[-1])
    for name, values, text in (
        ("time_to_first_token_seconds", result.requests.first_token_s, "Seconds to the first token."),
        ("time_per_output_token_seconds", result.requests.token_s, "Mean seconds of a token after the first."),
        ("e2e_request_latency_seconds", result.requests.total_s, "Seconds from arrival to the end."),
    ):
        known = values[served]
        lines += _histogram(name, text, fleet, known[~np.isnan(known)], last)
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, text: str, fleet: str, values: Iterable[float], stamps: Iterable[int]) -> list[str]:
    head = [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]
    return head + [
        f'{PREFIX}{name}{{fleet="{fleet}"}} {_value(v)} {stamp}' for v, stamp in zip(values, stamps, strict=True)
    ]


def _histogram(name: str, text: str, fleet: str, values: Any, stamp: int) -> list[str]:
    lines = [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} histogram"]
    for edge in BUCKETS_S:
        lines.append(f'{PREFIX}{name}_bucket{{fleet="{fleet}",le="{edge:g}"}} {int((values <= edge).sum())} {stamp}')
    lines.append(f'{PREFIX}{name}_bucket{{fleet="{fleet}",le="+Inf"}} {len(values)} {stamp}')
    lines.append(f'{PREFIX}{name}_sum{{fleet="{fleet}"}} {_value(float(values.sum()))} {stamp}')
    lines.append(f'{PREFIX}{name}_count{{fleet="{fleet}"}} {len(values)} {stamp}')
    return lines


def _value(value: float) -> str:
    number = float(value)
    if math.isnan(number):
        return "NaN"
    return f"{number:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

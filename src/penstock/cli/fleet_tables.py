"""What `penstock fleet` prints: a page of figures for people, whole tables for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from penstock.cli.output import Section
from penstock.report.numbers import percent

if TYPE_CHECKING:
    from penstock.fleet import FleetResult
    from penstock.fleet.compare import Comparison
    from penstock.fleet.fit import Fitted

GROUPS: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "outcomes",
        "Requests",
        (
            ("served", "served", ""),
            ("rejected", "rejected (no room, or waited too long)", ""),
            ("failed", "failed", ""),
            ("cancelled", "cancelled", ""),
            ("timed_out", "timed out", ""),
            ("unfinished", "unfinished at the end", ""),
            ("retries", "retries", ""),
            ("good_share", "good: served within both objectives", "share"),
            ("error_budget_burn", "error budget burn, times the allowed rate", ""),
        ),
    ),
    (
        "latency",
        "Latency",
        (
            ("first_token_p50_s", "first token, median, s", ""),
            ("first_token_p90_s", "first token, 90th percentile, s", ""),
            ("first_token_p99_s", "first token, 99th percentile, s", ""),
            ("token_p50_s", "token after the first, median, s", ""),
            ("token_p90_s", "token after the first, 90th percentile, s", ""),
            ("token_p99_s", "token after the first, 99th percentile, s", ""),
        ),
    ),
    (
        "use",
        "Use, energy, money",
        (
            ("utilisation", "utilisation: time at work of replicas that are on", "share"),
            ("slot_utilisation", "slots filled", "share"),
            ("mean_in_system", "requests inside, mean", ""),
            ("tokens_served", "tokens served", ""),
            ("tokens_billed", "tokens billed", ""),
            ("tokens_lost", "tokens lost with failed attempts, not billed", ""),
            ("energy_mwh", "energy of the facility, MWh", ""),
            ("co2_kg", "carbon, kg CO2", ""),
            ("water_m3", "water on site, m3", ""),
            ("revenue_usd", "revenue, USD", ""),
            ("cost_usd", "cost of chips, USD", ""),
            ("cost_usd_per_mtok", "cost, USD per million tokens", ""),
            ("margin_on_cost", "margin on cost", "share"),
        ),
    ),
    (
        "speed",
        "Speed of the simulation",
        (
            ("requests_per_s", "requests per second of wall time", ""),
            ("wall_s", "wall time, s", ""),
            ("simulated_s", "simulated, s", ""),
            ("iterations_per_request", "iterations per request", ""),
            ("tokens_per_request", "tokens per request", ""),
        ),
    ),
)

POOL_COLUMNS = ["pool", "model", "mean_replicas", "requests", "utilisation", "mean_batch", "facility_mwh", "cost_usd"]
TENANT_COLUMNS = ["tenant", "plan", "requests", "good_share", "first_token_p99_s", "cost_usd", "revenue_usd"]


def run_sections(result: FleetResult, *, people: bool) -> list[Section]:
    """Figures in groups, pools and tenants; for programs the whole tables."""
    if not people:
        figures = pd.DataFrame({"name": list(result.summary), "value": list(result.summary.values())})
        frames = {name: getattr(result, name) for name in ("pools", "tenants", "invoice", "windows")}
        return [Section(name, name, frame) for name, frame in {"summary": figures, **frames}.items()]
    s = result.summary
    sections = []
    for number, (key, title, lines) in enumerate(GROUPS):
        body = {label: percent(s[name]) if form == "share" else s[name] for name, label, form in lines}
        head = f"{s['fleet']}: {s['requests']:,} requests, seed {s['seed']}. {title}" if number == 0 else title
        sections.append(Section(key, head, body))
    sections.insert(3, Section("pools", "Pools", result.pools[POOL_COLUMNS]))
    sections.insert(4, Section("tenants", "Tenants", result.tenants[TENANT_COLUMNS]))
    sections[-1] = Section(
        "speed", f"Speed of the simulation ({s['policy']})", sections[-1].body, f"Trace: {s['trace']}."
    )
    return sections


def compare_sections(found: Comparison) -> list[Section]:
    """The comparison by fleet, and what pooling saves."""
    return [
        Section("fleets", f"The smallest fleets that keep the promise: {found.promise}", found.to_pandas()),
        Section("saving", "What pooling saves", found.saving()),
    ]


def fit_sections(fitted: Fitted) -> list[Section]:
    """Errors of the fit, then its coefficients."""
    errors: dict[str, Any] = {name: float(value) for name, value in fitted.errors.items()}
    return [
        Section("errors", "Errors of the surface, points left out one at a time", errors),
        Section("coefficients", "Coefficients", fitted.coefficients()),
    ]

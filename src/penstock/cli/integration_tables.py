"""Tables of `integration` for people; programs get the tables of the study as they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from penstock.cli.output import Section, number
from penstock.cli.run_summary import with_error
from penstock.report.numbers import wilson_interval

if TYPE_CHECKING:
    from penstock.analysis.integration import IntegrationStudy

MAKES = {"own_chips": "Own chips", "own_model": "Own models", "own_power": "Own power"}
MOST_USD_BN = 1000.0
"""A break-even above this is no quantity that anybody buys."""


def integration_sections(study: IntegrationStudy, size: str, *, people: bool) -> list[Section]:
    """Make or buy by make and buyer."""
    if not people:
        return [Section(name, name, getattr(study, name)) for name in ("projects", "ensemble", "inputs")]
    sections = []
    for make, title in MAKES.items():
        rows = study.projects[study.projects["make"] == make]
        if len(rows):
            heading = f"{title}: make or buy; {size}"
            sections.append(Section(make, heading, _projects(rows), _note(make, rows.iloc[0])))
    return [*sections, _ensemble(study, size)]


def _projects(rows: pd.DataFrame) -> pd.DataFrame:
    """What making saves, is worth and from which purchases on it pays, a buyer a row."""
    worth = zip(rows["npv_usd_bn"], rows["npv_se"], strict=True)
    range_of = zip(rows["npv_p05"], rows["npv_p95"], strict=True)
    chances = zip(rows["probability"], rows["probability_se"], rows["draws"], strict=True)
    even = zip(rows["break_even_p05"], rows["break_even_usd_bn_per_year"], rows["break_even_p95"], strict=True)
    return pd.DataFrame(
        {
            "company": rows["company_id"],
            "buys, $bn": [number(v) for v in rows["purchases_usd_bn_per_year"]],
            "saves": [f"{100.0 * v:.0f} %" for v in rows["margin"]],
            "NPV, $bn": [with_error(float(v), float(e), signed=True) for v, e in worth],
            "5 to 95 %": [f"{low:+,.1f} to {high:+,.1f}" for low, high in range_of],
            "pays off": [_chance(float(p), float(e), int(n)) for p, e, n in chances],
            "pays from (5 to 95 %)": [f"{_bounded(m)} ({_bounded(low)} to {_bounded(high)})" for low, m, high in even],
        }
    )


def _note(make: str, first: pd.Series) -> str:
    note = f"Research and development {number(float(first['project_cost_usd_bn']))} usd_bn in present value"
    if make == "own_power":
        note += "; the plant comes on top and is in the net present value"
    if math.isfinite(float(first["break_even_quantity"])):
        quantity = f"{number(float(first['break_even_quantity']))} {first['quantity_unit']}"
        note += f". To {first['company_id']} it pays from {quantity}"
    return (
        f"{note}.\nBuys, pays from: $bn a year. Pays off: share of draws on which making beats buying. Never: no "
        f"quantity below usd_bn {MOST_USD_BN:,.0f} a year."
    )


def _ensemble(study: IntegrationStudy, size: str) -> Section:
    shown = study.ensemble[study.ensemble["paths_with_project"] > 0.0]
    table = pd.DataFrame(
        {
            "company": shown["company_id"],
            "own share at the end, %": _percents(shown["own_chips_share"], shown["se"]),
            "5 to 95 % of paths": [
                f"{100.0 * low:.0f} to {100.0 * high:.0f}" for low, high in zip(shown["p05"], shown["p95"], strict=True)
            ],
            "paths with a project, %": _percents(shown["paths_with_project"], shown["paths_with_project_se"]),
        }
    )
    note = (
        "Share of today's accelerator purchases that own designs replace under the model's own rule; what is own "
        f"design at the opening is not counted. {len(study.ensemble) - len(shown)} other buyers start none."
    )
    return Section("ensemble", f"Own chips in the ensemble; {size}", table, note)


def _percents(shares: pd.Series, errors: pd.Series) -> list[str]:
    return [with_error(100.0 * v, 100.0 * e) for v, e in zip(shares, errors, strict=True)]


def _bounded(value: float) -> str:
    return number(value) if value < MOST_USD_BN else "never"


def _chance(share: float, error: float, paths: int) -> str:
    """A probability; within two standard errors of none or all as a range (Wilson, 90 %)."""
    if math.isnan(error) or paths <= 0:
        return f"{100.0 * share:.0f} %"
    if min(share, 1.0 - share) <= 2.0 * error:
        low, high = wilson_interval(round(share * paths), paths)
        return f"{100.0 * low:.0f} to {100.0 * high:.0f} %"
    return f"{100.0 * share:.0f} ±{100.0 * error:.0f} %"

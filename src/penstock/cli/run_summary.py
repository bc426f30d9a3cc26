"""What `penstock run` prints of a run: headline outputs, differences between scenarios, who fails, checks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from penstock.analysis.steps import HEADLINES
from penstock.cli.output import Section
from penstock.report.measures import CAPEX, COMPUTE, POWER, SPENDING, Measure
from penstock.report.numbers import percent, plain, probability_text, share_se, wilson_interval
from penstock.report.source import LAYER_NAMES, ReportData
from penstock.report.tables import (
    CHAIN_LENGTH,
    Floats,
    company_failures,
    economy_grid,
    first_defaults,
    longest_chains,
)

if TYPE_CHECKING:
    from penstock.analysis.steps import StepStudy
    from penstock.engine.run import Run

ENERGY = Measure("energy_mwh", "Energy used", "TWh", 1e-6, True, "energy used")
SURPLUS = Measure("surplus_usd_bn", "Surplus of users", "$bn per quarter, nominal", 1.0, True, "surplus")
MEASURES = (SPENDING, CAPEX, COMPUTE, POWER, ENERGY, SURPLUS)
YEARS = ("2027", "2030", "2035")
FAILURES_SHOWN = 12
INTERVAL_95 = 1.96


def _unit(measure: Measure) -> str:
    unit = "$bn" if measure.unit.startswith("$bn") else measure.unit
    return f"{unit} a year" if measure.flow else unit


def _per_path(data: ReportData, scenario: str) -> tuple[dict[tuple[str, str], Floats], tuple[str, ...]]:
    """(output, unit) -> values (paths, years); the years shown are YEARS as far as the run reaches."""
    found: dict[tuple[str, str], Floats] = {}
    shown: tuple[str, ...] = ()
    for measure in MEASURES:
        values, years = measure.yearly(economy_grid(data, scenario, measure.column))
        chosen = [i for i, year in enumerate(years) if year in YEARS] or [len(years) - 1]
        shown = tuple(years[i] for i in chosen)
        found[(measure.title, _unit(measure))] = values[:, chosen]
    defaults = first_defaults(data, scenario)
    counts = np.zeros((data.paths, len(shown)))
    for column, year in enumerate(shown):
        until = defaults[defaults["quarter"] <= (f"{year}Q4" if len(year) == 4 else year)]
        np.add.at(counts[:, column], until["path"].to_numpy(dtype=np.int64), 1.0)
    found[("Companies in default, so far", "companies")] = counts
    return found, shown


def headline_table(data: ReportData) -> pd.DataFrame:
    """scenario, output, unit, year, median, p05, p95 over paths."""
    rows = []
    for scenario in data.scenarios:
        outputs, years = _per_path(data, scenario)
        for (output, unit), values in outputs.items():
            for column, year in enumerate(years):
                p05, median, p95 = np.quantile(values[:, column], [0.05, 0.5, 0.95])
                rows.append((scenario, output, unit, year, median, p05, p95))
    return pd.DataFrame(rows, columns=["scenario", "output", "unit", "year", "median", "p05", "p95"])


def difference_table(data: ReportData) -> pd.DataFrame:
    """scenario, output, unit, year, mean difference from the first scenario path by path, and its intervals.

    low95 to high95 holds the mean; p05 to p95 holds 90 % of paths.
    """
    base, years = _per_path(data, data.scenarios[0])
    rows = []
    for scenario in data.scenarios[1:]:
        outputs, _ = _per_path(data, scenario)
        for (output, unit), values in outputs.items():
            difference = values - base[(output, unit)]
            for column, year in enumerate(years):
                d = difference[:, column]
                half = INTERVAL_95 * d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else np.nan
                p05, p95 = np.quantile(d, [0.05, 0.95])
                rows.append((scenario, output, unit, year, d.mean(), d.mean() - half, d.mean() + half, p05, p95))
    columns = ["scenario", "output", "unit", "year", "mean", "low95", "high95", "p05", "p95"]
    return pd.DataFrame(rows, columns=columns)


def chain_table(data: ReportData) -> pd.DataFrame:
    """scenario, share of paths with a default chain of three or more, standard error, 90 % interval."""
    rows = []
    for scenario in data.scenarios:
        lengths = longest_chains(data, scenario)
        count = int((lengths >= CHAIN_LENGTH).sum())
        low, high = wilson_interval(count, len(lengths))
        rows.append((scenario, count / len(lengths), share_se(count, len(lengths)), low, high))
    return pd.DataFrame(rows, columns=["scenario", "share", "se", "low90", "high90"])


def failure_table(data: ReportData) -> pd.DataFrame:
    """Companies that default on most paths: share of paths, 90 % interval, grade where it is weak."""
    rows = []
    for scenario in data.scenarios:
        for row in company_failures(data, scenario).head(FAILURES_SHOWN).itertuples(index=False):
            company, count = str(row.company_id), int(str(row.count))
            low, high = wilson_interval(count, data.paths)
            grade = data.weak_grade_of(company)
            text = probability_text(count, data.paths, grade)
            layer = LAYER_NAMES.get(str(row.layer), str(row.layer))
            rows.append((scenario, data.name_of(company), layer, text, low, high, grade, str(row.median_quarter)))
    columns = [
        "scenario",
        "company",
        "layer",
        "paths_in_default",
        "low90",
        "high90",
        "weak_grade",
        "median_quarter",
    ]
    return pd.DataFrame(rows, columns=columns)


def for_people(table: pd.DataFrame, centre: str, low: str, high: str) -> pd.DataFrame:
    """One line per scenario and output, one column per year: `centre (low to high)`."""
    texts = [
        f"{plain(c)} ({plain(a, 2)} to {plain(b, 2)})"
        for c, a, b in zip(table[centre], table[low], table[high], strict=True)
    ]
    keys = ["scenario", "output", "unit"]
    wide = table[[*keys, "year"]].assign(text=texts).pivot(index=keys, columns="year", values="text")
    order = table[keys].drop_duplicates()
    wide = wide.reindex(pd.MultiIndex.from_frame(order)).reset_index()
    wide.columns.name = None
    return wide


def chain_sentence(data: ReportData) -> str:
    """The share of paths with a default chain, as the notice asks for it."""
    parts = []
    for row in chain_table(data).itertuples(index=False):
        share, se = float(str(row.share)), float(str(row.se))
        text = f"{percent(share)} (se {plain(100 * se, 2)})"
        if share < 2 * se or share == 0:
            text = f"{percent(float(str(row.low90)))} to {percent(float(str(row.high90)))} (few paths)"
        parts.append(text if len(data.scenarios) == 1 else f"{row.scenario} {text}")
    return f"Paths with a default chain of {CHAIN_LENGTH} or more: {'; '.join(parts)}."


STEP_NAMES = {"h100e": "M H100e", "it_power": "IT, GW"}
"""Headline outputs in a table of 100 characters; the others go by their names."""
STEPS_PER_LINE = 4
MOST_DECIMALS = 2
USD_BN_IN_TN = 1000.0


def step_sections(study: StepStudy, size: str, *, people: bool) -> list[Section]:
    """The levels and the changes of a study of steps; for people as one table and lines on the strongest."""
    if not people:
        return [Section("levels", "With all steps on", study.levels), Section("changes", "Changes", study.changes)]
    columns, scales = ["without"], []
    for item, level in zip(HEADLINES, study.levels["mean"].astype(float), strict=True):
        tn = item.unit == "usd_bn" and abs(level) >= USD_BN_IN_TN
        money = f"{item.name}, {'$tn' if tn else '$bn'}" if item.unit == "usd_bn" else item.name
        columns.append(STEP_NAMES.get(item.name, money))
        scales.append(1.0 / USD_BN_IN_TN if tn else 1.0)
    rows = [["all on", *map(with_error, study.levels["mean"] * scales, study.levels["se"] * scales)]]
    for row in study.changes.to_dict("records"):
        changes = [
            with_error(float(row[item.key]) * scale, float(row[item.error]) * scale, signed=True)
            for item, scale in zip(HEADLINES, scales, strict=True)
        ]
        rows.append([str(row["step"]), *changes])
    table = pd.DataFrame(rows, columns=columns)
    moves = [
        f"{row['step']}: {row['moves_most']} by {strength(float(row['standard_errors']))}"
        for row in study.changes.to_dict("records")
    ]
    lines = ["; ".join(moves[k : k + STEPS_PER_LINE]) for k in range(0, len(moves), STEPS_PER_LINE)]
    note = (
        "Mean of paths ± standard error; first the level, then the change without the step, path by path.\n"
        "Sums over the run; compute (H100e) and IT power at its end; defaults per path.\n"
        "Moved most, in standard errors:\n  " + ";\n  ".join(lines) + "."
    )
    return [Section("steps", f"What each step does; {size}", table, note)]


def with_error(value: float, error: float, *, signed: bool = False) -> str:
    """A mean and its standard error with two digits, as `-3.12 ±0.41`; `0` where nothing changes at all."""
    if value == 0 and not error > 0:
        return "0"
    sign = "+" if signed else ""
    if not error > 0:  # one path has no error, and a change without spread needs none
        return f"{value:{sign},.{0 if abs(value) >= 100 else MOST_DECIMALS}f}"
    decimals = min(max(0, 1 - math.floor(math.log10(error))), MOST_DECIMALS)
    return f"{round(value, decimals) + 0.0:{sign},.{decimals}f} ±{error:,.{decimals}f}"


def strength(standard_errors: float) -> str:
    """How many standard errors, without digits that nobody needs."""
    if math.isnan(standard_errors):
        return "an unknown number"
    return "any number" if math.isinf(standard_errors) else f"{standard_errors:,.{0 if standard_errors >= 10 else 1}f}"


def check_sentence(run: Run) -> str:
    """The checks of every path and quarter, in one line."""
    checks = run.manifest["checks"]
    verdict = "all hold" if not run.problems() else "NOT all hold: do not use these numbers"
    return (
        f"Checks on every path and quarter: largest conservation error {checks['conservation_max_rel']:.1e} "
        f"relative (limit 1e-9), {checks['nonconverged']} fixed points not reached, "
        f"{checks['nan']} numbers not finite: {verdict}."
    )

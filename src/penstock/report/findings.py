"""The five sentences at the head of the report, computed from the tables by rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.report.figures_binding import binding_sentence
from penstock.report.figures_evidence import evidence_sentence
from penstock.report.measures import CAPEX, COMPUTE, HEADLINES, POWER, SPENDING, Measure, figure_id, year_phrase
from penstock.report.numbers import growth_percent, in_hundred, percent, plain, probability_text
from penstock.report.source import LAYER_NAMES, ReportData
from penstock.report.tables import (
    CAPEX_FALL_SHARE,
    CAPEX_FALL_WITHIN_QUARTERS,
    CHAIN_LENGTH,
    Estimate,
    Floats,
    binding_shares,
    capex_falls,
    company_failures,
    defaults_per_path,
    economy_grid,
    estimate,
    layer_failures,
    longest_chains,
)


@dataclass(frozen=True)
class Finding:
    """One sentence and the figure that it rests on."""

    topic: str
    text: str
    figure_id: str


@dataclass(frozen=True)
class Headline:
    """A number at the head of the report."""

    label: str
    value: str
    range: str
    growth: str


def headlines(data: ReportData) -> list[Headline]:
    """Last year's median, 90 % range and yearly growth of the four headline measures."""
    return [_headline(data, measure) for measure in HEADLINES]


def _headline(data: ReportData, measure: Measure) -> Headline:
    values, years = measure.yearly(economy_grid(data, data.scenarios[0], measure.column))
    last = estimate(values[:, -1])
    rate = _yearly_growth(values)
    growth = ""
    if rate is not None:
        growth = (
            f"{growth_percent(rate.median)} a year since {years[0]} "
            f"({growth_percent(rate.p05)} to {growth_percent(rate.p95)}, 90%)"
        )
    per_year = " a year" if measure.flow else ""
    return Headline(f"{measure.title}, {years[-1]}", measure.text(last) + per_year, measure.range_text(last), growth)


def _yearly_growth(values: Floats) -> Estimate | None:
    """Compound yearly growth of each path from the first year to the last; None within one year."""
    spans = values.shape[1] - 1
    if spans < 1:
        return None
    start, end = values[:, 0], values[:, -1]
    positive = (start > 0) & (end >= 0)
    ratio = np.where(positive, end / np.where(positive, start, 1.0), np.nan)
    return estimate(ratio ** (1.0 / spans) - 1.0)


def five_sentences(data: ReportData) -> list[Finding]:
    """Growth; the capex bust; defaults and chains; what binds; what the result rests on.

    All about the first scenario of the run; differences of the others are a figure of their own.
    """
    return [
        Finding("Growth", _growth_sentence(data), figure_id(SPENDING)),
        Finding("A bust", _bust_sentence(data), figure_id(CAPEX)),
        Finding("Failures", _failure_sentence(data), "who-fails"),
        Finding("What binds", _binding_sentence(data), "bottlenecks"),
        Finding("What it rests on", _evidence_sentence(data), "evidence"),
    ]


def _growth_sentence(data: ReportData) -> str:
    parts = []
    years: tuple[str, ...] = ()
    for measure in (SPENDING, CAPEX, COMPUTE, POWER):
        values, years = measure.yearly(economy_grid(data, data.scenarios[0], measure.column))
        first, last = estimate(values[:, 0]), estimate(values[:, -1])
        parts.append(
            f"{measure.phrase} goes from {measure.text(first)} to {measure.text(last)}{year_phrase(measure)} "
            f"({measure.range_text(last).removesuffix(' (90%)')})"
        )
    return (
        f"From {years[0]} to {years[-1]}, in the median path, {', '.join(parts[:-1])}, and {parts[-1]}; "
        f"in brackets the range of 9 of 10 paths in {years[-1]}."
    )


def _bust_sentence(data: ReportData) -> str:
    scenario = data.scenarios[0]
    capex = economy_grid(data, scenario, CAPEX.column)
    fallen = capex_falls(capex)
    head = (
        f"Capital spending, as a mean of four quarters, falls by at least {percent(CAPEX_FALL_SHARE)} within "
        f"{CAPEX_FALL_WITHIN_QUARTERS} quarters of its peak on {in_hundred(int(fallen.sum()), len(fallen))}"
    )
    if not fallen.any():
        return f"{head}."
    yearly, years = capex.yearly_sum()
    peaks = np.array([int(years[k]) for k in np.argmax(yearly[fallen], axis=1)])
    low, median, high = np.quantile(peaks, [0.05, 0.5, 0.95], method="nearest")
    return f"{head}; where it does, the year of highest spending is {median:.0f} ({low:.0f} to {high:.0f}, 90%)."


def _failure_sentence(data: ReportData) -> str:
    scenario = data.scenarios[0]
    counts = defaults_per_path(data, scenario)
    failures = company_failures(data, scenario)
    if failures.empty:
        return f"No company defaults on any of the {data.paths:,} paths."
    low, high = np.quantile(counts, [0.05, 0.95], method="nearest")
    se = counts.std(ddof=1) / np.sqrt(len(counts)) if len(counts) > 1 else float("nan")
    chains = int((longest_chains(data, scenario) >= CHAIN_LENGTH).sum())
    top = failures.iloc[0]
    company = str(top["company_id"])
    layer = layer_failures(data, scenario).sort_values("mean_defaults", ascending=False).iloc[0]
    return (
        f"On average {plain(float(counts.mean()), 2)} companies default on a path (se {plain(float(se), 1)}; "
        f"{low:.0f} to {high:.0f} on 9 of 10 paths), most of them in "
        f"{LAYER_NAMES[str(layer['layer'])]}; a chain "
        f"of {CHAIN_LENGTH} or more, each pulled down by the one before, is seen on "
        f"{in_hundred(chains, len(counts))}; the company that fails most often is "
        f"{data.name_of(company)}, on "
        f"{probability_text(int(top['count']), data.paths, data.weak_grade_of(company))} of paths."
    )


def _binding_sentence(data: ReportData) -> str:
    table = binding_shares(data, data.scenarios[0], "year")
    return binding_sentence(table.pivot(index="binding", columns="period", values="share"))


def _evidence_sentence(data: ReportData) -> str:
    sentence = evidence_sentence(data)
    weak = sum(1 for known in data.company_evidence.values() if known.weak_grade)
    if not data.company_evidence:
        return sentence
    return (
        f"{sentence.removesuffix('.')}; {weak} of {len(data.company_evidence)} "
        "companies have more than half of "
        f"their balance sheet at grade E or F."
    )

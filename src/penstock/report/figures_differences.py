"""What each scenario changes against the first, path by path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.report.measures import HEADLINES, Measure
from penstock.report.numbers import percent, plain
from penstock.report.source import ReportData
from penstock.report.spec import Column, Facet, Figure, run_python
from penstock.report.tables import Estimate, Floats, defaults_per_path, economy_grid, estimate, paired

EN_DASH = chr(0x2013)
COLUMNS = (
    Column("measure", "Measure", "text"),
    Column("scenario", "Scenario", "text"),
    Column("p05", "5th percentile of differences"),
    Column("estimate", "Median difference"),
    Column("p95", "95th percentile of differences"),
    Column("mean", "Mean difference"),
    Column("se_mean", "Standard error of the mean"),
)
NOTE = (
    "Each path is the same future in every scenario (common random numbers), so the difference is taken path by path. "
    "Bars: 9 of 10 differences. Dots: median."
)


@dataclass(frozen=True)
class Found:
    """Differences of one scenario from the first: their quantiles, mean, and standard error of the mean."""

    scenario: str
    summary: Estimate
    mean: float
    se: float

    def row(self, key: str, scale: float) -> list[object]:
        """Cells of a row of the figure, in the order of `COLUMNS`."""
        values = (self.summary.p05, self.summary.median, self.summary.p95, self.mean, self.se)
        return [key, self.scenario, *[scale * value for value in values]]


def differences(data: ReportData) -> Figure | None:
    """Paired differences of each scenario from the first, path by path; None with one scenario."""
    if len(data.scenarios) < 2:
        return None
    reference = data.scenarios[0]
    spoken = reference.replace("_", " ")
    found = {measure.column: _relative(data, measure) for measure in HEADLINES}
    label = {measure.column: f"{measure.title}, {_when(data, measure)}" for measure in HEADLINES}
    found["defaults"] = _more_defaults(data)
    label["defaults"] = "Companies in default, whole run"
    units = {key: f"% of the same path under {spoken}" for key in found}
    units["defaults"] = f"companies per path more than under {spoken}"
    return Figure(
        id="scenario-differences",
        kind="whiskers",
        title=f"What each scenario changes against {spoken}",
        unit=units[HEADLINES[0].column],
        columns=COLUMNS,
        rows=[entry.row(key, 1.0 if key == "defaults" else 100.0) for key, all_of in found.items() for entry in all_of],
        findings={
            key: _sentence(label[key], spoken, all_of, percentage=key != "defaults") for key, all_of in found.items()
        },
        facets=(Facet("measure", "Measure", tuple(label.items())),),
        options={
            "category": "scenario",
            "low": "p05",
            "value": "estimate",
            "high": "p95",
            "zero": True,
            "units": units,
        },
        python=run_python(
            data.directory,
            "world = run.economy.query(\"region == 'world'\")\n"
            'capex = world.groupby(["path", "scenario"])["capex_usd_bn"].sum().unstack()\n'
            f"difference = capex.div(capex[{reference!r}], axis=0) - 1\n"
            "print(difference.quantile([0.05, 0.5, 0.95]))\n",
        ),
        note=NOTE,
    )


def _relative(data: ReportData, measure: Measure) -> list[Found]:
    """Relative differences: of the run's sum for a flow, of the last year's end for a stock."""
    base = economy_grid(data, data.scenarios[0], measure.column)
    before, _ = measure.yearly(base)
    found = []
    for other in data.scenarios[1:]:
        changed = economy_grid(data, other, measure.column)
        left, right = paired(base, changed)
        after, _ = measure.yearly(changed)
        if measure.flow:
            old, new = before[left].sum(axis=1), after[right].sum(axis=1)
        else:
            old, new = before[left, -1], after[right, -1]
        found.append(_found(other, np.where(old > 0, new / np.where(old > 0, old, 1.0) - 1.0, np.nan)))
    return found


def _when(data: ReportData, measure: Measure) -> str:
    _, years = measure.yearly(economy_grid(data, data.scenarios[0], measure.column))
    return f"{years[0]}{EN_DASH}{years[-1]} in total" if measure.flow else f"at the end of {years[-1]}"


def _more_defaults(data: ReportData) -> list[Found]:
    base = defaults_per_path(data, data.scenarios[0])
    return [_found(other, defaults_per_path(data, other) - base) for other in data.scenarios[1:]]


def _found(scenario: str, values: Floats) -> Found:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return Found(scenario, estimate(values), float("nan"), float("nan"))
    se = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("nan")
    return Found(scenario, estimate(values), float(known.mean()), se)


def _sentence(label: str, reference: str, found: list[Found], *, percentage: bool) -> str:
    """The scenario that moves a measure most, by how much, and how sure that is."""
    largest = max(found, key=lambda entry: abs(entry.mean) if np.isfinite(entry.mean) else -1.0)

    def text(value: float) -> str:
        written = percent(value) if percentage else plain(value, 2)
        return written if value < 0 or written in {"0", "0%"} else f"+{written}"

    error = plain(100.0 * largest.se, 2) if percentage else plain(largest.se, 2)
    return (
        f"{label}: {largest.scenario.replace('_', ' ')} moves it most against {reference}, by {text(largest.mean)} on "
        f"average (se {error}; {text(largest.summary.p05)} to {text(largest.summary.p95)} in 9 of 10 paths)."
    )

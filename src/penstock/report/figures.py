"""The figures of a run that show how the economy moves: fans, what binds, evidence, scenario differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from penstock.engine.chunks import BINDING
from penstock.report.numbers import (
    digits_supported,
    money,
    money_range,
    percent,
    plain,
    quantity,
    quantity_range,
)
from penstock.report.source import GRADE_NAMES, GRADES, LAYER_NAMES, ReportData
from penstock.report.spec import Column, Facet, Figure, Rows, scenario_facet, told_by
from penstock.report.tables import (
    Estimate,
    Grid,
    binding_shares,
    defaults_per_path,
    economy_grid,
    estimate,
    fan_rows,
    layer_grids,
    paired,
)

SAMPLE_PATHS = 5


@dataclass(frozen=True)
class Measure:
    """A column of `economy` as readers see it."""

    column: str
    title: str
    unit: str
    scale: float
    """what a stored value is multiplied by to be in `unit`"""
    flow: bool
    """summed over the quarters of a year; otherwise the year's last quarter stands for the year"""
    phrase: str

    def text(self, summary: Estimate) -> str:
        """Median in its unit, with the digits that its error supports."""
        digits = digits_supported(summary.median, summary.se_median)
        if self.unit.startswith("$bn"):
            return money(summary.median, digits)
        return quantity(summary.median, self.unit, digits)

    def range_text(self, summary: Estimate) -> str:
        """90 % range in its unit."""
        if self.unit.startswith("$bn"):
            return money_range(summary.p05, summary.p95, 2)
        return quantity_range(summary.p05, summary.p95, self.unit, 2)

    def yearly(self, source: Grid) -> tuple[np.ndarray, tuple[str, ...]]:
        """(paths, years) in `unit` (per year for a flow)."""
        values, years = source.yearly_sum() if self.flow else source.year_end()
        return values * self.scale, years


H100E_SCALE = 1e-6
"""`economy.h100e` is a count of H100 equivalents; readers get millions."""

SPENDING = Measure("ai_revenue_usd_bn", "Spending on AI", "$bn per quarter, nominal", 1.0, True, "spending on AI")
CAPEX = Measure("capex_usd_bn", "Capital spending", "$bn per quarter, nominal", 1.0, True, "capital spending")
COMPUTE = Measure("h100e", "Installed compute", "million H100e", H100E_SCALE, False, "installed compute")
POWER = Measure("it_mw", "IT power in use", "GW", 1e-3, False, "IT power")
HEADLINES = (SPENDING, CAPEX, COMPUTE, POWER)

FAN_COLUMNS = (
    Column("quarter", "Quarter", "text"),
    Column("p05", "5th percentile"),
    Column("p25", "25th percentile"),
    Column("p50", "Median"),
    Column("p75", "75th percentile"),
    Column("p95", "95th percentile"),
    Column("mean", "Mean"),
)
SAMPLE_COLUMNS = tuple(Column(f"path_{k}", f"Sample path {k + 1}", hidden=True) for k in range(SAMPLE_PATHS))


BANDS_NOTE = "Line: median. Inner band: half of the paths. Outer band: 9 of 10 paths."


def year_phrase(measure: Measure) -> str:
    """How a flow or a stock of a year is named."""
    return " a year" if measure.flow else ""


def figure_id(measure: Measure) -> str:
    """Anchor of a measure's fan."""
    return f"fan-{measure.column.replace('_', '-')}"


def as_of(data: ReportData) -> str:
    """Day up to which a run knows data, ISO; what its charts show after it is simulated. Empty where not told."""
    world = data.manifest.get("world")
    return str(world.get("as_of", "")) if isinstance(world, dict) else ""


def fan(data: ReportData, measure: Measure) -> Figure:
    """Bands and median of one column of `economy` by quarter, with five sample paths."""

    def tell(scenario: str) -> tuple[Rows, str]:
        source = economy_grid(data, scenario, measure.column)
        scaled = Grid(source.values * measure.scale, source.paths, source.quarters)
        rows = [_padded(row) for row in fan_rows(scaled, SAMPLE_PATHS)]
        values, years = measure.yearly(source)
        first, last = estimate(values[:, 0]), estimate(values[:, -1])
        return rows, (
            f"{measure.phrase[0].upper()}{measure.phrase[1:]} goes from "
            f"{measure.text(first)} in {years[0]} to "
            f"{measure.text(last)}{year_phrase(measure)} in {years[-1]} in the median path; "
            f"9 of 10 simulated paths lie in {measure.range_text(last)}."
        )

    rows, findings = told_by(data.scenarios, tell)
    return Figure(
        id=figure_id(measure),
        kind="fan",
        title=measure.title,
        unit=measure.unit,
        columns=(Column("scenario", "Scenario", "text"), *FAN_COLUMNS, *SAMPLE_COLUMNS),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(data.scenarios),),
        options={"samples": SAMPLE_PATHS, "as_of": as_of(data)},
        note=BANDS_NOTE,
        python=(
            f"import penstock as ps\n\nrun = ps.open_run({data.directory!r})\n"
            f"bands = run.bands.query(\"company_id == 'world' and measure == '{measure.column}'\")\n"
            'print(bands[["scenario", "quarter", "p05", "p25", "p50", "p75", "p95", "mean"]])\n'
        ),
    )


def _padded(row: list[str | float]) -> list[object]:
    """A run of fewer than five paths has empty sample columns."""
    wanted = len(FAN_COLUMNS) + SAMPLE_PATHS
    return [*row, *[None] * (wanted - len(row))]


def layer_panels(data: ReportData) -> Figure:
    """Revenue of each layer as small fans."""
    panels: list[str] = []

    def tell(scenario: str) -> tuple[Rows, str]:
        rows: Rows = []
        grown: list[tuple[float, str]] = []
        years: tuple[str, ...] = ()
        for layer, source in layer_grids(data, scenario, "revenue_usd_bn").items():
            if layer not in panels:
                panels.append(layer)
            rows += [[layer, *_padded(row)] for row in fan_rows(source, SAMPLE_PATHS)]
            values, years = source.yearly_sum()
            first, last = estimate(values[:, 0]).median, estimate(values[:, -1]).median
            if first > 0:
                grown.append((last / first, layer))
        grown.sort(reverse=True)
        if not grown:
            return rows, "No layer has revenue in this run."
        return rows, (
            f"From {years[0]} to {years[-1]} revenue of {LAYER_NAMES[grown[0][1]]} grows most, "
            f"by a factor of {plain(grown[0][0], 2)} in the median path, and that of "
            f"{LAYER_NAMES[grown[-1][1]]} least, by {plain(grown[-1][0], 2)}."
        )

    rows, findings = told_by(data.scenarios, tell)
    return Figure(
        id="layer-revenue",
        kind="panels",
        title="Revenue by layer",
        unit="$bn per quarter, nominal",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("layer", "Layer", "text"),
            *FAN_COLUMNS,
            *SAMPLE_COLUMNS,
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(data.scenarios),),
        options={
            "samples": SAMPLE_PATHS,
            "as_of": as_of(data),
            "panel": "layer",
            "panels": [[layer, LAYER_NAMES[layer]] for layer in panels],
        },
        python=(
            f"import penstock as ps\n\nrun = ps.open_run({data.directory!r})\n"
            'revenue = run.layers.groupby(["scenario", "layer", "quarter"])["revenue_usd_bn"]\n'
            "print(revenue.quantile([0.05, 0.25, 0.5, 0.75, 0.95]).unstack())\n"
        ),
        note=f"{BANDS_NOTE} Revenue of all businesses of a layer's companies; each panel has its own scale.",
    )


def bottlenecks(data: ReportData) -> Figure:
    """Share of paths by binding constraint, by year and by quarter."""

    def tell(scenario: str, by: str) -> tuple[Rows, str]:
        table = binding_shares(data, scenario, by)
        rows: Rows = [
            [str(period), str(binding), float(share)]
            for period, binding, share in zip(table["period"], table["binding"], table["share"], strict=True)
        ]
        return rows, binding_sentence(table.pivot(index="binding", columns="period", values="share"))

    choices = [f"{scenario}|{by}" for scenario in data.scenarios for by in ("year", "quarter")]
    rows, findings = told_by(choices, tell)
    return Figure(
        id="bottlenecks",
        kind="heat",
        title="What limits capacity",
        unit="% of simulated quarters in which it binds",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("by", "By", "text"),
            Column("period", "Period", "text"),
            Column("binding", "What binds", "text"),
            Column("share", "Share of simulated quarters", "share"),
        ),
        rows=rows,
        findings=findings,
        facets=(
            scenario_facet(data.scenarios),
            Facet("by", "Show by", (("year", "year"), ("quarter", "quarter"))),
        ),
        options={"x": "period", "y": "binding", "value": "share", "y_order": list(BINDING), "labels": True},
        python=(
            f"import penstock as ps\n\nrun = ps.open_run({data.directory!r})\n"
            "world = run.economy.query(\"region == 'world'\")\n"
            'print(world.groupby(["scenario", '
            '"quarter"])["binding"].value_counts(normalize=True).unstack())\n'
        ),
    )


def binding_sentence(shares: pd.DataFrame) -> str:
    """What binds most at first, over all, and at last. `shares`: rows binding, columns period."""
    values = shares.to_numpy(dtype=float)
    names = [str(name) for name in shares.index]
    first_period, last_period = str(shares.columns[0]), str(shares.columns[-1])
    mean = values.mean(axis=1)
    top, first, last = int(mean.argmax()), int(values[:, 0].argmax()), int(values[:, -1].argmax())
    head = f"{names[top].capitalize()} binds most often, in {percent(mean[top])} of simulated quarters; "
    if first == last == top:
        return (
            f"{head}it leads in {first_period} ({percent(values[top, 0])}) as in {last_period} "
            f"({percent(values[top, -1])})."
        )
    return (
        f"{head}in {first_period} it is mostly {names[first]} ({percent(values[first, 0])}), "
        f"in {last_period} mostly {names[last]} ({percent(values[last, -1])})."
    )


def evidence_bars(data: ReportData) -> Figure | None:
    """Dollars by evidence grade; None when the run knows neither its opening state nor its world."""
    frame = data.evidence
    if frame.empty:
        return None
    bases = list(dict.fromkeys(frame["basis"].astype(str)))
    known = {
        (str(basis), str(grade)): (float(share), float(dollars))
        for basis, grade, share, dollars in zip(
            frame["basis"], frame["grade"], frame["share"], frame["usd_bn"], strict=True
        )
    }
    rows: list[list[object]] = [
        [basis, grade, GRADE_NAMES[grade], *known.get((basis, grade), (0.0, 0.0))]
        for basis in bases
        for grade in GRADES
    ]
    return Figure(
        id="evidence",
        kind="bars",
        title="What the result rests on",
        unit="% of dollars by evidence grade",
        columns=(
            Column("basis", "Dollars of", "text"),
            Column("grade", "Grade", "text"),
            Column("grade_name", "Meaning", "text"),
            Column("share", "Share of dollars", "share"),
            Column("usd_bn", "Amount, $bn"),
        ),
        rows=rows,
        findings={"": evidence_sentence(data)},
        options={
            "category": "basis",
            "stack": "grade",
            "value": "share",
            "stack_order": list(GRADES),
            "stack_names": GRADE_NAMES,
            "categories": bases,
        },
        python=(
            "import penstock as ps\nfrom penstock.report.source import evidence_of\n\n"
            f"run = ps.open_run({data.directory!r})\nprint(evidence_of(run))\n"
        ),
    )


def evidence_sentence(data: ReportData) -> str:
    """Shares of dollars by pairs of grades on the first basis, and the basis that rests most on E and F."""
    frame = data.evidence
    if frame.empty:
        return "The run does not carry the evidence grades of its inputs."
    table = frame.pivot_table(index="basis", columns="grade", values="share", aggfunc="sum", fill_value=0.0)
    table = table.reindex(index=list(dict.fromkeys(frame["basis"])), columns=list(GRADES), fill_value=0.0)
    shares = table.to_numpy(dtype=float)
    strong, middle, weak = (shares[:, k : k + 2].sum(axis=1) for k in (0, 2, 4))
    bases = [str(basis) for basis in table.index]
    weakest = int(weak.argmax())
    text = (
        f"{bases[0]}: {percent(strong[0])} of the dollars rest on filings and parties' statements "
        f"(grades A and B), {percent(middle[0])} on datasets, press and derivation (C and D), "
        f"{percent(weak[0])} on memory and estimates (E and F)"
    )
    if weakest == 0:
        return f"{text}."
    lowest = bases[weakest][0].lower() + bases[weakest][1:]
    return f"{text}; weakest are {lowest}, {percent(weak[weakest])} at E and F."


def differences(data: ReportData) -> Figure | None:
    """Paired differences of each scenario from the first, path by path; None with one scenario."""
    if len(data.scenarios) < 2:
        return None
    reference, others = data.scenarios[0], data.scenarios[1:]
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    choices: list[tuple[str, str]] = []
    units: dict[str, str] = {}
    for measure in HEADLINES:
        base = economy_grid(data, reference, measure.column)
        found: list[tuple[str, Estimate, float, float]] = []
        for other in others:
            changed = economy_grid(data, other, measure.column)
            left, right = paired(base, changed)
            before, years = measure.yearly(base)
            after, _ = measure.yearly(changed)
            if measure.flow:
                old, new = before[left].sum(axis=1), after[right].sum(axis=1)
                when = f"{years[0]}{chr(0x2013)}{years[-1]} in total"
            else:
                old, new = before[left, -1], after[right, -1]
                when = f"at the end of {years[-1]}"
            relative = np.where(old > 0, new / np.where(old > 0, old, 1.0) - 1.0, np.nan)
            found.append((other, *_mean_and_se(relative)))
        label = f"{measure.title}, {when}"
        choices.append((measure.column, label))
        units[measure.column] = f"% of the same path under {reference.replace('_', ' ')}"
        rows += [_difference_row(measure.column, entry, 100.0) for entry in found]
        findings[measure.column] = _difference_sentence(label, reference, found, percentage=True)
    base_counts = defaults_per_path(data, reference)
    found = [(other, *_mean_and_se(defaults_per_path(data, other) - base_counts)) for other in others]
    label = "Companies in default, whole run"
    choices.append(("defaults", label))
    units["defaults"] = f"companies per path more than under {reference.replace('_', ' ')}"
    rows += [_difference_row("defaults", entry, 1.0) for entry in found]
    findings["defaults"] = _difference_sentence(label, reference, found, percentage=False)
    return Figure(
        id="scenario-differences",
        kind="whiskers",
        title=f"What each scenario changes against {reference.replace('_', ' ')}",
        unit=units[choices[0][0]],
        columns=(
            Column("measure", "Measure", "text"),
            Column("scenario", "Scenario", "text"),
            Column("p05", "5th percentile of differences"),
            Column("estimate", "Median difference"),
            Column("p95", "95th percentile of differences"),
            Column("mean", "Mean difference"),
            Column("se_mean", "Standard error of the mean"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("measure", "Measure", tuple(choices)),),
        options={
            "category": "scenario",
            "low": "p05",
            "value": "estimate",
            "high": "p95",
            "zero": True,
            "units": units,
        },
        python=(
            f"import penstock as ps\n\nrun = ps.open_run({data.directory!r})\n"
            "world = run.economy.query(\"region == 'world'\")\n"
            'capex = world.groupby(["path", "scenario"])["capex_usd_bn"].sum().unstack()\n'
            f"difference = capex.div(capex[{reference!r}], axis=0) - 1\n"
            "print(difference.quantile([0.05, 0.5, 0.95]))\n"
        ),
        note=(
            "Each path is the same future in every scenario (common random numbers), so "
            "the difference is taken "
            "path by path. Bars: 9 of 10 differences. Dots: median."
        ),
    )


def _mean_and_se(values: np.ndarray) -> tuple[Estimate, float, float]:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return estimate(values), float("nan"), float("nan")
    se = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("nan")
    return estimate(values), float(known.mean()), se


def _difference_row(key: str, entry: tuple[str, Estimate, float, float], scale: float) -> list[object]:
    scenario, summary, mean, se = entry
    return [key, scenario, *[scale * v for v in (summary.p05, summary.median, summary.p95, mean, se)]]


def _difference_sentence(
    label: str, reference: str, found: list[tuple[str, Estimate, float, float]], *, percentage: bool
) -> str:
    largest = max(found, key=lambda entry: abs(entry[2]) if np.isfinite(entry[2]) else -1.0)
    scenario, summary, mean, se = largest

    def text(value: float) -> str:
        written = percent(value) if percentage else plain(value, 2)
        return written if value < 0 or written in {"0", "0%"} else f"+{written}"

    error = plain(100.0 * se, 2) if percentage else plain(se, 2)
    return (
        f"{label}: {scenario.replace('_', ' ')} moves it most against {reference.replace('_', ' ')}, by "
        f"{text(mean)} on average (se {error}; {text(summary.p05)} to {text(summary.p95)} in 9 of 10 paths)."
    )

"""Fans: how a column of `economy`, and the revenue of each layer, moves by quarter."""

from __future__ import annotations

from penstock.report.measures import Measure, figure_id, year_phrase
from penstock.report.numbers import plain
from penstock.report.source import LAYER_NAMES, ReportData
from penstock.report.spec import Column, Figure, Rows, run_python, scenario_facet, told_by
from penstock.report.tables import Grid, economy_grid, estimate, fan_rows, layer_grids

SAMPLE_PATHS = 5

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
        python=run_python(
            data.directory,
            f"bands = run.bands.query(\"company_id == 'world' and measure == '{measure.column}'\")\n"
            'print(bands[["scenario", "quarter", "p05", "p25", "p50", "p75", "p95", "mean"]])\n',
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
        python=run_python(
            data.directory,
            'revenue = run.layers.groupby(["scenario", "layer", "quarter"])["revenue_usd_bn"]\n'
            "print(revenue.quantile([0.05, 0.25, 0.5, 0.75, 0.95]).unstack())\n",
        ),
        note=f"{BANDS_NOTE} Revenue of all businesses of a layer's companies; each panel has its own scale.",
    )

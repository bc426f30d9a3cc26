"""The figure of what limits capacity, and its sentence."""

from __future__ import annotations

import pandas as pd

from penstock.engine.chunks import BINDING
from penstock.report.numbers import percent
from penstock.report.source import ReportData
from penstock.report.spec import Column, Facet, Figure, Rows, run_python, scenario_facet, told_by
from penstock.report.tables import binding_shares


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
        python=run_python(
            data.directory,
            "world = run.economy.query(\"region == 'world'\")\n"
            'print(world.groupby(["scenario", '
            '"quarter"])["binding"].value_counts(normalize=True).unstack())\n',
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

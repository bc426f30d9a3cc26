"""Figures of a run by matplotlib, which loads on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from penstock.engine.chunks import WORLD_REGION
from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run

COLOUR = "#4477AA"


def fan_rows(run: Run, measure: str, company: str, scenario: str | None) -> pd.DataFrame:
    """Bands of one measure by quarter, of a company by any of its names. Raises UsageError where the run has none."""
    chosen = scenario or run.scenarios[0]
    if chosen not in run.scenarios:
        raise UsageError(f"scenario: found {chosen!r}; expected one of {', '.join(run.scenarios)}")
    bands = run.bands
    if company not in set(bands["company_id"]):
        company = run.company(company).company_id
    mine = bands[(bands["scenario"] == chosen) & (bands["company_id"] == company)]
    rows = mine[mine["measure"] == measure]
    if rows.empty:
        known = ", ".join(sorted(set(mine["measure"])))
        raise UsageError(f"measure: found {measure!r} of {company!r} in {chosen!r}; expected one of {known}")
    return rows.sort_values("quarter").reset_index(drop=True)


class RunPlot:
    """`run.plot`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def fan(
        self,
        measure: str = "capex_usd_bn",
        company: str = WORLD_REGION,
        *,
        scenario: str | None = None,
        ax: Any = None,
    ) -> Any:
        """Median with the ranges that hold 50 and 90 % of paths, by quarter; returns matplotlib axes."""
        try:
            plt = importlib.import_module("matplotlib.pyplot")
        except ImportError as error:
            raise UsageError("plot: found no matplotlib; expected it: pip install 'penstock[plot]'") from error
        rows = fan_rows(self._run, measure, company, scenario)
        axes = ax if ax is not None else plt.subplots(figsize=(7, 4))[1]
        x = range(len(rows))
        axes.fill_between(x, rows["p05"], rows["p95"], color=COLOUR, alpha=0.2, lw=0, label="90 % of paths")
        axes.fill_between(x, rows["p25"], rows["p75"], color=COLOUR, alpha=0.4, lw=0, label="50 % of paths")
        axes.plot(x, rows["p50"], color=COLOUR, label="median")
        ticks = [i for i, quarter in enumerate(rows["quarter"]) if quarter.endswith("Q4")]
        axes.set_xticks(ticks, [rows["quarter"][i][:4] for i in ticks])
        axes.set_title(f"{rows['company_id'][0]}: {measure}, {scenario or self._run.scenarios[0]}, end of year")
        axes.set_ylabel(measure)
        axes.legend(frameon=False)
        return axes

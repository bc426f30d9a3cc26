"""Figures that a scenario sets: another value in the place of the one that stands at the opening."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from penstock.scenarios.entries import Figure
from penstock.world.opening_rule import OTHER_DEFINITION, SERIES_OF_METRIC, opening_figures
from penstock.world.vocabulary import FLOW_METRICS, SET_BY_SCENARIO

RUN_RATES = {"revenue": "arr_usd_bn"}
"""Series that tell how fast a flow runs, from which the opening takes its last quarter."""

DAYS_OF_YEAR = 365

BASIS_OF_EVIDENCE = {"page": "reported", "derived": "derived"}


def set_figure(tables: dict[str, pd.DataFrame], figure: Figure, as_of: dt.date, grade: str, scenario: str) -> None:
    """Puts the value of a figure in the place of the one that stands at the date, in `financials` and `series`.

    The day of the figure stays, so that what the opening carries forward from it is carried as before. Quarters and
    run rates on record of its last year, from which the opening takes its last quarter, move by the same factor;
    where the figure is the sum of four quarters, they alone do. A company that has no such figure gets one of the
    as-of date. `grade`: of the rows that are set.
    """
    financials, series = tables["financials"], tables["series"]
    mine = (financials["company_id"] == figure.company) & (financials["metric"] == figure.metric)
    carried = _carriers(series, figure)
    standing = opening_figures(financials[mine], series[carried], as_of)
    known = not standing.empty
    end = str(standing["period_end"].iloc[0]) if known else as_of.isoformat()
    old = float(standing["value"].iloc[0]) if known else None
    replaced = mine & (financials["period_end"] == end)
    if figure.metric in FLOW_METRICS:
        replaced &= financials["period"].str.startswith("FY")
    row = _row(figure, end, old, grade, scenario)
    if replaced.any():
        row["period"] = str(financials.loc[replaced, "period"].iloc[0])
    kept = financials[~replaced]
    if known and figure.metric in FLOW_METRICS:
        quarters = mine & ~financials["period"].str.startswith("FY")
        kept = _scaled(kept, quarters[kept.index], "period_end", end, figure.value, old, row)
        tables["series"] = _scaled(series, carried, "date", end, figure.value, old, row)
    if replaced.any() or not known:
        kept = appended(kept.reset_index(drop=True), [row])
    tables["financials"] = kept.reset_index(drop=True)


def _carriers(series: pd.DataFrame, figure: Figure) -> pd.Series:
    """Rows of `series` that carry the figure's metric, quarter by quarter or as a rate a year."""
    names = [name for name, metric in SERIES_OF_METRIC.items() if metric == figure.metric]
    names = [name for name in names if (name, figure.company) not in OTHER_DEFINITION]
    if figure.metric in RUN_RATES:
        names.append(RUN_RATES[figure.metric])
    return (series["entity"] == figure.company) & series["series"].isin(names)


def _scaled(
    frame: pd.DataFrame, mask: pd.Series, day: str, end: str, value: float, old: float | None, row: Mapping[str, Any]
) -> pd.DataFrame:
    """The table with the rows of the last year of a figure moved from its old value to the new one."""
    first = (dt.date.fromisoformat(end) - dt.timedelta(days=DAYS_OF_YEAR)).isoformat()
    moved = mask & (frame[day] > first)
    if not moved.any():
        return frame
    out = frame.copy()
    # of a year that was nothing each quarter is a quarter of the new one
    out.loc[moved, "value"] = out.loc[moved, "value"] * (value / old) if old else value / 4.0
    for column in ("evidence", "source_id", "note", "grade"):
        out.loc[moved, column] = row[column]
    return out


def _row(figure: Figure, end: str, old: float | None, grade: str, scenario: str) -> dict[str, Any]:
    told = [f"{SET_BY_SCENARIO} {scenario}"]
    told += [f"in place of {old:g}"] if old is not None else []
    if figure.low is not None or figure.high is not None:
        told.append(f"range {_end(figure.low)} to {_end(figure.high)}")
    told += [figure.why] if figure.why else []
    evidence = figure.evidence or ("memory" if figure.source_id else "assumption")
    return {
        "company_id": figure.company,
        "period": f"FY{end[:4]}",
        "period_end": end,
        "metric": figure.metric,
        "value": figure.value,
        "unit": "count" if figure.metric == "employees" else "usd_bn",
        "basis": BASIS_OF_EVIDENCE.get(evidence, "estimate"),
        "evidence": evidence,
        "source_id": figure.source_id,
        "note": "; ".join(told),
        "grade": grade,
    }


def _end(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def appended(frame: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table with rows added at its end, columns and types kept; empty text is a missing cell."""
    if not rows:
        return frame
    # source_id stays text: readers split it
    columns = {
        column: [None if row.get(column) == "" and column != "source_id" else row.get(column) for row in rows]
        for column in frame.columns
    }
    new = pd.DataFrame({name: pd.Series(cells, dtype=frame[name].dtype) for name, cells in columns.items()})
    return pd.concat([frame, new], ignore_index=True)

"""What is on record of a company before a date, quarter by quarter, beside which a simulation can be drawn."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from penstock.world.model import World
from penstock.world.opening_rule import OTHER_DEFINITION, SERIES_OF_METRIC
from penstock.world.vocabulary import FLOW_METRICS

COLUMNS = ("metric", "span", "start", "end", "value", "grade", "source_id")
YEARS_BACK = 3


def on_record(world: World, company_id: str, metrics: tuple[str, ...], years: int = YEARS_BACK) -> pd.DataFrame:
    """Figures of a company in the years before the as-of date, in order of metric and end.

    Columns: `metric`; `span`: quarter, year or day (a stock); `start`, `end`: ISO days, for a stock the same day;
    `value`: usd_bn, of a flow per quarter (a year's figure by four); `grade`; `source_id`. A year that quarters on
    record cover is left out.
    """
    financials, series = world.table("financials"), world.table("series")
    mine = financials[(financials["company_id"] == company_id) & financials["metric"].isin(metrics)]
    records = [_record(row["metric"], row["period"], row["period_end"], row) for row in mine.to_dict("records")]
    carried = series[(series["entity"] == company_id) & series["series"].isin(SERIES_OF_METRIC)]
    for row in carried[carried["unit"].str.startswith("usd_bn")].to_dict("records"):
        metric = SERIES_OF_METRIC[row["series"]]
        if metric in metrics and (row["series"], company_id) not in OTHER_DEFINITION:
            records.append(_record(metric, "", row["date"], row))
    frame = pd.DataFrame(records, columns=list(COLUMNS))
    first = world.as_of.replace(year=world.as_of.year - years, day=min(world.as_of.day, 28)).isoformat()
    frame = frame[(frame["end"] > first) & (frame["end"] <= world.as_of.isoformat())]
    frame = frame.sort_values(["metric", "end", "span", "grade"], kind="stable")
    frame = frame.drop_duplicates(["metric", "end", "span"])
    quarters = frame[frame["span"] == "quarter"]
    covered = [
        row.span == "year"
        and len(quarters[(quarters["metric"] == row.metric) & quarters["end"].between(str(row.start), str(row.end))])
        >= 4
        for row in frame.itertuples()
    ]
    # of nothing on record the columns stay: an empty list would choose none
    return frame.loc[pd.Series([not within for within in covered], index=frame.index, dtype=bool)].reset_index(
        drop=True
    )


def _record(metric: str, period: str, end: str, row: dict[object, object] | dict[str, object]) -> tuple[object, ...]:
    known = {str(key): cell for key, cell in row.items()}
    value, day = float(str(known["value"])), dt.date.fromisoformat(end)
    span, start = "day", day
    if metric in FLOW_METRICS:
        span, days = ("year", 365) if period.startswith("FY") else ("quarter", 91)
        start = day - dt.timedelta(days=days)
        value = value / 4.0 if span == "year" else value
    return metric, span, start.isoformat(), end, value, known["grade"], known["source_id"]

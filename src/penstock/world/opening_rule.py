"""The opening-state rule: which of a company's figures stand at a date.

A stock comes from the row with the latest end not after the date. A flow comes from the latest four quarters
known: the fiscal year with the latest end, or the sum of four consecutive quarters where that ends later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from penstock.world.grading import weakest
from penstock.world.vocabulary import BASES, FLOW_METRICS, GRADES, STOCK_METRICS

SERIES_OF_METRIC = {
    "nvidia_revenue_usd_bn": "revenue",
    "tsmc_revenue_usd_bn": "revenue",
    "data_center_revenue_usd_bn": "data_center_revenue",
    "capex_usd_bn": "capex",
    "cloud_revenue_usd_bn": "cloud_revenue",
}
"""Quarterly series in usd_bn that carry a metric of a company."""

OTHER_DEFINITION = (("cloud_revenue_usd_bn", "microsoft"),)
"""Series of a wider definition than the metric: Microsoft Cloud, of which Azure is less than half."""

QUARTER_DAYS = (76, 106)
"""Days between the ends of two consecutive quarters: 13 weeks, give or take a 14th and the calendar."""

COLUMNS = ("value", "period_end", "grade", "source_id", "basis", "note")


@dataclass(frozen=True)
class _Point:
    """One figure at one end date."""

    end: str
    value: float
    grade: str
    source_id: str
    basis: str
    note: str

    @property
    def trust(self) -> tuple[int, int]:
        return BASES.index(self.basis), GRADES.index(self.grade)


def opening_figures(financials: pd.DataFrame, series: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Figures that stand at the date, by (company_id, metric).

    Columns: `value` (usd_bn, flows per year; employees as a count), `period_end` (ISO date), `grade`
    (a sum of quarters carries its weakest), `source_id`, `basis`, `note`.
    """
    stocks, years, quarters = _collect(financials, series, as_of.isoformat())
    chosen: dict[tuple[str, str], _Point] = {}
    for key, points in stocks.items():
        chosen[key] = _latest(points)
    for key in {**years, **quarters}:
        year = _latest(years[key]) if key in years else None
        trailing = _trailing_year(quarters.get(key, []))
        if trailing and (year is None or trailing.end > year.end):
            chosen[key] = trailing
        elif year:
            chosen[key] = year
    keys = sorted(chosen)
    index = pd.MultiIndex.from_tuples(keys, names=["company_id", "metric"]) if keys else _empty_index()
    data = {
        "value": [chosen[key].value for key in keys],
        "period_end": [chosen[key].end for key in keys],
        "grade": [chosen[key].grade for key in keys],
        "source_id": [chosen[key].source_id for key in keys],
        "basis": [chosen[key].basis for key in keys],
        "note": [chosen[key].note for key in keys],
    }
    return pd.DataFrame(data, index=index, columns=list(COLUMNS))


_Points = dict[tuple[str, str], list[_Point]]


def _collect(financials: pd.DataFrame, series: pd.DataFrame, as_of: str) -> tuple[_Points, _Points, _Points]:
    stocks: _Points = {}
    years: _Points = {}
    quarters: _Points = {}
    for row in _records(financials):
        if row["period_end"] > as_of:
            continue
        point = _point(row, row["period_end"], row["basis"])
        key = (row["company_id"], row["metric"])
        if row["metric"] in STOCK_METRICS:
            stocks.setdefault(key, []).append(point)
        elif row["metric"] in FLOW_METRICS:
            group = years if row["period"].startswith("FY") else quarters
            group.setdefault(key, []).append(point)
    for row in _records(series):
        metric = SERIES_OF_METRIC.get(row["series"])
        if metric is None or row["date"] > as_of or not row["unit"].startswith("usd_bn"):
            continue
        if (row["series"], row["entity"]) not in OTHER_DEFINITION:
            basis = "derived" if row["evidence"] == "derived" else "reported"
            quarters.setdefault((row["entity"], metric), []).append(_point(row, row["date"], basis))
    return stocks, years, quarters


def _records(frame: pd.DataFrame) -> Iterable[dict[Hashable, Any]]:
    return frame.to_dict(orient="records")


def _point(row: dict[Hashable, Any], end: str, basis: str) -> _Point:
    note = "" if pd.isna(row["note"]) else str(row["note"])
    return _Point(end, float(row["value"]), row["grade"], row["source_id"], basis, note)


def _latest(points: list[_Point]) -> _Point:
    end = max(point.end for point in points)
    return min((point for point in points if point.end == end), key=lambda point: point.trust)


def _trailing_year(points: list[_Point]) -> _Point | None:
    best: dict[str, _Point] = {}
    for point in points:
        if point.end not in best or point.trust < best[point.end].trust:
            best[point.end] = point
    ends = sorted(best)
    for last in range(len(ends) - 1, 2, -1):
        four = [best[end] for end in ends[last - 3 : last + 1]]
        if _consecutive(four):
            return _sum_of(four)
    return None


def _consecutive(four: list[_Point]) -> bool:
    days = [dt.date.fromisoformat(point.end) for point in four]
    gaps = [(after - before).days for before, after in pairwise(days)]
    return all(QUARTER_DAYS[0] <= gap <= QUARTER_DAYS[1] for gap in gaps)


def _sum_of(four: list[_Point]) -> _Point:
    sources = dict.fromkeys(source for point in four for source in point.source_id.split(";"))
    ends = f"sum of the four quarters ended {four[0].end} to {four[-1].end}"
    # a sum is arithmetic on its quarters: never better than D
    grade = weakest([*(point.grade for point in four), "D"])
    value = sum(point.value for point in four)
    return _Point(four[-1].end, value, grade, ";".join(sources), "derived", ends)


def _empty_index() -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([[], []], names=["company_id", "metric"])

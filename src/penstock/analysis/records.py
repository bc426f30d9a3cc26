"""What the tables hold of one company over time: yearly figures, quarters, run rates, backlog.

Only rows whose period ended by the as-of date count. Where several rows tell one figure at one date, the
opening-state rule decides: reported before derived before estimate, then the better grade, then financials.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from penstock.world.grading import weakest
from penstock.world.opening_rule import OTHER_DEFINITION, QUARTER_DAYS, SERIES_OF_METRIC
from penstock.world.vocabulary import BASES, FLOW_METRICS, GRADES

if TYPE_CHECKING:
    from penstock.world import World

DAYS_OF_YEAR = 365.25
SAME_END_DAYS = 10
"""Two periods that end this many days apart are the same period (fiscal calendars of 52 weeks)."""

RUN_RATE_SERIES = "arr_usd_bn"
BACKLOG_SERIES = "backlog_usd_bn"
STATED_GROWTH = {"azure_growth_yoy": "cloud_revenue"}
"""Series that state the growth of a metric over the same quarter a year before, as a fraction."""

AI_METRICS = ("ai_revenue", "data_center_revenue", "cloud_revenue")
"""AI or cloud revenue of a company is the first of these that it states."""


@dataclass(frozen=True)
class Known:
    """One figure: `value` (usd_bn; usd_bn per year or quarter for flows) of the period or day that ends `end`."""

    value: float
    end: dt.date
    grade: str
    source_id: str

    def years_since(self, other: Known) -> float:
        """Years from the end of the other figure to the end of this one; whole years of 52 or 53 weeks are whole."""
        days = (self.end - other.end).days
        whole = round(days / DAYS_OF_YEAR)
        return float(whole) if abs(days - whole * DAYS_OF_YEAR) <= SAME_END_DAYS else days / DAYS_OF_YEAR


class Records:
    """Figures of every company of a world, looked up by company and metric."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._until = world.as_of.isoformat()
        figures = world.figures()
        columns = [figures[name] for name in ("value", "period_end", "grade", "source_id")]
        self._bases = {
            (str(company), str(metric)): Known(float(value), dt.date.fromisoformat(str(end)), str(grade), str(source))
            for (company, metric), value, end, grade, source in zip(figures.index, *columns, strict=True)
        }

    def base(self, company: str, metric: str) -> Known | None:
        """The figure of the opening-state rule: the latest four quarters known, or the latest stock."""
        return self._bases.get((company, metric))

    def ai_base(self, company: str) -> tuple[str, Known] | None:
        """AI, else data-centre, else cloud revenue of the latest four quarters, with its metric."""
        for metric in AI_METRICS:
            found = self.base(company, metric)
            if found is not None:
                return metric, found
        return None

    def years(self, company: str, metric: str) -> tuple[Known, ...]:
        """Every yearly figure by its end: fiscal years, and sums of four consecutive quarters."""
        stated = {known.end: known for known in self._flows["year"].get((company, metric), ())}
        quarters = self.quarters(company, metric)
        for last in range(3, len(quarters)):
            four = quarters[last - 3 : last + 1]
            if consecutive(four):
                stated.setdefault(four[-1].end, total(four))
        return tuple(stated[end] for end in sorted(stated))

    def year_at(self, company: str, metric: str, end: dt.date) -> Known | None:
        """The yearly figure that ends at a day, give or take a fiscal calendar."""
        near = [k for k in self.years(company, metric) if abs((k.end - end).days) <= SAME_END_DAYS]
        return min(near, key=lambda known: abs((known.end - end).days), default=None)

    def quarters(self, company: str, metric: str) -> tuple[Known, ...]:
        """Quarterly figures by their end, usd_bn per quarter."""
        return self._flows["quarter"].get((company, metric), ())

    def run_rates(self, company: str) -> tuple[Known, ...]:
        """Annualised revenue run rates by day, usd_bn per year."""
        return self._series.get((RUN_RATE_SERIES, company), ())

    def stated_growth(self, company: str, metric: str) -> Known | None:
        """The latest stated growth of a metric over the same quarter a year before, as a fraction."""
        names = [name for name, of in STATED_GROWTH.items() if of == metric]
        found = [known for name in names for known in self._series.get((name, company), ())]
        return max(found, key=lambda known: known.end, default=None)

    def backlog(self, company: str) -> tuple[Known, ...]:
        """Remaining performance obligations by day; the company's own table before the series."""
        found = {known.end: known for known in self._series.get((BACKLOG_SERIES, company), ())}
        found |= {known.end: known for known in self._stocks.get(company, ())}
        return tuple(found[end] for end in sorted(found))

    @cached_property
    def _flows(self) -> dict[str, dict[tuple[str, str], tuple[Known, ...]]]:
        rows = self._financials
        rows = rows[rows["metric"].isin(FLOW_METRICS)]
        yearly = rows["period"].str.startswith("FY")
        keys = ["company_id", "metric"]
        series = self._world.table("series")
        series = series[(series["date"] <= self._until) & series["unit"].str.startswith("usd_bn")]
        wider = pd.Series(
            [pair in OTHER_DEFINITION for pair in zip(series["series"], series["entity"], strict=True)],
            index=series.index,
            dtype=bool,
        )
        series = series[series["series"].isin(SERIES_OF_METRIC) & ~wider]
        basis = ["derived" if evidence == "derived" else "reported" for evidence in series["evidence"]]
        quarters = series.assign(
            company_id=series["entity"],
            metric=series["series"].map(SERIES_OF_METRIC),
            period_end=series["date"],
            basis=basis,
        )
        both = pd.concat([rows[~yearly], quarters], ignore_index=True)
        return {"year": _by_key(rows[yearly], keys), "quarter": _by_key(both, keys)}

    @cached_property
    def _stocks(self) -> dict[str, tuple[Known, ...]]:
        rows = self._financials
        found = _by_key(rows[rows["metric"] == "backlog"], ["company_id", "metric"])
        return {company: known for (company, _), known in found.items()}

    @cached_property
    def _series(self) -> dict[tuple[str, str], tuple[Known, ...]]:
        rows = self._world.table("series")
        names = [RUN_RATE_SERIES, BACKLOG_SERIES, *STATED_GROWTH]
        rows = rows[rows["series"].isin(names) & (rows["date"] <= self._until)]
        return _by_key(rows.assign(period_end=rows["date"], basis="reported"), ["series", "entity"])

    @cached_property
    def _financials(self) -> pd.DataFrame:
        rows = self._world.table("financials")
        return rows[rows["period_end"] <= self._until]


def _by_key(rows: pd.DataFrame, keys: list[str]) -> dict[tuple[str, str], tuple[Known, ...]]:
    """One figure for each key and end, by end."""
    trust = [
        BASES.index(basis) * len(GRADES) + GRADES.index(grade)
        for basis, grade in zip(rows["basis"], rows["grade"], strict=True)
    ]
    # a stable sort: of rows trusted alike the first stands, financials before series
    rows = rows.assign(_trust=trust).sort_values([*keys, "period_end", "_trust"], kind="stable")
    rows = rows.drop_duplicates([*keys, "period_end"])
    found: dict[tuple[str, str], list[Known]] = {}
    columns = [*keys, "value", "period_end", "grade", "source_id"]
    for first, second, value, end, grade, source in rows[columns].itertuples(index=False, name=None):
        known = Known(float(value), dt.date.fromisoformat(str(end)), str(grade), str(source))
        found.setdefault((str(first), str(second)), []).append(known)
    return {key: tuple(known) for key, known in found.items()}


def consecutive(quarters: Sequence[Known]) -> bool:
    """Whether each quarter ends about thirteen weeks after the one before."""
    gaps = [(after.end - before.end).days for before, after in pairwise(quarters)]
    return all(QUARTER_DAYS[0] <= gap <= QUARTER_DAYS[1] for gap in gaps)


def total(parts: Sequence[Known]) -> Known:
    """The sum of some figures, which ends where the last one ends; arithmetic, so never better than D."""
    grade = weakest([*(part.grade for part in parts), "D"])
    return Known(sum(part.value for part in parts), parts[-1].end, grade, sources(parts))


def sources(parts: Iterable[Known]) -> str:
    """Ids of all sources of some figures, each once, in order."""
    return joined(part.source_id for part in parts)


def joined(texts: Iterable[str]) -> str:
    """Lists of source ids as one list, each id once, in order."""
    return ";".join(dict.fromkeys(name for text in texts for name in text.split(";") if name))

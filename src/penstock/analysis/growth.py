"""How fast a figure of a company has grown, read from the tables in every way that they allow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.analysis.records import (
    AI_METRICS,
    DAYS_OF_YEAR,
    Known,
    Records,
    consecutive,
    sources,
    total,
)
from penstock.world.grading import weakest

YEARS_APART_DAYS = (200, 800)
"""Two yearly figures or two statements of backlog tell growth when their ends lie so far apart."""

YEAR_BEFORE_DAYS = (345, 385)
"""The same quarter a year before: 52 or 53 weeks, give or take the calendar."""

RUN_RATE_YEAR_DAYS = (300, 430)
RUN_RATE_HALF_DAYS = (150, 220)
FRESH_DAYS = 190
"""A quarter or run rate older than this says nothing of the present speed."""

SLOWEST = -0.9
"""No growth below this is believed: a figure that lost nine tenths is another figure."""

WHOLE_SHARE = 0.95
"""A part that is more than this of revenue is the whole."""


@dataclass(frozen=True)
class Growth:
    """Growth per year, as a fraction.

    `kind` says how it was read: year, quarter, half, mix, borrowed or orders; `told` from what.
    """

    kind: str
    rate: float
    told: str
    grade: str
    source_id: str


def growth_seen(records: Records, company: str, metric: str, today: dt.date) -> tuple[Growth, ...]:
    """Growth of a flow read as `year`, `quarter` and `half`, where the tables allow."""
    found = [
        _year(records, company, metric),
        _quarter(records.quarters(company, metric), today),
        _half(records.quarters(company, metric), today),
    ]
    stated = records.stated_growth(company, metric)
    if found[1] is None and stated is not None and (today - stated.end).days <= FRESH_DAYS:
        found.append(Growth("quarter", stated.value, f"stated for {stated.end}", stated.grade, stated.source_id))
    if metric == "revenue":
        found += _run_rate_growth(records.run_rates(company), today)
    return tuple(growth for growth in found if growth is not None)


def rate_between(before: Known, after: Known) -> float | None:
    """Growth per year from one figure to a later one; None where either is not above zero."""
    years = after.years_since(before)
    if before.value <= 0.0 or after.value <= 0.0 or years <= 0.0:
        return None
    return max(float((after.value / before.value) ** (1.0 / years)) - 1.0, SLOWEST)


def about_a_year_before(known: Sequence[Known], end: dt.date) -> Known | None:
    """Of some figures the one nearest to a year before a day, within YEARS_APART_DAYS."""
    low, high = YEARS_APART_DAYS
    fitting = [k for k in known if low <= (end - k.end).days <= high]
    return min(fitting, key=lambda k: abs((end - k.end).days - DAYS_OF_YEAR), default=None)


def mixed_growth(records: Records, company: str, today: dt.date) -> Growth | None:
    """Growth of revenue when its AI or cloud part goes on at its latest rate and the rest at its own."""
    whole = records.base(company, "revenue")
    metric = next((name for name in AI_METRICS if records.base(company, name)), None)
    if whole is None or metric is None or whole.value <= 0.0:
        return None
    part = records.year_at(company, metric, whole.end) or records.base(company, metric)
    of_part = growth_seen(records, company, metric, today)
    rest = _rest_growth(records, company, metric, whole)
    if part is None or not of_part or rest is None:
        return None
    share = part.value / whole.value
    if not 0.0 < share <= WHOLE_SHARE:
        return None
    latest = min(of_part, key=lambda growth: ("quarter", "half", "year").index(growth.kind))
    rate = share * latest.rate + (1.0 - share) * rest.rate
    told = f"{share:.0%} {metric} at {latest.rate:+.1%}, the rest at {rest.rate:+.1%}"
    grade = weakest([part.grade, latest.grade, rest.grade, "D"])
    return Growth("mix", rate, told, grade, ";".join((part.source_id, latest.source_id, rest.source_id)))


def rest_rate(records: Records, company: str) -> float | None:
    """Growth per year of what revenue is not AI or cloud; of all revenue where the part is not told apart."""
    whole = records.base(company, "revenue")
    found = records.ai_base(company)
    if whole is None or found is None:
        return None
    rest = _rest_growth(records, company, found[0], whole)
    return None if rest is None else rest.rate


def _year(records: Records, company: str, metric: str) -> Growth | None:
    base = records.base(company, metric)
    if base is None:
        return None
    before = about_a_year_before(records.years(company, metric), base.end)
    return None if before is None else _growth("year", before, base)


def _quarter(quarters: Sequence[Known], today: dt.date) -> Growth | None:
    if not quarters or (today - quarters[-1].end).days > FRESH_DAYS:
        return None
    last = quarters[-1]
    low, high = YEAR_BEFORE_DAYS
    same = [q for q in quarters if low <= (last.end - q.end).days <= high]
    if not same or same[-1].value <= 0.0 or last.value <= 0.0:
        return None
    # thirteen weeks of one year over those of another: the ratio is the growth of a year
    rate = max(last.value / same[-1].value - 1.0, SLOWEST)
    return _from("quarter", rate, same[-1], last)


def _half(quarters: Sequence[Known], today: dt.date) -> Growth | None:
    four = quarters[-4:]
    if len(four) < 4 or not consecutive(four) or (today - four[-1].end).days > FRESH_DAYS:
        return None
    before, after = total(four[:2]), total(four[2:])
    if before.value <= 0.0 or after.value <= 0.0:
        return None
    rate = max((after.value / before.value) ** 2 - 1.0, SLOWEST)
    return _from("half", rate, before, after)


def _run_rate_growth(rates: Sequence[Known], today: dt.date) -> list[Growth | None]:
    if not rates or (today - rates[-1].end).days > FRESH_DAYS:
        return []
    last = rates[-1]
    found: list[Growth | None] = []
    for kind, (low, high) in (("quarter", RUN_RATE_YEAR_DAYS), ("half", RUN_RATE_HALF_DAYS)):
        middle = 0.5 * (low + high)
        fitting = [r for r in rates if low <= (last.end - r.end).days <= high]
        if fitting:
            before = min(fitting, key=lambda r: abs((last.end - r.end).days - middle))
            found.append(_growth(kind, before, last, "run rate "))
    return found


def _rest_growth(records: Records, company: str, metric: str, whole: Known) -> Growth | None:
    """Growth of revenue less its part where both years tell both, else of all revenue."""
    before = about_a_year_before(records.years(company, "revenue"), whole.end)
    if before is None:
        return None
    part, part_before = (records.year_at(company, metric, known.end) for known in (whole, before))
    if part is None or part_before is None:
        return _growth("year", before, whole)
    rest = Known(whole.value - part.value, whole.end, weakest([whole.grade, part.grade, "D"]), sources([whole, part]))
    rest_before = Known(
        before.value - part_before.value,
        before.end,
        weakest([before.grade, part_before.grade, "D"]),
        sources([before, part_before]),
    )
    return _growth("year", rest_before, rest) or _growth("year", before, whole)


def _growth(kind: str, before: Known, after: Known, what: str = "") -> Growth | None:
    rate = rate_between(before, after)
    return None if rate is None else _from(kind, rate, before, after, what)


def _from(kind: str, rate: float, before: Known, after: Known, what: str = "") -> Growth:
    told = f"{what}{after.value:.4g} to {after.end} over {before.value:.4g} to {before.end}"
    return Growth(kind, rate, told, weakest([before.grade, after.grade]), sources([before, after]))

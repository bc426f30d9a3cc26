"""The rule that turns growth, backlog and guidance into a range for the year ahead (docs/decisions/0005)."""

from __future__ import annotations

import datetime as dt
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.analysis.growth import (
    SLOWEST,
    Growth,
    about_a_year_before,
    growth_seen,
    mixed_growth,
    rate_between,
    rest_rate,
)
from penstock.analysis.records import DAYS_OF_YEAR, Known, Records, joined
from penstock.world.grading import weakest

if TYPE_CHECKING:
    from penstock.world import Parameter, World

HALVED, DOUBLED = 0.5, 2.0
LEAST_WIDTH = {"revenue": 0.10, "capex": 0.15}
"""Least distance of either end from the middle, as a fraction. Assumption (F): 5 to 15 % and 10 to 25 %;
a forecast for one firm and one year is hardly ever better, and capital spending is the lumpier of the two.
"""

OLDEST_YEARS = 1.25
"""A base that ended longer before the first quarter says too little of the year ahead."""

FLOOR_COVER_YEARS = 1.0
"""Years of revenue that a backlog must cover to be a floor."""

LEAST_LENDERS = 3
"""Companies that must tell a growth before another may borrow their median."""

NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}
PLAN_YEARS = re.compile(r"\b(20\d\d) ?(?:-|to) ?(20\d\d)\b")
PLAN_LENGTH = re.compile(rf"\b({'|'.join(NUMBERS)})-year\b.*\b(20\d\d)\b")


@dataclass(frozen=True)
class Range:
    """The range of one figure for the year ahead, usd_bn; None where the tables tell too little."""

    base: float | None
    low: float | None
    high: float | None
    rule: str
    inputs: str
    grade: str
    source: str


@dataclass(frozen=True)
class Guided:
    """A cited plan or guidance, usd_bn of the target year."""

    low: float
    central: float
    high: float
    told: str
    grade: str
    source_id: str
    widens: bool
    """True: the yearly average of a longer plan, which widens; False: guidance of the year, which replaces."""


class Rule:
    """The rule on one world: `range_of` gives the range of a company's `revenue` or `capex`."""

    def __init__(self, world: World, eve: dt.date, year: int) -> None:
        """`eve`: the last day before the target year; `year`: its number in names of guidance."""
        self.records = Records(world)
        self._eve = eve
        self._today = world.as_of
        self._year = year
        companies = world.table("companies")
        self._layer = dict(zip(companies["id"], companies["layer"], strict=True))
        self._world = world
        self._parameters = frozenset(world.table("parameters")["name"])
        self._borrowed: dict[tuple[str, str], Growth | None] = {}

    def range_of(self, company: str, metric: str) -> Range:
        """Range of the target year; `rule` names the branch taken, `inputs` its numbers."""
        base = self.records.base(company, metric)
        guided = self._guided(company, metric)
        if guided is not None and not guided.widens:
            return _by_guidance(guided, base, metric)
        if base is None or base.value <= 0.0:
            return _nothing(base, "no range: no figure on record")
        age = (self._eve - base.end).days / DAYS_OF_YEAR
        if age > OLDEST_YEARS:
            return _nothing(base, f"no range: the latest figure ended {age:.1f} years before")
        seen = list(growth_seen(self.records, company, metric, self._today))
        if metric == "revenue" and seen:
            mix = mixed_growth(self.records, company, self._today)
            seen += [] if mix is None else [mix]
        if not seen:
            seen = self._borrowed_growth(company, metric)
        if not seen:
            return _nothing(base, "no range: no growth on record, nor any to borrow")
        return self._from_growth(company, metric, base, age, seen, guided)

    def _from_growth(
        self,
        company: str,
        metric: str,
        base: Known,
        age: float,
        seen: Sequence[Growth],
        guided: Guided | None,
    ) -> Range:
        branch, low_rate, high_rate = rates_ahead(seen)
        years = 1.0 + age
        words = [branch]
        inputs = [f"base {base.value:.4g} to {base.end}"]
        inputs += [f"{growth.kind} {growth.rate:+.1%} ({growth.told})" for growth in seen]
        grades = [base.grade, *(growth.grade for growth in seen)]
        ids = [base.source_id, *(growth.source_id for growth in seen)]
        ahead = self._orders(company, metric)
        if ahead is not None and ahead.rate > high_rate:
            high_rate = ahead.rate
            words.append("orders run ahead: high end with the backlog")
            inputs.append(f"orders {ahead.rate:+.1%} ({ahead.told})")
            grades.append(ahead.grade)
            ids.append(ahead.source_id)
        middle = base.value * (1.0 + statistics.median(growth.rate for growth in seen)) ** years
        low, high = (base.value * (1.0 + rate) ** years for rate in (low_rate, high_rate))
        if guided is not None:
            low, high = min(low, guided.low), max(high, guided.high)
            words.append("widened to the yearly average of the capital plan")
            inputs.append(guided.told)
            grades.append(guided.grade)
            ids.append(guided.source_id)
        low, high, widened = _at_least_wide(low, high, middle, metric)
        words += [widened] if widened else []
        floor = self._floor(company, metric, base)
        if floor is not None and floor.value > low:
            low = floor.value
            words.append("backlog covers a year: not below the latest four quarters")
            grades.append(floor.grade)
            ids.append(floor.source_id)
        return Range(base.value, low, high, "; ".join(words), "; ".join(inputs), weakest(grades), joined(ids))

    def _borrowed_growth(self, company: str, metric: str) -> list[Growth]:
        # sales call for plant; plant ahead of sales tells little of the sales to come
        own = growth_seen(self.records, company, "revenue", self._today) if metric == "capex" else ()
        found = [
            Growth("borrowed", growth.rate, f"revenue: {growth.told}", "F", growth.source_id)
            for growth in own
            if growth.kind == "year"
        ]
        layer = self._typical_growth(str(self._layer.get(company, "")), metric) or self._typical_growth("", metric)
        return found + ([] if layer is None else [layer])

    def _typical_growth(self, layer: str, metric: str) -> Growth | None:
        """Median growth of the companies of a layer ("": all layers) that have two years, if enough do."""
        key = (layer, metric)
        if key not in self._borrowed:
            rates = [
                growth.rate
                for company in self._layer
                if not layer or self._layer[company] == layer
                for growth in growth_seen(self.records, company, metric, self._today)
                if growth.kind == "year"
            ]
            told = f"median {metric} of {len(rates)} companies of {'layer ' + layer if layer else 'all layers'}"
            enough = len(rates) >= LEAST_LENDERS
            self._borrowed[key] = Growth("borrowed", statistics.median(rates), told, "F", "") if enough else None
        return self._borrowed[key]

    def _part(self, company: str) -> tuple[str, Known] | None:
        """The revenue that a backlog belongs to: the AI or cloud part, else all."""
        found = self.records.ai_base(company)
        if found is not None:
            return found
        whole = self.records.base(company, "revenue")
        return None if whole is None else ("revenue", whole)

    def _orders(self, company: str, metric: str) -> Growth | None:
        """Growth that a backlog allows where it grew faster than the revenue it belongs to."""
        backlog = self.records.backlog(company)
        part = self._part(company)
        if not backlog or part is None:
            return None
        name, of_part = part
        before = about_a_year_before(backlog, backlog[-1].end)
        orders = None if before is None else rate_between(before, backlog[-1])
        seen = growth_seen(self.records, company, name, self._today)
        seen = seen or growth_seen(self.records, company, "revenue", self._today)
        if before is None or orders is None or not seen:
            return None
        fastest = max(seen, key=lambda growth: growth.rate)
        if orders <= fastest.rate:
            return None
        rate = min(orders, DOUBLED * fastest.rate) if fastest.rate > 0.0 else fastest.rate
        told = f"backlog {backlog[-1].value:.4g} to {backlog[-1].end} over {before.value:.4g} to {before.end}"
        told += f", {orders:+.1%} a year against {fastest.rate:+.1%}"
        whole = self.records.base(company, "revenue")
        if metric == "revenue" and name != "revenue" and whole is not None and whole.value > of_part.value:
            share = of_part.value / whole.value
            rest = rest_rate(self.records, company)
            rate = share * rate + (1.0 - share) * (rest if rest is not None else 0.0)
        ids = joined([backlog[-1].source_id, before.source_id, fastest.source_id])
        return Growth("orders", rate, told, weakest([backlog[-1].grade, before.grade, fastest.grade]), ids)

    def _floor(self, company: str, metric: str, base: Known) -> Known | None:
        """The latest four quarters, where a backlog covers a year of the revenue it belongs to."""
        backlog, part = self.records.backlog(company), self._part(company)
        if metric != "revenue" or not backlog or part is None:
            return None
        if backlog[-1].value < FLOOR_COVER_YEARS * part[1].value:
            return None
        grade = weakest([base.grade, backlog[-1].grade])
        return Known(base.value, base.end, grade, joined([backlog[-1].source_id, base.source_id]))

    def _guided(self, company: str, metric: str) -> Guided | None:
        """Guidance of the target year, else the yearly average of a capital plan that covers it."""
        name = f"guidance_{metric}_{company}_{self._year}"
        if name in self._parameters:
            stated = self._world.parameter(name)
            low, central, high = _spread(stated)
            told = f"{name}: {low:.4g} to {high:.4g}"
            return Guided(low, central, high, told, stated.grade, stated.source_id, widens=False)
        name = f"capital_plan_{company}"
        if metric != "capex" or name not in self._parameters:
            return None
        plan = self._world.parameter(name)
        table = self._world.table("parameters")
        span = plan_span(str(table.loc[table["name"] == name, "used_for"].iloc[0]))
        if span is None or not span[0] <= self._year <= span[1]:
            return None
        years = span[1] - span[0] + 1
        low, central, high = (value / years for value in _spread(plan))
        told = f"{name}: {plan.central:.4g} over {span[0]}-{span[1]}, {central:.4g} a year"
        return Guided(low, central, high, told, plan.grade, plan.source_id, widens=True)


def rates_ahead(seen: Sequence[Growth]) -> tuple[str, float, float]:
    """The branch in words, and the growth per year of the low and the high end."""
    slow, fast = min(growth.rate for growth in seen), max(growth.rate for growth in seen)
    low = max(slow * (HALVED if slow >= 0.0 else DOUBLED), SLOWEST)
    kinds = {growth.kind for growth in seen}
    if kinds & {"quarter", "half"}:
        return "quarters on record: half the smallest growth to the largest", low, fast
    high = fast * (DOUBLED if fast >= 0.0 else HALVED)
    if kinds == {"borrowed"}:
        return "one year, growth borrowed: standing still to twice the largest", min(low, 0.0), max(high, 0.0)
    return "two years: half the smallest growth to twice the largest", low, high


def plan_span(text: str) -> tuple[int, int] | None:
    """First and last year of a plan told as `2025-2029` or as `five-year plan of early 2025`."""
    years = PLAN_YEARS.search(text)
    if years:
        return int(years[1]), int(years[2])
    length = PLAN_LENGTH.search(text.lower())
    return (int(length[2]), int(length[2]) + NUMBERS[length[1]] - 1) if length else None


def _at_least_wide(low: float, high: float, middle: float, metric: str) -> tuple[float, float, str]:
    width = LEAST_WIDTH[metric]
    wide_low, wide_high = min(low, (1.0 - width) * middle), max(high, (1.0 + width) * middle)
    widened = wide_low < low or wide_high > high
    return wide_low, wide_high, f"least width {width:.0%} about the median growth" if widened else ""


def _by_guidance(guided: Guided, base: Known | None, metric: str) -> Range:
    low, high, widened = _at_least_wide(guided.low, guided.high, guided.central, metric)
    words = "; ".join(["guidance of the year", *([widened] if widened else [])])
    value = None if base is None else base.value
    return Range(value, low, high, words, guided.told, guided.grade, guided.source_id)


def _nothing(base: Known | None, rule: str) -> Range:
    if base is None:
        return Range(None, None, None, rule, "", "F", "")
    told = f"base {base.value:.4g} to {base.end}"
    return Range(base.value, None, None, rule, told, base.grade, base.source_id)


def _spread(stated: Parameter) -> tuple[float, float, float]:
    """Low, central and high of a parameter; the central value stands for an end that is not known."""
    low = stated.central if stated.low is None else stated.low
    return low, stated.central, (stated.central if stated.high is None else stated.high)

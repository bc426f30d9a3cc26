"""What `penstock payoff` prints: totals with and without crises, who pays, what survives, productivity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from penstock.analysis.productivity import CASES
from penstock.cli.output import Section
from penstock.report.numbers import percent, plain

if TYPE_CHECKING:
    from penstock.analysis.payoff import Payoff

MEASURES = {
    "spending": "spent by users on AI, $bn",
    "tokens": "tokens served, 10^15",
    "surplus_of_the_model": "surplus as the model counts it, $bn",
    "surplus_linear_level": "surplus, linear demand, $bn",
    "surplus_linear_gain": "  of it: since the opening price",
    "surplus_constant_elasticity_gain": "gain since the opening price, constant elasticity, $bn",
    "productivity_research": "added output through research, $bn",
    "productivity_education": "added output through education, $bn",
    "productivity_health": "added output through health, $bn",
    "loss": "written off in defaults, $bn",
    "stranded_at_end": "stranded at the end, $bn",
    "defaults": "defaults, companies",
}
UNITS = {
    "million_h100e": "M H100e",
    "gw_it": "GW IT",
    "usd_per_h100e_hour": "$/H100e-hour",
    "usd_thousand_per_h100e": "$ thousand/H100e",
    "usd_per_mtok": "$/M tokens",
    "quadrillion_per_quarter": "10^15 a quarter",
}
BEARERS = {"total": "all losses", "rescue money": "beside them: public money for rescues"}
NOTE = (
    "Sums over the run, mean of paths. Without crises: no black swan arrives and defaults cost nobody else anything;\n"
    "same random numbers. Ranges of the change are 95 % intervals of the mean. Surplus and added output overlap:\n"
    "do not add them. Forms of the demand curve bound the surplus; see docs/stress.md."
)


def payoff_sections(found: Payoff, *, people: bool) -> list[Section]:
    """The parts of the result; for people without the rows by path."""
    if not people:
        return [Section(name, name, table) for name, table in found.tables.items()]
    paths = int(found.busts["paths"].iloc[0])
    sections = [
        Section("totals", f"{found.scenario}: payoff; {paths:,} paths", _compared(found.totals, "measure"), NOTE),
        Section(
            "written_off",
            "Written off in defaults and who bears it, $bn per path",
            _compared(found.written_off, "bearer"),
        ),
        Section("productivity", "Added output over the run by field, $bn, with crises", _productivity(found), ASSUMED),
        Section("busts", "Busts: AI capital spending falls by 40 % or more", _busts(found.busts)),
    ]
    for at, mine in found.survivors.groupby("at", sort=False):
        count = int(mine["paths"].iloc[0])
        which = "one path; the same path" if count == 1 else f"{count:,} paths; the same paths"
        title = f"What stands {at}: {which} without crises beside"
        sections.append(Section("survivors", title, _survivors(mine)))
        ages = found.ages[found.ages["at"] == at]
        sections.append(Section("ages", f"Chips by age {at}", _ages(ages)))
    return sections


ASSUMED = "At the low, central and high end of every assumption together (--format json lists them with sources)."


def _compared(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    rows = []
    for row in frame.to_dict("records"):
        name = str(row[key])
        label = MEASURES.get(name, BEARERS.get(name, name))
        rows.append((label, plain(float(row["without"])), plain(float(row["with"])), _change(row)))
    return pd.DataFrame(rows, columns=["", "without crises", "with", "change (95 %)"])


SMALL_SHARE = 5e-4
"""A change of less than this of the level is told as such: its digits would suggest more."""


def _change(row: Mapping[Any, Any]) -> str:
    if max(abs(row["low95"]), abs(row["high95"])) < SMALL_SHARE * abs(row["without"]):
        return "under 0.05 %"
    sign = "+" if row["difference"] > 0 else ""
    if not math.isfinite(row["low95"]):  # one path has no interval
        return f"{sign}{plain(row['difference'])}"
    return f"{sign}{plain(row['difference'])} ({plain(row['low95'], 2)} to {plain(row['high95'], 2)})"


def _productivity(found: Payoff) -> pd.DataFrame:
    frame = found.productivity
    rows = []
    for name in dict.fromkeys(frame["field"]):
        mine = frame[frame["field"] == name].set_index("assumptions")
        cells = [f"{plain(float(mine['mean'][c]))} (se {plain(float(mine['se'][c]), 2)})" for c in CASES]
        rows.append((name, *cells))
    return pd.DataFrame(rows, columns=["field", *CASES])


def _busts(frame: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (row["case"], f"{percent(row['share'])} (se {plain(100 * row['se'], 2)})", row["median"])
        for row in frame.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["", "share of paths", "median quarter"])


def _survivors(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in frame.to_dict("records"):
        label = f"{row['measure']}, {UNITS.get(str(row['unit']), str(row['unit']))}"
        rows.append((label, plain(row["without"]), plain(row["with"]), _change(row)))
    return pd.DataFrame(rows, columns=["", "without crises", "with", "change (95 %)"])


def _ages(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in frame.to_dict("records"):
        age = int(row["age_years"])
        rows.append((f"{age} to {age + 1} years", plain(row["without"]), plain(row["with"]), percent(row["share"])))
    return pd.DataFrame(rows, columns=["age", "without crises, M H100e", "with", "share of stock"])

"""What `penstock bottlenecks` prints: shares by quarter, what comes next, what relief is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from penstock.cli.output import Section
from penstock.engine.chunks import BINDING
from penstock.report.figures_studies import UNIT_WORDS, price_text
from penstock.report.numbers import percent, plain

if TYPE_CHECKING:
    from penstock.analysis.bottlenecks import Bottlenecks

YEAR_END = "Q4"
RELIEF_SHOWN = ("tokens", "spending", "surplus")
NEXT_SHOWN = 2


def bottleneck_sections(found: Bottlenecks, *, people: bool) -> list[Section]:
    """The parts of the result; for people the first quarter and year ends, and the whole run for relief."""
    if not people:
        frames = ("shares", "transitions", "relief")
        return [Section(name, name, getattr(found, name)) for name in frames]
    told = found.run.manifest
    size = f"{told['paths']:,} paths, seed {told['seed']}"
    return [
        Section(
            "shares",
            f"{found.scenario}: what binds, % of paths ± standard error; {size}",
            _shares(found.shares),
            "The limit that takes most of what was wanted in the quarter; demand: none takes more than 5 %.",
        ),
        Section("transitions", "What comes next", _transitions(found.transitions), TRANSITION_NOTE),
        Section("relief", "What relief is worth, mean of paths (95 % interval)", _relief(found.relief), RELIEF_NOTE),
        Section("prices", "Shadow prices: usd a unit more of what limits (95 %)", _prices(found.relief), PRICE_NOTE),
    ]


TRANSITION_NOTE = (
    "Share of the times that a limit stops binding, and the median quarters until then. Opening: the limit of the\n"
    "first quarter. End of run: it still binds at the end."
)
RELIEF_NOTE = (
    "One knob loosened from the first quarter on, same random numbers. The knobs differ in what moving them costs:\n"
    "compare with that cost, not with each other. Surplus rests on two assumptions (docs/stress.md)."
)
PRICE_NOTE = (
    "What relief adds over what it offers more, to first order; undiscounted. Spending: what users pay. Surplus: what\n"
    "they gain beyond it. An interval around zero: that limit does not hold back much. --format json has each number."
)


def _shares(frame: pd.DataFrame) -> pd.DataFrame:
    quarters = list(dict.fromkeys(frame["quarter"]))
    shown = [q for n, q in enumerate(quarters) if n == 0 or q.endswith(YEAR_END) or q == quarters[-1]]
    rows = []
    for quarter in shown:
        mine = frame[frame["quarter"] == quarter].set_index("binding")
        cells = [f"{100 * mine['share'][name]:.0f} ±{100 * mine['se'][name]:.0f}" for name in BINDING]
        rows.append((quarter, *cells))
    return pd.DataFrame(rows, columns=["quarter", *BINDING])


def _transitions(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for of, label in (("now", "opening"), ("all", "all")):
        for name in BINDING:
            mine = frame[(frame["of"] == of) & (frame["binding"] == name)].nlargest(NEXT_SHOWN, "share")
            parts = [_next(row) for row in mine.to_dict("records")]
            if parts:
                rows.append((label, name, *(parts + [""] * NEXT_SHOWN)[:NEXT_SHOWN]))
    return pd.DataFrame(rows, columns=["spells", "binds", "next, after quarters", "or"])


def _next(row: Mapping[Any, Any]) -> str:
    error = plain(100 * row["se"], 2)
    return f"{row['next']} {percent(row['share'])} (se {error}) after {row['median_quarters']:g}"


def _relief(frame: pd.DataFrame) -> pd.DataFrame:
    if frame.empty:
        return pd.DataFrame(columns=["relief"])
    units = {"usd_bn": "$bn", "quadrillion": "10^15"}
    rows = []
    for (relief, knob, apply), mine in frame.groupby(["relief", "knob", "apply"], sort=False):
        for quarters in sorted(mine.loc[mine["output"] != "defaults", "quarters"].unique()):
            row = [str(relief), f"{knob} {apply}", f"{quarters} q"]
            for output in RELIEF_SHOWN:
                cell = mine[(mine["output"] == output) & (mine["quarters"] == quarters)].iloc[0]
                row.append(_value(cell))
            rows.append(row)
    headers = [f"{name}, {units[_unit(frame, name)]}" for name in RELIEF_SHOWN]
    return pd.DataFrame(rows, columns=["relief", "knob", "over", *headers])


def _prices(frame: pd.DataFrame) -> pd.DataFrame:
    headers = ["relief", "one unit", "over", "spending", "surplus"]
    if frame.empty:
        return pd.DataFrame(columns=headers)
    known = frame[frame["per"].astype(bool)]
    rows = []
    for (relief, per, quarters), mine in known.groupby(["relief", "per", "quarters"], sort=False):
        cells = {str(row["output"]): price_text(row) for row in mine.to_dict("records")}
        priced = [cells[output] for output in ("spending", "surplus")]
        rows.append((str(relief), UNIT_WORDS[str(per)], f"{quarters} q", *priced))
    return pd.DataFrame(rows, columns=headers)


def _unit(frame: pd.DataFrame, output: str) -> str:
    return str(frame.loc[frame["output"] == output, "unit"].iloc[0])


def _value(cell: pd.Series) -> str:
    mean, low, high = (float(cell[name]) for name in ("difference", "low95", "high95"))
    sign = "+" if mean > 0 else ""
    return f"{sign}{plain(mean)} ({plain(low, 2)} to {plain(high, 2)})"

"""How the tables of `penstock world` are laid out for people: fewer columns, shorter words, percent."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from penstock.cli.output import GRADES, Section
from penstock.world.vocabulary import GRADE_MEANING

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.anchors import GrowthSwitch
    from penstock.analysis.audit import Audit

WIDE = 140
"""Columns of a terminal from which ids, dates and full names are shown too."""


def is_wide() -> bool:
    """Whether the terminal has room for the full tables."""
    return shutil.get_terminal_size((100, 40)).columns >= WIDE


def figures_for_people(figures: pd.DataFrame) -> pd.DataFrame:
    """Figures of a company card without the long notes; the unit joined with the kind of figure."""
    units = [
        f"{unit}/year" if kind == "flow/year" else str(unit)
        for unit, kind in zip(figures["unit"], figures["kind"], strict=True)
    ]
    kept = figures[["value", "period_end", "grade", "basis", "source_id"]].copy()
    kept.insert(1, "unit", units)
    kept["source_id"] = [shortened(str(source), 24) for source in kept["source_id"]]
    return kept.rename(columns={"period_end": "at end of", "source_id": "source"})


def ties_for_people(ties: pd.DataFrame, other: str) -> pd.DataFrame:
    """Ties of a company as money, state, grade and whether they count.

    `other` heads the column of the other party. On a narrow terminal the id is left out.
    """
    table = ties.reset_index()
    state = [f"{bind}, {status}" for bind, status in zip(table["binding"], table["status"], strict=True)]
    shown = table[["id", "kind", "other_party", "amount_usd_bn", "annual_usd_bn", "share"]].assign(
        share=percents(table["share"]), state=state, announced=table["announced"], grade=table["grade"]
    )
    shown["counts"] = [_short_reason(str(reason)) for reason in table["counts"]]
    shown = shown.rename(columns={"other_party": other, "amount_usd_bn": "usd_bn", "annual_usd_bn": "usd_bn/yr"})
    if is_wide():
        shown["counts"] = table["counts"]
        return shown.set_index("id")
    return shown.drop(columns=["id", "share", "announced"]).set_index("kind")


def full_ties_for_people(ties: pd.DataFrame, other: str) -> pd.DataFrame:
    """Ties of one side with their ids; where there is room, both sums, dates, status and sources too.

    On a narrow terminal `money` is the whole deal, or the flow of a year where only that is known.
    """
    table = ties.reset_index()
    shown = table[["id", "kind", "other_party"]].rename(columns={"other_party": other})
    if not is_wide():
        pairs = zip(table["amount_usd_bn"], table["annual_usd_bn"], strict=True)
        counts = ["yes" if reason == "yes" else "no" for reason in table["counts"]]
        money = [_money(float(whole), float(annual)) for whole, annual in pairs]
        return shown.assign(usd_bn=money, grade=table["grade"], counts=counts).set_index("id")
    return shown.assign(
        **{"usd_bn": table["amount_usd_bn"], "usd_bn/yr": table["annual_usd_bn"]},
        share=percents(table["share"]),
        announced=table["announced"],
        binding=table["binding"],
        status=table["status"],
        grade=table["grade"],
        counts=[_short_reason(str(reason)) for reason in table["counts"]],
        source=[shortened(str(source), 30) for source in table["source_id"]],
    ).set_index("id")


def sites_for_people(sites: pd.DataFrame) -> pd.DataFrame:
    """Sites of a company: its part, power on and planned, status and date of full power."""
    kept = sites[["name", "part", "it_mw_2025", "it_mw_planned", "status", "full_power", "grade"]]
    renamed = kept.rename(columns={"it_mw_2025": "IT MW", "it_mw_planned": "planned", "full_power": "full"})
    if is_wide():
        return renamed
    names = [shortened(str(name), 25) for name in renamed["name"]]
    return renamed.assign(name=names).set_index("name")


def power_for_people(power: pd.DataFrame) -> pd.DataFrame:
    """Power projects of a company: its part, site, capacity, status and start."""
    kept = power[["kind", "part", "site_id", "capacity_mw", "status", "commercial_operation", "grade"]]
    renamed = kept.rename(columns={"site_id": "site", "capacity_mw": "MW", "commercial_operation": "from"})
    return renamed if is_wide() else renamed.drop(columns=["site"])


BRANCHES = {"quarters": "quarters", "two years": "two years", "one year": "borrowed", "guidance": "guidance"}
"""First words of the rule of a range, and how a narrow table names that branch."""


def anchors_for_people(table: pd.DataFrame) -> pd.DataFrame:
    """The comparison of the first year without rule texts and sources; how far outside as percent."""
    inside = ["" if within is None else within for within in table["inside"]]
    outside = [within is False for within in table["inside"]]
    beyond = [f"{100.0 * off:+.0f} %" if out else "" for off, out in zip(table["beyond"], outside, strict=True)]
    numbers = {
        "last year": table["base_usd_bn"],
        "low": table["low_usd_bn"],
        "model": table["model_usd_bn"],
        "high": table["high_usd_bn"],
    }
    shown = table[["company", "metric"]].assign(**numbers)
    branch = [
        next((short for words, short in BRANCHES.items() if rule.startswith(words)), "no range")
        for rule in table["rule"]
    ]
    shown = shown.assign(inside=inside, beyond=beyond, growth=branch, grade=table["grade"])
    return shown.assign(reason=table["reason"]) if (table["reason"] != "").any() else shown


def anchors_in_words(table: pd.DataFrame) -> str:
    """How many medians lie inside, and which do not."""
    known = [within for within in table["inside"] if within is not None]
    outside = table[[within is False for within in table["inside"]]]
    text = f"{sum(known)} of {len(known)} inside"
    if len(outside):
        names = [f"{row.company} {row.metric}" for row in outside.itertuples()]
        explained = int((outside["reason"] != "").sum())
        text += f"; {len(outside)} outside, {explained} of them explained: {', '.join(names)}"
    without = len(table) - len(known)
    text += f"; {without} without a range." if without else "."
    return f"{text} --format json or csv tells the rule, inputs and sources of each range."


def switch_for_people(switch: GrowthSwitch) -> dict[str, object]:
    """The test of the growth switch as one card."""
    lowest = switch.lowest
    fall = f"{100.0 * switch.fall_from_opening:.0f} % below the opening"
    fall += f", {100.0 * switch.fall_from_baseline:.0f} % below the baseline of that quarter"
    return {
        "opening": switch.opening,
        f"lowest, {switch.quarters[lowest]}": switch.without_growth[lowest],
        "fall": fall,
        "expected": f"at least {100.0 * switch.expected_fall:.0f} % below the opening",
        "holds": switch.holds,
    }


def percents(values: pd.Series) -> list[str]:
    """Shares (0-1) as percent; empty where unknown, one digit more below ten."""
    return ["" if value != value else _percent(float(value)) for value in values]


def shares_as_percent(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The frame with these columns of shares (0-1) as percent."""
    return frame.assign(**{name: percents(frame[name]) for name in columns})


def wrapped(text: str) -> str:
    """A sentence broken between words where the output is a terminal."""
    if not sys.stdout.isatty():
        return text
    return textwrap.fill(text, shutil.get_terminal_size((100, 40)).columns)


def shortened(text: str, limit: int) -> str:
    """The text, cut with an ellipsis where it is longer than the limit."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.1f} %" if 0 < abs(value) < 9.95 else f"{value:.0f} %"


def _money(whole: float, annual: float) -> str:
    if whole == whole:
        return f"{whole:.3g}"
    return f"{annual:.3g}/year" if annual == annual else ""


def _short_reason(reason: str) -> str:
    if reason == "yes":
        return "yes"
    if reason.startswith("in "):
        return "in another"
    return "later" if reason == "not yet announced" else reason.removeprefix("no: ")


def audit_sections(found: Audit, *, people: bool) -> list[Section]:
    """Parts of `world audit`; shares in percent for people."""
    grades = list(GRADES)

    def shown(frame: pd.DataFrame, *more: str) -> pd.DataFrame:
        return shares_as_percent(frame, [*grades, *more]) if people else frame

    meaning = "; ".join(f"{grade} {words}" for grade, words in GRADE_MEANING.items())
    leading = shares_as_percent(found.leading, ["share"]) if people else found.leading
    last = Section("unsourced", f"Numbers without a source ({len(found.unsourced)})", found.unsourced_table())
    return [
        Section("dollars", "Dollars of the opening state by evidence grade", shown(found.dollars), meaning),
        Section("rows", "Rows of the world by evidence grade", shown(found.rows)),
        Section(
            "influence",
            f"Spread of results that goes along with parameters of each grade, {found.paths} paths, 8 quarters, prior",
            shown(found.influence, "luck"),
            "luck: shocks drawn on the way, and what parameters do only together. Assumptions that a run does not vary"
            " (budgets, shares, hand-made sheets; grade F) do not show here.",
        ),
        Section("leading", "Parameters that go along with most", leading),
        last,
    ]

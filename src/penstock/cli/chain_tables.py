"""What `penstock chain` prints: the links with what binds, and how a cut travels up them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from penstock.analysis.chain_links import LINKS, OUTSIDE
from penstock.cli.output import Section
from penstock.report.numbers import percent, plain

if TYPE_CHECKING:
    from penstock.analysis.supply_chain import SupplyChain

NAMES_SHOWN = 3
NOTHING = 0.005
"""Percent below which a change is shown as none."""
LINK_NOTE = (
    "Million 8-bit H100 equivalents a quarter at today's mix of chips, 5 to 95 % range.\n"
    "Binds: chance that the link is the smallest. Weeks: from what a link takes in to\n"
    "what it delivers; to racks: until the first rack misses it. In a year: no limit of\n"
    "today, but what shipping can reach with these tools. Empty: not known, taken as enough."
)
TRAVEL_NOTE = (
    "Percent of no cut that each link delivers. A cut strikes what a link takes in; the\n"
    "next link misses it a cycle later. Links run full: other suppliers do not step in and\n"
    "nothing is made up later; `spare` lets each link use what it could carry beyond the\n"
    "one that binds, for racks."
)
ECONOMY_NOTE = (
    "Mean difference of the same paths, ± its standard error. The quarter's model decides\n"
    "how much of what is missing was needed: chips that would have waited for halls and\n"
    "power are not missed."
)


def chain_sections(found: SupplyChain, *, people: bool) -> list[Section]:
    """The parts of the result; for people rounded, with what binds in words."""
    if not people:
        parts = [Section("links", "links", found.links), Section("companies", "companies", found.companies)]
        if found.travel is not None and found.economy is not None:
            parts += [Section("travel", "travel", found.travel), Section("economy", "economy", found.economy)]
        return parts
    links = Section("links", "The chain, upstream first", _links(found.links), f"{LINK_NOTE}\n{_binding(found)}")
    who = Section(
        "companies", "Who stands in it: share of what the link sells to the chain", _companies(found.companies)
    )
    if found.travel is None or found.economy is None:
        return [links, who]
    asked = "; ".join(
        f"{cut.target}{f' in {cut.link}' if cut.link and cut.link != cut.target else ''} x {cut.factor:g} "
        f"for {cut.quarters} quarter{'s' if cut.quarters > 1 else ''} from {cut.start}"
        for cut in found.cuts
    )
    return [
        Section("travel", f"How the cut travels up: {asked}", _travel(found.travel), TRAVEL_NOTE),
        Section("economy", "What it does to the economy", _economy(found.travel, found.economy), ECONOMY_NOTE),
        Section("lags", "Where it passes", _lags(found), ""),
    ]


def _links(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in table.to_dict("records"):
        rows.append(
            {
                "link": row["link"],
                "M H100e/quarter": _capacity(row),
                "": "in a year" if row["when"] != "now" and not pd.isna(row["capacity_h100e_per_quarter"]) else "",
                "binds": "" if pd.isna(row["binds_share"]) else percent(row["binds_share"]),
                "weeks": _span(row, "cycle_weeks"),
                "to racks": _span(row, "weeks_to_racks"),
                "grade": row["grade"],
            }
        )
    return pd.DataFrame(rows)


def _companies(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for link in LINKS:
        mine = table[table["link"] == link.key]
        if mine.empty:
            continue
        named = mine[mine["company"] != OUTSIDE]
        pairs = zip(named["company"].astype(str)[:NAMES_SHOWN], named["share"].astype(float)[:NAMES_SHOWN], strict=True)
        shown = [f"{company} {percent(share)}" for company, share in pairs]
        more = f", {len(named) - NAMES_SHOWN} more" if len(named) > NAMES_SHOWN else ""
        rows.append({"link": link.key, "what": link.name, "who": ", ".join(shown) + more})
    return pd.DataFrame(rows)


def _span(row: Mapping[Hashable, Any], name: str) -> str:
    return f"{row[name]:.0f} ({row[f'{name}_low']:.0f}–{row[f'{name}_high']:.0f})"


def _capacity(row: Mapping[Any, Any], name: str = "capacity_h100e_per_quarter") -> str:
    if row[name] is None or pd.isna(row[name]):
        return ""
    low, central, high = (row[f"{name}{end}"] / 1e6 for end in ("_low", "", "_high"))
    return f"{plain(central, 2)} ({plain(low, 2)}–{plain(high, 2)})"


def _binding(found: SupplyChain) -> str:
    held = found.binding
    now, following = held["now"], held["next"]
    text = f"Binds now: {now['link']}, {_capacity(now)} M H100e a quarter, on {100 * now['share']:.0f}% of draws.\n"
    if following:
        text += f"Relieved, {following['link']} binds at {_capacity(following)}. "
    text += (
        f"Growth: scanners allow {_capacity(held['in_a_year'])} in a year.\n"
        f"Shipped in the last quarter on record: {plain(held['shipped_h100e'] / 1e6, 2)}, of what was begun two "
        "quarters before.\n"
        f"The quarter's model can ship {_capacity(held, 'shipping_h100e_per_quarter')} at the opening."
    )
    return text


def _travel(travel: pd.DataFrame) -> pd.DataFrame:
    quarters = list(dict.fromkeys(travel["quarter"]))
    wide = travel.pivot(index="quarter", columns="link", values="percent").reindex(quarters)
    spare = travel[travel["link"] == "rack"].set_index("quarter")["percent_with_spare"].reindex(quarters)
    shown = [link.key for link in LINKS if link.key in wide and (wide[link.key].abs() >= NOTHING).any()]
    out = pd.DataFrame({"quarter": quarters})
    for key in dict.fromkeys([*shown, "rack"]):
        out[key] = [_percent(value) for value in wide[key]]
    out["spare"] = [_percent(value) for value in spare]
    return out


def _percent(value: float) -> str:
    return "·" if abs(value) < NOTHING else f"{plain(value, 2)}%"


def _economy(travel: pd.DataFrame, economy: pd.DataFrame) -> pd.DataFrame:
    racks = travel[travel["link"] == "rack"].set_index("quarter")
    rows = []
    for quarter in dict.fromkeys(economy["quarter"]):
        mine = economy[economy["quarter"] == quarter].set_index("measure")
        lost = (racks["cut"][quarter] - racks["no_cut"][quarter]) / 1e6
        rows.append(
            {
                "quarter": quarter,
                "racks, M H100e": "·" if abs(lost) < 5e-4 else f"{plain(lost, 2)}",
                **{name: _change(mine.loc[name]) for name in ("chips in service", "tokens served", "price of tokens")},
            }
        )
    return pd.DataFrame(rows)


def _change(row: pd.Series) -> str:
    if abs(row["percent"]) < NOTHING:
        return "·"
    error = 100.0 * row["se"] / row["no_cut"]
    return f"{plain(row['percent'], 2)}% ±{plain(error, 1)}"


def _lags(found: SupplyChain) -> pd.DataFrame:
    struck = {cut.link or cut.target for cut in found.cuts}
    table = found.links
    mine = table[
        [
            key in struck or any(cut.target in str(firms).split(", ") and not cut.link for cut in found.cuts)
            for key, firms in zip(table["link"], table["companies"], strict=True)
        ]
    ]
    return pd.DataFrame(
        [
            {
                "cut at": row["link"],
                "weeks in the link": _span(row, "cycle_weeks"),
                "weeks to racks": _span(row, "weeks_to_racks"),
            }
            for row in mine.to_dict("records")
        ]
    )

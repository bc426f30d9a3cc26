"""What `penstock stress` prints: differences, who breaks and follows, causes, who pays, who buys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from penstock.analysis.breaks import LEAST_PATHS
from penstock.analysis.stress import RESCUE, TOTAL
from penstock.cli.output import Section
from penstock.report.numbers import money, percent, plain, probability_text, wilson_interval
from penstock.report.source import ReportData

if TYPE_CHECKING:
    from penstock.analysis.stress import Stress

SHOWN = 10
"""Rows of each table of companies for people; the other formats hold all."""
BOUGHT_SHOWN = 3
UNITS = {"usd_bn": "$bn", "per_path": "per path", "gw": "GW"}
CAUSES = {
    "tie": "a failed customer",
    "shock": "a shock or an event",
    "market": "lost access, mood, cash, own causes",
    "covenant": "a covenant",
    "rollover": "a maturity",
}


def stress_sections(found: Stress, data: ReportData, *, people: bool) -> list[Section]:
    """The parts of the result; for people the first rows, as text with intervals."""
    if not people:
        return _for_programs(found, data)
    size = f"{data.paths:,} paths, {data.quarters} quarters, seed {found.run.manifest['seed']}"
    sections = [
        Section(
            "differences",
            f"Against {found.base}, path by path: {size}",
            _differences(found.differences),
            "Change of the mean with its 95 % interval; then the range of 90 % of paths.\n"
            "Sums over the run; compute and IT power at its end; losses as defined in docs/stress.md.",
        )
    ]
    if len(found.sizes):
        sections.append(_sizes(found.sizes))
    for name in found.scenarios:
        sections += [
            Section("defaults", f"{name}: who breaks", _defaults(found, data, name), _first(found, data, name)),
            _follows(found, data, name),
            Section("causes", f"{name}: causes of default, companies per path", _causes(found.causes, name)),
            Section("payers", f"{name}: who pays, $bn per path", _payers(found, name), _worst(found, name)),
            Section("buyers", f"{name}: who buys the pieces", _buyers(found, data, name)),
        ]
    return sections


def _name_of(data: ReportData, company: str) -> str:
    """Display name without what stands in brackets behind it."""
    return data.name_of(company).split(" (")[0]


ORDER_NOTE = (
    "Follows: paths with the first one's default on which the second defaults later, of those paths. Otherwise: its\n"
    "default on the other paths. By the tie: the first one's default is the named cause."
)


def change(row: Mapping[Any, Any]) -> str:
    """`-12.3 (-15.1 to -9.5)`: a mean difference and its 95 % interval."""
    sign = "+" if row["difference"] > 0 else ""
    return f"{sign}{plain(row['difference'])} ({plain(row['low95'], 2)} to {plain(row['high95'], 2)})"


def points(row: Mapping[Any, Any]) -> str:
    """The same of a share, in percentage points."""
    sign = "+" if row["difference"] > 0 else ""
    low, high = plain(100 * row["low95"], 2), plain(100 * row["high95"], 2)
    return f"{sign}{plain(100 * row['difference'], 2)} ({low} to {high})"


def _differences(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in frame.to_dict("records"):
        spread = f"{plain(row['p05'], 2)} to {plain(row['p95'], 2)}"
        unit = UNITS.get(row["unit"], row["unit"])
        rows.append(
            (row["scenario"], f"{row['output']}, {unit}", plain(row["base"]), plain(row["level"]), change(row), spread)
        )
    columns = ["scenario", "output", "base", "with it", "change (95 %)", "90 % of paths"]
    return pd.DataFrame(rows, columns=columns)


def _defaults(found: Stress, data: ReportData, name: str) -> pd.DataFrame:
    frame = found.defaults[found.defaults["scenario"] == name].head(SHOWN)
    rows = []
    for row in frame.to_dict("records"):
        text = probability_text(row["paths"], data.paths, data.weak_grade_of(row["company_id"]))
        company = _name_of(data, row["company_id"])
        rows.append((company, text, points(row), percent(row["first_share"]), row["median_quarter"]))
    return pd.DataFrame(rows, columns=["company", "paths in default", "points added (95 %)", "first", "median quarter"])


def _first(found: Stress, data: ReportData, name: str) -> str:
    frame = found.defaults[found.defaults["scenario"] == name].nlargest(3, "first_share")
    parts = [
        f"{_name_of(data, row['company_id'])} on {percent(row['first_share'])} of paths"
        for row in frame.to_dict("records")
        if row["first_share"] > 0
    ]
    return f"First to default (quarters shared): {'; '.join(parts)}." if parts else "Nobody defaults."


def _order(found: Stress, data: ReportData, name: str) -> pd.DataFrame:
    frame = found.order[found.order["scenario"] == name].head(SHOWN)
    rows = []
    for row in frame.to_dict("records"):
        total = row["leader_paths"]
        count = round(row["follows"] * total)
        follower = row["follower_id"]
        rows.append(
            (
                _name_of(data, row["leader_id"]),
                _name_of(data, follower),
                probability_text(count, total, data.weak_grade_of(follower)),
                percent(row["otherwise"]),
                percent(row["by_tie"]),
                row["median_lag_quarters"],
            )
        )
    columns = ["after", "defaults", "follows, of these paths", "otherwise", "by the tie", "quarters later"]
    return pd.DataFrame(rows, columns=columns)


def _follows(found: Stress, data: ReportData, name: str) -> Section:
    table, title = _order(found, data, name), f"{name}: who follows whom"
    if len(table):
        return Section("order", title, table, ORDER_NOTE)
    none = f"no pair to tell: a company has to default on {LEAST_PATHS} paths or more, and another after it"
    return Section("order", title, {"pairs": none})


def _causes(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = [
        (CAUSES[row["cause_kind"]], plain(row["base"]), plain(row["level"]), change(row), percent(row["share"]))
        for row in frame[frame["scenario"] == name].to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["cause", "base", "with it", "change (95 %)", "of all"])


def _payers(found: Stress, name: str) -> pd.DataFrame:
    frame = found.payers[found.payers["scenario"] == name]
    rows = [
        (_bearer(row["bearer"]), plain(row["base"]), plain(row["level"]), change(row))
        for row in frame.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["who", "base", "with it", "change (95 %)"])


def _bearer(name: str) -> str:
    return {TOTAL: "all losses", RESCUE: "beside them: public money for rescues"}.get(name, name)


PART_NAMES = {
    "added": "failures that come only with it",
    "avoided": "failures that it spares",
    "same": "the same failures, dearer or cheaper",
}


def _worst(found: Stress, name: str) -> str:
    row = found.worst[found.worst["scenario"] == name].iloc[0]
    parts = found.parts[found.parts["scenario"] == name].to_dict("records")
    why = "; ".join(f"{PART_NAMES[part['part']]} {change(part)}" for part in parts)
    worst = f"Worst path: {int(row['path'])}, losses of {money(float(row['loss_usd_bn']))}."
    return f"All losses by what makes the change: {why}.\n{worst}"


def _buyers(found: Stress, data: ReportData, name: str) -> pd.DataFrame:
    frame = found.buyers[found.buyers["scenario"] == name].head(SHOWN)
    rows = []
    for row in frame.to_dict("records"):
        bought = [_name_of(data, company) for company in row["bought"][:BOUGHT_SHOWN]]
        deals = f"{plain(row['deals_per_path'])} ({plain(row['low95'], 2)} to {plain(row['high95'], 2)})"
        paid = f"{plain(row['paid_usd_bn'])} (se {plain(row['paid_se'], 2)})"
        rows.append((_name_of(data, row["company_id"]), deals, paid, ", ".join(bought)))
    return pd.DataFrame(rows, columns=["buyer", "deals a path (95 %)", "paid, $bn a path", "most often"])


def _sizes(frame: pd.DataFrame) -> Section:
    rows, notes = [], []
    for name, mine in frame.groupby("scenario", sort=False):
        falls = [f"{size:g}" for size in mine.loc[~mine["grows"], "size"]]
        notes.append(f"{name}: the mean loss {'falls at size ' + ', '.join(falls) if falls else 'grows with size'}.")
        for row in mine.to_dict("records"):
            parts = [plain(row[part]) for part in PART_NAMES]
            rows.append((name, f"{row['size']:g}", plain(row["loss_usd_bn"]), change(row), *parts))
    columns = ["scenario", "size", "loss, $bn", "step from the size before (95 %)", "added", "avoided", "same"]
    notes.append("A step is failures added, failures avoided, and what the same failures cost more or less.")
    shown = pd.DataFrame(rows, columns=columns)
    return Section("sizes", "Losses by size of the shock, mean of paths", shown, "\n".join(notes))


def _for_programs(found: Stress, data: ReportData) -> list[Section]:
    defaults = found.defaults.copy()
    bounds = [wilson_interval(int(count), data.paths) for count in defaults["paths"]]
    defaults["share_low90"], defaults["share_high90"] = [b[0] for b in bounds], [b[1] for b in bounds]
    defaults["weak_grade"] = [data.weak_grade_of(str(company)) for company in defaults["company_id"]]
    tables = {
        "differences": found.differences,
        "defaults": defaults,
        "order": found.order,
        "causes": found.causes,
        "payers": found.payers,
        "parts": found.parts,
        "buyers": found.buyers,
        "worst": found.worst,
    }
    if len(found.sizes):
        tables["sizes"] = found.sizes
    return [Section(key, key, table) for key, table in tables.items()]

"""What `penstock portfolio` and `penstock explain` print."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from penstock.analysis.story import usd
from penstock.cli.output import Section, number
from penstock.cli.run_summary import with_error
from penstock.report.numbers import percent

if TYPE_CHECKING:
    from penstock.analysis.explain import Explanation
    from penstock.analysis.portfolio import PortfolioLosses
    from penstock.analysis.story import Posting

COMPANIES_SHOWN = 12
CAUSES_SHOWN = 10
WORST_SHOWN = 10
LOSERS_SHOWN = 8
MATCHED_SHOWN = 8
WEAK_SHARE = 0.5
"""Above this share of a sheet at grade E or F a figure about the company is marked."""

MEASURES = {
    "expected_loss": "Expected loss",
    "value_at_risk": "VaR",
    "expected_shortfall": "Expected shortfall",
}


def portfolio_sections(found: PortfolioLosses, *, people: bool) -> list[Section]:
    """The report on rows, the figures, their parts, the worst paths and what is assumed."""
    if not people:
        held = found.exposures
        names = (
            "summary", "distribution", "by_company", "by_instrument", "by_cause", "by_scenario", "worst_paths",
            "worst_failures", "assumed",
        )  # fmt: skip
        return [
            Section("unplaced", "Rows not placed", _safe(held.unplaced)),
            Section("matched", "Companies matched", _safe(held.matched)),
            *(Section(name, name, getattr(found, name)) for name in names),
        ]
    scale, unit = _scale(found)
    sections = [_matching(found, scale, unit)]
    if len(found.exposures.unplaced):
        sections.append(_unplaced(found, scale, unit))
    sections.append(_figures(found, scale, unit))
    sections.append(_companies(found, scale, unit))
    sections.append(_instruments(found, scale, unit))
    sections.append(_causes(found, scale, unit))
    if len(found.by_scenario) > 1:
        sections.append(_scenarios(found, scale, unit))
    sections.append(_worst(found, scale, unit))
    if len(found.assumed):
        sections.append(_assumed(found, scale, unit))
    return sections


def _safe(table: pd.DataFrame) -> pd.DataFrame:
    """Cells of a person's file, written so that no spreadsheet takes them for formulas."""
    words = [name for name in table.columns if table[name].dtype.kind not in "fiu"]
    return table.assign(**{str(name): [_plain_cell(str(text)) for text in table[name]] for name in words})


def _plain_cell(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _scale(found: PortfolioLosses) -> tuple[float, str]:
    """Millions where the portfolio has any, single units else."""
    millions = found.exposures.amount >= 1e6
    return (1e-6, f"{found.currency} m") if millions else (1.0, found.currency)


def _size(found: PortfolioLosses) -> str:
    return f"{found.paths:,} paths, {found.horizon[0]} to {found.horizon[1]}"


def _matching(found: PortfolioLosses, scale: float, unit: str) -> Section:
    held = found.exposures
    left = held.rows - held.placed
    title = (
        f"Exposures: {held.placed:,} of {held.rows:,} rows placed, {number(held.amount * scale)} {unit}; "
        f"{left:,} rows not placed"
    )
    table = held.matched.head(MATCHED_SHOWN)
    shown = pd.DataFrame(
        {
            "company": table["company_id"],
            "matched by": table["matched_by"],
            "rows": table["rows"],
            unit: table["amount"] * scale,
            "written as": table["written"],
        }
    )
    notes = list(held.remarks)
    if len(held.matched) > len(table):
        notes.append(f"The largest {len(table)} of {len(held.matched)}; --format json lists all.")
    notes += [
        f"1 {r.currency} = {r.usd:.4g} USD ({r.source}{', grade ' + r.grade if r.grade else ''})." for r in held.rates
    ]
    return Section("matching", title, shown, "\n".join(notes))


def _unplaced(found: PortfolioLosses, scale: float, unit: str) -> Section:
    table = found.exposures.unplaced
    shown = pd.DataFrame(
        {"not placed because of": table["meaning"], "rows": table["rows"], unit: table["amount"] * scale}
    )
    examples = [line for text in table["examples"] for line in text.split("\n")]
    return Section(
        "unplaced", "Rows not placed", shown, "First of each:\n" + "\n".join(f"  {line}" for line in examples)
    )


def _figures(found: PortfolioLosses, scale: float, unit: str) -> Section:
    rows = []
    for row in found.summary.to_dict(orient="records"):
        level = float(row["level"])
        name = MEASURES[row["measure"]] + ("" if math.isnan(level) else f" {level:.0%}")
        low, high = float(row["low95"]), float(row["high95"])
        upper = "no bound" if math.isnan(high) else number(high * scale)
        interval = "too few paths" if math.isnan(low) else f"{number(max(low, 0.0) * scale)} to {upper}"
        rows.append(
            (
                row["scenario"],
                name,
                with_error(float(row["value"]) * scale, float(row["se"]) * scale),
                interval,
                percent(float(row["share_of_exposure"])),
            )
        )
    table = pd.DataFrame(rows, columns=["scenario", "measure", f"{unit} ±se", "95 % interval", "of exposure"])
    quantiles = found.distribution
    lines = []
    for scenario, group in quantiles.groupby("scenario", sort=False):
        told = ", ".join(
            f"{100 * q:.3g} % {number(loss * scale)}" for q, loss in zip(group["quantile"], group["loss"], strict=True)
        )
        lines.append(f"Quantiles of the loss, {scenario}: {told}.")
    return Section("losses", f"Loss of the portfolio, {_size(found)}", table, "\n".join([*lines, *found.notes]))


def _parts(table: pd.DataFrame, keys: dict[str, pd.Series], scale: float, unit: str) -> pd.DataFrame:
    """Keys and contributions with errors and shares."""
    columns: dict[str, object] = dict(keys)
    if "exposure" in table:
        columns[f"exposure, {unit}"] = table["exposure"] * scale
    for name, title in (("expected_loss", "EL"), ("es95", "ES95"), ("es99", "ES99")):
        columns[f"{title} ±se"] = [
            with_error(v * scale, e * scale) for v, e in zip(table[name], table[f"{name}_se"], strict=True)
        ]
        columns[f"of {title}"] = [percent(share) for share in table[f"{name}_share"]]
    return pd.DataFrame(columns)


def _first(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """The first rows of each scenario."""
    return table.groupby("scenario", sort=False).head(count)


def _companies(found: PortfolioLosses, scale: float, unit: str) -> Section:
    table = _first(found.by_company, COMPANIES_SHOWN)
    weak = ["E/F" if share > WEAK_SHARE else "" for share in table["evidence_share_ef"]]
    names = pd.Series(table["company"].str.split(" (", regex=False).str[0])
    shown = _parts(table, {"scenario": table["scenario"], "company": names}, scale, unit)
    shown.insert(2, "grade", weak)
    note = "Grade E/F: more than half of the company's sheet rests on memory or on a rule." if any(weak) else ""
    return Section("by_company", f"Who it comes from, {unit}", shown, note)


def _instruments(found: PortfolioLosses, scale: float, unit: str) -> Section:
    table = found.by_instrument
    keys = {"scenario": table["scenario"], "instrument": table["instrument"]}
    return Section("by_instrument", f"By instrument, {unit}", _parts(table, keys, scale, unit))


def _causes(found: PortfolioLosses, scale: float, unit: str) -> Section:
    table = _first(found.by_cause, CAUSES_SHOWN)
    keys = {"scenario": table["scenario"], "kind": table["cause_kind"], "cause": table["cause_id"]}
    note = (
        "A tie is that of the failed customer; `own_cause`: for reasons outside the model; `fall_of_value`: without a "
        "default. What each says: docs/model.md."
    )
    return Section("by_cause", f"Why, by tie and other cause, {unit}", _parts(table, keys, scale, unit), note)


def _scenarios(found: PortfolioLosses, scale: float, unit: str) -> Section:
    table = found.by_scenario
    first = table["scenario"].iloc[0]

    def cells(name: str, *, signed: bool = False) -> list[str]:
        return [
            with_error(v * scale, e * scale, signed=signed)
            for v, e in zip(table[name], table[f"{name}_se"], strict=True)
        ]

    shown = pd.DataFrame(
        {
            "scenario": table["scenario"],
            "EL ±se": cells("expected_loss"),
            f"EL less {first}": cells("difference", signed=True),
            "VaR99 ±se": cells("var99"),
            "ES99 ±se": cells("es99"),
            "of all EL": [percent(share) for share in table["expected_loss_share"]],
            "of all ES99": [percent(share) for share in table["es99_share"]],
        }
    )
    note = "Differences are path by path on the same random numbers. The last two columns count all scenarios alike."
    return Section("by_scenario", f"By scenario, {unit}", shown, note)


def _worst(found: PortfolioLosses, scale: float, unit: str) -> Section:
    table = _first(found.worst_paths, WORST_SHOWN)
    shown = pd.DataFrame(
        {
            "scenario": table["scenario"],
            "path": table["path"],
            unit: table["loss"] * scale,
            "of exposure": [percent(share) for share in table["share_of_exposure"]],
            "failed, the costliest first": table["failed"],
        }
    )
    return Section("worst_paths", "The worst 1 % of paths", shown, "`penstock explain RUN --path N` tells one of them.")


def _assumed(found: PortfolioLosses, scale: float, unit: str) -> Section:
    table = found.assumed
    shown = pd.DataFrame(
        {
            "assumption": table["name"],
            "range": [
                f"{number(low)} to {number(high)} {word}"
                for low, high, word in zip(table["low"], table["high"], table["unit"], strict=True)
            ],
            "taken": table["central"],
            "grade": table["grade"],
            f"EL at low, {unit}": table["expected_loss_low"] * scale,
            f"EL at high, {unit}": table["expected_loss_high"] * scale,
        }
    )
    return Section("assumed", "What the rules assume, and what that moves", shown)


def story_sections(told: Explanation, *, people: bool) -> list[Section]:
    """The summary, the story with its postings, and who lost."""
    if not people:
        return [Section("story", "Story", told.to_pandas()), Section("losers", "Who lost", told.losers)]
    title = (
        f"Path {told.path} of {told.scenario}: {usd(told.loss_usd_bn)} lost, rank {told.rank:,} of {told.paths:,} "
        f"(mean {usd(told.mean_usd_bn)}, se {usd(told.se_usd_bn)})"
    )
    shares = {name: usd(value) for name, value in told.by_bearer.items()}
    head = Section(
        "summary", title, {"borne by " + name: text for name, text in shares.items()}, "\n".join(told.summary)
    )
    rows: list[tuple[str, str]] = []
    for sentence in told.story:
        rows.append((sentence.quarter, sentence.text))
        rows += [("", f"  {_posting(posting)}") for posting in sentence.postings]
        if sentence.more:
            rows.append(("", f"  and {sentence.more} more, {usd(sentence.more_usd_bn)}"))
    story = pd.DataFrame(rows, columns=["quarter", "what happened, and the postings behind it"])
    note = "A posting debits who receives and credits who gives; a write-down debits the debtor."
    losers = told.losers.head(LOSERS_SHOWN)
    lost = pd.DataFrame(
        {
            "creditor": losers["creditor"],
            "lost": [usd(value) for value in losers["loss_usd_bn"]],
            "most of it on": losers["most_to"],
        }
    )
    return [
        head,
        Section("story", "Story", story, note),
        Section("losers", "Creditors that lost most", lost, "Equity of failed companies is not in this table."),
    ]


def _posting(posting: Posting) -> str:
    tie = f" [{posting.tie_id}]" if posting.tie_id else ""
    return f"{posting.instrument}: debit {posting.debit}, credit {posting.credit}, {usd(posting.amount_usd_bn)}{tie}"

"""Structural edits: a scenario's new and removed companies and ties give a new world."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from penstock.scenarios.entries import Company, Figure, Tie
from penstock.scenarios.figures import appended, set_figure
from penstock.scenarios.names import with_parts
from penstock.scenarios.scenario import Scenario
from penstock.world import World
from penstock.world.grading import grade_of
from penstock.world.schema import SCHEMA

UNSOURCED = "F"
"""Grade of what a scenario says without a source."""

NOTE = "from the scenario {name}"


class RemovedPair(NamedTuple):
    """A tie that a scenario took out; the opening must not fill its place by a rule."""

    provider: str
    receiver: str
    kind: str


RemovedPairs = tuple[RemovedPair, ...]


def edit_world(world: World, scenario: Scenario) -> tuple[World, RemovedPairs]:
    """The world with the companies and ties of a scenario added and removed, and its figures set.

    Removals come first. A removed tie takes along the ties whose money is part of it (`included_in`); a
    removed company takes along its ties, figures and other rows, and leaves empty cells where rows of
    others name it. Figures come last. Rows without a source are graded F, opening figures always (basis
    estimate). The same world comes back when the scenario edits nothing. The pairs name each removed
    (provider, receiver, kind) of which no tie is left.
    """
    if not scenario.edits_world:
        return world, ()
    tables = {name: world.every_row(name) for name in SCHEMA}
    sources = tables["sources"]
    kinds = {str(name): str(kind) for name, kind in zip(sources["id"], sources["kind"], strict=True)}
    before = _pairs(tables["contracts"])
    _remove_ties(tables, [entry.tie for entry in scenario.removals if entry.tie])
    _remove_companies(tables, [entry.company for entry in scenario.removals if entry.company])
    note = NOTE.format(name=scenario.name)
    companies = [_company_row(company, kinds, note) for company in scenario.companies]
    figures = [row for company in scenario.companies for row in _figure_rows(company, world, note)]
    ties = [_tie_row(tie, kinds, note) for tie in scenario.ties]
    for name, rows in (("companies", companies), ("financials", figures), ("contracts", ties)):
        tables[name] = appended(tables[name], rows)
    for figure in scenario.figures:
        set_figure(tables, figure, world.as_of, _figure_grade(figure, kinds), scenario.name)
    after = set(_pairs(tables["contracts"]))
    removed = tuple(dict.fromkeys(pair for pair in before if pair not in after))
    edited = World(
        f"{world.name}+{scenario.name}", world.as_of, _hash(world, scenario), tables, world.messages, world.rules
    )
    return edited, removed


def _pairs(contracts: pd.DataFrame) -> list[RemovedPair]:
    rows = contracts[["provider_id", "receiver_id", "kind"]].itertuples(index=False, name=None)
    return [RemovedPair(str(provider), str(receiver), str(kind)) for provider, receiver, kind in rows]


def _hash(world: World, scenario: Scenario) -> str:
    tables = scenario.tables(prose=False)
    edits = {key: tables[key] for key in ("remove", "company", "tie", "figure") if key in tables}
    text = json.dumps([world.hash, edits], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _remove_ties(tables: dict[str, pd.DataFrame], ties: Sequence[str]) -> None:
    contracts = tables["contracts"]
    wholes = dict(zip(contracts["id"], contracts["included_in"].fillna(""), strict=True))
    gone = with_parts(ties, wholes)
    kept = contracts[~contracts["id"].isin(gone)].reset_index(drop=True)
    tables["contracts"] = kept


def _remove_companies(tables: dict[str, pd.DataFrame], companies: Sequence[str]) -> None:
    if not companies:
        return
    gone = set(companies)
    ties = tables["contracts"]
    ended = ties["provider_id"].isin(gone) | ties["receiver_id"].isin(gone)
    _remove_ties(tables, list(ties.loc[ended, "id"]))
    for name, table in SCHEMA.items():
        frame = tables[name]
        if name == "companies":
            frame = frame[~frame["id"].isin(gone)]
        elif name == "series":
            frame = frame[~frame["entity"].isin(gone)]
        for column in table.columns:
            if column.references != "companies":
                continue
            named = frame[column.name].isin(gone)
            if column.required:
                frame = frame[~named]
            elif named.any():
                frame = frame.assign(**{column.name: frame[column.name].mask(named)})
        tables[name] = frame.reset_index(drop=True)


def _provenance(evidence: str, source_id: str, kinds: Mapping[str, str]) -> dict[str, Any]:
    # a source cited without saying how it was read is trusted no further than memory
    evidence = evidence or "memory"
    grade = grade_of(evidence, source_id, kinds) if source_id else UNSOURCED
    return {"evidence": evidence, "source_id": source_id, "grade": grade}


def _company_row(company: Company, kinds: Mapping[str, str], note: str) -> dict[str, Any]:
    row = company.model_dump(mode="json", exclude={"opening", "evidence", "source_id"})
    row["notes"] = "; ".join(part for part in (company.notes, note) if part)
    return row | _provenance(company.evidence, company.source_id, kinds)


def _figure_rows(company: Company, world: World, note: str) -> list[dict[str, Any]]:
    return [
        {
            "company_id": company.id,
            "period": f"FY{world.as_of.year}",
            "period_end": world.as_of.isoformat(),
            "metric": metric,
            "value": value,
            "unit": "count" if metric == "employees" else "usd_bn",
            "basis": "estimate",
            "evidence": "memory",
            "source_id": company.source_id,
            "note": note,
            "grade": UNSOURCED,
        }
        for metric, value in company.opening.items()
    ]


def _figure_grade(figure: Figure, kinds: Mapping[str, str]) -> str:
    return str(_provenance(figure.evidence, figure.source_id, kinds)["grade"])


def _tie_row(tie: Tie, kinds: Mapping[str, str], note: str) -> dict[str, Any]:
    row = tie.model_dump(mode="json", exclude={"evidence", "source_id"})
    row["note"] = "; ".join(part for part in (tie.note, note) if part)
    return row | _provenance(tie.evidence, tie.source_id, kinds)

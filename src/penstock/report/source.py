"""What the report reads from a run, under one set of names.

The report computes nothing that is not in the run's tables; where a run lacks an optional part (money
flows, the opening state, the world), the section that needs it says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pandas as pd

from penstock.engine.opening.state import ASSET_LINES, Opening
from penstock.engine.opening.summary import assets_by_grade

T = TypeVar("T")

LAYER_NAMES = {
    "ai": "AI labs",
    "platform": "Platforms",
    "data": "Data",
    "silicon": "Silicon",
    "facilities": "Facilities",
    "energy": "Energy",
    "finance": "Finance",
}

GRADES = ("A", "B", "C", "D", "E", "F")
GRADE_NAMES = {
    "A": "A filing",
    "B": "B party's statement",
    "C": "C dataset or press",
    "D": "D derived",
    "E": "E memory",
    "F": "F estimated by rule",
}
WEAK_GRADES = ("E", "F")


class RunTables(Protocol):
    """The part of a run that the report cannot do without."""

    @property
    def economy(self) -> pd.DataFrame:
        """A row a scenario, path and quarter."""

    @property
    def layers(self) -> pd.DataFrame:
        """A row a scenario, path, quarter and layer."""

    @property
    def events(self) -> pd.DataFrame:
        """A row an event."""

    @property
    def outcomes(self) -> pd.DataFrame:
        """A row a scenario, path and company."""

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run is."""


@dataclass(frozen=True)
class CompanyEvidence:
    """How far the opening sheet of a company can be trusted."""

    weak_share: float
    """share of opening assets at grade E or F"""
    weak_grade: str
    """the heavier of E and F when `weak_share` is above one half, else ''"""


@dataclass(frozen=True)
class ReportData:
    """Tables of one run as the figures use them. Frames carry the columns of docs/reference/contract.md."""

    manifest: dict[str, Any]
    scenarios: tuple[str, ...]
    paths: int
    quarters: int
    economy: pd.DataFrame
    layers: pd.DataFrame
    events: pd.DataFrame
    outcomes: pd.DataFrame
    flows: pd.DataFrame | None
    directory: str
    company_names: dict[str, str] = field(repr=False)
    company_layers: dict[str, str] = field(repr=False)
    evidence: pd.DataFrame
    """basis, grade, usd_bn, share; empty when the run knows neither its opening state nor its world"""
    company_evidence: dict[str, CompanyEvidence] = field(repr=False)
    world: Any = field(default=None, repr=False, compare=False)
    """the world of the run where it is known"""
    memo: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False, compare=False)
    """tables that several figures use, made once; nothing in them is changed"""

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """The table under `key`, made on first use."""
        if key not in self.memo:
            self.memo[key] = make()
        found: T = self.memo[key]
        return found

    def name_of(self, company_id: str) -> str:
        """Display name of a company, its id when the world does not name it."""
        return self.company_names.get(company_id, company_id)

    def weak_grade_of(self, company_id: str) -> str:
        """E or F when more than half of the company's sheet rests on it, else ''."""
        known = self.company_evidence.get(company_id)
        return known.weak_grade if known else ""


def read_run(run: RunTables) -> ReportData:
    """Take from a run what the report needs.

    Optional attributes of `run`: `flows`, `opening`, `world`, `evidence` (columns basis, grade, usd_bn),
    `directory`.
    """
    manifest = dict(run.manifest)
    economy = run.economy
    if "region" in economy.columns:
        economy = economy[economy["region"].astype(str) == "world"]
    scenarios = _scenario_names(manifest, economy)
    world = getattr(run, "world", None)
    opening = getattr(run, "opening", None)
    names, layers = _companies(world, opening)
    flows = getattr(run, "flows", None)
    return ReportData(
        manifest=manifest,
        scenarios=scenarios,
        paths=int(manifest.get("paths", economy["path"].nunique())),
        quarters=int(manifest.get("quarters", economy["quarter"].nunique())),
        economy=_with_categories(economy, ("scenario", "quarter", "binding")),
        layers=_with_categories(run.layers, ("scenario", "quarter", "layer")),
        events=run.events,
        outcomes=run.outcomes,
        flows=flows if flows is not None and len(flows) else None,
        directory=str(getattr(run, "directory", None) or "RUN_DIRECTORY"),
        company_names=names,
        company_layers=layers,
        evidence=evidence_of(run),
        company_evidence=_company_evidence(opening),
        world=world,
    )


def evidence_of(run: object) -> pd.DataFrame:
    """basis, grade, usd_bn, share: what the inputs of a run rest on, by evidence grade."""
    evidence = getattr(run, "evidence", None)
    if evidence is None:
        world = getattr(run, "world", None)
        opening = getattr(run, "opening", None)
        evidence = _opening_evidence(opening, world) if opening is not None else _world_evidence(world)
    return _with_shares(evidence)


def _with_categories(frame: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The same table with its repeated texts as categories in alphabetical order: comparing them is cheap."""
    return frame.assign(**{name: frame[name].astype(str).astype("category") for name in columns})


def _scenario_names(manifest: dict[str, Any], economy: pd.DataFrame) -> tuple[str, ...]:
    """Scenario names in the order in which they were asked for."""
    present = [str(name) for name in pd.unique(economy["scenario"])]
    asked = [str(entry["name"]) if isinstance(entry, dict) else str(entry) for entry in manifest.get("scenarios", [])]
    ordered = [name for name in asked if name in present]
    return tuple(ordered + [name for name in present if name not in ordered])


def _companies(world: Any, opening: Any) -> tuple[dict[str, str], dict[str, str]]:
    names: dict[str, str] = {}
    layers: dict[str, str] = {}
    if world is not None:
        table = world.table("companies")
        names.update(zip(table["id"].astype(str), table["name"].astype(str), strict=True))
        layers.update(zip(table["id"].astype(str), table["layer"].astype(str), strict=True))
    if opening is not None:
        profile = opening.profile
        names.update(zip(profile.index.astype(str), profile["name"].astype(str), strict=True))
        layers.update(zip(profile.index.astype(str), profile["layer"].astype(str), strict=True))
    return names, layers


def _graded_dollars(basis: str, dollars: pd.Series, grades: pd.Series) -> pd.DataFrame:
    frame = pd.DataFrame({"grade": grades.astype(str).to_numpy(), "usd_bn": dollars.abs().astype(float).to_numpy()})
    frame = frame[frame["grade"].isin(GRADES)]
    total = frame.groupby("grade")["usd_bn"].sum().reset_index()
    total.insert(0, "basis", basis)
    return total


def _opening_evidence(opening: Any, world: Any) -> pd.DataFrame:
    """Dollars of opening assets, sheet lines, last-twelve-month revenue and ties by grade.

    With the world at hand these are the sums that `penstock world opening` prints: a company's assets carry
    the grade of their total. The lines into which the model splits them are apart, because that split is
    an estimate for nearly all.
    """
    parts = []
    assets = [column for column in ASSET_LINES if column in opening.sheet.columns]
    if isinstance(opening, Opening) and world is not None:
        parts.append(_from_summary("Opening assets, totals", assets_by_grade(opening)))
    lines = opening.sheet[assets].melt()["value"], opening.sheet_grades[assets].melt()["value"]
    parts.append(_graded_dollars("Opening assets, line by line", *lines))
    revenue = opening.flows["ltm_revenue"], opening.flow_grades["ltm_revenue"]
    parts.append(_graded_dollars("Revenue of the last year", *revenue))
    ties = opening.flow_ties
    parts.append(_graded_dollars("Payments along ties", ties["base"] * 4.0, ties["grade"]))
    return pd.concat(parts, ignore_index=True)


def _from_summary(basis: str, table: pd.DataFrame) -> pd.DataFrame:
    """The row over all layers of a table of shares by grade, as dollars."""
    row = table[table["layer"] == "all"].iloc[0]
    dollars = [float(row["usd_bn"]) * float(row[grade]) for grade in GRADES]
    return pd.DataFrame({"basis": basis, "grade": list(GRADES), "usd_bn": dollars})


def _world_evidence(world: Any) -> pd.DataFrame:
    """Without an opening state: amounts of the world's ties by grade, dollars stated in the table."""
    if world is None:
        return pd.DataFrame(columns=["basis", "grade", "usd_bn"])
    contracts = world.table("contracts")
    amounts = pd.to_numeric(contracts["amount_usd_bn"], errors="coerce").fillna(0.0)
    return _graded_dollars("Amounts of cited contracts", amounts, contracts["grade"])


def _with_shares(evidence: pd.DataFrame) -> pd.DataFrame:
    frame = evidence.copy()
    if frame.empty:
        return frame.assign(share=pd.Series(dtype=float))
    frame = frame.groupby(["basis", "grade"], sort=False)["usd_bn"].sum().reset_index()
    frame["share"] = frame["usd_bn"] / frame.groupby("basis")["usd_bn"].transform("sum")
    return frame


def _company_evidence(opening: Any) -> dict[str, CompanyEvidence]:
    if opening is None:
        return {}
    assets = [column for column in ASSET_LINES if column in opening.sheet.columns]
    dollars = opening.sheet[assets].abs()
    totals = dollars.sum(axis=1)
    by_grade = {
        grade: dollars.where(opening.sheet_grades[assets] == grade, 0.0).sum(axis=1) / totals.where(totals > 0)
        for grade in WEAK_GRADES
    }
    stated = opening.profile.get("evidence_share_ef")
    weak = stated if stated is not None else by_grade["E"] + by_grade["F"]
    result: dict[str, CompanyEvidence] = {}
    for company_id in opening.sheet.index:
        share = float(weak.loc[company_id])
        heavier = "F" if by_grade["F"].loc[company_id] >= by_grade["E"].loc[company_id] else "E"
        result[str(company_id)] = CompanyEvidence(share, heavier if share > 0.5 else "")
    return result

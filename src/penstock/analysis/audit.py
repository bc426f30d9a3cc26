"""On what evidence a world rests: by dollars, by influence on the model's results, and numbers without a source.

Dollars: each named line of the opening sheets, flows and ties counts with its own grade. Influence: the share of the
spread of a result between paths that goes along with the uncertain parameters of a grade, measured by squared rank
correlations over an ensemble, less what chance alone would give; the rest is luck and interaction. Rank correlations
see only what moves one way; `penstock sensitivity` tells more.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from penstock.engine.model import Model
    from penstock.engine.opening.state import Opening
    from penstock.world import World

GRADES = ("A", "B", "C", "D", "E", "F")
PACKAGE = Path(__file__).parents[1]
REASONS = ("source", "source_id", "why", "note", "basis", "reason", "parameter")
"""Columns of the model's own tables in which a row says where its numbers come from."""
CITED = ("A", "B", "C")
"""Grades that need a cited thing, not a reason alone."""
TABLES_OF_THE_MODEL = ("engine", "scenarios", "analysis", "fleet", "layers", "conduct", "money")
LISTS_OF_SOURCES = ("sources.csv", "sources_of_files.csv")
"""Files that tell sources and hold no number that rests on one."""
SOURCES_OF_FILES = Path(__file__).with_name("sources_of_files.csv")
"""Tables whose rows give no reason of their own, measured or written by a command: the source of the whole file."""
INFLUENCE_QUARTERS = 8
"""Quarters after which what a parameter moves is looked at."""
RESULTS = {
    "capex_usd_bn": "AI capital spending of the last year",
    "ai_revenue_usd_bn": "spending on AI of the last year",
    "h100e": "installed compute at the end",
    "price_usd_per_h100e_hour": "rent of compute at the end",
}


@dataclass(frozen=True)
class Unsourced:
    """One number that says nothing of where it comes from."""

    file: str
    row: str
    problem: str


@dataclass(frozen=True)
class Audit:
    """What a world rests on; frames of shares by grade."""

    dollars: pd.DataFrame
    """what, usd_bn, A..F"""
    rows: pd.DataFrame
    """table of the world, rows, A..F as shares"""
    influence: pd.DataFrame
    """result, A..F, luck: shares of the spread between paths"""
    leading: pd.DataFrame
    """parameter, grade, mean share of the spread over the results, the largest first"""
    unsourced: tuple[Unsourced, ...]
    paths: int

    @property
    def passed(self) -> bool:
        """Whether every number has a source or is graded as an assumption with its reason."""
        return not self.unsourced

    def unsourced_table(self) -> pd.DataFrame:
        """Numbers without a source: file, row, problem."""
        return pd.DataFrame([vars(item) for item in self.unsourced], columns=["file", "row", "problem"])

    def to_pandas(self) -> pd.DataFrame:
        """Dollars by grade."""
        return self.dollars.copy()

    def to_dict(self) -> dict[str, Any]:
        """All parts as plain values."""
        return {
            "passed": self.passed,
            "paths": self.paths,
            "dollars": self.dollars.to_dict("records"),
            "rows": self.rows.to_dict("records"),
            "influence": self.influence.to_dict("records"),
            "leading": self.leading.to_dict("records"),
            "unsourced": [vars(item) for item in self.unsourced],
        }


def audit(world: World, *, paths: int = 256, seed: int = 7) -> Audit:
    """What a world rests on, by dollars and by influence, and its numbers without a source.

    Raises InputError where the world cannot be opened.
    """
    from penstock.engine.model import prepare

    model = prepare(world, quarters=INFLUENCE_QUARTERS, seed=seed, prior=True)
    influence, leading = influence_by_grade(model, paths)
    return Audit(
        dollars_by_grade(model.opening), rows_by_grade(world), influence, leading, tuple(unsourced(world)), paths
    )


def dollars_by_grade(opening: Opening) -> pd.DataFrame:
    """Dollars of the opening state by the grade of each line: sheets, flows of a year, ties, debt."""
    sheet, grades = opening.sheet, opening.sheet_grades
    lines = [name for name in sheet.columns if name in grades.columns]
    parts: dict[str, tuple[Any, Any]] = {
        "lines of balance sheets": (sheet[lines].to_numpy(float).ravel(), grades[lines].to_numpy(object).ravel()),
        "revenue of a year": (opening.flows["ltm_revenue"], opening.flow_grades["ltm_revenue"]),
        "capital spending of a year": (opening.flows["ltm_capex"], opening.flow_grades["ltm_capex"]),
        "payments along ties, a year": (4.0 * opening.flow_ties["base"], opening.flow_ties["grade"]),
        "debt by lender": (opening.debt_ties["balance"], opening.debt_ties["grade"]),
    }
    table = [_shares(name, np.abs(np.asarray(dollars, dtype=float)), grade) for name, (dollars, grade) in parts.items()]
    return pd.DataFrame(table, columns=["what", "usd_bn", *GRADES])


def rows_by_grade(world: World) -> pd.DataFrame:
    """Rows of each table of the world by grade, as shares."""
    found = []
    for name, frame in world.tables.items():
        if "grade" in frame and len(frame):
            row = _shares(name, np.ones(len(frame)), frame["grade"])
            found.append({"table": name, "rows": len(frame), **{grade: row[grade] for grade in GRADES}})
    return pd.DataFrame(found, columns=["table", "rows", *GRADES])


def _shares(what: str, weights: np.ndarray, grades: Any) -> dict[str, Any]:
    letters = np.asarray(grades, dtype=object)
    total = float(weights.sum())
    by_grade = {grade: float(weights[letters == grade].sum()) / total if total else 0.0 for grade in GRADES}
    return {"what": what, "usd_bn": total, **by_grade}


def influence_by_grade(model: Model, paths: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shares of the spread of each result that go along with parameters of each grade, and the leading parameters."""
    from penstock.engine.model import simulate_paths
    from penstock.engine.posterior import path_parameters
    from penstock.engine.random import draw

    assumptions = model.facts.parameters
    block = simulate_paths(model, 0, paths)
    numbers = draw(model.seed, range(paths), model.program.quarters, model.layout.draw_column).parameters
    theta = path_parameters(numbers, prior=model.prior, table=assumptions, posterior=model.posterior)
    names = [name for name in assumptions if np.ptp(theta[name]) > 0.0]
    ranks = np.stack([_ranks(theta[name]) for name in names])
    rows, shares = [], {}
    for result, meaning in RESULTS.items():
        values = block.economy[result]
        whole = values[-4:].sum(axis=0) if result in ("capex_usd_bn", "ai_revenue_usd_bn") else values[-1]
        share = explained(ranks, _ranks(whole))
        shares[result] = share
        row: dict[str, Any] = {"result": meaning}
        for grade in GRADES:
            mine = [assumptions[name].grade == grade for name in names]
            row[grade] = float(share[mine].sum())
        rows.append({**row, "luck": max(1.0 - float(share.sum()), 0.0)})
    mean = np.mean(list(shares.values()), axis=0)
    order = np.argsort(-mean)[:10]
    leading = pd.DataFrame(
        {
            "parameter": [names[k] for k in order],
            "grade": [assumptions[names[k]].grade for k in order],
            "share": mean[order],
        }
    )
    return pd.DataFrame(rows, columns=["result", *GRADES, "luck"]), leading


def explained(ranks: np.ndarray, result: np.ndarray) -> np.ndarray:
    """Share of the spread of a result that goes along with each row of `ranks`, chance taken off; at most 1 together.

    All are standardised ranks, (parameters, paths) and (paths,). Squared correlations of unrelated ranks are
    1 / (n - 1) on average: that much is taken off each.
    """
    count = len(result)
    correlation = ranks @ result / count
    share = np.maximum(correlation**2 - 1.0 / max(count - 1, 1), 0.0)
    return np.asarray(share / max(float(share.sum()), 1.0))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks with mean 0 and variance 1."""
    from scipy.stats import rankdata

    ranks = rankdata(values)
    return np.asarray((ranks - ranks.mean()) / max(float(ranks.std()), 1e-12))


def unsourced(world: World) -> Iterator[Unsourced]:
    """Numbers of the world's tables and of the model's own that name no source and give no reason."""
    known = _names_of(world)
    yield from _of_the_world(world)
    for name, frame in world.rules.items():
        rows = [{str(key): str(cell) for key, cell in row.items()} for row in frame.to_dict("records")]
        yield from check_rows(f"rules/{name}.csv", rows, known)
    told = {row["file"] for row in _table(SOURCES_OF_FILES) if row["source"]}
    for folder in TABLES_OF_THE_MODEL:
        for path in sorted((PACKAGE / folder).rglob("*.csv")):
            name = path.relative_to(PACKAGE).as_posix()
            if path.name not in LISTS_OF_SOURCES and name not in told:
                yield from check_rows(name, _table(path), known)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _names_of(world: World) -> set[str]:
    """Sources, parameters and series of the world and of the data that the model's own tables were written for."""
    found: set[str] = set()
    for name, column in (("sources", "id"), ("parameters", "name"), ("series", "series")):
        found |= {str(text) for text in world.every_row(name)[column]}
        found |= {row[column] for row in _table(PACKAGE / "world" / "data" / f"{name}.csv")}
    return found


def _of_the_world(world: World) -> Iterator[Unsourced]:
    sources = world.every_row("sources").set_index("id")
    for name, frame in world.tables.items():
        if "source_id" not in frame or "evidence" not in frame:
            continue
        for place, row in enumerate(frame.to_dict("records")):
            told = [part.strip() for part in str(row["source_id"] or "").split(";") if part.strip()]
            label = str(next(iter(row.values())))
            if not told or row["source_id"] != row["source_id"]:
                yield Unsourced(f"{name}.csv", f"{place + 1} ({label})", "no source")
            elif missing := [part for part in told if part not in sources.index]:
                yield Unsourced(f"{name}.csv", f"{place + 1} ({label})", f"no such source: {', '.join(missing)}")
            elif row["evidence"] == "assumption" and "note" in row and not _text(row["note"]):
                yield Unsourced(f"{name}.csv", f"{place + 1} ({label})", "an assumption without its reason")


def check_rows(file: str, rows: list[dict[str, str]], known: set[str]) -> Iterator[Unsourced]:
    """Rows of a table of the model that say nothing of where their numbers come from.

    A row with a number needs a reason in one of the columns REASONS; one of grade A to C needs a source, or has to name
    a parameter, series or source of the data, a table or a page of the documentation, or another row of the table (`as
    h100`); a table with a grade needs one in each row.
    """
    keys = {f"as {next(iter(row.values()))}" for row in rows}
    if rows and not set(REASONS) & set(rows[0]):
        yield Unsourced(file, "all", "no column says where its numbers come from, and sources_of_files.csv does not")
        return
    for place, row in enumerate(rows, start=2):
        if not any(_is_number(cell) for cell in row.values()):
            continue
        reason = " ".join(row.get(name) or "" for name in REASONS).strip()
        label = f"{place} ({next(iter(row.values()))})"
        grade = row.get("grade")
        if grade is not None and grade not in GRADES:
            yield Unsourced(file, label, f"grade {grade or 'missing'}")
        elif not reason:
            yield Unsourced(file, label, "neither source nor reason")
        elif grade in CITED and not (row.get("source") or row.get("source_id") or _cites(reason, known | keys)):
            yield Unsourced(file, label, f"grade {grade} names nothing that is cited")


def _cites(reason: str, known: set[str]) -> bool:
    """Whether a reason names one of the known things, a table, or a page of the documentation."""
    words = {word.strip(".,;:()") for word in reason.replace(";", " ").split()}
    if words & known or reason in known or any(word.endswith(".csv") or word.startswith("docs/") for word in words):
        return True
    stems = [word.rstrip("*") for word in words if word.endswith(("_*", "*")) and len(word) > 3]
    return any(name.startswith(stem) for stem in stems for name in known)


def _is_number(cell: str | None) -> bool:
    try:
        float(cell or "")
    except ValueError:
        return False
    return True


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def grade_shares(found: Audit) -> Mapping[str, float]:
    """Shares of all dollars of balance sheets by grade, for the notice."""
    row = found.dollars.iloc[0]
    return {grade: float(row[grade]) for grade in GRADES}

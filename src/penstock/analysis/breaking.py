"""Which scenario brings a company into trouble, through which tie, and what would have prevented it.

A company is in trouble on a path where, in some quarter, it cannot pay what it owes from its own means: it comes into
distress, defaults, or is rescued. Every scenario and every variant runs on the same random numbers, so that what a
variant changes is a paired difference with its own error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.engine.progress import OnProgress, silent
from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.scenarios import Scenario
    from penstock.world import World

TROUBLE = ("distress", "standstill", "rescue")
"""Stages of an event that say that a company cannot pay on its own."""

DEFAULT = "standstill"
TIES_TRIED = 6
"""Contracts of the company that are removed one by one, the largest first; those of the cause come before them."""


@dataclass(frozen=True)
class _Seen:
    """What a block of paths shows of one company. Arrays are (paths,)."""

    trouble: np.ndarray[Any, np.dtype[np.bool_]]
    default: np.ndarray[Any, np.dtype[np.bool_]]
    rescued: np.ndarray[Any, np.dtype[np.bool_]]
    first: tuple[tuple[int, str, str, str, str, str], ...]
    """path, quarter, cause_kind, cause_id, tie_id, counterparty_id of the first event of trouble on each path"""


@dataclass(frozen=True)
class Breaking:
    """Scenarios by how often they bring a company into trouble.

    `table`: scenario, title, trouble, trouble_se, default, rescued (shares of paths), change and change_se (paired with
    the first scenario), cause_kind, cause_id, tie_id (the most frequent of the first events), cause_share (of the paths
    in trouble), median_quarter, path (one on which it happens by that cause, -1 where none).
    """

    company_id: str
    paths: int
    table: pd.DataFrame

    def to_pandas(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"company_id": self.company_id, "paths": self.paths, "table": self.table.to_dict(orient="records")}


@dataclass(frozen=True)
class Prevention:
    """Variants of a scenario by how much trouble of a company they prevent.

    `table`: kind (tie, part, policy), what, meaning, trouble, prevented and prevented_se (paired share of paths), the
    most helpful first. `trouble`: share of paths under the scenario as it stands.
    """

    company_id: str
    scenario: str
    paths: int
    trouble: float
    trouble_se: float
    table: pd.DataFrame

    def to_pandas(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        head = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "table"}
        return {**head, "table": self.table.to_dict(orient="records")}


def breaking(
    world: World,
    company: str,
    scenarios: Sequence[Any],
    *,
    paths: int = 64,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
    jobs: int = 1,
    on_progress: OnProgress = silent,
) -> Breaking:
    """Rank `scenarios` (names, files, tables; the first is what the others are paired with) by a company's trouble.

    With `jobs` above 1 scenarios are simulated in so many processes; the table is the same. Raises UsageError for a
    company that is not simulated, InputError for a bad scenario.
    """
    import pandas as pd

    from penstock.engine.ensemble import load_scenarios

    company_id = world.resolve(company)
    plans = load_scenarios(list(scenarios), world)
    on_progress(0, len(plans), plans[0].name)
    look = _Look(world, company_id, paths, quarters, seed, prior)
    rows: list[dict[str, Any]] = []
    all_seen = _look_at(look, [plan.to_dict() for plan in plans], jobs, on_progress, [plan.name for plan in plans])
    base = all_seen[0]
    for plan, seen in zip(plans, all_seen, strict=True):
        change, change_se = _paired(seen.trouble, base.trouble)
        share, se = _share(seen.trouble)
        rows.append(
            {
                "scenario": plan.name,
                "title": plan.title,
                "trouble": share,
                "trouble_se": se,
                "default": float(seen.default.mean()),
                "rescued": float(seen.rescued.mean()),
                "change": change,
                "change_se": change_se,
                **_first_cause(seen),
            }
        )
    table = pd.DataFrame(rows).sort_values(["trouble", "scenario"], ascending=[False, True], ignore_index=True)
    return Breaking(company_id, paths, table)


def prevention(
    world: World,
    company: str,
    scenario: Any,
    *,
    policies: Sequence[str] | None = None,
    paths: int = 64,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
    jobs: int = 1,
    on_progress: OnProgress = silent,
) -> Prevention:
    """What takes away the trouble that a scenario brings to a company: a tie less, a part of the shock less, a policy.

    `policies`: names of the policy library, all of them unless given. Raises as `breaking` does.
    """
    import pandas as pd

    from penstock.scenarios import load_scenario

    company_id = world.resolve(company)
    plan = load_scenario(scenario, world)
    look = _Look(world, company_id, paths, quarters, seed, prior)
    _, seen = look((0, plan.to_dict()))
    cause = _first_cause(seen)
    variants = [
        *_without_ties(world, plan, company_id, str(cause["tie_id"])),
        *_without_parts(plan),
        *_with_policies(world, plan, policies),
    ]
    rows = []
    on_progress(0, len(variants), "variants")
    others = _look_at(look, [table for *_, table in variants], jobs, on_progress, [what for _, what, *_ in variants])
    for (kind, what, meaning, _), other in zip(variants, others, strict=True):
        prevented, se = _paired(seen.trouble, other.trouble)
        rows.append(
            {
                "kind": kind,
                "what": what,
                "meaning": meaning,
                "trouble": float(other.trouble.mean()),
                "prevented": prevented,
                "prevented_se": se,
            }
        )
    columns = ["kind", "what", "meaning", "trouble", "prevented", "prevented_se"]
    found = pd.DataFrame(rows, columns=columns)
    share, error = _share(seen.trouble)
    ordered = found.sort_values("prevented", ascending=False, kind="stable", ignore_index=True)
    return Prevention(company_id, plan.name, paths, share, error, ordered)


@dataclass(frozen=True)
class _Look:
    """Simulates one scenario, told by its tables, and looks at a company; travels once to each process."""

    world: World
    company_id: str
    paths: int
    quarters: int
    seed: int
    prior: bool

    def __call__(self, task: tuple[int, dict[str, Any]]) -> tuple[int, _Seen]:
        from penstock.engine.model import prepare, simulate_paths
        from penstock.scenarios import load_scenario

        number, tables = task
        plan = load_scenario(tables, self.world)
        model = prepare(self.world, plan, quarters=self.quarters, seed=self.seed, prior=self.prior)
        if self.company_id not in model.firms:
            raise UsageError(
                f"company: found {self.company_id!r}; expected a company with a balance sheet that is simulated"
            )
        return number, _seen_of(simulate_paths(model, 0, self.paths).events, self.company_id, self.paths)


def _look_at(
    look: _Look, tables: Sequence[dict[str, Any]], jobs: int, on_progress: OnProgress, names: Sequence[str]
) -> list[_Seen]:
    """What each scenario shows, in order."""
    from penstock.engine.executors import executor_for

    found: dict[int, _Seen] = {}
    for number, seen in executor_for(jobs, len(tables)).map(look, list(enumerate(tables))):
        found[number] = seen
        on_progress(len(found), len(tables), names[number])
    return [found[number] for number in range(len(tables))]


def _seen_of(events: dict[str, Any], company_id: str, paths: int) -> _Seen:
    mine = events["company_id"] == company_id
    mask = {stage: _paths_with(events, mine & (events["stage"] == stage), paths) for stage in TROUBLE}
    where = np.flatnonzero(mine & np.isin(events["stage"].astype(str), TROUBLE))
    first: dict[int, tuple[int, str, str, str, str, str]] = {}
    for index in where:
        path = int(events["path"][index])
        names = ("quarter", "cause_kind", "cause_id", "tie_id", "counterparty_id")
        words = tuple(str(events[name][index] or "") for name in names)
        first.setdefault(path, (path, words[0], words[1], words[2], words[3], words[4]))
    return _Seen(
        mask["distress"] | mask[DEFAULT] | mask["rescue"], mask[DEFAULT], mask["rescue"], tuple(first.values())
    )


def _paths_with(events: dict[str, Any], rows: Any, paths: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    found = np.zeros(paths, dtype=bool)
    numbers = np.asarray(events["path"][np.flatnonzero(rows)], dtype=np.int64)
    found[numbers[numbers < paths]] = True
    return found


def _share(hit: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[float, float]:
    """Share of paths and its standard error."""
    share = float(hit.mean())
    return share, float(np.sqrt(share * (1.0 - share) / len(hit)))


def _paired(
    one: np.ndarray[Any, np.dtype[np.bool_]], other: np.ndarray[Any, np.dtype[np.bool_]]
) -> tuple[float, float]:
    """Mean of the differences path by path and its standard error."""
    difference = one.astype(float) - other.astype(float)
    if len(difference) < 2:
        return float(difference.mean()), float("nan")
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


def _first_cause(seen: _Seen) -> dict[str, Any]:
    """The most frequent cause of the first trouble on each path."""
    empty = {"cause_kind": "", "cause_id": "", "tie_id": "", "cause_share": float("nan")}
    if not seen.first:
        return {**empty, "median_quarter": "", "path": -1}
    counts: dict[tuple[str, str, str], list[int]] = {}
    for path, _, kind, word, tie, _ in seen.first:
        counts.setdefault((kind, word, tie), []).append(path)
    (kind, word, tie), paths = max(counts.items(), key=lambda item: (len(item[1]), item[0]))
    quarters = sorted(quarter for _, quarter, *_ in seen.first)
    return {
        "cause_kind": kind,
        "cause_id": word,
        "tie_id": tie,
        "cause_share": len(paths) / len(seen.first),
        "median_quarter": quarters[(len(quarters) - 1) // 2],
        "path": min(paths),
    }


Variant = tuple[str, str, str, dict[str, Any]]


def contracts_behind(world: World, tie: str) -> list[str]:
    """Contracts of the world between the two ends of a tie of the model, `KIND:PAYER>PAYEE` or a contract's id."""
    ties = world.active_contracts()
    if tie in set(ties["id"]):
        return [tie]
    payer, _, payee = tie.partition(":")[2].partition(">")
    payee = payee.split(":", 1)[0]
    ends = {payer, payee}
    found = [
        str(row["id"])
        for row in ties[["id", "provider_id", "receiver_id"]].to_dict(orient="records")
        if payer and payee and {str(row["provider_id"]), str(row["receiver_id"])} == ends
    ]
    return sorted(found)


def _without_ties(world: World, plan: Scenario, company_id: str, cause: str) -> list[Variant]:
    ties = world.active_contracts().set_index("id")
    ties = ties[(ties["provider_id"] == company_id) | (ties["receiver_id"] == company_id)]
    money = ties["amount_usd_bn"].fillna(ties["annual_usd_bn"]).fillna(0.0)
    largest = [str(name) for name in money.sort_values(ascending=False, kind="stable").index]
    behind = contracts_behind(world, cause) if cause else []
    gone = {removed.tie for removed in plan.removals}
    parts = {str(tie.included_in) for tie in plan.ties}
    found: list[Variant] = []
    groups = [behind] if behind else []
    groups += [[name] for name in largest if name not in behind][:TIES_TRIED]
    for names in groups:
        names = [name for name in names if name not in gone and name not in parts]
        if not names:
            continue
        what = ", ".join(names)
        row = ties.loc[names[0]] if names[0] in ties.index else None
        meaning = "the contracts behind the cause" if names == behind else ""
        if row is not None and not meaning:
            meaning = f"{row['kind']}, {row['provider_id']} to {row['receiver_id']}"
        table = plan.to_dict()
        table["remove"] = [*table.get("remove", []), *({"tie": name} for name in names)]
        found.append(("tie", what, meaning, table))
    return found


def _without_parts(plan: Scenario) -> list[Variant]:
    """The scenario without one of its events or changes."""
    found: list[Variant] = []
    for key in ("event", "change"):
        entries = plan.to_dict().get(key, [])
        for number, entry in enumerate(entries):
            table = plan.to_dict()
            table[key] = [other for place, other in enumerate(entries) if place != number]
            what = f"{entry['kind']} at {entry['target']}" if key == "event" else f"{entry['what']} {entry['apply']}"
            found.append(("part", what, f"the shock without it (from {entry['from']})", table))
    return found


def _with_policies(world: World, plan: Scenario, names: Sequence[str] | None) -> list[Variant]:
    from penstock.errors import InputError
    from penstock.scenarios.policy_library import load_policy
    from penstock.scenarios.policy_library import policies as bundled

    found: list[Variant] = []
    for name in bundled() if names is None else names:
        try:
            policy = load_policy(name, world)
        except InputError:
            if names is not None:
                raise
            continue  # a bundled policy that names what this world does not have
        table, added = plan.to_dict(), policy.tables()
        for key, rows in added.items():
            table[key] = [*table.get(key, []), *rows] if isinstance(rows, list) else {**table.get(key, {}), **rows}
        found.append(("policy", name, policy.title, table))
    return found

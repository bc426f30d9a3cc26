"""Building on a scenario: edits put on one that has no name to extend, such as that of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.scenarios.comparing import entry_name
from penstock.scenarios.entries import LISTS, SINGLES
from penstock.scenarios.scenario import Scenario

NAMED = ("remove", "company", "tie", "figure")
"""Tables of which a thing has one entry: a later one takes the place of the one before."""


def build_on(plan: Scenario, edits: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of a scenario that is the plan with edits on it, in the keys of a file.

    What the plan holds already is not put on it twice. A tie or company of the plan's own that the edits remove is
    left out, with the ties and figures of that company. The name is that of the edits, with a number behind it where
    the plan has the same one, so that both can stand in one run.
    """
    tables = plan.tables()
    kept = {table: list(tables.get(table, [])) for table in LISTS}
    for table in LISTS:
        for entry in edits.get(table, []):
            if table == "remove" and _take_back(kept, entry):
                continue
            if table in NAMED:
                name = entry_name(table, entry)
                kept[table] = [other for other in kept[table] if entry_name(table, other) != name]
            if entry not in kept[table]:
                kept[table].append(dict(entry))
    merged = {table: {**tables.get(table, {}), **edits.get(table, {})} for table in SINGLES}
    top = {key: edits[key] for key in ("title", "story") if edits.get(key)}
    found = {"name": _free(str(edits.get("name") or plan.name), plan.name), **top, **kept, **merged}
    return {key: value for key, value in found.items() if value}


def _take_back(kept: dict[str, list[dict[str, Any]]], entry: Mapping[str, Any]) -> bool:
    """Leave out what the plan itself had added; whether there was such a thing."""
    tie, company = entry.get("tie"), entry.get("company")
    if tie:
        before = len(kept["tie"])
        kept["tie"] = [one for one in kept["tie"] if one["id"] != tie]
        return len(kept["tie"]) < before
    before = len(kept["company"])
    kept["company"] = [one for one in kept["company"] if one["id"] != company]
    kept["tie"] = [one for one in kept["tie"] if company not in (one["provider_id"], one["receiver_id"])]
    kept["figure"] = [one for one in kept["figure"] if one["company"] != company]
    return len(kept["company"]) < before


def _free(name: str, taken: str) -> str:
    if name != taken:
        return name
    stem, _, number = name.rpartition("_")
    if stem and number.isdigit():
        return f"{stem}_{int(number) + 1}"
    return f"{name}_2"

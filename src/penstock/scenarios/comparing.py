"""How two scenarios differ, entry by entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.scenarios.scenario import Scenario


@dataclass(frozen=True)
class Difference:
    """One key that differs. `first` and `second` are "" where the scenario has no such entry or default."""

    table: str
    entry: str
    key: str
    first: str
    second: str


def compare(first: Scenario, second: Scenario) -> list[Difference]:
    """Every key in which two scenarios differ, names and titles left out.

    Changes are matched by their knob, events by kind and target, figures by company and metric, ties and
    companies by id; repeated ones in their order.
    """
    left, right = _entries(first), _entries(second)
    found: list[Difference] = []
    for table, entry in dict.fromkeys([*left, *right]):
        mine, other = left.get((table, entry), {}), right.get((table, entry), {})
        for key in dict.fromkeys([*mine, *other]):
            if mine.get(key) != other.get(key):
                texts = [_text(values[key]) if key in values else "" for values in (mine, other)]
                found.append(Difference(table, entry, key, *texts))
    return found


def _entries(scenario: Scenario) -> dict[tuple[str, str], dict[str, Any]]:
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for table, rows in scenario.tables().items():
        if isinstance(rows, dict):
            entries[(table, "")] = rows
            continue
        seen: Counter[str] = Counter()
        for row in rows:
            name = entry_name(table, row)
            seen[name] += 1
            entries[(table, name if seen[name] == 1 else f"{name} ({seen[name]})")] = row
    return entries


def entry_name(table: str, row: Mapping[str, Any]) -> str:
    """What an entry of a table is about."""
    if table == "change":
        return str(row["what"])
    if table == "event":
        return f"{row['kind']} {row['target']}"
    if table == "remove":
        return str(row.get("tie") or row.get("company"))
    if table == "figure":
        return f"{row['company']} {row['metric']}"
    return str(row["id"])


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {item:g}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)

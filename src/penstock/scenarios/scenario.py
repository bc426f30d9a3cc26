"""A scenario, read and resolved: what it changes, in canonical form."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from penstock.scenarios.entries import Change, Company, Entry, Event, Figure, Policy, Remove, Switch, Tie


@dataclass(frozen=True)
class PlacedEvent:
    """An event with the kind of thing its target is: company, tie, site or layer."""

    event: Event
    target_kind: str


@dataclass(frozen=True, repr=False)
class Scenario:
    """Named changes over time to a world and its parameters, with every name resolved to its id.

    What it extends is folded in: entries of its parents stand first. `lineage`: names of the parents,
    nearest first. `date`: ISO date or "". Removals name rows of the world only and come before the
    new companies and ties.
    """

    name: str
    title: str = ""
    story: str = ""
    evidence: str = ""
    date: str = ""
    lineage: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    events: tuple[PlacedEvent, ...] = ()
    ties: tuple[Tie, ...] = ()
    removals: tuple[Remove, ...] = ()
    companies: tuple[Company, ...] = ()
    figures: tuple[Figure, ...] = ()
    policy: Policy = field(default_factory=Policy)
    switch: Switch = field(default_factory=Switch)

    @cached_property
    def hash(self) -> str:
        """SHA-256, in hex, of all that can change a run: everything but the prose."""
        content = {"name": self.name, **self.tables(prose=False)}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def hash8(self) -> str:
        """The first 8 digits of the hash, for names of folders."""
        return self.hash[:8]

    @property
    def edits_world(self) -> bool:
        """Whether it adds or removes companies or ties, or sets figures."""
        return bool(self.ties or self.removals or self.companies or self.figures)

    def tables(self, *, prose: bool = True) -> dict[str, Any]:
        """Its tables as in a file, with keys at their default left out; `prose` keeps each `why`."""
        without = set() if prose else {"why"}
        tables: dict[str, Any] = {
            "change": [_values(change, without) for change in self.changes],
            "event": [_values(placed.event, without) for placed in self.events],
            "remove": [_values(remove) for remove in self.removals],
            "company": [_values(company) for company in self.companies],
            "tie": [_values(tie) for tie in self.ties],
            "figure": [_values(figure, without) for figure in self.figures],
            "policy": self.policy.model_dump(exclude_none=True),
            "switch": {name: on for name, on in self.switch if not on},
        }
        return {name: table for name, table in tables.items() if table}

    def to_dict(self) -> dict[str, Any]:
        """The whole scenario as one table, in the keys of a file; `load_scenario` reads it back."""
        top = {key: getattr(self, key) for key in ("title", "story", "evidence", "date")}
        return {"name": self.name, **{k: v for k, v in top.items() if v}, **self.tables()}

    def to_toml(self) -> str:
        """The whole scenario as a file that stands alone, its parents folded in."""
        return "\n".join(_toml(self.to_dict(), self.lineage)) + "\n"

    def summary(self) -> str:
        """What it touches, in a few words."""
        touched = list(dict.fromkeys(change.what for change in self.changes))
        parts = [", ".join(touched)] if touched else []
        parts += [f"{placed.event.kind} at {placed.event.target}" for placed in self.events]
        for count, what in (
            (len(self.companies), "company added"),
            (len(self.ties), "tie added"),
            (len(self.figures), "figure set"),
            (len(self.removals), "removal"),
        ):
            if count:
                parts.append(f"{count} {what}")
        tables = self.tables()
        parts += [f"{key} = {value:g}" for key, value in tables.get("policy", {}).items()]
        parts += [f"{key} off" for key in tables.get("switch", {})]
        return "; ".join(parts) or "nothing changed"

    def __repr__(self) -> str:
        return f"Scenario({self.name!r}, {self.summary()}, hash {self.hash8})"

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = [("touches", self.summary()), ("story", self.story), ("evidence", self.evidence)]
        body = "".join(
            f"<tr><th {left}>{label}</th><td {left}>{html.escape(text)}</td></tr>" for label, text in rows if text
        )
        title = html.escape(f"{self.name}: {self.title}" if self.title else self.name)
        return f"<table><caption>{title} <code>{self.hash8}</code></caption><tbody>{body}</tbody></table>"


def _values(entry: Entry, without: set[str] | None = None) -> dict[str, Any]:
    values = entry.model_dump(by_alias=True, exclude_defaults=True, exclude=without or set(), mode="json")
    return {key: value for key, value in values.items() if value != {}}


def _toml(content: dict[str, Any], lineage: tuple[str, ...]) -> Iterator[str]:
    if lineage:
        yield f"# extends {', '.join(lineage)}: folded in below"
    for key, value in content.items():
        if not isinstance(value, list | dict):
            yield f"{key} = {_literal(value)}"
    for key, value in content.items():
        for table in value if isinstance(value, list) else [value] if isinstance(value, dict) else []:
            yield ""
            yield f"[[{key}]]" if isinstance(value, list) else f"[{key}]"
            for name, item in table.items():
                yield f"{name} = {_literal(item)}"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_literal(item)}" for key, item in value.items()) + " }"
    # every JSON string is a TOML basic string, once the delete character is escaped too
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")

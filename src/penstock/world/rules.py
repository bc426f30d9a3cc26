"""Rule tables of a world: assumptions of its own that stand in place of the model's defaults.

They lie in the folder `rules` of a world, one CSV file a table. The world keeps them as text; the model reads them.
A row may carry `known_from`, the day from which a person could have known it: a later one is refused.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from penstock.errors import InputError
from penstock.world.naming import nearest_name

FOLDER = "rules"
KNOWN_FROM = "known_from"

RULE_KEYS: dict[str, tuple[str, ...]] = {
    "assumptions": ("name",),
    "constants": ("name",),
    "fleet_ages": ("quarter",),
    "group_assumptions": ("name", "group"),
    "group_conduct": ("group",),
    "named_parts": ("part", "id"),
    "network_assumptions": ("name", "key"),
    "private_sheets": ("company", "metric"),
    "role_groups": ("role", "layer"),
    "universe_overrides": ("company",),
}
"""Tables that a world may hold, each with the columns that name a row."""


def read_rules(folder: Path, as_of: dt.date) -> dict[str, pd.DataFrame]:
    """The rule tables of a world's folder as text, every row known by the as-of date; none where it has no such folder.

    Raises InputError for a file that is no rule table, a row told twice, a missing key, or a row known only later.
    """
    found: dict[str, pd.DataFrame] = {}
    for path in sorted((folder / FOLDER).glob("*.csv")):
        if path.stem not in RULE_KEYS:
            near = nearest_name(path.stem, RULE_KEYS)
            hint = f"; nearest {near}.csv" if near else ""
            raise InputError(f"{FOLDER}/{path.name}: file: found no rule table; expected one of the model{hint}")
        found[path.stem] = _read(path, RULE_KEYS[path.stem], as_of)
    return found


def _read(path: Path, keys: tuple[str, ...], as_of: dt.date) -> pd.DataFrame:
    label = f"{FOLDER}/{path.name}"
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        header = list(reader.fieldnames or [])
        rows = [(reader.line_num, row) for row in reader]
    for key in keys:
        if key not in header:
            raise InputError(f"{label}:1: {key}: found no such column; expected {', '.join(keys)} among the columns")
    seen: set[tuple[str, ...]] = set()
    for line, row in rows:
        if None in row or None in row.values():
            raise InputError(f"{label}:{line}: cells: found another count than in the header; expected {len(header)}")
        words = tuple(row[name] for name in keys)
        if words in seen:
            raise InputError(f"{label}:{line}: {keys[0]}: found {'/'.join(words)!r} twice; expected one row of it")
        seen.add(words)
        _known(label, line, row.get(KNOWN_FROM, ""), as_of)
    return pd.DataFrame([row for _, row in rows], columns=header, dtype=object)


def _known(label: str, line: int, text: str, as_of: dt.date) -> None:
    """Refuses a row that nobody could have known at the as-of date."""
    if not text:
        return
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{label}:{line}: {KNOWN_FROM}: found {text!r}; expected an ISO date") from None
    if day > as_of:
        raise InputError(f"{label}:{line}: {KNOWN_FROM}: found {day}; expected a day not after the as-of date {as_of}")


def rule_text(frame: pd.DataFrame) -> str:
    """A rule table as CSV text."""
    return frame.to_csv(index=False, lineterminator="\n")


def hash_with_rules(facts: str, rules: Mapping[str, pd.DataFrame]) -> str:
    """The hash of the facts, with the rule tables in it where the world has any."""
    if not rules:
        return facts
    digest = hashlib.sha256(facts.encode())
    for name in sorted(rules):
        frame = rules[name]
        text = json.dumps([name, list(frame.columns), frame.to_numpy().tolist()], separators=(",", ":"))
        digest.update(text.encode())
    return digest.hexdigest()

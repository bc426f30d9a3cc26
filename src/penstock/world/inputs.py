"""Which rows of a world a run can have read, each with the day from which it was known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from penstock.world.rules import FOLDER, KNOWN_FROM, RULE_KEYS
from penstock.world.schema import SCHEMA

if TYPE_CHECKING:
    from penstock.world.model import World

DAY_OF_ROW = {
    "financials": "period_end",
    "contracts": "announced",
    "series": "date",
    "parameters": "known_from",
    "booms": "known_from",
    "power": "signed",
}
"""Column that dates a row; rows of other tables carry no day."""
NOT_READ = ("sources", "observables")
"""Tables that no step of the model reads."""


def rows_used(world: World) -> dict[str, dict[str, str]]:
    """Table -> key of the row -> ISO day, '' where the row tells none; rule tables as `rules/NAME`.

    Rows that are not in force at the as-of date are not read and not listed.
    """
    found: dict[str, dict[str, str]] = {}
    for name, table in SCHEMA.items():
        if name in NOT_READ or name not in world.tables:
            continue
        frame = world.table(name)
        if "active" in frame:
            frame = frame[frame["active"]]
        found[name] = _days(frame, table.key, DAY_OF_ROW.get(name, ""))
    for name, frame in world.rules.items():
        found[f"{FOLDER}/{name}"] = _days(frame, RULE_KEYS[name], KNOWN_FROM)
    return {name: rows for name, rows in found.items() if rows}


def _days(frame: pd.DataFrame, keys: tuple[str, ...], column: str) -> dict[str, str]:
    parts = [frame[key].astype(str) for key in keys]
    days = frame[column].fillna("").astype(str) if column in frame else [""] * len(frame)
    return {"|".join(words): day for *words, day in zip(*parts, days, strict=True)}

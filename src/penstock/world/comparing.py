"""What differs between two worlds: rows added, removed and changed, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from penstock.world.frames import cell_texts
from penstock.world.model import World
from penstock.world.schema import SCHEMA, Table


@dataclass(frozen=True)
class Difference:
    """Rows of each table that differ (`summary`), and each of them (`rows`).

    `rows` has one line for an added or removed row and one for each changed cell: table, key, change
    (added, removed, changed), field, old, new.
    """

    summary: pd.DataFrame
    rows: pd.DataFrame


def compare(old: World, new: World) -> Difference:
    """What the second world has that differs from the first; every row counts, those not in force too."""
    counts: list[dict[str, object]] = []
    rows: list[dict[str, str]] = []
    for name, table in SCHEMA.items():
        before, after = _keyed(table, old), _keyed(table, new)
        added = [key for key in after if key not in before]
        removed = [key for key in before if key not in after]
        changed = [key for key in after if key in before and after[key] != before[key]]
        count = {"table": name, "added": len(added), "removed": len(removed), "changed": len(changed)}
        counts.append({**count, "same": len(after) - len(added) - len(changed)})
        for key in removed:
            rows.append(_line(name, key, "removed"))
        for key in added:
            rows.append(_line(name, key, "added"))
        for key in changed:
            pairs = zip(table.column_names, before[key], after[key], strict=True)
            for field, was, now in pairs:
                if was != now:
                    rows.append(_line(name, key, "changed", field, was, now))
    columns = ["table", "key", "change", "field", "old", "new"]
    return Difference(pd.DataFrame(counts).set_index("table"), pd.DataFrame(rows, columns=columns))


def _keyed(table: Table, world: World) -> dict[tuple[str, ...], tuple[str, ...]]:
    frame = world.every_row(table.name)
    columns = [cell_texts(frame[column.name], column) for column in table.columns]
    places = [table.column_names.index(name) for name in table.key]
    return {tuple(row[place] for place in places): row for row in zip(*columns, strict=True)}


def _line(
    table: str, key: tuple[str, ...], change: str, field: str = "", old: str = "", new: str = ""
) -> dict[str, str]:
    label = ", ".join(part for part in key if part)
    return {"table": table, "key": label, "change": change, "field": field, "old": old, "new": new}

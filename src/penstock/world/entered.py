"""Who entered a row of a world, and how: the data set of the package, a folder of one's own, or an overlay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.world.reading import read_folder
from penstock.world.schema import SCHEMA
from penstock.world.vocabulary import EVIDENCE_MEANING

CONTRIBUTORS = "Penstock contributors"
"""As CITATION.cff names them."""


@dataclass(frozen=True)
class Entered:
    """`base`: who made the tables, in words; `overlay`: name of the folder laid over them, `laid`: keys of its rows."""

    base: str
    overlay: str = ""
    laid: Mapping[str, frozenset[tuple[str, ...]]] = field(default_factory=dict)

    def who(self, table: str, row: Mapping[Any, Any]) -> str:
        """Who entered a row that has at least the key columns of its table."""
        key = tuple(str(row[column]) for column in SCHEMA[table].key)
        return f"you, in the overlay {self.overlay}" if key in self.laid.get(table, ()) else self.base

    def told(self, table: str, row: Mapping[Any, Any]) -> str:
        """Who entered a row, and how it came there."""
        how = EVIDENCE_MEANING.get(str(row.get("evidence")), "")
        return f"{self.who(table, row)}: {how}" if how else self.who(table, row)


def entered_in(world: str, overlay: str | Path | None = None) -> Entered:
    """What is known of who entered the rows of a bundled world or a folder, with an overlay over it."""
    base = f"the folder {Path(world).name}" if Path(world).is_dir() else f"{CONTRIBUTORS}, data set {world}"
    if overlay is None:
        return Entered(base)
    raw = read_folder(Path(overlay))
    laid = {
        name: frozenset(tuple(row.cells.get(column, "") for column in SCHEMA[name].key) for row in table.rows)
        for name, table in raw.tables.items()
    }
    return Entered(base, Path(overlay).name, laid)

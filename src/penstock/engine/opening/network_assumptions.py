"""What nobody measured: assumed numbers of the opening network, each with range, unit and reason."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from penstock.world.rows import read_rows

TABLE = Path(__file__).parent / "network_assumptions.csv"


@dataclass(frozen=True)
class Assumption:
    """One assumed number: `low`, `central`, `high` in `unit`, evidence `grade`, and why."""

    name: str
    key: str
    low: float
    central: float
    high: float
    unit: str
    grade: str
    why: str


@lru_cache(maxsize=1)
def assumptions() -> dict[tuple[str, str], Assumption]:
    """The default assumptions by (name, key); key is a firm, a group, a segment or empty."""
    return {(row.name, row.key): row for row in read_rows(TABLE, Assumption)}

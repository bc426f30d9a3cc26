"""What nobody measured: assumed numbers of the opening network, each with range, unit and reason."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from penstock.world import World

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
    """All assumptions by (name, key); key is a firm, a group, a segment or empty."""
    frame = pd.read_csv(TABLE, keep_default_na=False)
    rows = frame.to_dict("records")
    return {
        (str(r["name"]), str(r["key"])): Assumption(
            name=str(r["name"]),
            key=str(r["key"]),
            low=float(r["low"]),
            central=float(r["central"]),
            high=float(r["high"]),
            unit=str(r["unit"]),
            grade=str(r["grade"]),
            why=str(r["why"]),
        )
        for r in rows
    }


def find(name: str, firm: str = "", group: str = "") -> Assumption | None:
    """The row of a firm, else of its group, else the general one; None where there is none."""
    table = assumptions()
    for key in (firm, group, ""):
        if (name, key) in table:
            return table[name, key]
    return None


def assumed(name: str, firm: str = "", group: str = "") -> float:
    """Central value of an assumption; 0 where neither firm, group nor the general row has one."""
    row = find(name, firm, group)
    return 0.0 if row is None else row.central


def level(world: World, name: str) -> float:
    """A general assumption that is the size of something at a date: the row of the world's own rule table, else the
    central value, which stands for the end of 2025."""
    own = world.rules.get("network_assumptions")
    rows = [] if own is None else own.loc[(own["name"] == name) & (own["key"] == ""), "central"].tolist()
    return float(rows[0]) if rows else assumed(name)

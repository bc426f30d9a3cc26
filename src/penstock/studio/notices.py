"""The notice beside everything that names a company."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.report.notice import CONDITIONAL
from penstock.version import __version__

if TYPE_CHECKING:
    from penstock.world import World

GRADED = ("financials", "contracts", "sites")


def world_notice(world: World) -> str:
    """What the studio's pages about the world are not, and what their rows rest on by evidence grade."""
    counts: dict[str, int] = {}
    for name in GRADED:
        for grade, rows in world.table(name)["grade"].value_counts().items():
            counts[str(grade)] = counts.get(str(grade), 0) + int(rows)
    total = sum(counts.values())
    shares = ", ".join(f"{grade} {100 * counts[grade] / total:.0f}%" for grade in sorted(counts)) if total else "none"
    return (
        f"{CONDITIONAL} Inputs by evidence grade (rows of the world): {shares}. "
        f"Penstock {__version__}, world {world.name} as of {world.as_of.isoformat()}."
    )

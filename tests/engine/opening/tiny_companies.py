"""Worlds of a few companies, and the bundled one with a table exchanged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

from penstock.world import World
from penstock.world.schema import SCHEMA


def changed(world: World, **tables: pd.DataFrame) -> World:
    """The world with some tables exchanged."""
    return World(world.name, world.as_of, "changed", {**world.tables, **tables})


def world_of(world: World, rows: Mapping[str, list[dict[str, object]]]) -> World:
    """A world that holds only these rows."""
    tables = {}
    for name in SCHEMA:
        columns = [c for c in world.table(name).columns if c != "active"]
        template = world.table(name)[columns].iloc[:0]
        added = pd.DataFrame(rows.get(name, []), columns=columns)
        tables[name] = added.astype({c: template[c].dtype for c in columns if template[c].dtype == "float64"})
    return World("tiny", dt.date(2025, 12, 31), "tiny", tables)


def stated(company: str, **figures: float) -> list[dict[str, object]]:
    """Rows of financials for the year 2025."""
    return [
        {
            "company_id": company,
            "period": "FY2025",
            "period_end": "2025-12-31",
            "metric": metric,
            "value": value,
            "unit": "usd_bn",
            "basis": "reported",
            "evidence": "page",
            "source_id": "s",
            "grade": "A",
        }
        for metric, value in figures.items()
    ]


def company(ident: str, layer: str, roles: str) -> dict[str, object]:
    """A row of companies, listed and no member of the seven largest."""
    return {
        "id": ident,
        "name": ident.title(),
        "layer": layer,
        "roles": roles,
        "listed": "true",
        "mag7": "false",
    }


def year_before(company: str, grade: str = "A", **figures: float) -> list[dict[str, object]]:
    """Rows of financials for the year 2024."""
    rows = stated(company, **figures)
    return [row | {"period": "FY2024", "period_end": "2024-12-31", "grade": grade} for row in rows]

"""Where a fact comes from: the sources behind a thing, and what rests on a source."""

from __future__ import annotations

import pandas as pd

from penstock.world.model import World

COMPANY_COLUMNS: dict[str, tuple[str, ...]] = {
    "companies": ("id",),
    "financials": ("company_id",),
    "contracts": ("provider_id", "receiver_id"),
    "sites": ("owner_id", "operator_id", "tenant_id"),
    "power": ("owner_id", "buyer_id"),
    "chips": ("designer_id", "foundry_id"),
    "series": ("entity",),
}
"""Columns in which each table names a company."""

PLACES: dict[str, dict[str, tuple[str, ...]]] = {
    "company": COMPANY_COLUMNS,
    "site": {"sites": ("id",), "power": ("site_id",)},
    "chip": {"chips": ("id",)},
    "tie": {"contracts": ("id", "included_in")},
    "power": {"power": ("id",)},
    "parameter": {"parameters": ("name",)},
}


def sources_behind(world: World, kind: str, ident: str) -> pd.DataFrame:
    """Sources of all rows about one thing, most used first.

    Index source id; columns: rows (how many it backs), tables, kind, published, publisher, title, url.
    """
    places = PLACES[kind]
    counts: dict[str, int] = {}
    tables: dict[str, list[str]] = {}
    for name, columns in places.items():
        frame = world.every_row(name)
        mask = pd.Series(False, index=frame.index)
        for column in columns:
            mask |= frame[column] == ident
        for cell in frame.loc[mask, "source_id"]:
            for source in str(cell).split(";"):
                counts[source.strip()] = counts.get(source.strip(), 0) + 1
                if name not in tables.setdefault(source.strip(), []):
                    tables[source.strip()].append(name)
    order = sorted(counts, key=lambda source: (-counts[source], source))
    sources = world.table("sources").set_index("id").reindex(order)
    sources.insert(0, "rows", [counts[source] for source in order])
    sources.insert(1, "tables", [", ".join(tables[source]) for source in order])
    return sources[["rows", "tables", "kind", "published", "publisher", "title", "url"]].rename_axis("source")


def rows_on(world: World, source: str) -> pd.DataFrame:
    """Rows that name a source: table, key, main figure, unit, evidence, grade, whether it is the main one."""
    records: list[dict[str, object]] = []
    for name, key, value, unit in (
        ("companies", ("id",), None, ""),
        ("financials", ("company_id", "metric", "period"), "value", "unit"),
        ("contracts", ("id",), "amount_usd_bn", "usd_bn"),
        ("sites", ("id",), "it_mw_2025", "MW"),
        ("power", ("id",), "capacity_mw", "MW"),
        ("chips", ("id",), "bf16_tflops", "TFLOP/s bf16"),
        ("series", ("series", "entity", "date"), "value", "unit"),
        ("parameters", ("name",), "central", "unit"),
        ("booms", ("boom",), "peak_investment_share_gdp", "percent of GDP"),
    ):
        frame = world.every_row(name)
        for row in frame.to_dict(orient="records"):
            named = [part.strip() for part in str(row["source_id"]).split(";")]
            if source not in named:
                continue
            number = row[value] if value else None
            records.append(
                {
                    "table": name,
                    "key": ", ".join(str(row[column]) for column in key),
                    "value": float(number) if number is not None else float("nan"),
                    "unit": row[unit] if unit in frame.columns else unit,
                    "evidence": row["evidence"],
                    "grade": row["grade"],
                    "main": named[0] == source,
                }
            )
    columns = ["table", "key", "value", "unit", "evidence", "grade", "main"]
    return pd.DataFrame(records, columns=columns)

"""Turbine makers of the world: order book, output, and the wait of an order placed now."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from penstock.layers.energy.turbines import lead_time_years

if TYPE_CHECKING:
    from penstock.world import World

TABLE = Path(__file__).with_name("turbine_books.csv")


def turbine_books(world: World) -> pd.DataFrame:
    """A row for each maker that the world knows: backlog_gw, output_gw_per_year, years_of_book, lead_years, grade.

    lead_low and lead_high: with the output's high and low. Makers of whom the world has no output are left out.
    """
    parameters = set(world.table("parameters")["name"])
    series = world.table("series")
    companies = set(world.table("companies")["id"])
    rows = []
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["maker_id"] not in companies or row["output_parameter"] not in parameters:
                continue
            output = world.parameter(row["output_parameter"])
            book = _book(row, series, world.as_of.isoformat())
            if book is None:
                continue
            low, high = output.low or output.central, output.high or output.central
            rows.append(
                {
                    "maker": row["maker_id"],
                    "backlog_gw": book,
                    "output_gw_per_year": output.central,
                    "years_of_book": book / output.central,
                    "lead_years": float(lead_time_years(book, output.central)),
                    "lead_low": float(lead_time_years(book, high)),
                    "lead_high": float(lead_time_years(book, low)),
                    "grade": max(row["grade"], output.grade),
                }
            )
    columns = ["maker", "backlog_gw", "output_gw_per_year", "years_of_book", "lead_years", "lead_low", "lead_high"]
    return pd.DataFrame(rows, columns=[*columns, "grade"])


def _book(row: dict[str, str], series: pd.DataFrame, as_of: str) -> float | None:
    """The latest point of the maker's series by the as-of date, else the assumption of the table."""
    if row["backlog_series"]:
        mine = series[(series["series"] == row["backlog_series"]) & (series["entity"] == row["maker_id"])]
        mine = mine[mine["date"].astype(str) <= as_of].sort_values("date")
        return float(mine["value"].iloc[-1]) if len(mine) else None
    return float(row["backlog_gw"])

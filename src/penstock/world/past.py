"""The world as it was: the rows of a data set that a person could have known on an earlier day.

Made by one rule for any date, table by table:

- A figure or a point of a series is known at the end of its period, a parameter on its `known_from`.
- A tie is known from its announcement, else from the end of the period that it tells, else from its start. A tie that
  tells none of the three stands as a bond between the two, without its sums: those belong to the year of the data set.
  It is graded F.
- A site is known from the start of its construction, else from first power. Its power is the last point of the series
  `site_it_mw`, else what was planned where full power was reached, else unknown.
- A power project is known from its signature, else from its commercial operation; a chip from its year, without the
  units of later years.
- Companies stay (those without figures or ties leave the simulation by its own rule); so do sources.

What the rule cannot undo: a status, a rating, a share or a plan in a row that was known then may be told as it stood
later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

from penstock.world.ties import known_by

Frames = Mapping[str, pd.DataFrame]

DATE_OF_ROW = {"financials": "period_end", "series": "date", "parameters": "known_from", "booms": "known_from"}
"""Column that dates a row of these tables; an empty one counts as known."""
SUMS_OF_A_TIE = ("amount_usd_bn", "annual_usd_bn", "quantity")
POWER_SERIES = "site_it_mw"
UNITS = "units_"


def rows_known(frames: Frames, as_of: dt.date) -> dict[str, pd.DataFrame]:
    """The tables with only what was known by the day, by the rule of this module."""
    cut = {name: frame.copy() for name, frame in frames.items()}
    for name, column in DATE_OF_ROW.items():
        if name in cut:
            cut[name] = _kept(cut[name], known_by(cut[name][column], as_of))
    if "contracts" in cut:
        cut["contracts"] = _ties(cut["contracts"], as_of)
    if "sites" in cut:
        cut["sites"] = _sites(cut["sites"], cut["series"], as_of)
    if "power" in cut:
        power = cut["power"]
        day = power["signed"].fillna(power["commercial_operation"])
        kept = _kept(power, day.notna() & known_by(day, as_of))
        # a project may be known before its site is
        cut["power"] = kept.assign(site_id=kept["site_id"].where(kept["site_id"].isin(set(cut["sites"]["id"]))))
    if "chips" in cut:
        cut["chips"] = _chips(cut["chips"], as_of)
    return cut


def day_of_tie(ties: pd.DataFrame) -> pd.Series:
    """Day from which each tie could be known, empty where none is told."""
    return ties["announced"].fillna(ties["end"].where(ties["start"].notna())).fillna(ties["start"])


def _ties(ties: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    day = day_of_tie(ties)
    kept = _kept(ties, known_by(day, as_of))
    undated = day_of_tie(kept).isna()
    for column in SUMS_OF_A_TIE:
        kept[column] = kept[column].where(~undated)
    kept["evidence"] = kept["evidence"].where(~undated, "assumption")
    inside = kept["included_in"].isin(set(kept["id"]))
    kept["included_in"] = kept["included_in"].where(inside)
    return kept


def _sites(sites: pd.DataFrame, points: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    day = sites["construction_start"].fillna(sites["first_power"])
    kept = _kept(sites, day.notna() & known_by(day, as_of))
    seen = points[points["series"] == POWER_SERIES].sort_values("date").groupby("entity")["value"].last()
    built = kept["full_power"].notna() & known_by(kept["full_power"], as_of)
    told = kept["id"].map(seen).astype(float)
    kept["it_mw_2025"] = told.fillna(kept["it_mw_planned"].where(built))
    on = kept["first_power"].notna() & known_by(kept["first_power"], as_of)
    kept["status"] = kept["status"].where(on | (kept["status"] != "operating"), "construction")
    return kept


def _chips(chips: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    kept = _kept(chips, chips["year"].isna() | (chips["year"] <= as_of.year))
    for column in kept.columns:
        if column.startswith(UNITS) and int(column.removeprefix(UNITS)) > as_of.year:
            kept[column] = float("nan")
    return kept


def _kept(frame: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    return frame[known].reset_index(drop=True)

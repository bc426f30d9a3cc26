"""Which ties are in force at a date, each sum of money told once."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from penstock.world.vocabulary import STATUSES_WITHOUT_MONEY


def known_by(days: pd.Series, as_of: dt.date) -> pd.Series:
    """Whether each day is not after the date; an empty one counts as known."""
    return days.isna() | (days <= as_of.isoformat())


def ties_in_force(contracts: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Ties known by the date that carry money, those contained in another one left out.

    Left out: announced later; terminated, superseded, proposed, planned, arranger or allocated; and each row
    whose `included_in` is among the rows chosen so far. Two columns are added: `undrawn` (a credit line not
    drawn) and `ended` (its term ended before the date).
    """
    chosen = contracts[known_by(contracts["announced"], as_of) & ~contracts["status"].isin(STATUSES_WITHOUT_MONEY)]
    kept = chosen[~chosen["included_in"].isin(set(chosen["id"]))]
    ended = kept["end"].notna() & (kept["end"] < as_of.isoformat())
    return kept.assign(undrawn=kept["status"] == "undrawn", ended=ended).reset_index(drop=True)

"""Assumed figures of the opening state, read from the CSV files beside this module.

Each row carries low, central and high, a unit, a grade (E recalled, F assumed) and the reason. The rows are
data: a firm that a world does not know is ignored, a figure that a world does state wins unless the row says
`replace`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd

from penstock.errors import InputError

HERE = Path(__file__).parent

TAX_RATE = (0.10, 0.15, 0.21)
"""Assumption, fraction of (operating income - interest): cash tax of large firms after credits; low,
central, high.
"""

OTHER_COST_FLOOR = (0.01, 0.02, 0.05)
"""Assumption, fraction of revenue: no firm runs on ties alone; staff and rent are at least this much."""

NEOCLOUD_COST_FLOOR = (0.25, 0.33, 0.45)
"""Assumption, fraction of revenue: operating cash flow of neoclouds holds prepayments of customers, so the
cash anchor alone would put their cost too low (CoreWeave: a margin of 82 %).
"""

CASH_SHARE_OF_EBIT = 0.8
"""Assumption: operating cash flow where none is stated = 0.8 x operating income + depreciation."""

INTEREST_RATE_RANGE = (0.005, 0.15)
"""Bounds, per year, of interest over debt: debt raised or repaid during the year bends the ratio."""

NET_OF_TAX_AND_OTHER = 0.85
"""Assumption: net income where none is stated = 0.85 x (operating income - interest)."""

OTHER_GROWTH_OWN_WEIGHT = 0.5
"""Assumption (0.3 to 0.7): weight of a firm's own last yearly growth against the median of its group."""

OTHER_GROWTH_RANGE = (-0.05, 0.12)
"""Assumption, per year: growth of revenue that no tie carries; growth above it comes from AI, which ties
carry. The engine halves the distance to the growth of the economy each year.
"""

EXIT_GROWTH_RANGE = (-0.2, 1.0)
"""Assumption, per year: growth used to step from four quarters known to the last quarter at the as-of
date.
"""


@lru_cache(maxsize=1)
def _group_rows() -> pd.DataFrame:
    return pd.read_csv(HERE / "group_assumptions.csv")


def by_group(rows: pd.DataFrame, name: str) -> pd.Series:
    """Central value of one assumption by group.

    Raises:
        InputError: no assumption has this name.
    """
    chosen = rows[rows["name"] == name]
    if chosen.empty:
        known = ", ".join(rows["name"].unique())
        raise InputError(f"group_assumptions.csv: name: found {name!r}; expected one of {known}")
    return chosen.set_index("group")["central"].astype(float)


def group_assumptions() -> pd.DataFrame:
    """All assumptions by group: name, group, low, central, high, unit, grade, why."""
    return _group_rows().copy()


@lru_cache(maxsize=1)
def _private_rows() -> pd.DataFrame:
    return pd.read_csv(HERE / "private_sheets.csv", dtype={"replace": bool})


def private_sheets() -> pd.DataFrame:
    """Hand-made figures: company, metric, low, central, high, unit, grade, replace, why."""
    return _private_rows().copy()


@lru_cache(maxsize=1)
def _override_rows() -> pd.DataFrame:
    return pd.read_csv(HERE / "universe_overrides.csv", dtype=str, keep_default_na=False)


def universe_overrides() -> pd.DataFrame:
    """How named companies are treated against the general rule; index company: treat_as, layer, group,
    why.
    """
    return _override_rows().set_index("company")


def sheets_of(rows: list[dict[str, str]]) -> pd.DataFrame:
    """Hand-made figures of a world's own table, columns as in `private_sheets`."""
    frame = pd.DataFrame(rows, columns=list(_private_rows().columns))
    for name in ("low", "central", "high"):
        frame[name] = frame[name].astype(float)
    return frame.assign(replace=frame["replace"] == "true")


def overrides_of(rows: list[dict[str, str]]) -> pd.DataFrame:
    """A world's own table of overrides, as in `universe_overrides`."""
    return pd.DataFrame(rows, columns=list(_override_rows().columns), dtype=object).set_index("company")

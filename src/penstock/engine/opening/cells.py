"""One number out of a table of figures."""

from __future__ import annotations

import math
from typing import cast

import pandas as pd


def number(frame: pd.DataFrame, row: str, column: str) -> float:
    """The cell as a float; NaN where the row or the column is missing."""
    if column not in frame.columns or row not in frame.index:
        return math.nan
    return float(cast("float", frame.at[row, column]))

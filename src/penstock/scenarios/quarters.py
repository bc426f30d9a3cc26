"""Calendar quarters as text (`2026Q1`) and as whole numbers."""

from __future__ import annotations

import datetime as dt
import re

FORM = re.compile(r"(\d{4})Q([1-4])")
LAST_YEAR = 2099
"""No scenario reaches further: a later year is a slip of the pen."""


def ordinal(quarter: str) -> int:
    """Quarters since year 0. Raises ValueError when `quarter` is not of the form 2026Q1."""
    match = FORM.fullmatch(quarter)
    if match is None:
        raise ValueError(f"not a quarter: {quarter!r}")
    return int(match[1]) * 4 + int(match[2]) - 1


def text(number: int) -> str:
    """Inverse of `ordinal`."""
    return f"{number // 4:04d}Q{number % 4 + 1}"


def first_quarter(as_of: dt.date) -> str:
    """The quarter that a run starts with: the one after the last that was closed on the as-of date."""
    closed = (as_of + dt.timedelta(days=1)).year * 4 + ((as_of + dt.timedelta(days=1)).month - 1) // 3
    return text(closed)


def nearest(quarter: str, first: str) -> str:
    """The valid quarter that was most likely meant, not before `first`."""
    year_match = re.search(r"\d{4}", quarter)
    year = int(year_match[0]) if year_match else ordinal(first) // 4
    rest = re.sub(r"\d{4}", "", quarter, count=1)
    digit = re.search(r"\d", rest)
    part = min(max(int(digit[0]) if digit else 1, 1), 4)
    number = min(max(year * 4 + part - 1, ordinal(first)), LAST_YEAR * 4 + 3)
    return text(number)

"""Assumed numbers of the fleet, each with range, grade and reason, from `assumptions.csv`."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("assumptions.csv")


@cache
def assumptions() -> dict[str, float]:
    """Central values by name."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(file)}

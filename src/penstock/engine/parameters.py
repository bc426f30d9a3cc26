"""Uncertain parameters of the model: their ranges, and their draw for each path."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from penstock.arrays import np
from penstock.passes.normal import ndtri
from penstock.world.rows import read_rows

TABLE = Path(__file__).with_name("assumptions.csv")
Z90 = 1.2815515655446004
"""Standard normal quantile of 0.9: low and high of the table are the 10 % and 90 % quantiles."""


@dataclass(frozen=True)
class Assumption:
    """One uncertain parameter: 10, 50 and 90 % quantiles, the wider prior, hard bounds, step that uses it."""

    name: str
    prior_low: float
    prior_high: float
    low: float
    central: float
    high: float
    unit: str
    scale: str
    minimum: float
    maximum: float
    step: str
    grade: str
    source: str
    note: str


NUMBERS = ("prior_low", "prior_high", "low", "central", "high", "minimum", "maximum")
COLUMNS = ("name", *NUMBERS, "unit", "scale", "step", "grade", "source", "note")


def assumption_of(row: Mapping[str, str]) -> Assumption:
    """One row of the table as text."""
    values: dict[str, Any] = {key: float(row[key]) if key in NUMBERS else row[key] for key in COLUMNS}
    return Assumption(**values)


@cache
def assumptions() -> MappingProxyType[str, Assumption]:
    """The default parameters by name, in the order of the table (which keys their random numbers)."""
    return MappingProxyType({row.name: row for row in read_rows(TABLE, Assumption)})


def draw_parameters(
    uniforms: np.ndarray,
    *,
    prior: bool,
    table: Mapping[str, Assumption] | None = None,
    wide: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Parameters of each path from uniforms (parameters, paths); `table` where a world has ranges of its own.

    A split normal (in logs where `scale` is log) runs through the 10, 50 and 90 % quantiles, cut at the
    hard bounds; with `prior`, and for the names in `wide`, the wide prior range takes the place of the matched one.
    """
    rows = list((assumptions() if table is None else table).values())[: len(uniforms)]
    if not rows:
        return {}
    ranges = [(row.prior_low, row.prior_high) if prior or row.name in wide else (row.low, row.high) for row in rows]
    low, high = np.array(ranges).T[:, :, None]
    central, least, most = np.array([(row.central, row.minimum, row.maximum) for row in rows]).T[:, :, None]
    log = np.array([number for number, row in enumerate(rows) if row.scale == "log"], dtype=np.intp)
    up, down = high - central, central - low
    up[log], down[log] = np.log(high[log] / central[log]), np.log(central[log] / low[log])
    z = ndtri(np.asarray(uniforms)[: len(rows)]) / Z90
    moved = np.where(z > 0, z * up, z * down)
    values = central + moved
    values[log] = central[log] * np.exp(moved[log])
    return dict(zip((row.name for row in rows), np.clip(values, least, most), strict=True))

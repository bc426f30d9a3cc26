"""Uncertain parameters of the model: their ranges, and their draw for each path."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from penstock.errors import InputError

if TYPE_CHECKING:
    from penstock.world import World

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


@cache
def assumptions() -> MappingProxyType[str, Assumption]:
    """All uncertain parameters by name, in the order of the table (which keys their random numbers)."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [
            Assumption(**{key: float(text) if key in NUMBERS else text for key, text in row.items()})  # type: ignore[arg-type]  # csv gives text
            for row in csv.DictReader(file)
        ]
    return MappingProxyType({row.name: row for row in rows})


def assumptions_of(world: World) -> dict[str, Assumption]:
    """The uncertain parameters, those in place that the rule tables of the world state for its own date."""
    own = world.rules.get("assumptions")
    found = dict(assumptions())
    for row in own.to_dict("records") if own is not None else []:
        name = str(row["name"])
        if name not in found:
            raise InputError(f"rules/assumptions.csv: name: found {name!r}; expected a name of the model's table")
        row.pop("known_from", None)
        found[name] = Assumption(**{str(k): float(v) if k in NUMBERS else str(v) for k, v in row.items()})  # type: ignore[arg-type]  # csv gives text
    return found


def draw_parameters(
    uniforms: np.ndarray, *, prior: bool, table: Mapping[str, Assumption] | None = None
) -> dict[str, np.ndarray]:
    """Parameters of each path from uniforms (parameters, paths); `table` where a world states some of its own.

    A split normal (in logs where `scale` is log) runs through the 10, 50 and 90 % quantiles, cut at the
    hard bounds; with `prior` the wide prior range takes the place of the matched one.
    """
    drawn: dict[str, np.ndarray] = {}
    for row, uniform in zip((table or assumptions()).values(), uniforms, strict=False):
        low, high = (row.prior_low, row.prior_high) if prior else (row.low, row.high)
        z = ndtri(uniform) / Z90
        if row.scale == "log":
            up, down = np.log(high / row.central), np.log(row.central / low)
            value = row.central * np.exp(np.where(z > 0, z * up, z * down))
        else:
            value = row.central + np.where(z > 0, z * (high - row.central), z * (row.central - low))
        drawn[row.name] = np.clip(value, row.minimum, row.maximum)
    return drawn

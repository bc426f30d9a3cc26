"""When a campus has its first power: stages with uncertain lengths that lean on each other, and may fail.

Months throughout. A stage is log-normal about its central length with sigma = ln(high / low) / 3.29; lengths of one
project correlate (Gaussian copula, 0.3), those of equipment bought in the same tight markets more (0.5).
"""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import nearest_hint

Array = np.ndarray

TABLE = Path(__file__).with_name("stages.csv")
NINETY_PER_CENT_WIDTH = 3.29
"""Standard deviations between the 5 and the 95 % quantile of a normal distribution."""
PROJECT_CORRELATION = 0.3
"""Correlation of the logs of two stages of one project (assumption)."""
MARKET_CORRELATION = 0.5
"""The same for stages that buy in one tight market, their project in common counted (assumption)."""
PERMIT_FAILURE = (0.10, 0.20, 0.40)
"""Chance that permits fail and end the project: low, central, high (specification 5.9; judgement)."""
COMPLETION = {"announced": 0.35, "permitted": 0.6, "construction": 0.92, "operating": 1.0}
"""Chance that a project of this status is completed (specification 5.9: 5 of 12 GW announced were under way)."""

ROUTES: Mapping[str, tuple[str, ...]] = {
    "grid": ("grid_study", "grid_build"),
    "heavy_turbine": ("heavy_turbine",),
    "aeroderivative": ("aeroderivative",),
    "reciprocating": ("reciprocating",),
    "fuel_cell": ("fuel_cell",),
    "nuclear_restart": ("nuclear_restart",),
    "small_reactor": ("small_reactor",),
    "large_reactor": ("large_reactor",),
    "geothermal": ("geothermal",),
}
"""Ways to firm power and the stages that each takes, one after the other."""
ALIASES: Mapping[str, str] = {
    "land": "site_control",
    "site_control_diligence": "site_control",
    "permits_zoning": "permits",
    "permit": "permits",
    "grid_study_to_agreement": "grid_study",
    "grid_build_to_energise": "grid_build",
    "substation_transformer": "transformer",
    "switchgear_gensets": "switchgear",
    "ccgt": "heavy_turbine",
    "reciprocating_engines": "reciprocating",
    "fuel_cells": "fuel_cell",
    "civil_and_shell": "shell",
    "mep": "fit_out",
    "mep_fit_out_per_block": "fit_out",
    "rack_delivery_and_integration": "racks",
}
"""Other names of stages."""
HALL = {
    "shell and fit-out": ("shell", "fit_out"),
    "transformer": ("transformer",),
    "switchgear": ("switchgear",),
}


@dataclass(frozen=True)
class Stage:
    """Length of a stage in months: low, central, high (5, 50, 95 %)."""

    name: str
    low_months: float
    central_months: float
    high_months: float
    label: str = ""
    market: str = ""
    grade: str = "F"
    source: str = ""

    def __post_init__(self) -> None:
        low, central, high = self.low_months, self.central_months, self.high_months
        if not (0 <= low <= central <= high and math.isfinite(high)) or (low == 0 < high):
            found = f"{low:g}, {central:g}, {high:g}"
            raise UsageError(f"stage {self.name}: found {found}; expected 0 < low <= central <= high")


@dataclass(frozen=True)
class FirstPower:
    """Months from the start to first power, on n draws.

    months: (n,), whatever becomes of the permits; failed: (n,), permits refused; binding: (n,), what was waited for
    last; lengths: drawn months of each stage, (n,); milestones: months at which each part ends, (n,).
    """

    months: Array
    failed: Array
    binding: Array
    lengths: Mapping[str, Array]
    milestones: Mapping[str, Array]

    def quantiles(self, at: Sequence[float] = (0.1, 0.5, 0.9)) -> Array:
        """Quantiles of the months of projects that are not refused."""
        kept = self.months[~self.failed]
        return np.quantile(kept if len(kept) else self.months, at)


@cache
def stage_table() -> Mapping[str, Stage]:
    """The stages of the table that ships with Penstock, by name."""
    found = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            low, central, high = (float(row[f"{name}_months"]) for name in ("low", "central", "high"))
            told = (row[name] for name in ("label", "market", "grade", "source"))
            found[row["stage"]] = Stage(row["stage"], low, central, high, *told)
    return found


def draw_lengths(stages: Mapping[str, Stage], seed: int, n: int) -> dict[str, Array]:
    """Correlated lengths of the stages in months, (n,) each.

    The random numbers of a stage are keyed by its name and the seed: another stage more or less changes no other.
    """
    project, market = _normal(seed, "project", n), _normal(seed, "market", n)
    lengths = {}
    for name, stage in stages.items():
        shared = math.sqrt(PROJECT_CORRELATION) * project
        own = 1.0 - PROJECT_CORRELATION
        if stage.market:
            shared = shared + math.sqrt(MARKET_CORRELATION - PROJECT_CORRELATION) * market
            own = 1.0 - MARKET_CORRELATION
        if stage.high_months == 0:
            lengths[name] = np.zeros(n)
            continue
        sigma = math.log(stage.high_months / stage.low_months) / NINETY_PER_CENT_WIDTH
        lengths[name] = stage.central_months * np.exp(sigma * (shared + math.sqrt(own) * _normal(seed, name, n)))
    return lengths


def first_power(
    stages: Mapping[str, Any] | Iterable[Stage],
    seed: int,
    n: int,
    *,
    routes: Sequence[str] | None = None,
    permit_failure: float = PERMIT_FAILURE[1],
    delays_months: Mapping[str, float] | None = None,
) -> FirstPower:
    """Months to first power: the longest of hall, equipment and power, then racks and commissioning.

    land + max(permits + max(shell + fit-out, transformer, switchgear), power) + racks + commissioning, where power is
    the quickest of the routes. stages: by name, each a `Stage` or (low, central, high) months; one that is not given
    takes no time. routes: names of `ROUTES` that are open; by default all whose stages are given.
    delays_months: what a shock adds to every draw of a stage.

    Raises UsageError for an unknown stage or route, lengths out of order, n below 1, or a site without any route to
    power.
    """
    known = as_stages(stages)
    if n < 1:
        raise UsageError(f"n: found {n}; expected 1 or more draws")
    if not 0.0 <= permit_failure <= 1.0:
        raise UsageError(f"permit_failure: found {permit_failure:g}; expected a share from 0 to 1")
    open_routes = open_ways(known, routes)
    lengths = draw_lengths(known, seed, n)
    for name, delay in (delays_months or {}).items():
        if name not in lengths:
            raise UsageError(f"delay: found {name!r}; expected one of {', '.join(lengths)}")
        lengths[name] = lengths[name] + delay

    def spent(names: Iterable[str]) -> Array:
        return sum((lengths[name] for name in names if name in lengths), start=np.zeros(n))

    land = spent(["site_control"])
    permits = land + spent(["permits"])
    hall = np.stack([permits + spent(names) for names in HALL.values()])
    power = np.stack([land + spent(ROUTES[name]) for name in open_routes])
    parts = np.concatenate([hall, power.min(axis=0)[None]])
    ready = parts.max(axis=0)
    months = ready + spent(["racks", "commissioning"])
    names = np.array([*HALL, "power"], dtype=object)
    waited = names[parts.argmax(axis=0)]
    quickest = np.array(open_routes, dtype=object)[power.argmin(axis=0)]
    waited = np.where(waited == "power", np.array([f"power: {name}" for name in quickest], dtype=object), waited)
    chance = _uniform(seed, "refusal", n)
    milestones = {
        "land": land,
        "permits": permits,
        "equipment": hall[1:].max(axis=0),
        "hall": hall[0],
        "power": power.min(axis=0),
        "first_power": months,
    }
    return FirstPower(months, chance < permit_failure, waited, lengths, milestones)


def block_months(first: FirstPower, blocks: int, seed: int, interval: Stage | None = None) -> Array:
    """Months at which each block has power, (blocks, n): the first, then one interval after another."""
    if blocks < 1:
        raise UsageError(f"blocks: found {blocks}; expected 1 or more")
    interval = interval or stage_table()["next_block"]
    n = len(first.months)
    shift = math.log(interval.high_months / interval.low_months) / NINETY_PER_CENT_WIDTH if interval.low_months else 0.0
    project = _normal(seed, "project", n)
    gaps = []
    for block in range(1, blocks):
        own = _normal(seed, f"next_block {block}", n)
        normal = math.sqrt(PROJECT_CORRELATION) * project + math.sqrt(1.0 - PROJECT_CORRELATION) * own
        gaps.append(interval.central_months * np.exp(shift * normal))
    return first.months + np.cumsum(np.stack([np.zeros(n), *gaps]), axis=0)


def as_stages(stages: Mapping[str, Any] | Iterable[Stage]) -> dict[str, Stage]:
    """The stages as `Stage` by name, what is known of each name filled in. Raises UsageError."""
    table = stage_table()
    if not isinstance(stages, Mapping):
        stages = {stage.name: stage for stage in stages}
    out = {}
    for name, given in stages.items():
        key = "_".join(str(name).lower().replace(",", " ").replace("-", " ").split())
        key = ALIASES.get(key, key)
        if key not in table:
            hint = nearest_hint(key, table)
            raise UsageError(f"stage: found {name!r}; expected one of {', '.join(table)}{hint}")
        if not isinstance(given, Stage):
            values = [float(value) for value in given]
            if len(values) != 3:
                raise UsageError(f"stage {key}: found {len(values)} values; expected low, central, high in months")
            given = Stage(key, values[0], values[1], values[2], table[key].label, table[key].market)
        out[key] = given
    return out


def open_ways(stages: Mapping[str, Stage], routes: Sequence[str] | None) -> list[str]:
    """The routes to power that are open with these stages. Raises UsageError where there is none."""
    if routes is None:
        found = [name for name, parts in ROUTES.items() if all(part in stages for part in parts)]
    else:
        for name in routes:
            if name not in ROUTES:
                hint = nearest_hint(name, ROUTES)
                raise UsageError(f"route: found {name!r}; expected one of {', '.join(ROUTES)}{hint}")
            lacking = [part for part in ROUTES[name] if part not in stages]
            if lacking:
                raise UsageError(f"route {name}: found no stage {lacking[0]}; expected its months")
        found = list(routes)
    if not found:
        raise UsageError(f"power: found a site without power; expected at least one route of {', '.join(ROUTES)}")
    return found


def _normal(seed: int, name: str, n: int) -> Array:
    return np.random.default_rng([seed, zlib.crc32(name.encode())]).standard_normal(n)


def _uniform(seed: int, name: str, n: int) -> Array:
    return np.random.default_rng([seed, zlib.crc32(name.encode())]).random(n)

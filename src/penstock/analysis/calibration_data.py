"""What a calibration compares: cited points, the model's value for each path, and how far the two may stand apart.

A point is used where `observables.csv` maps its series to an output of the world and the table of discrepancies has a
row for it. The discrepancy says, in logs, what the model misses and the source errs: a part common to a family of
series, a part of each series, and a part of each point. All are assumptions of grade F. Series of the same family
cannot outvote the others, because their common part stays however many they are.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from penstock.analysis.evaluation import history_of
from penstock.analysis.observables import ANY, NOT_LISTED, Observable, ScoringMap
from penstock.analysis.observed_values import Ensemble, value_at
from penstock.world.rows import read_rows

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.world import World

Array = np.ndarray

TABLE = Path(__file__).with_name("calibration_discrepancy.csv")
NO_DISCREPANCY = "calibration_discrepancy.csv has no row for it"
NOT_COMPARED = "none"
TRIAL_PATHS = 8


@dataclass(frozen=True)
class Discrepancy:
    """How far model and source may stand apart, standard deviations in logs; family `none` is not compared."""

    series: str
    entity: str
    family: str
    common: float
    own: float
    point: float
    grade: str
    why: str


@dataclass(frozen=True)
class Target:
    """One cited point and what stands for it."""

    series: str
    entity: str
    day: dt.date
    value: float
    unit: str
    observable: Observable
    last_figure: tuple[dt.date, float] | None
    discrepancy: Discrepancy

    @property
    def name(self) -> str:
        """Series and entity."""
        return f"{self.series} {self.entity}"


@dataclass(frozen=True)
class Targets:
    """The points of a calibration, and the series that are left out with the reason."""

    points: tuple[Target, ...]
    left_out: dict[tuple[str, str], str]
    quarters: int

    @property
    def observed(self) -> Array:
        """Logs of the cited values, (points,)."""
        return np.asarray(np.log([point.value for point in self.points]))

    @property
    def families(self) -> tuple[str, ...]:
        """Families in the order of their first point."""
        return tuple(dict.fromkeys(point.discrepancy.family for point in self.points))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Every output of the model that is read."""
        return tuple(sorted({name for point in self.points for name in point.observable.names}))

    def rows_of(self, *, family: str = "", series: str = "") -> Array:
        """Places of the points of a family or of a series (with its entity)."""
        inside = [
            (not family or point.discrepancy.family == family) and (not series or point.name == series)
            for point in self.points
        ]
        return np.flatnonzero(inside)

    def logs(self, ensemble: Ensemble) -> Array:
        """Logs of the model's values, (points, paths)."""
        found = [value_at(ensemble, point.observable, point.day, point.last_figure) for point in self.points]
        return np.asarray(np.log(np.stack(found)))

    def noise(self, generator: np.random.Generator, paths: int) -> Array:
        """Draws of the discrepancy, (points, paths)."""
        drawn: dict[str, Array] = {}
        rows = []
        for point in self.points:
            parts = (point.discrepancy.family, point.name)
            for part in parts:
                if part not in drawn:
                    drawn[part] = generator.standard_normal(paths)
            common, own = (drawn[part] for part in parts)
            row = point.discrepancy
            rows.append(row.common * common + row.own * own + row.point * generator.standard_normal(paths))
        return np.stack(rows)


@cache
def discrepancies() -> tuple[Discrepancy, ...]:
    """The rows of the table."""
    return read_rows(TABLE, Discrepancy)


def discrepancy_of(series: str, entity: str) -> Discrepancy | None:
    """The row of a series of an entity, else of the series; None where there is none."""
    rows = {(row.series, row.entity): row for row in discrepancies()}
    return rows.get((series, entity)) or rows.get((series, ANY))


def targets_of(model: Model, world: World, tables: World, until: dt.date) -> Targets:
    """Cited points after the day of a world and up to `until` that the model carries.

    Args:
        model: the world made ready to run, with at least as many quarters as lie before `until`.
        tables: the world whose `series.csv` and `observables.csv` hold the later points.
    """
    from penstock.analysis.observed_outputs import known_outputs, simulate_outputs

    scoring = ScoringMap(tables)
    series = tables.every_row("series")
    first, last = world.as_of.isoformat(), until.isoformat()
    known = series[series["date"] <= first]
    later = series[(series["date"] > first) & (series["date"] <= last)]
    keys = sorted({(str(a), str(b)) for a, b in zip(later["series"], later["entity"], strict=True)})
    outputs = known_outputs(model)
    wanted: list[Target] = []
    left_out: dict[tuple[str, str], str] = {}
    for key in keys:
        found = _of_series(scoring.find(*key), known, later, key)
        if isinstance(found, str):
            left_out[key] = found
        else:
            wanted += found
    names = {name for point in wanted for name in point.observable.names} & outputs
    trial = Ensemble(world.as_of, simulate_outputs(model, names, TRIAL_PATHS))
    points = []
    for point in wanted:
        try:
            value_at(trial, point.observable, point.day, point.last_figure)
        except ValueError as error:
            left_out[point.series, point.entity] = str(error)
        else:
            points.append(point)
    return Targets(tuple(points), left_out, model.program.quarters)


def _of_series(
    observable: Observable, known: pd.DataFrame, later: pd.DataFrame, key: tuple[str, str]
) -> list[Target] | str:
    """Points of one series, or the reason why it is left out."""
    if observable.output is None:
        return observable.note or NOT_LISTED
    row = discrepancy_of(*key)
    if row is None:
        return NO_DISCREPANCY
    if row.family == NOT_COMPARED:
        return row.why
    history = history_of(known, key)
    last = (history.days[-1], history.values[-1]) if history.days else None
    rows = later[(later["series"] == key[0]) & (later["entity"] == key[1]) & (later["value"] > 0.0)]
    return [
        Target(*key, dt.date.fromisoformat(day), float(value), str(unit), observable, last, row)
        for day, value, unit in rows.sort_values("date")[["date", "value", "unit"]].itertuples(index=False)
    ]

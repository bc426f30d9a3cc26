"""What a calibration compares: cited points, the model's value for each path, and how far the two may stand apart.

A point is used where `observables.csv` maps its series to an output of the world and the table of discrepancies has a
row for it. The discrepancy says, in logs, what the model misses and the source errs: a part common to a family of
series, a part of each series, and a part of each point. All are assumptions of grade F. Series of the same family
cannot outvote the others, because their common part stays however many they are. A world opens at its data, so what the
model misses is nothing on its day and gathers from there: the first two parts are random walks, told by their standard
deviation after a year.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
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
DAYS_A_YEAR = 365.25
NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Discrepancy:
    """How far model and source may stand apart, standard deviations in logs; family `none` is not compared.

    `common` and `own` are those of random walks after one year, `point` of each point by itself.
    """

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
    start: dt.date
    """the day of the world, where the discrepancy begins"""

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

    @property
    def years(self) -> Array:
        """Years from the start to each point, (points,)."""
        return np.array([(point.day - self.start).days / DAYS_A_YEAR for point in self.points])

    @property
    def series(self) -> tuple[str, ...]:
        """Series with their entity, in the order of their first point."""
        return tuple(dict.fromkeys(point.name for point in self.points))

    def covariance(self, widened: Mapping[str, float] = NOTHING) -> Array:
        """Of the discrepancy, (points, points).

        widened: factors on what is a series' own (`own` and `point`), by series; 1 for those that are not named.
        """
        factors = np.array([widened.get(point.name, 1.0) for point in self.points])
        common, own, single = self._parts
        return np.asarray(common + np.outer(factors, factors) * own + np.diag(factors**2 * single))

    @cached_property
    def _parts(self) -> tuple[Array, Array, Array]:
        """Covariances of the walk of a family and of a series, and variances of single points."""
        years, rows = self.years, [point.discrepancy for point in self.points]
        shared = np.minimum(years[:, None], years[None, :])
        families, names = (
            np.unique(groups, return_inverse=True)[1]
            for groups in ([row.family for row in rows], [point.name for point in self.points])
        )
        common, own, single = (np.array([getattr(row, part) for row in rows]) for part in ("common", "own", "point"))
        return (
            np.outer(common, common) * shared * np.equal.outer(families, families),
            np.outer(own, own) * shared * np.equal.outer(names, names),
            single**2,
        )


@cache
def discrepancies() -> tuple[Discrepancy, ...]:
    """The rows of the table."""
    return read_rows(TABLE, Discrepancy)


def discrepancy_of(series: str, entity: str, table: tuple[Discrepancy, ...] | None = None) -> Discrepancy | None:
    """The row of a series of an entity, else of the series; None where there is none.

    table: rows in place of those that come with the package.
    """
    rows = {(row.series, row.entity): row for row in (discrepancies() if table is None else table)}
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
    return Targets(tuple(points), left_out, model.program.quarters, world.as_of)


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

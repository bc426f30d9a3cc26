"""What cited series may read where the model says something: its paths with the stated discrepancy on top.

A path says what the model gives; a cited figure is that plus what the model misses and the source errs (Kennedy and
O'Hagan 2001, Bayesian calibration of computer models, J. R. Stat. Soc. B 63, 425-464). The calibration compares data
with the sum of the two, so a forecast of data from its draws is the sum as well. The discrepancy is that of
`calibration_discrepancy.csv`, with what the fit's own data made of it (`calibration_allowance`); it begins on the day
of the world. A series without a row there, or of family `none`, has none and is forecast by the paths alone.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.calibration_allowance import AS_STATED, Allowance
from penstock.analysis.calibration_data import NOT_COMPARED, Discrepancy, Target, Targets, discrepancy_of
from penstock.analysis.calibration_sizes import Sizes
from penstock.engine.posterior import ABOUT
from penstock.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.evaluation import Key
    from penstock.analysis.observables import ScoringMap

Array = np.ndarray

STREAM = 81
DRAWS_A_PATH = 16
"""Discrepancies drawn for each path, half of them the other half turned round: they move no median by chance."""
INFLATION, WIDENED, OF_DATA = "inflation_of_discrepancy", "widened", "same_for_all"


@dataclass(frozen=True)
class Error:
    """How far data may stand from paths: an allowance on the rows of a table, or sizes that are the same for all."""

    allowance: Allowance = AS_STATED
    sizes: Sizes | None = None
    table: tuple[Discrepancy, ...] | None = None
    """rows in place of those that come with the package"""

    def draws(
        self, scoring: ScoringMap, keys: Sequence[Key], later: pd.DataFrame, start: dt.date, paths: int, seed: int
    ) -> dict[Key, Array]:
        """Discrepancy of the later points of some series in the order of their dates, logs (points, 16 x paths) each.

        A block of `paths` columns is a draw for each path. Points of one series, and of series of one family, hang
        together in each column as the calibration has it.
        """
        points = [point for key in keys for point in self._points(scoring, key, later)]
        if not points:
            return {}
        targets = Targets(tuple(points), {}, 0, start)
        half = np.random.default_rng([STREAM, seed]).standard_normal((len(points), DRAWS_A_PATH // 2 * paths))
        found = self.allowance.root(targets) @ np.concatenate([half, -half], axis=1)
        return {key: found[rows] for key in keys if len(rows := targets.rows_of(series=f"{key[0]} {key[1]}"))}

    def _points(self, scoring: ScoringMap, key: Key, later: pd.DataFrame) -> list[Target]:
        stated = discrepancy_of(*key, self.table)
        row = stated if self.sizes is None else self._same_for_all(key, stated, self.sizes)
        if row is None or (row.family == NOT_COMPARED and self.sizes is None):
            return []
        observable = scoring.find(*key)
        rows = later[(later["series"] == key[0]) & (later["entity"] == key[1])].sort_values("date")
        return [
            Target(*key, dt.date.fromisoformat(day), float(value), str(unit), observable, None, row)
            for day, value, unit in rows[["date", "value", "unit"]].itertuples(index=False)
        ]

    @staticmethod
    def _same_for_all(key: Key, stated: Discrepancy | None, sizes: Sizes) -> Discrepancy:
        family = " ".join(key) if stated is None or stated.family == NOT_COMPARED else stated.family
        return Discrepancy(*key, family, sizes.common, sizes.own, sizes.point, "F", "the same for all")


def fitted_error(folder: Path) -> Error:
    """The discrepancy with which the draws of a folder were fitted.

    Raises InputError where the folder does not tell it.
    """
    about = _about(folder)
    return Error(Allowance(widened=dict(about[WIDENED]), inflation=float(about[INFLATION])))


def error_of_data(folder: Path) -> Error:
    """Sizes that are the same for all series, by the data of the fit in a folder alone.

    Raises InputError where the folder does not tell them.
    """
    return Error(sizes=Sizes(**_about(folder)[OF_DATA]))


def _about(folder: Path) -> Mapping[str, Any]:
    path = folder / ABOUT
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    missing = [name for name in (INFLATION, WIDENED, OF_DATA) if name not in found]
    if missing:
        raise InputError(
            f"{path.name}: {missing[0]}: found none; expected that of the fit, as `penstock calibrate` writes it"
        )
    return dict(found)

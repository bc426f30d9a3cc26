"""Backtest on the AI build-out: from a past day, forecast what came, and score it against naive opponents.

The forecast starts from the bundled world of the past, which holds only what was known on the day. Every series of the
data set with at least four points by the day and one in the year after it that `observables.csv` maps is scored, every
series with the same weight. It is a pseudo-out-of-sample test: those who wrote the model had seen the later data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from penstock.analysis.evaluation import Evaluation, Key, evaluate, naive_forecasts
from penstock.analysis.observables import ScoringMap
from penstock.analysis.observed_values import Ensemble
from penstock.analysis.opponents import LEAST_POINTS, OPPONENTS
from penstock.errors import InputError, UsageError

if TYPE_CHECKING:
    from penstock.analysis.predictive import Error
    from penstock.engine.model import Model
    from penstock.world import World

START = dt.date(2024, 12, 31)
LAST = dt.date(2025, 12, 31)
PAST_WORLD = "ai-2024"
FITTED, PRIOR, MATCHED = "fitted", "prior", "matched"
"""What parameters are drawn from: the calibration on data to 2024-12-31, the prior, and margins that were matched to
data to 2025Q4. The last are no test.
"""
FITTED_DATA, FITTED_STATED, FITTED_SAME, PRIOR_DATA = (
    "fitted_data",
    "fitted_data_as_stated",
    "fitted_data_same_for_all",
    "prior_data",
)
"""Forecasts of data: paths with a discrepancy on top. That of the fit (the table's, times what data to 2024-12-31 made
of it), the table's as it stands, sizes that are the same for all series by data to 2024-12-31 alone; and for the prior,
which knows no data, the table's as it stands.
"""
MARGINS = (FITTED_DATA, FITTED, PRIOR_DATA, PRIOR, FITTED_STATED, FITTED_SAME, MATCHED)
SCORED = FITTED_DATA
FIT = Path(__file__).with_name("fit_until_2024")
"""Draws of `penstock calibrate --world ai-2022 --until 2024-12-31`."""


@dataclass(frozen=True)
class Backtest:
    """The backtest from one day: an evaluation by margins, and the list of series with points enough."""

    start: dt.date
    world: World
    evaluations: Mapping[str, Evaluation]
    listed: pd.DataFrame
    paths: int
    seed: int

    @property
    def remark(self) -> str:
        """What a reader has to know of a start other than the one that the past world was made for; else empty."""
        if self.start == START:
            return ""
        sizes = "Sizes at the opening (capacity, prices, spending of users)"
        return f"{sizes} stand as of {START}: a later start is a poor one."

    @property
    def main(self) -> Evaluation:
        """The evaluation that counts: of data, fitted to data up to the day."""
        return self.evaluations[SCORED]

    def totals(self) -> pd.DataFrame:
        """A row a margin."""
        rows = {name: found.total() for name, found in self.evaluations.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("margins")

    def to_pandas(self) -> pd.DataFrame:
        """A row a series, with the fit."""
        return self.main.by_series()

    def to_dict(self) -> dict[str, Any]:
        """Totals, series, points and the series that are not carried."""
        return {
            "from": self.start.isoformat(),
            "totals": self.totals().reset_index().to_dict("records"),
            "series": self.main.by_series().reset_index().to_dict("records"),
            "points": self.main.to_pandas().to_dict("records"),
            "listed": self.listed.to_dict("records"),
        }


def scored_list(world: World, start: dt.date, last: dt.date = LAST) -> pd.DataFrame:
    """Every series of a world with at least four points by `start` and one after it, and what stands for it.

    Columns: series, entity, points_before, points_after, output (empty where not carried), note.
    """
    points = world.every_row("series")
    scoring = ScoringMap(world)
    rows = []
    for (series, entity), group in points.groupby(["series", "entity"], sort=True):
        before = int((group["date"] <= start.isoformat()).sum())
        after = int(((group["date"] > start.isoformat()) & (group["date"] <= last.isoformat())).sum())
        if before < LEAST_POINTS or after < 1:
            continue
        found = scoring.find(str(series), str(entity))
        output = "" if found.output is None else found.output.text
        rows.append((series, entity, before, after, output, found.note))
    return pd.DataFrame(rows, columns=["series", "entity", "points_before", "points_after", "output", "note"])


def backtest_ai(
    start: dt.date = START, *, paths: int = 256, seed: int = 7, opponents: tuple[str, ...] = OPPONENTS
) -> Backtest:
    """Forecast the year after a day from the past world of that day, and score it.

    Args:
        start: end of a quarter, from 2024-12-31 on and before the last quarter of the data.
        paths: paths of each ensemble.
        opponents: naive forecasters to compare with.

    Raises:
        UsageError: a day that ends no quarter, or after which the data end.
        InputError: a day for which the past world knows too little.
    """
    from penstock.world import load_world

    quarters = _quarters_to_score(start)
    tables = load_world()
    past = load_world(PAST_WORLD, as_of=start)
    listed = scored_list(tables, start)
    keys = [(str(row.series), str(row.entity)) for row in listed.itertuples()]
    series = tables.every_row("series")
    later = series[(series["date"] > start.isoformat()) & (series["date"] <= LAST.isoformat())]
    known = series[series["date"] <= start.isoformat()]
    scoring = ScoringMap(tables)
    rivals = naive_forecasts(scoring, known, later, keys, opponents)
    ensembles = {
        parameters: _ensemble(_model(past, parameters, start, quarters, seed), past, scoring, keys, paths)
        for parameters in (FITTED, PRIOR, MATCHED)
    }
    evaluations = {}
    for name in MARGINS:
        parameters, error = _parts(name)
        errors = {} if error is None else error.draws(scoring, keys, later, past.as_of, paths, seed)
        evaluations[name] = evaluate(ensembles[parameters], scoring, known, later, keys, rivals, errors)
    return Backtest(start, past, evaluations, listed, paths, seed)


def _parts(name: str) -> tuple[str, Error | None]:
    """What parameters of some margins are drawn from, and the discrepancy on top of their paths."""
    from penstock.analysis.predictive import Error, error_of_data, fitted_error

    if name == FITTED_DATA:
        return FITTED, fitted_error(FIT)
    if name == FITTED_STATED:
        return FITTED, Error()
    if name == FITTED_SAME:
        return FITTED, error_of_data(FIT)
    return (PRIOR, Error()) if name == PRIOR_DATA else (name, None)


def _model(world: World, margins: str, start: dt.date, quarters: int, seed: int) -> Model:
    from penstock.engine.model import prepare
    from penstock.engine.posterior import draws_for, read_draws

    model = prepare(world, quarters=quarters, seed=seed, prior=margins != MATCHED)
    if margins != FITTED:
        return model
    found = read_draws(FIT)
    if found is None or found.known_from > start:
        known = "none" if found is None else f"one to {found.known_from}"
        raise InputError(f"{FIT.name}: found {known}; expected a fit to data up to {start} or earlier")
    return replace(model, posterior=draws_for(found, model.facts.parameters))


def _quarters_to_score(start: dt.date) -> int:
    after = start + dt.timedelta(days=1)
    if after.day != 1 or after.month % 3 != 1:
        raise UsageError(f"--from: found {start}; expected the last day of a quarter, as {START}")
    if start >= LAST:
        raise UsageError(f"--from: found {start}; expected a day before {LAST}, where the data end")
    return min((LAST.year * 12 + LAST.month - start.year * 12 - start.month) // 3, 4)


def _ensemble(model: Model, world: World, scoring: ScoringMap, keys: list[Key], paths: int) -> Ensemble:
    from penstock.analysis.observed_outputs import known_outputs, simulate_outputs

    known = known_outputs(model)
    names = {name for key in keys for name in scoring.find(*key).names if name in known}
    return Ensemble(world.as_of, simulate_outputs(model, names, paths))

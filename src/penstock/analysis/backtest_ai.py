"""Backtest on the AI build-out: from a past day, forecast what came, and score it against naive opponents.

The forecast starts from the bundled world of the past, which holds only what was known on the day. Every series of the
data set with at least four points by the day and one in the year after it that `observables.csv` maps is scored, every
series with the same weight. It is a pseudo-out-of-sample test: those who wrote the model had seen the later data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.analysis.observables import NOT_LISTED, Observable, ScoringMap
from penstock.analysis.observed_values import Ensemble, value_at
from penstock.analysis.opponents import LEAST_POINTS, OPPONENTS, RANDOM_WALK, Forecast, History, available, forecast
from penstock.analysis.scoring import (
    LEVELS,
    Score,
    coverage,
    mean_crps,
    mean_width,
    score_normal,
    score_sample,
)
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.world import World

START = dt.date(2024, 12, 31)
LAST = dt.date(2025, 12, 31)
PAST_WORLD = "ai-2024"
MARGINS = {"prior": True, "matched": False}
"""Margins from which parameters are drawn. The matched ones were set with data to 2025Q4: only the prior is a test."""
SCORED = "prior"
MODEL = "model"
Key = tuple[str, str]
Rivals = dict[Key, dict[str, Forecast]]


@dataclass(frozen=True)
class ScoredPoint:
    """One outcome and what each forecaster said of it; scores in logs."""

    series: str
    entity: str
    day: dt.date
    unit: str
    outcome: float
    median: float
    low: float
    high: float
    horizon: int
    scores: Mapping[str, Score]


@dataclass(frozen=True)
class Evaluation:
    """Scores of one ensemble against outcomes, and the series that it does not carry, with the reason."""

    points: tuple[ScoredPoint, ...]
    not_carried: Mapping[Key, str]

    def by_series(self) -> pd.DataFrame:
        """A row a series: points, coverage, widths and CRPS in logs, and their ratios to the random walk's."""
        rows = [_summary(f"{key[0]} {key[1]}", points) for key, points in self._groups("series", "entity").items()]
        return _indexed(rows, "series")

    def by_horizon(self) -> pd.DataFrame:
        """The same by quarters ahead."""
        rows = [_summary(key[0], points) for key, points in sorted(self._groups("horizon").items())]
        return _indexed(rows, "quarters_ahead")

    def total(self) -> dict[str, Any]:
        """All series with the same weight: mean coverage, median width ratio, mean log CRPS ratio to each opponent."""
        table = self.by_series()
        if table.empty:
            return {"series": 0, "points": 0}
        names = [f"cover_{round(100 * level)}" for level in LEVELS]
        found: dict[str, Any] = {"series": len(table), "points": len(self.points)}
        found |= {name: float(table[name].mean()) for name in names}
        found["median_width_ratio"] = float(table["width_ratio"].median())
        found["mean_width_ratio"] = float(table["width_ratio"].mean())
        for name in OPPONENTS:
            found[f"log_crps_ratio_{name}"] = float(np.log(table[f"crps_ratio_{name}"].astype(float)).mean())
            found[f"series_with_{name}"] = int(table[f"crps_ratio_{name}"].notna().sum())
        return found

    def to_pandas(self) -> pd.DataFrame:
        """A row a point."""
        rows = []
        for point in self.points:
            row: dict[str, Any] = {name: getattr(point, name) for name in ("series", "entity", "day", "unit")}
            row |= {"quarters_ahead": point.horizon, "outcome": point.outcome}
            row |= {"median": point.median, "low_80": point.low, "high_80": point.high}
            row |= {f"in_{round(100 * level)}": point.scores[MODEL].covered[k] for k, level in enumerate(LEVELS)}
            row |= {
                f"crps_{name}": point.scores[name].crps if name in point.scores else None
                for name in (MODEL, *OPPONENTS)
            }
            rows.append(row)
        return pd.DataFrame(rows)

    def _groups(self, *names: str) -> dict[tuple[Any, ...], list[ScoredPoint]]:
        found: dict[tuple[Any, ...], list[ScoredPoint]] = {}
        for point in self.points:
            found.setdefault(tuple(getattr(point, name) for name in names), []).append(point)
        return found


@dataclass(frozen=True)
class Backtest:
    """The backtest from one day: an evaluation by margins, and the list of series with points enough."""

    start: dt.date
    world: World
    evaluations: Mapping[str, Evaluation]
    listed: pd.DataFrame
    paths: int
    seed: int
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def main(self) -> Evaluation:
        """The evaluation that counts: with the prior's margins."""
        return self.evaluations[SCORED]

    def totals(self) -> pd.DataFrame:
        """A row a margin."""
        rows = {name: found.total() for name, found in self.evaluations.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("margins")

    def to_pandas(self) -> pd.DataFrame:
        """A row a series, prior's margins."""
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
    evaluations = {}
    for name, prior in MARGINS.items():
        ensemble = ensemble_of(past, scoring, keys, quarters=quarters, paths=paths, seed=seed, prior=prior)
        evaluations[name] = evaluate(ensemble, scoring, known, later, keys, rivals)
    return Backtest(start, past, evaluations, listed, paths, seed)


def _quarters_to_score(start: dt.date) -> int:
    after = start + dt.timedelta(days=1)
    if after.day != 1 or after.month % 3 != 1:
        raise UsageError(f"--from: found {start}; expected the last day of a quarter, as {START}")
    if start >= LAST:
        raise UsageError(f"--from: found {start}; expected a day before {LAST}, where the data end")
    return min((LAST.year * 12 + LAST.month - start.year * 12 - start.month) // 3, 4)


def ensemble_of(
    world: World,
    scoring: ScoringMap,
    keys: list[Key],
    *,
    quarters: int,
    paths: int,
    seed: int,
    prior: bool = False,
    scenario: str = "baseline",
) -> Ensemble:
    """Outputs that stand for some series, simulated from a world."""
    from penstock.analysis.observed_outputs import known_outputs, simulate_outputs
    from penstock.engine.model import prepare

    model = prepare(world, scenario, quarters=quarters, seed=seed, prior=prior)
    known = known_outputs(model)
    names = {name for key in keys for name in scoring.find(*key).names if name in known}
    return Ensemble(world.as_of, simulate_outputs(model, names, paths))


def evaluate(
    ensemble: Ensemble,
    scoring: ScoringMap,
    known: pd.DataFrame,
    later: pd.DataFrame,
    keys: list[Key],
    rivals: Rivals,
) -> Evaluation:
    """Scores of an ensemble against later points.

    Args:
        known: points by the as-of date, columns of `series.csv`: they set levels.
        later: the outcomes, the same columns.
        keys: (series, entity) to score, in order.
        rivals: from `naive_forecasts`.
    """
    points: list[ScoredPoint] = []
    missing: dict[Key, str] = {}
    for key in keys:
        observable = scoring.find(*key)
        history = history_of(known, key)
        outcomes = _points(later, key)
        found = _score_series(ensemble, observable, history, outcomes, rivals.get(key, {}))
        if isinstance(found, str):
            missing[key] = found
        else:
            points.extend(found)
    return Evaluation(tuple(points), missing)


def naive_forecasts(
    scoring: ScoringMap,
    known: pd.DataFrame,
    later: pd.DataFrame,
    keys: list[Key],
    opponents: tuple[str, ...] = OPPONENTS,
) -> Rivals:
    """Forecasts of each opponent for the days of the later points, for every series that is carried."""
    found: Rivals = {}
    for key in keys:
        if scoring.find(*key).output is None:
            continue
        history = history_of(known, key)
        days = [dt.date.fromisoformat(text) for text in _points(later, key)["date"]]
        given = {name: forecast(name, history, days) for name in available(opponents)}
        found[key] = {name: each for name, each in given.items() if each is not None}
    return found


def history_of(known: pd.DataFrame, key: Key) -> History:
    """The cited points of a series, in order."""
    rows = _points(known, key)
    days = tuple(dt.date.fromisoformat(text) for text in rows["date"])
    return History(days, tuple(rows["value"].astype(float)))


def _points(frame: pd.DataFrame, key: Key) -> pd.DataFrame:
    return frame[(frame["series"] == key[0]) & (frame["entity"] == key[1])].sort_values("date")


def _score_series(
    ensemble: Ensemble,
    observable: Observable,
    history: History,
    outcomes: pd.DataFrame,
    naive: Mapping[str, Forecast],
) -> list[ScoredPoint] | str:
    """Points of one series, or the reason why it is not carried."""
    if observable.output is None:
        return observable.note or NOT_LISTED
    last = (history.days[-1], history.values[-1]) if history.days else None
    days = [dt.date.fromisoformat(text) for text in outcomes["date"]]
    found = []
    for place, row in enumerate(outcomes.itertuples()):
        value = float(row.value)  # type: ignore[arg-type]  # a number by the schema
        if value <= 0.0:
            return f"found a value of {value:g}; a logarithm needs more than 0"
        try:
            sample = value_at(ensemble, observable, days[place], last)
        except ValueError as error:
            return str(error)
        outcome = float(np.log(value))
        scores = {MODEL: score_sample(np.log(sample), outcome)}
        scores |= {name: _naive(given, place, outcome) for name, given in naive.items()}
        low, median, high = np.quantile(sample, [0.1, 0.5, 0.9])
        found.append(
            ScoredPoint(
                observable.series,
                observable.entity,
                days[place],
                str(row.unit),
                value,
                float(median),
                float(low),
                float(high),
                max(1, round((days[place] - ensemble.as_of).days / 91.3)),
                scores,
            )
        )
    return found


def _naive(given: Forecast, place: int, outcome: float) -> Score:
    return score_normal(float(given.mean[place]), float(given.deviation[place]), outcome)


def _summary(name: Any, points: list[ScoredPoint]) -> dict[str, Any]:
    own = [point.scores[MODEL] for point in points]
    row: dict[str, Any] = {"name": name, "points": len(points)}
    row |= {f"cover_{round(100 * level)}": share for level, share in zip(LEVELS, coverage(own), strict=True)}
    row["median_error"] = float(np.mean([np.log(point.median / point.outcome) for point in points]))
    row["width_80"] = mean_width(own)
    row["crps"] = mean_crps(own)
    row["width_ratio"] = None
    for opponent in OPPONENTS:
        both = [(point.scores[MODEL], point.scores[opponent]) for point in points if opponent in point.scores]
        row[f"crps_ratio_{opponent}"] = None
        if both:
            mine, theirs = [pair[0] for pair in both], [pair[1] for pair in both]
            row[f"crps_ratio_{opponent}"] = mean_crps(mine) / mean_crps(theirs)
            if opponent == RANDOM_WALK:
                row["width_ratio"] = mean_width(mine) / mean_width(theirs)
    return row


def _indexed(rows: list[dict[str, Any]], name: str) -> pd.DataFrame:
    columns = [
        "name",
        "points",
        *(f"cover_{round(100 * level)}" for level in LEVELS),
        "median_error",
        "width_80",
        "crps",
    ]
    columns += ["width_ratio", *(f"crps_ratio_{opponent}" for opponent in OPPONENTS)]
    frame = pd.DataFrame(rows, columns=columns).rename(columns={"name": name}).set_index(name)
    ratios = [column for column in columns if "ratio" in column]
    frame[ratios] = frame[ratios].astype(float)
    return frame

"""Scores of an ensemble against later points of cited series, beside naive forecasts, by series and by horizon."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from penstock.analysis.observables import NOT_LISTED, Observable, ScoringMap
from penstock.analysis.observed_values import Ensemble, value_at
from penstock.analysis.opponents import OPPONENTS, RANDOM_WALK, Forecast, History, available, forecast
from penstock.analysis.scoring import (
    LEVELS,
    Score,
    coverage,
    mean_crps,
    mean_width,
    score_normal,
    score_sample,
)

MODEL = "model"
Key = tuple[str, str]
Rivals = dict[Key, dict[str, Forecast]]
Errors = Mapping[Key, np.ndarray]
NO_ERRORS: Errors = MappingProxyType({})


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


def evaluate(
    ensemble: Ensemble,
    scoring: ScoringMap,
    known: pd.DataFrame,
    later: pd.DataFrame,
    keys: list[Key],
    rivals: Rivals,
    errors: Errors = NO_ERRORS,
) -> Evaluation:
    """Scores of an ensemble against later points.

    Args:
        known: points by the as-of date, columns of `series.csv`: they set levels.
        later: the outcomes, the same columns.
        keys: (series, entity) to score, in order.
        rivals: from `naive_forecasts`.
        errors: logs that are added to what the ensemble gives for the points of a series, (points, n x paths) each,
            n for each path; nothing is added to a series that is not named.
    """
    points: list[ScoredPoint] = []
    missing: dict[Key, str] = {}
    for key in keys:
        observable = scoring.find(*key)
        history = history_of(known, key)
        outcomes = _points(later, key)
        found = _score_series(ensemble, observable, history, outcomes, rivals.get(key, {}), errors.get(key))
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
    error: np.ndarray | None,
) -> list[ScoredPoint] | str:
    """Points of one series, or the reason why it is not carried."""
    if observable.output is None:
        return observable.note or NOT_LISTED
    last = (history.days[-1], history.values[-1]) if history.days else None
    days = [dt.date.fromisoformat(text) for text in outcomes["date"]]
    found = []
    for place, (value, unit) in enumerate(zip(outcomes["value"].tolist(), outcomes["unit"], strict=True)):
        if value <= 0.0:
            return f"found a value of {value:g}; a logarithm needs more than 0"
        try:
            sample = value_at(ensemble, observable, days[place], last)
        except ValueError as missing:
            return str(missing)
        if error is not None:
            sample = np.tile(sample, error.shape[1] // len(sample)) * np.exp(error[place])
        outcome = float(np.log(value))
        scores = {MODEL: score_sample(np.log(sample), outcome)}
        scores |= {name: _naive(given, place, outcome) for name, given in naive.items()}
        low, median, high = np.quantile(sample, [0.1, 0.5, 0.9])
        found.append(
            ScoredPoint(
                observable.series,
                observable.entity,
                days[place],
                str(unit),
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

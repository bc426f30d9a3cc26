"""The record of forecasts: the baseline ensemble frozen with its hashes, and scored when data arrive.

What is kept is every output that `observables.csv` names, at the opening and each quarter end, path by path, so that
any later date can be read from it; beside it the points known by then, which set levels and feed the opponents, and the
map itself, and the discrepancy that stands between paths and data (`predictive`). A score of a frozen forecast needs
nothing else and does not change when the model does.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.analysis.calibration_data import Discrepancy, discrepancies
from penstock.analysis.evaluation import Errors, Evaluation, Key, evaluate, naive_forecasts
from penstock.analysis.observables import ANY, ScoringMap
from penstock.analysis.observed_values import Ensemble, month_of
from penstock.analysis.predictive import Error
from penstock.errors import InputError, OutputError

if TYPE_CHECKING:
    from penstock.world import World

MANIFEST = "forecast.json"
OUTPUTS, KNOWN, MAP, DISCREPANCY = "outputs.parquet", "known.csv", "observables.csv", "discrepancy.csv"
MOST_QUARTERS = 40
SCORED_APART = {
    "h100_rental_usd_per_hour": "later figures were met before the freeze (docs/validation/contamination.md)"
}
"""Series kept out of totals, with the reason."""


@dataclass(frozen=True)
class Record:
    """A forecast and all that scoring it needs.

    Attributes:
        about: date of the freeze, versions, hashes of world and scenario, seed, paths, quarters.
        known: points by the as-of date, columns of `series.csv`.
        discrepancy: rows of `calibration_discrepancy.csv`; None in a record from before they were kept (2026-11-30),
            whose paths alone are scored.
    """

    about: Mapping[str, Any]
    ensemble: Ensemble
    scoring: ScoringMap
    known: pd.DataFrame
    discrepancy: tuple[Discrepancy, ...] | None = None


@dataclass(frozen=True)
class ForecastScore:
    """Scores against later data: series that count, series scored apart, and those not carried.

    `main` and `apart` are of forecasts of data, paths with the discrepancy on top; `paths_alone` is of the paths of the
    series that count.
    """

    about: Mapping[str, Any]
    main: Evaluation
    apart: Evaluation
    paths_alone: Evaluation
    not_carried: Mapping[Key, str]

    def to_pandas(self) -> pd.DataFrame:
        """A row a series."""
        return self.main.by_series()

    def to_dict(self) -> dict[str, Any]:
        """Total, by series, by horizon, points, paths alone, series apart and series not carried."""
        empty = not self.main.points
        return {
            "forecast": dict(self.about),
            "total": {} if empty else self.main.total(),
            "series": self.main.by_series().reset_index().to_dict("records"),
            "horizons": self.main.by_horizon().reset_index().to_dict("records"),
            "points": self.main.to_pandas().to_dict("records"),
            "paths_alone": {
                "total": {} if empty else self.paths_alone.total(),
                "series": self.paths_alone.by_series().reset_index().to_dict("records"),
            },
            "apart": self.apart.by_series().reset_index().to_dict("records"),
            "not_carried": [
                {"series": key[0], "entity": key[1], "reason": why} for key, why in self.not_carried.items()
            ],
        }


def make_record(
    world: World, *, quarters: int = MOST_QUARTERS, paths: int = 256, seed: int = 7, prior: bool = False
) -> Record:
    """The baseline ensemble of a world with every output that its map names."""
    from penstock.analysis.observed_outputs import known_outputs, simulate_outputs
    from penstock.engine.model import prepare
    from penstock.scenarios import load_scenario
    from penstock.version import __version__

    scenario = load_scenario("baseline", world)
    model = prepare(world, scenario, quarters=quarters, seed=seed, prior=prior)
    scoring = ScoringMap(world)
    available = known_outputs(model)
    named = {name for row in scoring.rows for name in row.names}
    general = {name.removesuffix(ANY) for name in named if name.endswith(f".{ANY}")}
    wanted = {name for name in available if name in named or f"{name.partition('.')[0]}." in general}
    series = world.every_row("series")
    about = {
        "frozen": dt.date.today().isoformat(),
        "penstock": __version__,
        "world": {"name": world.name, "as_of": world.as_of.isoformat(), "hash": world.hash},
        "scenario": {"name": scenario.name, "hash": scenario.hash},
        "seed": seed,
        "paths": paths,
        "quarters": quarters,
        "margins": "prior" if prior else "posterior" if model.posterior else "matched",
        "discrepancy": "as stated",
    }
    ensemble = Ensemble(world.as_of, simulate_outputs(model, wanted, paths))
    return Record(about, ensemble, scoring, series[series["date"] <= world.as_of.isoformat()], discrepancies())


def freeze(record: Record, out: Path) -> Path:
    """Write a record to a new or empty folder, with the SHA-256 of each of its files in `forecast.json`.

    Raises OutputError where the folder holds something or cannot be written.
    """
    from penstock.engine.storage import placing, sha256_of, write_bytes, write_json, write_table
    from penstock.world.frames import to_csv
    from penstock.world.schema import OBSERVABLES, SERIES

    with placing(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OutputError(f"{out}: found something there; expected a new or empty folder")
        out.mkdir(parents=True, exist_ok=True)
    write_table(out / OUTPUTS, _wide(record.ensemble))
    write_bytes(out / KNOWN, to_csv(SERIES, record.known).encode())
    write_bytes(out / MAP, to_csv(OBSERVABLES, record.scoring.table).encode())
    kept = [OUTPUTS, KNOWN, MAP]
    if record.discrepancy is not None:
        rows = pd.DataFrame([asdict(row) for row in record.discrepancy])
        write_bytes(out / DISCREPANCY, rows.to_csv(index=False, lineterminator="\n").encode())
        kept.append(DISCREPANCY)
    files = [{"path": name, "sha256": sha256_of(out / name)} for name in kept]
    write_json(out / MANIFEST, {"schema_version": 1, **record.about, "files": files})
    return out / MANIFEST


def read_record(folder: Path) -> Record:
    """A frozen record.

    Raises InputError where the folder holds none, or a file differs from what was frozen.
    """
    from penstock.engine.storage import read_tables, sha256_of
    from penstock.world.rows import read_rows

    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder}: found no {MANIFEST}; expected a folder that `penstock forecast freeze` wrote")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        listed = {entry["path"]: entry["sha256"] for entry in about.pop("files")}
        day = dt.date.fromisoformat(about["world"]["as_of"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: found what is no record ({error}); expected what a freeze writes") from None
    for name in (OUTPUTS, KNOWN, MAP, *(name for name in (DISCREPANCY,) if name in listed)):
        found = sha256_of(folder / name)
        if found != listed.get(name):
            raise InputError(
                f"{folder / name}: sha256: found {found[:16] or 'no file'}; expected {str(listed.get(name))[:16]}"
                " as frozen: a changed record cannot be scored"
            )
    wide = read_tables([folder / OUTPUTS]).sort_values(["step", "path"])
    steps, paths = int(wide["step"].max()) + 1, int(wide["path"].max()) + 1
    names = [name for name in wide.columns if name not in ("step", "path")]
    outputs = {name: wide[name].to_numpy(float).reshape(steps, paths) for name in names}
    known = pd.read_csv(folder / KNOWN, dtype={"date": str, "unit": str}, keep_default_na=False)
    table = pd.read_csv(folder / MAP, dtype=str, keep_default_na=False)
    rows = read_rows(folder / DISCREPANCY, Discrepancy) if DISCREPANCY in listed else None
    return Record(about, Ensemble(day, outputs), ScoringMap.of_table(table), known, rows)


def _wide(ensemble: Ensemble) -> pd.DataFrame:
    """Outputs as columns, a row a quarter end and path."""
    steps, paths = next(iter(ensemble.outputs.values())).shape
    columns = {name: values.astype(np.float32).ravel() for name, values in sorted(ensemble.outputs.items())}
    place = {"step": np.repeat(np.arange(steps), paths), "path": np.tile(np.arange(paths), steps)}
    return pd.DataFrame({**place, **columns})


def quarters_to_reach(as_of: dt.date, later: pd.DataFrame) -> int:
    """Quarters that an ensemble needs to reach the last of some points, at least one, at most 40."""
    last = max((dt.date.fromisoformat(text) for text in later["date"]), default=as_of)
    return min(max(-(-(month_of(last) - month_of(as_of)) // 3), 1), MOST_QUARTERS)


def score(record: Record, later: pd.DataFrame) -> ForecastScore:
    """Score a record against later data, every series that it carries with the same weight.

    later: points with the columns of `series.csv`; those not after the as-of date are told and left out.
    """
    reasons: dict[Key, str] = {}
    usable = []
    for key, rows in later.groupby(["series", "entity"], sort=True):
        name = (str(key[0]), str(key[1]))
        kept, why = _usable(record, name, rows)
        if why:
            reasons[name] = why
        if len(kept):
            usable.append(kept)
    points = pd.concat(usable) if usable else later.iloc[:0]
    keys = [(str(a), str(b)) for a, b in points[["series", "entity"]].drop_duplicates().itertuples(index=False)]
    rivals = naive_forecasts(record.scoring, record.known, points, keys)
    errors: Errors = {}
    if record.discrepancy is not None:
        as_of, paths, seed = record.ensemble.as_of, int(record.about["paths"]), int(record.about["seed"])
        errors = Error(table=record.discrepancy).draws(record.scoring, keys, points, as_of, paths, seed)
    whole = evaluate(record.ensemble, record.scoring, record.known, points, keys, rivals, errors)
    alone = evaluate(record.ensemble, record.scoring, record.known, points, keys, rivals)
    return ForecastScore(
        record.about,
        _only(whole, apart=False),
        _only(whole, apart=True),
        _only(alone, apart=False),
        {**reasons, **whole.not_carried},
    )


def _only(whole: Evaluation, *, apart: bool) -> Evaluation:
    """The points of the series that are scored apart, or of the others."""
    return replace(whole, points=tuple(point for point in whole.points if (point.series in SCORED_APART) == apart))


def _usable(record: Record, key: Key, rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Points that can be scored, and why others cannot (empty where all can)."""
    as_of, last = record.ensemble.as_of.isoformat(), record.ensemble.last_day.isoformat()
    inside = rows[(rows["date"] > as_of) & (rows["date"] <= last)]
    told = record.known[(record.known["series"] == key[0]) & (record.known["entity"] == key[1])]["unit"]
    units = {str(unit) for unit in inside["unit"] if unit == unit and unit}
    if len(told) and units - {str(told.iloc[-1])}:
        return inside.iloc[:0], f"found the unit {', '.join(sorted(units))}; expected {told.iloc[-1]}"
    left = len(rows) - len(inside)
    return inside, f"{left} of its points not after {as_of} or beyond {last}" if left else ""

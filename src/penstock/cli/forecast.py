"""`penstock forecast`: freeze what the baseline says, and score it when data arrive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import (
    DEFAULT_PATHS,
    DEFAULT_QUARTERS,
    DEFAULT_SEED,
    OutOption,
    PathsOption,
    PriorOption,
    QuartersOption,
    SeedOption,
    read_seed,
)
from penstock.cli.output import Section, emit, notice
from penstock.cli.score_tables import opponents_note, series_for_people, total_for_people
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.analysis.forecast_record import ForecastScore

app = typer.Typer(help="The record of forecasts: freeze them, score them when data arrive.")

FrozenOption = Annotated[
    Path | None, typer.Option("--forecast", metavar="DIR", help="A frozen forecast [the baseline, simulated now].")
]


@app.command()
@common
def freeze(
    settings: Settings,
    paths: PathsOption = DEFAULT_PATHS,
    quarters: QuartersOption = DEFAULT_QUARTERS,
    seed: SeedOption = str(DEFAULT_SEED),
    prior: PriorOption = False,
    out: OutOption = None,
) -> None:
    """Store the baseline's forecast of every observable in --out, with its date and hashes.

    The folder holds outputs path by path, the points known by then and the map of series to outputs: `forecast score`
    needs nothing else, whatever becomes of the model.
    """
    from penstock.analysis.forecast_record import freeze as store
    from penstock.analysis.forecast_record import make_record

    if out is None:
        raise UsageError("--out: found nothing; expected a new folder for the forecast")
    world = settings.load_world()
    record = make_record(world, quarters=quarters, paths=paths, seed=read_seed(seed), prior=prior)
    manifest = store(record, out)
    about = record.about
    told = {
        "frozen": about["frozen"],
        "world": f"{world.name} as of {world.as_of}, hash {world.hash[:16]}",
        "scenario": f"{about['scenario']['name']}, hash {about['scenario']['hash'][:16]}",
        "paths": paths,
        "quarters": quarters,
        "outputs": len(record.ensemble.outputs),
        "record": str(manifest),
    }
    emit(told, settings, title="Forecast frozen", notice=notice(world))


@app.command()
@common
def score(
    settings: Settings,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Later data, columns as in series.csv.")],
    forecast: FrozenOption = None,
    paths: PathsOption = DEFAULT_PATHS,
    seed: SeedOption = str(DEFAULT_SEED),
    prior: PriorOption = False,
) -> None:
    """Score the baseline's forecast against data that came later: coverage, width and CRPS beside naive forecasts.

    By series and by horizon, in logs, every series with the same weight. Series that the model has no output for are
    told as not carried. Without --forecast the baseline of the world is simulated now.
    """
    from penstock.analysis.forecast_record import make_record, quarters_to_reach, read_record
    from penstock.analysis.forecast_record import score as evaluate
    from penstock.analysis.later_data import read_later

    later = read_later(file)
    world = settings.load_world()
    if forecast is not None:
        record = read_record(forecast)
    else:
        quarters = quarters_to_reach(world.as_of, later)
        record = make_record(world, quarters=quarters, paths=paths, seed=read_seed(seed), prior=prior)
    found = evaluate(record, later)
    if settings.format is Format.TABLE:
        emit(_sections(found), settings, notice=notice(world))
        return
    parts = found.to_dict()
    if settings.format is Format.JSON:
        emit(parts, settings, notice=notice(world))
        return
    tables = [Section("series", "", found.main.by_series()), Section("points", "", found.main.to_pandas())]
    emit(tables, settings, notice=notice(world))


def _sections(found: ForecastScore) -> list[Section]:
    from pandas import DataFrame

    from penstock.analysis.forecast_record import SCORED_APART

    about = found.about
    sections = []
    if found.main.points:
        world = about["world"]
        title = (
            f"Forecast of {world['name']} as of {world['as_of']}, {about['margins']} margins, made {about['frozen']}"
        )
        told = "Every series with the same weight; CRPS in logs." + opponents_note()
        columns = {"data": found.main.total(), "paths alone": found.paths_alone.total()}
        told += " data: paths with the discrepancy of model and sources on top; paths alone: without."
        totals = DataFrame({name: total_for_people(total) for name, total in columns.items()})
        sections.append(Section("total", title, totals.rename_axis("all series"), told))
        note = "error: mean log of median over outcome (minus: too low). CRPS and width over those of the random walk."
        sections.append(Section("series", "By series, data", series_for_people(found.main.by_series()), note))
        sections.append(Section("horizons", "By quarters ahead", series_for_people(found.main.by_horizon())))
    if found.apart.points:
        told = "; ".join(f"{name}: {why}" for name, why in SCORED_APART.items())
        sections.append(Section("apart", "Scored apart", series_for_people(found.apart.by_series()), told))
    if found.not_carried:
        missing = {f"{key[0]} {key[1]}": why for key, why in found.not_carried.items()}
        sections.append(Section("not_carried", f"Not carried ({len(missing)})", missing))
    return sections or [Section("result", "Nothing to score", {"points": 0})]

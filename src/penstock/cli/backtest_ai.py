"""`penstock backtest ai`: the AI build-out from a past day, scored, and the score logged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_PATHS, DEFAULT_SEED, OutOption, PathsOption, SeedOption, read_seed
from penstock.cli.output import Section, emit, notice
from penstock.cli.score_tables import opponents_note, series_for_people, total_for_people
from penstock.errors import OutputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is scored again, for the log.")]


@common
def ai(
    settings: Settings,
    start: Annotated[
        str, typer.Option("--from", metavar="DATE", help="Last day of a quarter: what was known then is known.")
    ] = "2024-12-31",
    paths: PathsOption = DEFAULT_PATHS,
    seed: SeedOption = str(DEFAULT_SEED),
    reason: ReasonOption = "regenerated",
    out: OutOption = None,
) -> None:
    """Forecast the year after DATE from what was known then, and score it against naive forecasts.

    Coverage of 50, 80 and 95 % intervals, width and CRPS in logs beside a random walk with drift, a damped trend and
    ARIMA. --out writes the page backtest-ai.md there and adds a row to score_log.csv.
    """
    from penstock.analysis.backtest_ai import MARGINS, MATCHED, backtest_ai

    day = _day(start)
    if settings.overlay is not None or settings.world not in ("ai-2025", "ai-2024"):
        raise UsageError("--world: found another world; expected none: the backtest starts from ai-2024")
    found = backtest_ai(day, paths=paths, seed=read_seed(seed))
    totals, series = found.totals(), found.main.by_series()
    people = settings.format is Format.TABLE
    missing = {f"{key[0]} {key[1]}": why for key, why in found.main.not_carried.items()}
    sections = [
        Section(
            "total",
            f"AI backtest from {found.start}, pseudo-out-of-sample, every series with the same weight",
            _totals_for_people(totals) if people else totals,
            "fitted: parameters calibrated on 2023 and 2024 from ai-2022; data: with the discrepancy of the fit on top,"
            " which is the test; prior: no fit; matched: margins set with later data, no test."
            + opponents_note()
            + (f" {found.remark}" if found.remark else ""),
        ),
        Section(
            "series",
            "Series, fitted, data; CRPS in logs and width over those of the random walk",
            series_for_people(series) if people else series,
            "error: mean log of median over outcome (minus: too low).",
        ),
        Section("not_carried", "Not carried", missing),
    ]
    if not people:
        sections.insert(2, Section("points", "", found.main.to_pandas()))
    emit(sections, settings, notice=notice(found.world))
    if out is not None:
        from penstock.analysis.backtest_page import ai_page
        from penstock.analysis.score_log import add_score

        page = _write(out, "backtest-ai.md", ai_page(found))
        for margins in (name for name in MARGINS if name != MATCHED):
            total = found.evaluations[margins].total()
            what = f"backtest ai --from {found.start}, {margins}"
            log = add_score(out, what, reason, _figures(total, paths), dt.date.today())
        settings.say(f"wrote {page} and six rows of {log}")


def _totals_for_people(totals: pd.DataFrame) -> pd.DataFrame:
    from pandas import DataFrame

    columns = {str(name): total_for_people({str(k): v for k, v in row.items()}) for name, row in totals.iterrows()}
    return DataFrame(columns).rename_axis("all series")


def _figures(total: dict[str, float], paths: int) -> dict[str, float | int]:
    names = ("cover_50", "cover_80", "cover_95", "median_width_ratio", "log_crps_ratio_random_walk")
    more = ("log_crps_ratio_damped_trend", "log_crps_ratio_arima")
    found: dict[str, float | int] = {"series": int(total["series"]), "points": int(total["points"]), "paths": paths}
    return found | {name: float(total[name]) for name in (*names, *more)}


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--from: found {text!r}; expected an ISO date, as 2024-12-31") from None


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = f"found a place that cannot be written ({error.strerror}); expected a writable one"
        raise OutputError(f"{path}: {reason}") from None
    return path

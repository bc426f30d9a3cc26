"""`portfolio` and `explain`: what exposures lose over the paths of a run, and the story of one of its paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_SCENARIO, OutOption, RunArgument, Simulation
from penstock.cli.output import emit, notice, write_tables
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.engine.run import Run

TABLES = (
    "summary",
    "distribution",
    "by_company",
    "by_instrument",
    "by_cause",
    "by_scenario",
    "worst_paths",
    "worst_failures",
    "assumed",
    "losses",
)
"""Tables of a portfolio's losses that --out writes, beside `unplaced` and `matched`."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("portfolio")(portfolio)
    app.command("explain")(explain)


def read_rates(texts: list[str]) -> dict[str, float]:
    """Rates from `CODE=USD` on the command line."""
    rates = {}
    for text in texts:
        code, _, value = text.partition("=")
        try:
            rates[code.strip().upper()] = float(value)
        except ValueError:
            raise UsageError(f"--rate: found {text!r}; expected CODE=USD, as EUR=1.17") from None
    return rates


def opened(directory: Path, settings: Settings) -> Run:
    """The run in a directory, in the world of the command line where that names one."""
    from penstock.engine.run import open_run

    return open_run(directory, world=settings.given_world())


@common
def portfolio(
    settings: Settings,
    simulation: Simulation,
    exposures: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV with company, instrument, amount and, if wanted, currency and lgd."),
    ],
    scenario: Annotated[
        list[str] | None,
        typer.Option("--scenario", metavar="S", help="A scenario's name or its file; may be given again [baseline]."),
    ] = None,
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="CODE=USD", help="US dollars for one unit of a currency; may be given again."),
    ] = None,
) -> None:
    """What a file of exposures loses: expected loss, VaR and expected shortfall, and what drives them.

    Rows that cannot be placed are reported, none is dropped in silence. --run values the exposures over a run
    that is there; --out writes the tables as Parquet.
    """
    from penstock.analysis.portfolio import portfolio as losses_of_portfolio
    from penstock.cli.portfolio_tables import portfolio_sections
    from penstock.cli.progress_bar import progress_bar
    from penstock.report.notice import notice_of_run

    rates = read_rates(rate or [])
    if simulation.run is not None:
        if scenario:
            raise UsageError("--run: found a scenario beside it; expected one of the two")
        opened_run = opened(simulation.run, settings)
        found = losses_of_portfolio(opened_run, exposures, rates=rates)
        foot = notice_of_run(opened_run)
    else:
        world = settings.load_world()
        size = simulation.size()
        with progress_bar(settings) as on_progress:
            found = losses_of_portfolio(
                world,
                exposures,
                scenario=scenario or [DEFAULT_SCENARIO],
                **size,
                rates=rates,
                on_progress=on_progress,
            )
        foot = notice(world)
    if simulation.out is not None:
        tables: dict[str, Any] = {name: getattr(found, name) for name in TABLES}
        write_tables(
            simulation.out, tables | {"unplaced": found.exposures.unplaced, "matched": found.exposures.matched}
        )
    if settings.format is Format.JSON:
        emit(found.to_dict(), settings, notice=foot)
    else:
        emit(portfolio_sections(found, people=settings.format is Format.TABLE), settings, notice=foot)


@common
def explain(
    settings: Settings,
    run: RunArgument,
    path: Annotated[str, typer.Option("--path", metavar="N|worst|median", help="Which path, from 0.")] = "worst",
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="S", help="One of the run's scenarios [its first].")
    ] = None,
    out: OutOption = None,
) -> None:
    """One path of a run as a dated story: who failed first, who lost what, who bought whom.

    Behind each sentence stand its ledger postings. The worst path is the one with the largest loss_usd_bn. --out
    writes the story as a table.
    """
    from penstock.analysis.explain import explain as tell_path
    from penstock.cli.portfolio_tables import story_sections
    from penstock.report.notice import notice_of_run

    opened_run = opened(run, settings)
    told = tell_path(opened_run, path, scenario=scenario)
    foot = notice_of_run(opened_run)
    if out is not None:
        write_tables(out, {"story": told.to_pandas(), "losers": told.losers})
    if settings.format is Format.JSON:
        emit(told.to_dict(), settings, notice=foot)
    else:
        emit(story_sections(told, people=settings.format is Format.TABLE), settings, notice=foot)

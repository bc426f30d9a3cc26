"""`stress`, `bottlenecks` and `payoff`: what scenarios change, what holds the build-out back, what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_SCENARIO, ScenarioOption, Simulation
from penstock.cli.output import emit, write_tables
from penstock.cli.source import notice_of, source_of
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.engine.run import Run
    from penstock.world import World


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("stress")(stress)
    app.command("bottlenecks")(bottlenecks)
    app.command("payoff")(payoff)


@common
def stress(
    settings: Settings,
    simulation: Simulation,
    scenarios: Annotated[
        list[str] | None, typer.Argument(metavar="S...", help="Names or files of scenarios beside the base.")
    ] = None,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    size: Annotated[
        list[float] | None,
        typer.Option("--size", metavar="X", help="Each scenario X times as large; may be given again."),
    ] = None,
) -> None:
    """What scenarios change against a base, who breaks, who follows, who pays, who buys the pieces.

    Each scenario S runs beside --scenario (the base) on the same random numbers. With --run, the scenarios of that
    run are compared, all of them unless S names some. --out keeps the run in that directory.
    """
    from penstock.analysis.stress import stress as study
    from penstock.cli.progress_bar import progress_bar
    from penstock.cli.stress_tables import stress_sections
    from penstock.report.notice import notice
    from penstock.report.source import read_run

    asked = scenarios or []
    if simulation.run is None and not asked:
        raise UsageError("stress: found no scenario; expected at least one beside the base, or --run DIR")
    simulated = simulation.size()
    source = source_of(settings, simulation.run)
    with progress_bar(settings) as on_progress:
        found = study(
            source,
            asked,
            scenario=scenario,
            sizes=size or [],
            **simulated,
            out=simulation.out,
            on_progress=on_progress,
        )
    data = read_run(found.run)
    emit(
        stress_sections(found, data, people=settings.format is Format.TABLE),
        settings,
        notice=notice(data),
    )


@common
def bottlenecks(
    settings: Settings,
    simulation: Simulation,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
) -> None:
    """What holds the build-out back and when, what comes next, and what relieving each limit is worth.

    Relief is the scenario again with one knob loosened, on the same random numbers; --run reads what binds from a
    run and simulates its paths again for relief. --out keeps the run in that directory.
    """
    from penstock.analysis.bottlenecks import bottlenecks as study
    from penstock.cli.bottleneck_tables import bottleneck_sections
    from penstock.cli.progress_bar import progress_bar

    size = simulation.size()
    source = source_of(settings, simulation.run)
    with progress_bar(settings) as on_progress:
        found = study(
            source,
            _scenario_of(source, scenario),
            **size,
            out=simulation.out,
            on_progress=on_progress,
        )
    told = notice_of(source)
    emit(bottleneck_sections(found, people=settings.format is Format.TABLE), settings, notice=told)


@common
def payoff(
    settings: Settings,
    simulation: Simulation,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
) -> None:
    """What users and society get, what is written off and by whom, what survives a bust; with and without crises.

    --run gives the paths of a run, which are simulated again. --out writes each table as Parquet.
    """
    from penstock.analysis.payoff import payoff as study
    from penstock.cli.payoff_tables import payoff_sections
    from penstock.cli.progress_bar import progress_bar

    size = simulation.size()
    source = source_of(settings, simulation.run)
    with progress_bar(settings) as on_progress:
        found = study(
            source,
            _scenario_of(source, scenario),
            **size,
            on_progress=on_progress,
        )
    if simulation.out is not None:
        write_tables(simulation.out, found.tables)
    emit(payoff_sections(found, people=settings.format is Format.TABLE), settings, notice=notice_of(source))


def _scenario_of(source: Run | World, scenario: str) -> str | None:
    """The scenario asked for; None, a run's first, where nobody asked and the run holds no baseline."""
    held = getattr(source, "scenarios", None)
    return None if held is not None and scenario == DEFAULT_SCENARIO and scenario not in held else scenario

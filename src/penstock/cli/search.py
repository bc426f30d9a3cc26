"""`reverse` and `sensitivity`: the likeliest shock that does it, and which assumptions drive which result."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_SCENARIO, ScenarioOption, Simulation
from penstock.cli.output import emit, notice, write_tables
from penstock.cli.source import source_of, world_of

if TYPE_CHECKING:
    from penstock.analysis.reverse import Reverse
    from penstock.world import World

DEFAULT_SOLUTIONS = 3


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("reverse")(reverse)
    app.command("sensitivity")(sensitivity)


@common
def reverse(
    settings: Settings,
    simulation: Simulation,
    target: Annotated[
        str,
        typer.Option(
            "--target", metavar="EXPR", help="What must come about: defaults>=5, loss_usd_bn>=1000 or fails=COMPANY."
        ),
    ],
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    solutions: Annotated[
        int, typer.Option("--solutions", min=1, max=9, help="How many different shocks to look for.")
    ] = DEFAULT_SOLUTIONS,
    start: Annotated[
        str | None, typer.Option("--from", metavar="QUARTER", help="When shocks begin [after a year at most].")
    ] = None,
) -> None:
    """The likeliest shock that brings a target about in at least half of the paths.

    --paths is for the last checks; the search takes up to 64. With --run the world, scenario, quarters and seed are
    those of the run. --out writes the tables as Parquet and each shock as a scenario file.
    """
    from penstock.analysis.reverse import reverse as search
    from penstock.cli.progress_bar import progress_bar
    from penstock.cli.search_tables import reverse_sections

    size = simulation.size()
    source = source_of(settings, simulation.run)
    world = world_of(source)
    begun = time.perf_counter()
    with progress_bar(settings, "shocks") as on_progress:
        found = search(
            source,
            target,
            scenario=scenario,
            **size,
            solutions=solutions,
            start=start,
            on_progress=on_progress,
        )
    if simulation.out is not None:
        write_tables(simulation.out, {"reverse": found.to_pandas(), "shock_space": found.space.to_pandas()})
        _write_scenarios(simulation.out, found, world)
    people = settings.format is Format.TABLE
    body: Any = reverse_sections(found, time.perf_counter() - begun) if people else found
    emit(body, settings, notice=notice(world))


@common
def sensitivity(
    settings: Settings,
    simulation: Simulation,
    method: Annotated[str, typer.Option("--method", metavar="morris|sobol", help="Screening, or shares of variance.")],
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    samples: Annotated[
        int | None,
        typer.Option("--samples", min=2, help="Trajectories [16] or base samples [512, best a power of two]."),
    ] = None,
    factor: Annotated[
        list[str] | None,
        typer.Option("--factor", metavar="NAME", help="A parameter or knob; may be given again [all]."),
    ] = None,
) -> None:
    """Which assumptions of the model drive which result, with confidence intervals.

    --paths is how many different paths are in use: Morris shares them out among its trajectories, Sobol draws luck
    from them. With --run the world, scenario, quarters and seed are those of the run. --out writes the tables as
    Parquet.
    """
    from penstock.analysis.model_sensitivity import sensitivity as study
    from penstock.cli.progress_bar import progress_bar
    from penstock.cli.search_tables import sensitivity_sections

    size = simulation.size()
    source = source_of(settings, simulation.run)
    begun = time.perf_counter()
    with progress_bar(settings, "paths") as on_progress:
        found = study(
            source,
            method,
            scenario=scenario,
            **size,
            samples=samples,
            factors=tuple(factor or ()),
            on_progress=on_progress,
        )
    if simulation.out is not None:
        write_tables(
            simulation.out, {"indices": found.indices.table, "factors": found.factors, "ranking": found.ranking}
        )
    people = settings.format is Format.TABLE
    emit(sensitivity_sections(found, time.perf_counter() - begun) if people else found, settings)


def _write_scenarios(directory: Path, found: Reverse, world: World) -> None:
    """Each shock as a scenario file that stands alone."""
    from penstock.errors import OutputError
    from penstock.scenarios import load_scenario

    for item in found.solutions:
        scenario = load_scenario(item.scenario, world)
        target = directory / f"{scenario.name}.toml"
        try:
            target.write_text(scenario.to_toml(), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{target}: found {error.strerror}; expected a place to write to") from error

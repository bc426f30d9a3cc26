"""`steps`: what switching off each step of the model changes."""

from __future__ import annotations

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import (
    DEFAULT_PATHS,
    DEFAULT_QUARTERS,
    DEFAULT_SCENARIO,
    DEFAULT_SEED,
    JobsOption,
    OutOption,
    PathsOption,
    PriorOption,
    QuartersOption,
    ScenarioOption,
    SeedOption,
    read_seed,
)
from penstock.cli.output import emit, write_tables
from penstock.machine import usable_cores


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("steps")(steps)


@common
def steps(
    settings: Settings,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    paths: PathsOption = DEFAULT_PATHS,
    quarters: QuartersOption = DEFAULT_QUARTERS,
    seed: SeedOption = str(DEFAULT_SEED),
    jobs: JobsOption = None,
    prior: PriorOption = False,
    out: OutOption = None,
) -> None:
    """What switching off each step of the model changes, on common random numbers, with standard errors.

    --out writes the table as Parquet.
    """
    from penstock.analysis.steps import step_study
    from penstock.cli.progress_bar import progress_bar
    from penstock.cli.run_summary import step_sections

    world = settings.load_world()
    number = read_seed(seed)
    with progress_bar(settings, "steps") as on_progress:
        study = step_study(
            world,
            scenario=scenario,
            paths=paths,
            quarters=quarters,
            seed=number,
            jobs=jobs or usable_cores(),
            prior=prior,
            on_progress=on_progress,
        )
    if out is not None:
        write_tables(out, {"steps": study.changes})
    size = f"{scenario}: {paths:,} paths, {quarters} quarters, seed {number}"
    emit(step_sections(study, size, people=settings.format is Format.TABLE), settings)

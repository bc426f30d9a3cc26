"""`report`: the page of a run, written again."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.context import Settings, common
from penstock.cli.options import JobsOption, OutOption, RunArgument
from penstock.cli.output import emit
from penstock.machine import usable_cores

REPORT = "report.html"
"""Name of the page in the directory of its run."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("report")(report)


@common
def report(
    settings: Settings,
    run: RunArgument,
    studies: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="STUDY,...",
            help="Studies that simulate again: bottlenecks, loop, payoff, systemic; may be given again.",
        ),
    ] = None,
    jobs: JobsOption = None,
    out: OutOption = None,
) -> None:
    """Write the report of a run again: into its directory, or to the file --out.

    --with adds studies that simulate again: what relief is worth, the loop of valuations, the payoff with and without
    crises, the systemic ranking at the end of the run.
    """
    from penstock.cli.progress_bar import progress_bar
    from penstock.engine.run import open_run
    from penstock.report.analyses import analyses_of, check_studies
    from penstock.report.html import write_report

    asked = check_studies([name.strip() for text in studies or [] for name in text.split(",") if name.strip()])
    result = open_run(run, world=settings.given_world())
    with progress_bar(settings, "report") as on_progress:
        found = analyses_of(result, asked, jobs=jobs or usable_cores(), on_progress=on_progress)
    target = write_report(result, out if out is not None else run / REPORT, found)
    emit({"report": str(target)}, settings)

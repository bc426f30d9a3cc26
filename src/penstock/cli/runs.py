"""`runs`: list the runs on this disk, verify, repair and compare them, and take away what serves none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import RunArgument
from penstock.cli.output import Section, emit
from penstock.errors import CheckFailedError, UsageError

if TYPE_CHECKING:
    from penstock.engine.run import Run

app = typer.Typer(help="The runs on this disk: list, verify, repair, compare, query and tidy them.")

PlaceArgument = Annotated[Path, typer.Argument(metavar="[DIR]", help="Where runs lie.")]
RUNS = Path("runs")
COLUMNS = ("run", "id", "state", "started", "scenarios", "world", "paths", "quarters", "seed", "megabytes")


@app.command("list")
@common
def list_runs(settings: Settings, directory: PlaceArgument = RUNS) -> None:
    """The runs in a directory, the latest first."""
    import pandas as pd

    from penstock.engine.run_list import list_runs as runs_in

    rows = [found.to_dict() if found.id else {"run": found.run, "state": found.state} for found in runs_in(directory)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    emit(frame, settings, title=f"{len(frame)} runs in {directory}")


@app.command("verify")
@common
def verify(settings: Settings, run: RunArgument) -> None:
    """Check each file of a run against its hash; exit code 1 when one is damaged or missing."""
    from penstock.engine.manifest import damaged_files
    from penstock.engine.run import open_run

    manifest = open_run(run).manifest
    damage = damaged_files(run, manifest)
    if damage:
        raise CheckFailedError("\n".join(f"{run}/{line}" for line in damage))
    emit({"run": str(run), "files": len(manifest["files"]), "damaged": 0}, settings)


@app.command("repair")
@common
def repair(settings: Settings, run: RunArgument) -> None:
    """Simulate again what damaged or missing files of a run held, to the same bytes.

    A file that comes out otherwise, as after an update of the software, is left as it was: exit code 4.
    """
    from penstock.cli.progress_bar import progress_bar
    from penstock.engine.repair import repair as put_back
    from penstock.engine.run import open_run

    opened = open_run(run, world=settings.given_world())
    with progress_bar(settings, "repair") as on_progress:
        repaired = put_back(opened, on_progress=on_progress)
    files = len(opened.manifest["files"])
    emit({"run": str(run), "files": files, "repaired": len(repaired), "names": ", ".join(repaired)}, settings)


@app.command("diff")
@common
def diff(
    settings: Settings,
    first: RunArgument,
    second: Annotated[Path, typer.Argument(metavar="RUN2", help="The directory of the other run.")],
) -> None:
    """What two runs were asked differently, and how far the numbers of each table lie apart."""
    from penstock.engine.run import open_run
    from penstock.engine.run_diff import run_facts, table_differences

    one, other = open_run(first), open_run(second)
    facts, tables = run_facts(one, other), table_differences(one, other)
    if settings.format is Format.TABLE:
        apart = tables["largest_difference_relative"]
        tables["largest_difference_relative"] = [
            f"{value:.2g}" if known else "" for value, known in zip(apart, apart.notna(), strict=True)
        ]
        tables = tables.rename(
            columns={
                "rows_first": "rows",
                "rows_second": "rows 2",
                "worst_column": "worst column",
                "largest_difference_relative": "relative",
            }
        )
        tables = tables.drop(columns="columns_differing")
    told = "The same was asked of both." if facts.empty else ""
    sections = [
        Section("asked", "What was asked of each", facts, told),
        Section("tables", "Tables, rows compared in order", tables),
    ]
    emit(sections, settings)


@app.command("pull")
@common
def pull(
    settings: Settings,
    url: Annotated[str, typer.Argument(metavar="URL", help="The object store that holds a run, as s3://BUCKET/RUN.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty directory.")],
) -> None:
    """Copy a finished run from an object store, each file checked against its hash."""
    from penstock.engine.object_store import ObjectStore

    files = ObjectStore(url).pull(directory)
    emit({"run": str(directory), "files": files}, settings)


@app.command("query")
@common
def query(
    settings: Settings,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="A query over the views.")],
    directory: PlaceArgument = RUNS,
    runs: Annotated[
        list[Path] | None, typer.Option("--run", metavar="RUN", help="A run to ask instead; may be given again.")
    ] = None,
) -> None:
    """Ask many runs at once, in SQL.

    The finished runs of a directory are views of one database: runs, economy, layers, outcomes, events, losses, bands,
    flows; every row begins with `run`. Queries read these runs and nothing else.
    """
    from penstock.engine.run import open_run
    from penstock.engine.run_list import FINISHED
    from penstock.engine.run_list import list_runs as runs_in
    from penstock.engine.run_views import ask, views

    places = runs or [Path(found.run) for found in runs_in(directory) if found.state == FINISHED]
    if not places:
        raise UsageError(f"runs: found none that are finished in {directory}; expected at least one")
    opened = [open_run(place) for place in places]
    frame = ask(views(opened), sql)
    emit(frame, settings, title=f"{len(frame)} rows from {len(opened)} runs", notice=_notice_of(opened))


def _notice_of(runs: Sequence[Run]) -> str:
    """The notice of each world and version that was asked, one below the other."""
    from penstock.report.notice import notice_of_run

    different = {(run.manifest["world"]["hash"], run.manifest["penstock"]): run for run in runs}
    return "\n".join(dict.fromkeys(notice_of_run(run) for run in different.values()))


@app.command("gc")
@common
def gc(
    settings: Settings,
    directory: PlaceArgument = RUNS,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Also runs that never came to their end, which could be resumed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it they are only listed.")] = False,
) -> None:
    """List what serves no finished run: half-written files, working files, tables that no manifest names.

    With --yes it is removed. A run that a process writes now is left alone.
    """
    import pandas as pd

    from penstock.engine.leftovers import leftovers, remove

    found = leftovers(directory, unfinished=unfinished)
    if yes:
        for one in found:
            remove(one)
    rows = [(str(one.path), one.why, one.megabytes, "yes" if yes else "no") for one in found]
    frame = pd.DataFrame(rows, columns=["path", "why", "megabytes", "removed"])
    size = frame["megabytes"].sum() if rows else 0.0
    emit(frame, settings, title=f"{len(rows)} leftovers in {directory}, {size:.1f} MB")

"""`run`: simulate scenarios, say what came out, and write the report."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import (
    DEFAULT_QUARTERS,
    DEFAULT_RUN_PATHS,
    DEFAULT_SCENARIO,
    DEFAULT_SEED,
    JobsOption,
    OutOption,
    PathsOption,
    PriorOption,
    QuartersOption,
    RunOption,
    SeedOption,
    read_seed,
)
from penstock.cli.output import Section, emit
from penstock.cli.report import REPORT
from penstock.errors import ModelError, UsageError
from penstock.machine import usable_cores

if TYPE_CHECKING:
    from penstock.engine.executors import Executor
    from penstock.engine.run import Run
    from penstock.report.source import ReportData

PROCESSES = "processes"
EXECUTORS = (PROCESSES, "ray")
CPU = "cpu"
DEVICES = (CPU, "gpu")
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("run")(run)


def read_executor(name: str, address: str | None, jobs: int) -> Executor | None:
    """What works on the chunks; None for processes of this machine. Raises UsageError, also where Ray is missing."""
    if name not in EXECUTORS:
        raise UsageError(f"--executor: found {name!r}; expected one of {', '.join(EXECUTORS)}")
    if name == PROCESSES:
        if address is not None:
            raise UsageError(f"--address: found {address!r} without --executor ray; expected both")
        return None
    from penstock.engine.cluster import RayCluster, load_ray

    load_ray()
    return RayCluster(jobs, address)


def choose_device(name: str, executor: str, jobs: int | None) -> int | None:
    """Let this process simulate on a device; the number of processes that then work.

    Raises UsageError for another name, where a device cannot be had, and beside what it does not go with.
    """
    if name not in DEVICES:
        raise UsageError(f"--device: found {name!r}; expected one of {', '.join(DEVICES)}")
    if name == CPU:
        return jobs
    if executor != PROCESSES:
        raise UsageError(f"--device: found {name!r} with --executor {executor}; expected one of the two")
    if jobs is not None and jobs > 1:
        raise UsageError(f"--jobs: found {jobs} with --device {name}; expected 1: one process drives the GPU")
    from penstock import arrays
    from penstock.engine.gpu import load_gpu

    arrays.use(load_gpu())
    return 1


@common
def run(
    settings: Settings,
    scenario: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCENARIO]...", help="Names or files of scenarios [baseline]."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--scenario", metavar="S", help="The same as an argument; may be given again."),
    ] = None,
    paths: PathsOption = DEFAULT_RUN_PATHS,
    quarters: QuartersOption = DEFAULT_QUARTERS,
    seed: SeedOption = str(DEFAULT_SEED),
    jobs: JobsOption = None,
    prior: PriorOption = False,
    out: OutOption = None,
    run: RunOption = None,
    executor: Annotated[
        str, typer.Option("--executor", metavar="processes|ray", help="What works on the paths.")
    ] = PROCESSES,
    address: Annotated[
        str | None, typer.Option("--address", metavar="ADDRESS", help="A running Ray cluster [one on this machine].")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", help="An object store that all workers reach, as s3://BUCKET/RUN."),
    ] = None,
    device: Annotated[
        str,
        typer.Option("--device", metavar="cpu|gpu", help="Where the arithmetic is done; gpu was never tried on one."),
    ] = CPU,
) -> None:
    """Run scenarios over many paths and write a report.

    Several scenarios run on common random numbers and are compared with the first. The run lies in --out,
    else in runs/; after Ctrl-C the same command goes on where it stopped.
    """
    jobs = choose_device(device, executor, jobs)
    if run is None and device == CPU:
        from penstock.engine.compiling import begin

        begin()
    from penstock.engine.run import open_run
    from penstock.report.source import read_run

    chosen = [*(scenario or []), *(also or [])]
    if run is not None:
        if chosen:
            raise UsageError("--run: found a scenario beside it; expected one of the two")
        result = open_run(run, world=settings.given_world())
        data = read_run(result)
    else:
        names = chosen or [DEFAULT_SCENARIO]
        workers = read_executor(executor, address, jobs or usable_cores())
        result, data = _simulate(settings, names, paths, quarters, read_seed(seed), jobs, prior, out, workers, store)
    _summarise(result, data, settings)
    if problems := result.problems():
        raise ModelError("; ".join(problems))


def _simulate(
    settings: Settings,
    scenario: list[str],
    paths: int,
    quarters: int,
    seed: int,
    jobs: int | None,
    prior: bool,
    out: Path | None,
    executor: Executor | None = None,
    store: str | None = None,
) -> tuple[Run, ReportData]:
    from penstock.cli.progress_bar import progress_bar
    from penstock.engine.ensemble import load_scenarios, simulate
    from penstock.engine.manifest import default_directory, identity
    from penstock.engine.run import ModelWarning
    from penstock.report.analyses import analyses_of
    from penstock.report.html import write_report
    from penstock.report.source import read_run

    world = settings.load_world()
    scenarios = load_scenarios(scenario, world)
    wanted = identity(world, scenarios, paths=paths, quarters=quarters, seed=seed, prior=prior, keep="summary")
    directory = out if out is not None else default_directory(wanted)
    try:
        with progress_bar(settings) as on_progress, warnings.catch_warnings():
            # the command says it itself, once, with its exit code
            warnings.simplefilter("ignore", ModelWarning)
            result = simulate(
                world,
                scenarios,
                paths=paths,
                quarters=quarters,
                seed=seed,
                jobs=jobs or usable_cores(),
                out=directory,
                on_progress=on_progress,
                prior=prior,
                executor=executor,
                store=store,
            )
            on_progress(paths * len(scenarios), paths * len(scenarios), "report")
            data = read_run(result)
            if not (directory / REPORT).exists():
                write_report(data, directory / REPORT, analyses_of(result))
    except KeyboardInterrupt:
        if directory.exists():
            kept = f"what is finished is kept in {directory}; the same command goes on"
            print(f"penstock: {kept}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    return result, data


def _summarise(result: Run, data: ReportData, settings: Settings) -> None:
    from penstock.cli import run_summary as summary
    from penstock.report.notice import notice

    people = settings.format is Format.TABLE
    manifest = result.manifest
    headline = summary.headline_table(data)
    size = f"{data.paths:,} paths, {data.quarters} quarters, seed {manifest['seed']}"
    sections = [
        Section(
            "headlines",
            f"{', '.join(data.scenarios)}: {size}; median of paths (5 to 95 % of paths)",
            summary.for_people(headline, "median", "p05", "p95") if people else headline,
            summary.chain_sentence(data),
        )
    ]
    if len(data.scenarios) > 1:
        difference = summary.difference_table(data)
        sections.append(
            Section(
                "differences",
                f"Difference from {data.scenarios[0]} on the same random numbers; "
                "mean of paths (95 % interval of the mean)",
                summary.for_people(difference, "mean", "low95", "high95") if people else difference,
            )
        )
    failures = summary.failure_table(data)
    place = f"Run: {result.directory}"
    if result.directory is not None and (result.directory / REPORT).exists():
        place += f"\nReport: {result.directory / REPORT}"
    sections.append(
        Section(
            "failures",
            "Who fails most often",
            failures.drop(columns=["low90", "high90", "weak_grade"]) if people else failures,
            f"{summary.check_sentence(result)}\n{place}",
        )
    )
    if not people:
        sections += [
            Section("chains", "Default chains", summary.chain_table(data)),
            Section("checks", "Checks", {**manifest["checks"], "hold": not result.problems()}),
            Section("run", "Run", {"id": result.id, "directory": str(result.directory), "seed": manifest["seed"]}),
        ]
    emit(sections, settings, notice=notice(data))

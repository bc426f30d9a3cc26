"""`run`, `path`, `report` and `steps`: simulate, and look into a run."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import (
    DEFAULT_PATHS,
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
    ScenarioOption,
    SeedOption,
    read_seed,
)
from penstock.cli.output import Section, emit
from penstock.errors import ModelError, UsageError
from penstock.machine import usable_cores

if TYPE_CHECKING:
    from penstock.engine.executors import Executor
    from penstock.engine.run import Run
    from penstock.report.source import ReportData

REPORT = "report.html"
PROCESSES = "processes"
EXECUTORS = (PROCESSES, "ray")
CPU = "cpu"
DEVICES = (CPU, "gpu")
INTERRUPTED = 130
PATH_COLUMNS = (
    "quarter",
    "binding",
    "ai_revenue_usd_bn",
    "capex_usd_bn",
    "h100e",
    "it_mw",
    "utilisation",
    "price_usd_per_h100e_hour",
    "surplus_usd_bn",
    "stranded_usd_bn",
)
"""Columns of `economy` that fit beside each other in a terminal."""

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("run")(run)
    app.command("path")(path)
    app.command("report")(report)
    app.command("steps")(steps)


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
        result = open_run(run, world=given_world(settings))
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


def given_world(settings: Settings) -> Any:
    """The world that the command line names; None where it names none and the run's own is meant."""
    default = Settings()
    named = (settings.world, settings.overlay, settings.as_of)
    return None if named == (default.world, default.overlay, default.as_of) else settings.load_world()


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


@common
def path(
    settings: Settings,
    run: RunArgument,
    number: Annotated[int, typer.Argument(metavar="N", help="The path, from 0.")],
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="S", help="One of the run's scenarios [its first].")
    ] = None,
    out: OutOption = None,
) -> None:
    """One path of a run in full, ledger postings included.

    Simulated again from the manifest, bit for bit what the run saw. JSON and CSV hold every posting; --out
    writes each table as Parquet.
    """
    from penstock.engine.run import open_run
    from penstock.report.notice import notice_of_run

    result = open_run(run, world=given_world(settings))
    detail = result.path(number, scenario)
    tables = {name: getattr(detail, name) for name in ("economy", "company", "events", "ledger")}
    name = scenario or result.scenarios[0]
    if out is not None:
        write_tables(out, tables)
    economy, events = tables["economy"], tables["events"]
    if settings.format is Format.TABLE:
        economy = economy[[column for column in PATH_COLUMNS if column in economy]]
        events = events.drop(columns="path")
    sections = [
        Section("economy", f"Path {number} of {name}", economy),
        Section("events", "Events", events),
    ]
    if settings.format is Format.TABLE:
        postings = tables["ledger"].groupby(["quarter", "instrument"], as_index=False)["amount_usd_bn"]
        flows = postings.sum().pivot(index="quarter", columns="instrument", values="amount_usd_bn").reset_index()
        note = f"{len(tables['ledger']):,} postings; --format json or --out DIR gives each."
        sections.append(Section("ledger", "Posted by instrument, USD bn", flows, note))
    else:
        sections += [Section(key, key, tables[key]) for key in ("company", "ledger")]
    emit(sections, settings, notice=notice_of_run(result))


def write_tables(directory: Path, tables: dict[str, Any]) -> None:
    """Write each table to a Parquet file of its name."""
    from penstock.engine.storage import write_table

    for name, frame in tables.items():
        write_table(directory / f"{name}.parquet", frame)


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
    result = open_run(run, world=given_world(settings))
    with progress_bar(settings, "report") as on_progress:
        found = analyses_of(result, asked, jobs=jobs or usable_cores(), on_progress=on_progress)
    target = write_report(result, out if out is not None else run / REPORT, found)
    emit({"report": str(target)}, settings)


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

"""`penstock fleet`: run a fleet on a trace, compare dedicated with pooled fleets, export a plan, fit the surface."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_SEED, OutOption, SeedOption, read_seed
from penstock.cli.output import emit, plain
from penstock.errors import OutputError, UsageError

if TYPE_CHECKING:
    from penstock.fleet import FleetConfig, FleetResult

app = typer.Typer(help="Serving fleets, request by request: run, compare, export, fit.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A fleet as TOML; see examples/fleet.")]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="A trace instead of the one that the fleet names.")
]
PLAN = "fleet.toml"
REPORT = "report.html"
METRICS = "metrics.prom"


@app.command("run")
@common
def run(
    settings: Settings,
    file: FileArgument,
    trace: TraceOption = None,
    seed: SeedOption = str(DEFAULT_SEED),
    out: OutOption = None,
) -> None:
    """What a fleet does with the requests of a trace: latency, goodput, use, energy, bills.

    Writes a report, tables, metrics for Prometheus and the plan to --out [runs/fleet-NAME-HASH8].
    """
    from penstock.cli.fleet_tables import run_sections
    from penstock.cli.progress_bar import progress_bar
    from penstock.fleet import load_config, simulate

    number = read_seed(seed)
    config = load_config(file)
    with progress_bar(settings, "requests") as on_progress:
        result = simulate(config, trace, number, on_progress=on_progress)
    rerun = f"./penstock fleet run {shlex.quote(str(file))} --seed {number}"
    if trace is not None:
        rerun += f" --trace {shlex.quote(str(trace))}"
    directory = out if out is not None else default_place(config, result)
    write_run(result, file, directory, rerun)
    settings.say(f"wrote {directory / REPORT}")
    if settings.format is Format.JSON:
        emit(result.to_dict() | {"report": str(directory / REPORT)}, settings, notice=fleet_notice())
    else:
        emit(run_sections(result, people=settings.format is Format.TABLE), settings, notice=fleet_notice())


@app.command("fit")
@common
def fit(
    settings: Settings,
    points: Annotated[int, typer.Option("--points", min=20, help="Fleets that are simulated.")] = 96,
    seed: SeedOption = str(DEFAULT_SEED),
    out: OutOption = None,
) -> None:
    """Fit the surface that the economy uses: size, burstiness, promise and mix to utilisation, cost, availability.

    --out writes surface.csv and points.csv to a folder.
    """
    from penstock.cli.fleet_tables import fit_sections
    from penstock.cli.progress_bar import progress_bar
    from penstock.fleet.fit import fit_surface

    with progress_bar(settings, "fleets") as on_progress:
        fitted = fit_surface(points, read_seed(seed), on_progress=on_progress)
    if out is not None:
        make_folder(out)
        write_text(out / "surface.csv", fitted.surface_csv())
        write_text(out / "points.csv", fitted.points.to_csv(index=False, lineterminator="\n"))
    emit(fitted.to_dict() if settings.format is Format.JSON else fit_sections(fitted), settings)


@app.command("export")
@common
def export(
    settings: Settings,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder of a run, whose plan is taken; or an empty or new one.")
    ],
    kubernetes: Annotated[bool, typer.Option("--kubernetes", help="Write Kubernetes manifests.")] = False,
    fleet: Annotated[
        Path | None, typer.Option("--fleet", metavar="FILE", help="The plan, where DIR is not a run [the example].")
    ] = None,
    out: OutOption = None,
) -> None:
    """Write a plan as manifests: into DIR/kubernetes of a run, else into DIR, or to --out."""
    from penstock.fleet import load_config
    from penstock.fleet.kubernetes import write_manifests

    if not kubernetes:
        raise UsageError("export: found no format; expected --kubernetes")
    kept = directory / PLAN
    if kept.exists() and fleet is not None:
        raise UsageError(f"--fleet: found {fleet} beside the plan of {directory}; expected one of the two")
    source = kept if kept.exists() else fleet if fleet is not None else bundled_plan()
    target = out if out is not None else directory / "kubernetes" if kept.exists() else directory
    written = write_manifests(load_config(source), target)
    emit({"plan": str(source), "files": [str(path) for path in written]}, settings)


@app.command("compare")
@common
def compare(
    settings: Settings,
    file: FileArgument,
    trace: TraceOption = None,
    seed: SeedOption = str(DEFAULT_SEED),
    out: OutOption = None,
) -> None:
    """Dedicated clusters against one pooled platform for the same tenants: chips, dollars, latency.

    Each fleet is the smallest that keeps the promise of the file. --out writes the table as CSV into a folder.
    """
    from penstock.cli.fleet_tables import compare_sections
    from penstock.cli.progress_bar import progress_bar
    from penstock.fleet.compare import compare as compared

    with progress_bar(settings, "fleets") as on_progress:
        found = compared(file, trace, read_seed(seed), on_progress=on_progress)
    if out is not None:
        make_folder(out)
        write_text(out / "compare.csv", found.to_pandas().to_csv(index=False, lineterminator="\n"))
    emit(
        found.to_dict() if settings.format is Format.JSON else compare_sections(found), settings, notice=fleet_notice()
    )


def fleet_notice() -> str:
    """What stands by every output of a fleet."""
    from penstock.report.fleet_page import NOTICE
    from penstock.version import __version__

    return f"{NOTICE} Penstock {__version__}."


def bundled_plan() -> Path:
    """The plan that comes with the package."""
    from penstock.fleet.generators import DATA

    return DATA / "azure_conversation.toml"


def default_place(config: FleetConfig, result: FleetResult) -> Path:
    """runs/fleet-NAME-HASH8 of fleet, trace and seed: the same call writes to the same place."""
    told = json.dumps([config.model_dump(mode="json"), result.summary["trace"], len(result.built.trace), result.seed])
    return Path("runs") / f"fleet-{config.name}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def write_run(result: FleetResult, file: Path, directory: Path, rerun: str) -> None:
    """Report, tables, metrics and plan of a run. Raises OutputError where the folder cannot be written."""
    from penstock.fleet.prometheus import prometheus_text
    from penstock.report.fleet_page import write_fleet_page

    make_folder(directory)
    write_fleet_page(result, directory / REPORT, rerun=rerun)
    write_text(directory / METRICS, prometheus_text(result))
    write_text(directory / PLAN, file.read_text(encoding="utf-8"))
    write_text(directory / "result.json", json.dumps(plain(result.to_dict()), indent=1) + "\n")
    for name in ("windows", "pools", "tenants", "invoice"):
        frame: Any = getattr(result, name)
        write_text(directory / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))


def make_folder(directory: Path) -> None:
    """Make a folder. Raises OutputError where it cannot be."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{directory}: --out: found {error.strerror or error}; expected a folder that can be written"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a file whole. Raises OutputError where it cannot be written."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: found {error.strerror or error}; expected a file that can be written") from error

"""`loop`, `policy` and `integration`: how valuations feed themselves, what policies do, what making is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_SCENARIO, ScenarioOption, Simulation
from penstock.cli.output import emit, write_tables
from penstock.cli.source import notice_of, source_of, world_of
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.engine.run import Run
    from penstock.world import World

DEFAULT_SHOCK = "baseline"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("loop")(loop)
    app.command("policy")(policy)
    app.command("integration")(integration)


def size_of(found: Run | World, scenario: str, size: Mapping[str, Any]) -> str:
    """The size of a study in words: that of its run, else what was asked for."""
    from penstock.engine.run import Run

    if isinstance(found, Run):
        size, scenario = found.manifest, found.manifest["scenarios"][0]["name"]
    return f"{scenario}: {size['paths']:,} paths, {size['quarters']} quarters, seed {size['seed']}"


@common
def loop(
    settings: Settings,
    simulation: Simulation,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    size: Annotated[float, typer.Option("--size", help="Relative push to valuations, up and down.")] = 0.05,
    at: Annotated[
        str | None, typer.Option("--at", metavar="QUARTER", help="Quarter of the push [a year after the start].")
    ] = None,
    turn: Annotated[int, typer.Option("--turn", min=1, help="Quarters of one turn of the loop.")] = 8,
) -> None:
    """How strongly valuations feed themselves through cost of capital, investment and revenue; without the loop, too.

    --out writes each table as Parquet.
    """
    from penstock.analysis.loop import FIRST_QUARTER
    from penstock.analysis.loop import loop as study_of
    from penstock.cli.loop_tables import loop_sections
    from penstock.cli.progress_bar import progress_bar
    from penstock.scenarios import first_quarter

    found = source_of(settings, simulation.run)
    simulated = simulation.size()
    first = FIRST_QUARTER if at is None else quarter_number(at, first_quarter(world_of(found).as_of))
    with progress_bar(settings, "loop") as on_progress:
        study = study_of(
            found,
            scenario=scenario,
            **simulated,
            size=size,
            first=first,
            turn=turn,
            on_progress=on_progress,
        )
    if simulation.out is not None:
        names = ("links", "curve", "channels", "firms", "debt", "levels", "cuts")
        write_tables(simulation.out, {name: getattr(study, name) for name in names})
    title = size_of(found, scenario, simulated)
    emit(loop_sections(study, title, people=_people(settings)), settings, notice=notice_of(found))


def quarter_number(text: str, first: str) -> int:
    """A quarter such as 2027Q1, counted from the first of a run."""
    from penstock.scenarios import quarters as calendar

    try:
        number = calendar.ordinal(text) - calendar.ordinal(first)
    except ValueError:
        number = -1
    if number < 1:
        raise UsageError(f"--at: found {text!r}; expected a quarter after {first}, such as 2027Q1")
    return number


@common
def policy(
    settings: Settings,
    simulation: Simulation,
    scenario: ScenarioOption = DEFAULT_SHOCK,
    policies: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="P", help="A policy's name or its file; may be given again [all]."),
    ] = None,
    strength: Annotated[float, typer.Option("--strength", help="0 none of each policy, 1 as written.")] = 1.0,
    budget: Annotated[
        list[float] | None,
        typer.Option("--budget", metavar="USD_BN", help="A rescue budget; may be given again [0, 100 and 300]."),
    ] = None,
) -> None:
    """What policies change under a shock, on the same random numbers: defaults, losses, surplus, capex, public money.

    --out writes each table as Parquet.
    """
    from penstock.analysis.policy import BUDGETS_USD_BN
    from penstock.analysis.policy import policy as study_of
    from penstock.cli.policy_tables import policy_sections
    from penstock.cli.progress_bar import progress_bar

    found = source_of(settings, simulation.run)
    size = simulation.size()
    with progress_bar(settings, "policies") as on_progress:
        study = study_of(
            found,
            scenario=scenario,
            policies=policies or None,
            strength=strength,
            budgets=budget or BUDGETS_USD_BN,
            **size,
            on_progress=on_progress,
        )
    for reason in study.left_out:
        settings.say(f"left out: {reason}")
    if simulation.out is not None:
        write_tables(simulation.out, {name: getattr(study, name) for name in ("levels", "changes", "policies")})
    title = size_of(found, scenario, size)
    emit(policy_sections(study, title, people=_people(settings)), settings, notice=notice_of(found))


@common
def integration(
    settings: Settings,
    simulation: Simulation,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
) -> None:
    """Make or buy: what own chips, own models and own power are worth to each large buyer, and from which quantity.

    --out writes each table as Parquet.
    """
    from penstock.analysis.integration import integration as study_of
    from penstock.cli.integration_tables import integration_sections
    from penstock.cli.progress_bar import progress_bar

    found = source_of(settings, simulation.run)
    size = simulation.size()
    with progress_bar(settings, "own chips") as on_progress:
        study = study_of(
            found,
            scenario=scenario,
            **size,
            on_progress=on_progress,
        )
    if simulation.out is not None:
        write_tables(simulation.out, {name: getattr(study, name) for name in ("projects", "ensemble", "inputs")})
    title = size_of(found, scenario, size)
    emit(integration_sections(study, title, people=_people(settings)), settings, notice=notice_of(found))


def _people(settings: Settings) -> bool:
    return settings.format is Format.TABLE

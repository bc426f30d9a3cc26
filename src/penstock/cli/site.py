"""`site`: a campus from land to first power, and who powers it."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.output import emit, notice
from penstock.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("site")(site)


@common
def site(
    settings: Settings,
    target: Annotated[str, typer.Argument(metavar="ID|FILE", help="A site of the world, or a TOML file.")],
    power: Annotated[
        bool, typer.Option("--power", help="Who powers it: given, short without more, and the cheapest addition.")
    ] = False,
    load_mw: Annotated[
        float | None,
        typer.Option("--load-mw", metavar="X", help="With --power: the full load to solve, MW drawn by the campus."),
    ] = None,
) -> None:
    """A campus from land to first power: dates, cost, cooling, water; with --power its supply.

    A file is described in docs/site.md. What no source tells is filled in by rule, and each rule is shown.
    """
    if load_mw is not None and not power:
        raise UsageError("--load-mw: found it without --power; expected both")
    from penstock.analysis.site import site as study
    from penstock.analysis.site_power import site_power
    from penstock.cli.site_tables import power_sections, site_grades, site_sections

    world = settings.load_world()
    people = settings.format is Format.TABLE
    if power:
        supply = site_power(world, target, load_mw=load_mw)
        sections = power_sections(supply, people=people)
        grades = site_grades(supply.inputs)
    else:
        found = study(world, target)
        sections = site_sections(found, people=people)
        grades = site_grades(found.inputs)
    emit(sections, settings, notice=notice(world, grades))

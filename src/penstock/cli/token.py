"""`token`: the price of a million output tokens from joules up, who keeps what, two side by side, made or bought."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.output import emit, notice
from penstock.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("token")(token)


@common
def token(
    settings: Settings,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A preset, or a model with a list price.")],
    chip: Annotated[str | None, typer.Option("--chip", metavar="CHIP", help="The chip that serves [b200].")] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="ID", help="A site of the world.")] = None,
    power: Annotated[
        str | None,
        typer.Option("--power", metavar="P", help="usd per MWh, or grid, nuclear, hydro, gas, plan [grid]."),
    ] = None,
    vs: Annotated[str | None, typer.Option("--vs", metavar="MODEL", help="Another model beside it.")] = None,
    integrated: Annotated[
        bool, typer.Option("--integrated", help="Own chips, own power and own model beside bought ones.")
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option("--layout", metavar="PRESET", help="Assume this layout for a model that has a list price."),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="INPUT=NUMBER", help="Set an input exactly; may be given again."),
    ] = None,
) -> None:
    """The price of a million output tokens as one waterfall: energy, building, chips, servers, cloud, lab, each margin.

    The input tokens that come with them are in it. Presets: dense_8b, dense_70b, dense_405b, moe_47b, moe_671b. Ranges
    move each input alone to its low and high; --format json has them all.
    """
    from penstock.analysis.token_price import token_price
    from penstock.cli.token_tables import token_sections

    world = settings.load_world()
    found = token_price(
        world,
        model,
        chip=chip,
        site=site,
        power=power,
        layout=layout,
        versus=vs,
        integrated=integrated,
        inputs=read_inputs(given or []),
    )
    told = notice(world)
    if settings.format is Format.JSON:
        emit(found.to_dict(), settings, notice=told)
        return
    emit(token_sections(found, people=settings.format is Format.TABLE), settings, notice=told)


def read_inputs(texts: list[str]) -> dict[str, float]:
    """`INPUT=NUMBER` as numbers; raises UsageError for another form."""
    out = {}
    for text in texts:
        name, sign, number = text.partition("=")
        try:
            out[name.strip()] = float(number)
        except ValueError:
            sign = ""
        if not sign or not name.strip() or out.get(name.strip()) != out.get(name.strip()):
            raise UsageError(f"--set: found {text!r}; expected INPUT=NUMBER, such as utilisation=0.7")
    return out

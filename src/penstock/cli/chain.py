"""`chain`: the chain of silicon from laser to rack, what binds in it, and how a cut travels up."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_SEED, SeedOption, read_seed
from penstock.cli.output import emit, notice

QUARTERS = 16
PATHS = 32


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("chain")(chain)


@common
def chain(
    settings: Settings,
    cut: Annotated[
        list[str] | None,
        typer.Option(
            "--cut",
            metavar="ID=FACTOR:Nq[@QUARTER]",
            help="Capacity of a link or company times FACTOR for N quarters; may be given again.",
        ),
    ] = None,
    quarters: Annotated[int, typer.Option("--quarters", min=1, help="How many quarters a cut is followed.")] = QUARTERS,
    paths: Annotated[int, typer.Option("--paths", "-n", min=1, help="How many paths of the economy.")] = PATHS,
    seed: SeedOption = str(DEFAULT_SEED),
) -> None:
    """The chain of chips from laser to rack: capacity, lead time and what binds; with --cut, how a cut travels up.

    ID is a company (zeiss_smt), a link (packaging) or a company in one link (packaging.tsmc). A cut is followed week by
    week to racks; what designers then ship goes into the quarter's model, on the same paths, for chips and tokens.
    """
    from penstock.analysis.supply_chain import supply_chain
    from penstock.cli.chain_tables import chain_sections
    from penstock.cli.progress_bar import progress_bar

    world = settings.load_world()
    with progress_bar(settings) as on_progress:
        found = supply_chain(
            world, cut or (), quarters=quarters, paths=paths, seed=read_seed(seed), on_progress=on_progress
        )
    told = notice(world)
    if settings.format is Format.JSON:
        emit(found.to_dict(), settings, notice=told)
        return
    emit(chain_sections(found, people=settings.format is Format.TABLE), settings, notice=told)

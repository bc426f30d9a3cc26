"""`studio`: the local page to see the world, change it, run it and find out why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.context import Settings, common

DEFAULT_PORT = 8765


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("studio")(studio)


@common
def studio(
    settings: Settings,
    port: Annotated[int, typer.Option("--port", metavar="N", help="Where it listens; 0 takes a free one.")] = (
        DEFAULT_PORT
    ),
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
    workspace: Annotated[
        Path, typer.Option("--workspace", metavar="DIR", help="Where runs/ lies [this folder].")
    ] = Path(),
) -> None:
    """Open the studio: a local page that needs no network and that only this machine can reach.

    Runs lie in runs/ of the workspace, the same as those of `penstock run`. Ctrl-C ends it; a run that it was
    simulating can be taken up again.
    """
    from penstock.studio.place import Place
    from penstock.studio.serve import check_installed, check_workspace, serve

    check_installed()
    folder = check_workspace(workspace)
    world = settings.load_world()
    overlay = str(Path(settings.overlay).resolve()) if settings.overlay else None
    name = str(Path(settings.world).resolve()) if Path(settings.world).is_dir() else settings.world
    place = Place(folder, name, overlay, settings.as_of)

    def say(address: str) -> None:
        print(f"Studio of {world.name} as of {world.as_of}: {address}")
        print("Only this machine can reach it. Ctrl-C ends it.", flush=True)

    serve(place, port, browser=not no_browser, say=say)
    print("penstock: studio ended", file=sys.stderr)

"""What a study is about: the run that the command line names, else the world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cli.context import Settings
from penstock.cli.output import notice

if TYPE_CHECKING:
    from penstock.engine.run import Run
    from penstock.world import World


def source_of(settings: Settings, run: Path | None) -> Run | World:
    """The run in a directory, else the world."""
    if run is None:
        return settings.load_world()
    from penstock.engine.run import open_run

    return open_run(run, world=settings.given_world())


def world_of(source: Run | World) -> World:
    """The world that a study is about."""
    from penstock.engine.run import Run

    world: World = source.world if isinstance(source, Run) else source
    return world


def notice_of(source: Run | World) -> str:
    """The notice of a run or a world."""
    from penstock.engine.run import Run
    from penstock.report.notice import notice_of_run

    return notice_of_run(source) if isinstance(source, Run) else notice(source)

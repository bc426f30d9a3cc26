"""Progress with the time left, on standard error, where a person watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from penstock.cli.context import Settings
from penstock.engine.progress import OnProgress, silent


@contextmanager
def progress_bar(settings: Settings, what: str = "paths") -> Iterator[OnProgress]:
    """A callback that moves a bar over so many of `what`; silent under --no-progress, -q, or without a terminal."""
    if not settings.progress or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{what}, time left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("preparing", total=None)

        def show(done: int, total: int, note: str) -> None:
            bar.update(task, completed=done, total=total, description=note)

        yield show

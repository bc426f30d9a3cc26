"""The options every command takes, before or after the command's name, and what they come to."""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar, get_type_hints

import typer

from penstock.errors import UsageError
from penstock.version import __version__

if TYPE_CHECKING:
    from penstock.world import World

P = ParamSpec("P")
R = TypeVar("R")


class Format(StrEnum):
    """How a result is written to standard output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options of every command come to."""

    world: str = "ai-2025"
    overlay: str | None = None
    as_of: str | None = None
    format: Format = Format.TABLE
    quiet: bool = False
    verbose: int = 0
    progress: bool = True

    def load_world(self) -> World:
        """The world that `--world`, `--overlay` and `--as-of` name; raises InputError or UsageError.

        What was accepted in another form than the schema's is told on standard error.
        """
        from penstock.world import load_world

        world = load_world(self.world, as_of=self.as_of, overlay=self.overlay)
        for message in world.messages:
            self.say(message)
        return world

    def given_world(self) -> World | None:
        """The world that the command line names; None where it names none and the run's own is meant."""
        default = Settings()
        named = (self.world, self.overlay, self.as_of)
        return None if named == (default.world, default.overlay, default.as_of) else self.load_world()

    def say(self, message: str) -> None:
        """A remark for people on standard error; none under `--quiet`."""
        if not self.quiet:
            print(f"penstock: {message}", file=sys.stderr)

    def with_given(
        self,
        *,
        world: str | None = None,
        overlay: Path | None = None,
        as_of: str | None = None,
        format: Format | None = None,
        quiet: bool | None = None,
        verbose: int = 0,
        no_progress: bool | None = None,
    ) -> Settings:
        """These settings, changed where the command line said something."""
        return replace(
            self,
            world=world or self.world,
            overlay=str(overlay) if overlay is not None else self.overlay,
            as_of=_iso_date(as_of) if as_of is not None else self.as_of,
            format=format or self.format,
            quiet=bool(quiet) or self.quiet,
            verbose=max(verbose, self.verbose),
            progress=self.progress and not no_progress and not quiet,
        )


def settings(ctx: typer.Context) -> Settings:
    """The settings gathered so far on this command line."""
    return ctx.obj if isinstance(ctx.obj, Settings) else Settings()


def _iso_date(text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"--as-of: found {text!r}; expected a date such as 2025-12-31") from None


def _print_version(asked: bool | None) -> None:
    if asked:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit()


WorldOption = Annotated[
    str | None,
    typer.Option(
        "--world",
        metavar="W",
        help="A bundled world or a folder of the same tables [ai-2025].",
    ),
]
OverlayOption = Annotated[
    Path | None,
    typer.Option(
        "--overlay",
        metavar="DIR",
        help="A folder with rows laid over the world.",
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        help="See the world as it was known on this date.",
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="How results are written [table]."),
]
QuietOption = Annotated[
    bool | None,
    typer.Option("--quiet", "-q", help="Results and errors only."),
]
VerboseOption = Annotated[
    int,
    typer.Option("--verbose", "-v", count=True, show_default=False, help="Say more; twice says all."),
]
NoProgressOption = Annotated[
    bool | None,
    typer.Option("--no-progress", help="Do not show progress."),
]
VersionOption = Annotated[
    bool | None,
    typer.Option(
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the version and stop.",
    ),
]

_COMMON: dict[str, tuple[Any, Any]] = {
    "world": (WorldOption, None),
    "overlay": (OverlayOption, None),
    "as_of": (AsOfOption, None),
    "format": (FormatOption, None),
    "quiet": (QuietOption, None),
    "verbose": (VerboseOption, 0),
    "no_progress": (NoProgressOption, None),
    "version": (VersionOption, None),
}


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _options_of(group: Any) -> list[inspect.Parameter]:
    """The fields of a group of options as parameters."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(field.name, _KEYWORD, default=field.default, annotation=hints[field.name])
        for field in fields(group)
    ]


def common(command: Callable[Concatenate[Settings, P], R]) -> Callable[..., R]:
    """Give a command the options of every command; its first parameter receives the `Settings`.

    A parameter whose type is a data class, such as `options.Simulation`, stands for its fields, each an option.
    The command must not itself have parameters named world, overlay, as_of, format, quiet, verbose,
    no_progress or version.
    """
    hints = get_type_hints(command, include_extras=True)
    asked = list(inspect.signature(command).parameters.values())[1:]
    groups = {p.name: hints[p.name] for p in asked if is_dataclass(hints[p.name])}
    own = [p.replace(annotation=hints[p.name], kind=_KEYWORD) for p in asked if p.name not in groups]
    own += [parameter for group in groups.values() for parameter in _options_of(group)]
    clash = [parameter.name for parameter in own if parameter.name in _COMMON]
    if clash:
        raise TypeError(f"{command.__qualname__}: {', '.join(clash)} is an option of every command")
    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *own,
        *(
            inspect.Parameter(name, _KEYWORD, default=default, annotation=annotation)
            for name, (annotation, default) in _COMMON.items()
        ),
    ]

    @functools.wraps(command)
    def wrapper(ctx: typer.Context, **given: Any) -> R:
        shared = {name: given.pop(name) for name in _COMMON}
        shared.pop("version")
        ctx.obj = settings(ctx).with_given(**shared)
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        call: Callable[..., R] = command
        return call(ctx.obj, **given)

    del wrapper.__wrapped__
    told: Any = wrapper  # what `inspect` reads of a function in place of its own parameters
    told.__signature__ = inspect.Signature(parameters)
    told.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


@common
def gather(settings: Settings) -> None:
    """Callback of a group of commands: keeps the options given before the command's name."""

"""The command `penstock`: finds the command asked for, runs it, and turns errors into one line each."""

from __future__ import annotations

import atexit
import difflib
import gc
import importlib
import io
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from penstock.cli.context import gather
from penstock.errors import PenstockError, SchemaNotice, UsageError

INTERRUPTED = 130
GARBAGE_THRESHOLDS = (500_000, 20, 20)
"""New objects before Python looks for rings of them that nobody holds, and how often it looks at older ones: starting,
reading a world and simulating a path again stay below."""


class Entry(NamedTuple):
    """Where a command lives. `app`: the module holds a group; else its `register(app)` adds the command."""

    module: str
    is_group: bool
    help: str


COMMANDS = {
    "world": Entry("penstock.cli.world", True, "The cited world: check it, read a company, make your own."),
    "scenario": Entry("penstock.cli.scenario", True, "Scenarios and knobs: list, read, write, check."),
    "run": Entry("penstock.cli.run", False, "Run scenarios over many paths and write a report."),
    "path": Entry("penstock.cli.path", False, "One path of a run in full, ledger postings included."),
    "report": Entry("penstock.cli.report", False, "Write the report of a run again."),
    "steps": Entry("penstock.cli.steps", False, "What switching off each step of the model changes."),
    "runs": Entry("penstock.cli.runs", True, "The runs on this disk: list, verify, repair, compare and tidy them."),
    "stress": Entry("penstock.cli.crises", False, "What scenarios change: who breaks, who follows, who pays."),
    "reverse": Entry("penstock.cli.search", False, "The likeliest shock that brings a target about."),
    "circularity": Entry("penstock.cli.circular", False, "Whose revenue is whose financing: loops of money."),
    "loop": Entry("penstock.cli.feedback", False, "How strongly valuations feed themselves, link by link."),
    "payoff": Entry("penstock.cli.crises", False, "What the build-out leaves, with and without crises."),
    "follow": Entry("penstock.cli.circular", False, "Where a dollar of users, of capex or of a company ends."),
    "bottlenecks": Entry("penstock.cli.crises", False, "What holds the build-out back, and what relief is worth."),
    "systemic": Entry("penstock.cli.contagion", False, "Firms and ties by the damage that they would do."),
    "sensitivity": Entry("penstock.cli.search", False, "Which assumptions drive which result: Morris, Sobol."),
    "policy": Entry("penstock.cli.feedback", False, "What each policy does against a shock, and what it costs."),
    "integration": Entry("penstock.cli.feedback", False, "Make or buy: own chips, own models, own power."),
    "contagion": Entry("penstock.cli.contagion", False, "What a loss does to a network of firms."),
    "portfolio": Entry("penstock.cli.portfolio", False, "What a file of exposures loses, and what drives it."),
    "calibrate": Entry("penstock.cli.calibrate", False, "Which parameters fit the cited course since the past."),
    "backtest": Entry("penstock.cli.backtest", True, "The model against booms whose end is known."),
    "explain": Entry("penstock.cli.portfolio", False, "One path of a run as a dated story with its postings."),
    "forecast": Entry("penstock.cli.forecast", True, "The record of forecasts: freeze them, score them later."),
    "model": Entry("penstock.cli.model", False, "What training a model takes: work, days, energy, cost."),
    "chain": Entry("penstock.cli.chain", False, "The chain of chips from laser to rack, and how a cut travels up."),
    "site": Entry("penstock.cli.site", False, "A campus from land to first power, and who powers it."),
    "token": Entry("penstock.cli.token", False, "The price of a token from joules up, and who keeps what."),
    "fleet": Entry("penstock.cli.fleet", True, "Serving fleets, request by request: run, compare, export, fit."),
    "studio": Entry("penstock.cli.studio", False, "A local page to see it, change it, run it and find out why."),
}


class LazyCommands(TyperGroup):
    """The top group: names and help lines are known at once, a command's module loads when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All commands, in the order of the contract."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name; UsageError with the nearest where there is none."""
        if cmd_name not in COMMANDS:
            nearest = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f"; nearest {nearest[0]}" if nearest else ""
            raise UsageError(f"command: found {cmd_name!r}; expected one of {', '.join(COMMANDS)}{hint}")
        return load_command(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands for the help, without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def load_command(name: str) -> Any:
    """The command or group of this name, its module now loaded."""
    entry = COMMANDS[name]
    module = importlib.import_module(entry.module)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    holder.callback()(gather)
    if hasattr(module, "register"):
        module.register(holder)
    else:
        holder.add_typer(module.app, name=name)
    for group in holder.registered_groups:
        if group.typer_instance is not None and group.typer_instance.registered_callback is None:
            group.typer_instance.callback()(gather)
    group_command: Any = typer.main.get_command(holder)
    command = group_command.commands[name]
    command.help = command.help or entry.help
    if isinstance(command, TyperGroup):
        command.no_args_is_help = True
    return command


def build_app() -> typer.Typer:
    """The application with its lazily loaded commands."""
    app = typer.Typer(
        name="penstock",
        cls=LazyCommands,
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        help="Simulate the AI infrastructure economy: companies, contracts, chips, halls, power and money.",
    )
    app.callback()(gather)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; messages for people go to standard error."""
    # what start-up makes is there to stay: looking through it for what can go takes a tenth of the time of a command
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    if arguments is None:
        # a process that ends gives its memory back whole: Python need not look through it once more
        atexit.register(gc.freeze)
        _write_what_fits()
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = typer.main.get_command(build_app())
    warnings.showwarning = _show_warning
    try:
        code = command.main(args=given, prog_name="penstock", standalone_mode=False)
    except PenstockError as error:
        _say(str(error))
        return error.exit_code
    except typer.TyperException as error:
        return _say_usage(error)
    except typer.Abort:
        _say("stopped")
        return INTERRUPTED
    if code == INTERRUPTED:
        _say("interrupted")
    return code if isinstance(code, int) else 0


def _write_what_fits() -> None:
    """A letter that the person's terminal or pipe cannot hold (a Latin-1 or ASCII locale) becomes `?`, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _show_warning(message: Warning | str, *place: Any, **more: Any) -> None:
    """What a reader tells of old runs is one line for people; other warnings are shown as Python shows them."""
    if isinstance(message, SchemaNotice):
        _say(str(message))
    else:
        _python_shows(message, *place, **more)


_python_shows = warnings.showwarning


def _say(message: str) -> None:
    print(f"penstock: {message}", file=sys.stderr)


def _say_usage(error: typer.TyperException) -> int:
    """Say what the parser refused; a bare `penstock` or group prints its help and counts as done."""
    if type(error).__name__ == "NoArgsIsHelpError":  # not public: asked for by name
        print(error.format_message())
        return 0
    from penstock.cli.refusals import refusal

    _say(refusal(error))
    return int(getattr(error, "exit_code", UsageError.exit_code))


if __name__ == "__main__":
    sys.exit(main())

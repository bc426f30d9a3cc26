"""What the parser of the command line refused, told in the form of every message: found, expected, nearest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

NUMBERS = {"int_parsing": "a whole number", "int_from_float": "a whole number", "float_parsing": "a number"}


def refusal(error: Any) -> str:
    """One line for what the parser raised, with the page of help that says more.

    The classes that the parser raises are not public: they are told apart by what they carry.
    """
    context = getattr(error, "ctx", None)
    text = _option(error, context) or _value(error) or _command(error, context) or _arguments(error)
    where = f" (see `{context.command_path} --help`)" if context is not None else ""
    return f"{text or error.format_message().rstrip('.')}{where}"


def _option(error: Any, context: Any) -> str:
    """An option that does not exist, or stands without its value."""
    name = getattr(error, "option_name", None)
    if name is None:
        return ""
    if not hasattr(error, "possibilities"):
        return f"{name}: found nothing behind it; expected a value"
    known = [text for item in context.command.params for text in item.opts if text.startswith("-")] if context else []
    return f"option: found {name}; expected an option of this command{_nearest(name.lstrip('-'), known)}"


def _value(error: Any) -> str:
    """A value that is missing or not of its kind."""
    parameter = getattr(error, "param", None)
    if parameter is None:
        return ""
    options = [text for text in parameter.opts if text.startswith("-")]
    name = options[0] if options else str(parameter.metavar or parameter.name).strip("[].")
    if type(error).__name__ == "MissingParameter":
        what = str(getattr(parameter, "help", "") or "a value").rstrip(".")
        return f"{name}: found nothing; expected {what[:1].lower()}{what[1:]}"
    refused = getattr(error.__cause__, "errors", None)
    if refused is None:
        return ""
    first = refused()[0]
    found, choices = first["input"], re.findall(r"'([^']*)'", first["msg"])[1:]
    if choices:
        return f"{name}: found {found!r}; expected {', '.join(choices[:-1])} or {choices[-1]}{_nearest(found, choices)}"
    if first["type"] == "greater_than_equal":
        return f"{name}: found {found}; expected a whole number of {first['ctx']['ge']} or more"
    expected = NUMBERS.get(first["type"])
    return f"{name}: found {found!r}; expected {expected}" if expected else ""


def _command(error: Any, context: Any) -> str:
    """A command of a group that does not exist, or none where one is needed."""
    command: Any = getattr(context, "command", None)
    if not hasattr(command, "list_commands"):
        return ""
    known = command.list_commands(context)
    match = re.match(r"No such command '(.*?)'", error.format_message())
    if match is None and not error.format_message().startswith("Missing command"):
        return ""
    found = repr(match[1]) if match else "nothing"
    hint = _nearest(match[1], known) if match else ""
    group = command.name if context.parent is not None else "command"
    return f"{group}: found {found}; expected one of {', '.join(known)}{hint}"


def _arguments(error: Any) -> str:
    """More arguments than the command takes."""
    match = re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", error.format_message())
    return f"arguments: found {match[1]!r} beside the others; expected none beside them" if match else ""


def _nearest(text: str, known: Sequence[str]) -> str:
    # compared without dashes, which would make all options alike
    plain: dict[str, str] = {name.lstrip("-"): name for name in known}
    close: Iterable[str] = difflib.get_close_matches(text, plain, n=1)
    return "".join(f"; nearest {plain[name]}" for name in close)

"""From raw tables to typed entries: unknown keys, missing keys and wrong types, all told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from penstock.scenarios.documents import Document, FoundDefect
from penstock.scenarios.entries import LISTS, TOP, Entry, Policy, ScenarioFile, Switch, keys_of
from penstock.world.defects import Defect, shown

E = TypeVar("E", bound=Entry)

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Placed(Generic[E]):
    """An entry and where it stands."""

    entry: E
    document: Document
    table: str
    index: int

    def defect(
        self, key: str, found: str, expected: str, candidates: tuple[str, ...] = (), hint: str = ""
    ) -> FoundDefect:
        """A defect of one of its keys."""
        row = self.document.line(self.table, self.index, key)
        return FoundDefect(
            self.document.file, row, _field(self.table, self.index, key), found, expected, candidates, hint
        )


@dataclass(frozen=True)
class Parsed:
    """A document whose keys and types have been read.

    Where `defects` names a field of an entry, that field holds its default or "" instead.
    """

    document: Document
    top: ScenarioFile | None
    entries: Mapping[str, tuple[Placed[Any], ...]]
    policy: Policy
    switch: Switch
    defects: tuple[Defect, ...]


def _field(table: str, index: int, key: str) -> str:
    if table in LISTS:
        return f"{table} {index + 1} {key}".rstrip()
    return f"{table} {key}".strip()


def parse(document: Document) -> Parsed:
    """Reads every table of a document; defects are collected, not raised."""
    defects: list[Defect] = []
    raw = document.raw
    known = tuple(ScenarioFile.model_fields)
    for key in raw:
        if key not in known:
            line = document.line("", 0, key) or document.line(key, 0, "")
            expected = f"one of {', '.join(known)}"
            defects.append(Defect(document.file, line, "key", shown(key), expected, known))
    top = _read(ScenarioFile, {k: raw[k] for k in TOP if k in raw}, document, "", 0, defects)
    if top is not None and document.stem and top.name != document.stem:
        line = document.line("", 0, "name")
        defects.append(FoundDefect(document.file, line, "name", shown(top.name), "the file's name", hint=document.stem))
    entries: dict[str, tuple[Placed[Any], ...]] = {}
    for table, model in LISTS.items():
        entries[table] = _read_list(model, raw.get(table, []), document, table, defects)
    policy = _read_single(Policy, document, "policy", defects)
    switch = _read_single(Switch, document, "switch", defects)
    return Parsed(document, top, entries, policy or Policy(), switch or Switch(), tuple(defects))


def _read_single(model: type[E], document: Document, table: str, defects: list[Defect]) -> E | None:
    value = _as_table(document.raw.get(table, {}), document, table, defects)
    return _read(model, value, document, table, 0, defects)


def _as_table(value: object, document: Document, table: str, defects: list[Defect]) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    line = document.line("", 0, table) or document.line(table, 0, "")
    defects.append(Defect(document.file, line, table, _shown(value), f"one table [{table}]"))
    return {}


def _read_list(
    model: type[Entry], value: object, document: Document, table: str, defects: list[Defect]
) -> tuple[Placed[Any], ...]:
    if not isinstance(value, list):
        line = document.line("", 0, table) or document.line(table, 0, "")
        found = f"[{table}]" if isinstance(value, Mapping) else _shown(value)
        defects.append(FoundDefect(document.file, line, table, found, "a list of tables", hint=f"[[{table}]]"))
        return ()
    placed: list[Placed[Any]] = []
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            defects.append(Defect(document.file, document.line(table, index, ""), table, _shown(item), "a table"))
            continue
        entry = _read(model, item, document, table, index, defects)
        if entry is not None:
            placed.append(Placed(entry, document, table, index))
    return tuple(placed)


def _read(
    model: type[E],
    values: Mapping[str, Any],
    document: Document,
    table: str,
    index: int,
    defects: list[Defect],
) -> E | None:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        items = error.errors(include_url=False)
    defects += [_told(item, model, document, table, index) for item in items]
    # what could be read is checked further, so that one message tells all that is wrong with the entry
    bad = {str(item["loc"][0]) for item in items if item["loc"]}
    rest = {key: value for key, value in values.items() if key not in bad}
    blank = {
        field.alias or name: ""
        for name, field in model.model_fields.items()
        if field.is_required() and (field.alias or name) not in rest
    }
    try:
        return model.model_validate(blank | rest)
    except ValidationError:
        return None


def _told(item: Mapping[str, Any], model: type[Entry], document: Document, table: str, index: int) -> Defect:
    location = [str(part) for part in item["loc"]]
    key = location[0] if location else ""
    line = document.line(table, index, key)
    kind = item["type"]
    if kind == "extra_forbidden":
        keys = keys_of(model)
        title = f"[[{table}]]" if table in LISTS else f"[{table}]"
        expected = f"a key of {title}: {', '.join(keys)}"
        return Defect(document.file, line, _field(table, index, "key"), shown(key), expected, keys)
    place = _field(table, index, ".".join(location))
    if kind == "missing":
        return Defect(document.file, line, place, "nothing", "a value")
    if kind == "string_pattern_mismatch":
        expected = "lower-case letters, digits and _, a letter first"
        near = re.sub(r"[^a-z0-9_]+", "_", str(item["input"]).lower()).strip("_")
        hint = near if NAME.fullmatch(near) else ""
        return FoundDefect(document.file, line, place, _shown(item["input"]), expected, hint=hint)
    message = str(item["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    return Defect(document.file, line, place, _shown(item["input"]), message)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."

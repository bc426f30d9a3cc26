"""Checks of a world's files: one function per defect, each giving every place where it is met.

A check takes the files as text, before anything is built from them, so that a mistake is told with the
file, line and cell in which a person can mend it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator

from penstock.world.circles import way_along
from penstock.world.defects import Defect, shown
from penstock.world.lei import lei_fault
from penstock.world.reading import RawRow, RawTable, RawWorld
from penstock.world.schema import IDENTIFIER_PATTERN, SCHEMA, Column
from penstock.world.vocabulary import MAG7, SIGNED_METRICS, STATUSES_WITHOUT_MONEY

IDENTIFIER = re.compile(IDENTIFIER_PATTERN)
SHORT_LIST = 8
"""Enumerations up to this length are told in full; longer ones by their nearest word."""

QUARTER_SLACK_DAYS = 31
"""A fiscal quarter may end up to a month after the calendar quarter it is called by."""


def find_defects(world: RawWorld) -> list[Defect]:
    """Every defect of the files, in the order of the schema's files and of their lines."""
    found = [*world.defects]
    for check in CHECKS:
        found.extend(check(world))
    order = {table.file: place for place, table in enumerate(SCHEMA.values())}
    return sorted(found, key=lambda defect: (order.get(defect.file.split("/")[-1], -1), defect.row))


def check_files(world: RawWorld) -> Iterator[Defect]:
    """A required file is missing."""
    for table in SCHEMA.values():
        if table.required and table.name not in world.tables and table.name not in world.unreadable:
            yield Defect(table.file, 0, "file", "no such file", f"a file where one row is {table.row_is}")


def check_columns(world: RawWorld) -> Iterator[Defect]:
    """A column is unknown, missing or there twice."""
    for raw in world.tables.values():
        missing = [name for name in raw.table.column_names if name not in raw.header]
        for place, name in enumerate(raw.header):
            if name in raw.header[:place]:
                yield Defect(raw.file, 1, "header", f"column {shown(name)} twice", "each column once")
            elif name not in raw.table.column_names:
                likely = tuple(missing) or raw.table.column_names
                yield Defect(raw.file, 1, "header", f"{shown(name)}", "a column of the schema", likely)
        for name in missing:
            if not raw.table.column(name).optional:
                yield Defect(raw.file, 1, "header", f"no column {name!r}", raw.table.column(name).description)


def check_required_cells(world: RawWorld) -> Iterator[Defect]:
    """A cell that may not be empty is empty (sources have their own check)."""
    for row, column, value in _cells(world):
        if value == "" and column.required and column.name not in ("evidence", "source_id"):
            yield Defect(row.file, row.line, column.name, "nothing", _wanted(column))


def check_sources(world: RawWorld) -> Iterator[Defect]:
    """A row does not say where it comes from: no evidence, or no source."""
    wanted = {
        "evidence": "page, derived or memory, so that the row can be graded",
        "source_id": "an id of sources.csv, so that the row can be traced",
    }
    for row, column, value in _cells(world):
        if value == "" and column.name in wanted:
            yield Defect(row.file, row.line, column.name, "nothing", wanted[column.name])


def check_words(world: RawWorld) -> Iterator[Defect]:
    """A word is not in its enumeration."""
    for row, column, value in _cells(world):
        if not column.values or value == "":
            continue
        short = len(column.values) <= SHORT_LIST
        expected = "one of " + ", ".join(column.values) if short else f"one of the {len(column.values)} words"
        for part in _parts(column, value):
            if part not in column.values:
                yield Defect(row.file, row.line, column.name, shown(part), expected, column.values)


def check_patterns(world: RawWorld) -> Iterator[Defect]:
    """An identifier, period, country code, address or boolean is not written as it must be."""
    for row, column, value in _cells(world):
        if value == "" or column.references:
            continue
        if column.kind == "id" and not IDENTIFIER.fullmatch(value):
            yield Defect(row.file, row.line, column.name, shown(value), "lower-case letters, digits and _")
        elif column.kind == "boolean" and value not in ("true", "false"):
            expected = "true or false"
            yield Defect(row.file, row.line, column.name, shown(value), expected, ("true", "false"))
        elif column.pattern and not re.fullmatch(column.pattern, value):
            yield Defect(row.file, row.line, column.name, shown(value), column.description)


def check_numbers(world: RawWorld) -> Iterator[Defect]:
    """A number is not a number, not finite, or outside the limits of its column."""
    for row, column, value in _cells(world):
        if column.kind not in ("number", "integer") or value == "":
            continue
        number = _number(value)
        if number is None:
            expected = "a number with '.' as decimal point and no thousands separator"
            yield Defect(row.file, row.line, column.name, shown(value), expected)
        elif not math.isfinite(number):
            yield Defect(row.file, row.line, column.name, shown(value), "a finite number (empty = unknown)")
        elif column.kind == "integer" and number != int(number):
            yield Defect(row.file, row.line, column.name, shown(value), "a whole number")
        elif not _within(number, column):
            yield Defect(row.file, row.line, column.name, shown(value), _limits(column))


def check_dates(world: RawWorld) -> Iterator[Defect]:
    """A date is not an ISO date of the calendar."""
    for row, column, value in _cells(world):
        if column.kind == "date" and value and _date(value) is None:
            yield Defect(row.file, row.line, column.name, shown(value), "an ISO date, as 2025-12-31")


def check_duplicates(world: RawWorld) -> Iterator[Defect]:
    """Two rows carry the same key."""
    for raw in world.tables.values():
        seen: dict[tuple[str, ...], int] = {}
        for row in raw.rows:
            key = tuple(row.cells.get(name, "") for name in raw.table.key)
            if not any(key):
                continue
            if key in seen:
                field = ",".join(raw.table.key)
                found = f"{shown(','.join(key))} again"
                yield Defect(row.file, row.line, field, found, f"a key not used before (line {seen[key]})")
            else:
                seen[key] = row.line


def check_references(world: RawWorld) -> Iterator[Defect]:
    """A cell names a company, site, tie or source that no row describes."""
    known = {name: _keys(raw) for name, raw in world.tables.items()}
    for row, column, value in _cells(world):
        target = column.references
        if not target or value == "" or target in world.unreadable:
            continue
        if target not in known and SCHEMA[target].required:
            continue  # its file is missing, which is told once
        for part in _parts(column, value):
            if part not in known.get(target, {}):
                candidates = tuple(known.get(target, {}))
                expected = f"an id of {target}.csv"
                yield Defect(row.file, row.line, column.name, shown(part), expected, candidates)


def check_self_ties(world: RawWorld) -> Iterator[Defect]:
    """A tie joins a company to itself, or is said to be included in itself."""
    for row in world.rows("contracts"):
        provider, receiver = row.cells.get("provider_id", ""), row.cells.get("receiver_id", "")
        if provider and provider == receiver:
            expected = "another company than provider_id"
            yield Defect(row.file, row.line, "receiver_id", shown(receiver), expected)
        own = row.cells.get("id", "")
        if own and row.cells.get("included_in", "") == own:
            yield Defect(row.file, row.line, "included_in", shown(own), "the id of another tie")


def check_guarantees(world: RawWorld) -> Iterator[Defect]:
    """Guarantees close a circle: the guarantor is backed by the company that it backs, directly or through others."""
    backs: dict[str, set[str]] = {}
    for row in world.rows("contracts"):
        if row.cells.get("kind") != "guarantee" or row.cells.get("status") in STATUSES_WITHOUT_MONEY:
            continue
        guarantor, backed = row.cells.get("provider_id", ""), row.cells.get("receiver_id", "")
        if not guarantor or not backed or guarantor == backed:
            continue
        if way := way_along(backs, backed, guarantor):
            circle = " > ".join((guarantor, *way))
            yield Defect(row.file, row.line, "receiver_id", f"guarantees in a circle ({circle})", "guarantees that end")
        else:
            backs.setdefault(guarantor, set()).add(backed)


def check_signs(world: RawWorld) -> Iterator[Defect]:
    """A stock or flow that counts something is negative."""
    for row in world.rows("financials"):
        metric, number = row.cells.get("metric", ""), _number(row.cells.get("value", ""))
        if number is not None and number < 0 and metric not in SIGNED_METRICS:
            expected = f"0 or more for {metric or 'a figure'}"
            yield Defect(row.file, row.line, "value", shown(row.cells["value"]), expected)


def check_units(world: RawWorld) -> Iterator[Defect]:
    """The unit of a figure does not fit its metric."""
    for row in world.rows("financials"):
        metric, unit = row.cells.get("metric", ""), row.cells.get("unit", "")
        wanted = "count" if metric == "employees" else "usd_bn"
        if metric and unit in ("usd_bn", "count") and unit != wanted:
            yield Defect(row.file, row.line, "unit", shown(unit), f"{wanted} for {metric}")


def check_periods(world: RawWorld) -> Iterator[Defect]:
    """The end of a period does not fit its label.

    `FY2025` ends from April 2025 to March 2026 (a year that ends January to March is called by the year
    before). `2025Q4` ends in that calendar quarter, or up to a month later where the fiscal quarter does.
    """
    for row in world.rows("financials"):
        label, end = row.cells.get("period", ""), _date(row.cells.get("period_end", ""))
        span = period_span(label)
        if span is None or end is None or span[0] <= end <= span[1]:
            continue
        expected = f"a day from {span[0]} to {span[1]} for {label}"
        yield Defect(row.file, row.line, "period_end", shown(row.cells["period_end"]), expected)


def check_ranges(world: RawWorld) -> Iterator[Defect]:
    """A parameter's low end lies above its high end, or its central value outside them."""
    for row in world.rows("parameters"):
        low, central, high = (_number(row.cells.get(name, "")) for name in ("low", "central", "high"))
        if low is not None and high is not None and low > high:
            expected = f"at most high = {row.cells['high']}"
            yield Defect(row.file, row.line, "low", shown(row.cells["low"]), expected)
        elif central is not None and low is not None and central < low:
            expected = f"at least low = {row.cells['low']}"
            yield Defect(row.file, row.line, "central", shown(row.cells["central"]), expected)
        elif central is not None and high is not None and central > high:
            expected = f"at most high = {row.cells['high']}"
            yield Defect(row.file, row.line, "central", shown(row.cells["central"]), expected)


def check_date_order(world: RawWorld) -> Iterator[Defect]:
    """A term ends before it starts, full power comes before first power, or a turbine runs before it was ordered."""
    pairs = {"contracts": ("start", "end"), "sites": ("first_power", "full_power")}
    for table, (first, last) in pairs.items():
        for row in world.rows(table):
            start, end = _date(row.cells.get(first, "")), _date(row.cells.get(last, ""))
            if start and end and end < start:
                yield Defect(row.file, row.line, last, shown(row.cells[last]), f"a day after {first} = {start}")
    for row in world.rows("power"):
        # an old plant may sell later than it started; a turbine, engine or fuel cell is bought new
        signed, runs = _date(row.cells.get("signed", "")), _date(row.cells.get("commercial_operation", ""))
        if row.cells.get("kind") in BOUGHT_NEW and signed and runs and runs < signed:
            found = shown(row.cells["commercial_operation"])
            yield Defect(row.file, row.line, "commercial_operation", found, f"a day after signed = {signed}")


BOUGHT_NEW = {"gas_turbine", "gas_engine", "fuel_cell"}
"""Kinds of power that are ordered and then delivered."""


def check_mag7(world: RawWorld) -> Iterator[Defect]:
    """A company outside the Magnificent Seven is marked as one of them, or one of them is not."""
    for row in world.rows("companies"):
        company, mark = row.cells.get("id", ""), row.cells.get("mag7", "")
        if mark == "true" and company not in MAG7:
            yield Defect(row.file, row.line, "mag7", "'true'", f"false for {company}", ())
        elif mark == "false" and company in MAG7:
            yield Defect(row.file, row.line, "mag7", "'false'", f"true for {company}", ())


def check_lei(world: RawWorld) -> Iterator[Defect]:
    """A Legal Entity Identifier is none, or two companies share one."""
    first: dict[str, int] = {}
    for row in world.rows("companies"):
        value = row.cells.get("lei", "")
        if value and (expected := lei_fault(value)):
            yield Defect(row.file, row.line, "lei", shown(value), expected)
        elif value and value in first:
            expected = f"one company a LEI (line {first[value]})"
            yield Defect(row.file, row.line, "lei", f"{shown(value)} again", expected)
        first.setdefault(value, row.line)


CHECKS = (
    check_files,
    check_columns,
    check_required_cells,
    check_sources,
    check_words,
    check_patterns,
    check_numbers,
    check_dates,
    check_duplicates,
    check_references,
    check_self_ties,
    check_guarantees,
    check_signs,
    check_units,
    check_periods,
    check_ranges,
    check_date_order,
    check_mag7,
    check_lei,
)


def period_span(label: str) -> tuple[dt.date, dt.date] | None:
    """First and last day on which a period of this label may end; None for a label of another form."""
    if re.fullmatch(r"FY\d{4}", label) and label != "FY0000":
        year = int(label[2:])
        return dt.date(year, 4, 1), dt.date(min(year + 1, dt.MAXYEAR), 3, 31)
    if re.fullmatch(r"\d{4}Q[1-4]", label) and 1 <= int(label[:4]) < dt.MAXYEAR:
        year, quarter = int(label[:4]), int(label[5])
        start = dt.date(year, 3 * quarter - 2, 1)
        following = dt.date(year + quarter // 4, 3 * quarter % 12 + 1, 1)
        return start, following + dt.timedelta(days=QUARTER_SLACK_DAYS - 1)
    return None


def _cells(world: RawWorld) -> Iterator[tuple[RawRow, Column, str]]:
    for raw in world.tables.values():
        columns = [column for column in raw.table.columns if column.name in raw.header]
        for row in raw.rows:
            for column in columns:
                yield row, column, row.cells[column.name]


def _keys(raw: RawTable) -> dict[str, None]:
    name = raw.table.key[0]
    return dict.fromkeys(row.cells.get(name, "") for row in [*raw.rows, *raw.broken])


def _parts(column: Column, value: str) -> list[str]:
    return [part.strip() for part in value.split(";")] if column.kind == "list" else [value]


def _number(value: str) -> float | None:
    # float() alone would take 1_000 and Arabic digits
    if not value or not value.isascii() or "_" in value:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _date(value: str) -> dt.date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        return None


def _within(number: float, column: Column) -> bool:
    above = column.minimum is None or number >= column.minimum
    return above and (column.maximum is None or number <= column.maximum)


def _limits(column: Column) -> str:
    if column.maximum is None:
        return f"{column.minimum:g} or more"
    return f"a number from {column.minimum:g} to {column.maximum:g}"


def _wanted(column: Column) -> str:
    if column.values and len(column.values) <= SHORT_LIST:
        return "one of " + ", ".join(column.values)
    if column.references:
        return f"an id of {column.references}.csv"
    return column.description

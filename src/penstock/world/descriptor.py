"""The Frictionless data package of a world: what every file and column means, for any tool.

Follows the Tabular Data Package profile (specs.frictionlessdata.io, version 1), which frictionless-py,
CKAN and Open Data Editor read. Columns that hold several words split by `;` are strings with a pattern, since
version 1 has no list; their references are told by the extra property `references`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from penstock.world.schema import IDENTIFIER_PATTERN, SCHEMA, Column, Table

LICENCE = {
    "name": "CC-BY-4.0",
    "path": "https://creativecommons.org/licenses/by/4.0/",
    "title": "Creative Commons Attribution 4.0",
}
TITLE = "The AI infrastructure economy: companies, ties, sites, power, chips and their evidence"
DESCRIPTION = (
    "One fact a row, every fact with its evidence and source. Money is nominal US dollars in billions "
    "unless a column says otherwise; dates are ISO dates; empty means unknown. What was announced or "
    "known after the date `as_of` is loaded but not in force."
)


KEYWORDS = ["artificial intelligence", "data centres", "finance", "energy", "semiconductors"]


def describe(folder: Path, name: str, as_of: dt.date) -> dict[str, Any]:
    """Descriptor of the files that the folder holds.

    Args:
        folder: folder of a world whose files have no defects.
        name: name of the package: lower-case letters, digits, `-`, `.` and `_`.
        as_of: date of the facts; the vintage of the package.
    """
    told = _told(folder)
    present = [table for table in SCHEMA.values() if (folder / table.file).is_file()]
    return {
        "profile": "tabular-data-package",
        "name": re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-") or "world",
        "title": told.get("title", TITLE),
        "description": told.get("description", DESCRIPTION),
        "version": as_of.isoformat(),
        "as_of": as_of.isoformat(),
        "keywords": told.get("keywords", KEYWORDS),
        "licenses": [LICENCE],
        "sources": [{"title": "sources.csv: every row names its sources by id", "path": "sources.csv"}],
        "resources": [_resource(folder, table) for table in present],
    }


def _told(folder: Path) -> dict[str, Any]:
    """What the folder's descriptor says of itself already; nothing where it has none."""
    path = folder / "datapackage.json"
    found: Any = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def descriptor_text(folder: Path, name: str, as_of: dt.date) -> str:
    """The descriptor as the text of `datapackage.json`."""
    return json.dumps(describe(folder, name, as_of), indent=1, ensure_ascii=False) + "\n"


def _resource(folder: Path, table: Table) -> dict[str, Any]:
    content = (folder / table.file).read_bytes()
    return {
        "profile": "tabular-data-resource",
        "name": table.name,
        "path": table.file,
        "description": f"One row is {table.row_is}.",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "licenses": [LICENCE],
        "schema": _schema(table, _header(content)),
    }


def _header(content: bytes) -> set[str]:
    """Columns of a file without defects."""
    first = content.decode("utf-8-sig").split("\n", 1)[0]
    return {name.strip().strip('"') for name in re.split("[,;]", first)}


def _schema(table: Table, header: set[str]) -> dict[str, Any]:
    """Schema of a file: an optional column that it does not have is left out."""
    present = [column for column in table.columns if column.name in header or not column.optional]
    schema: dict[str, Any] = {
        "fields": [_field(column) for column in present],
        "missingValues": [""],
        "primaryKey": list(table.key),
    }
    keys = [_foreign_key(table, column) for column in present if column.references]
    if any(keys):
        schema["foreignKeys"] = [key for key in keys if key]
    return schema


def _foreign_key(table: Table, column: Column) -> dict[str, Any] | None:
    if column.kind == "list":
        return None
    # version 1 writes a reference to the own table as the empty string
    resource = "" if column.references == table.name else column.references
    return {"fields": column.name, "reference": {"resource": resource, "fields": "id"}}


def _field(column: Column) -> dict[str, Any]:
    types = {"id": "string", "text": "string", "list": "string"}
    field: dict[str, Any] = {
        "name": column.name,
        "type": types.get(column.kind, column.kind),
        "description": column.description,
    }
    if column.unit:
        field["unit"] = column.unit
    if column.kind == "boolean":
        field.update(trueValues=["true"], falseValues=["false"])
    if column.references:
        field["references"] = f"{column.references}.id"
    constraints = _constraints(column)
    if constraints:
        field["constraints"] = constraints
    return field


def _constraints(column: Column) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.values and column.kind == "list":
        word = "(" + "|".join(re.escape(value) for value in column.values) + ")"
        constraints["pattern"] = f"{word}(;{word})*"
    elif column.values:
        constraints["enum"] = list(column.values)
    elif column.kind == "list":
        constraints["pattern"] = f"{IDENTIFIER_PATTERN}( *; *{IDENTIFIER_PATTERN})*"
    elif column.kind == "id":
        constraints["pattern"] = IDENTIFIER_PATTERN
    elif column.pattern:
        constraints["pattern"] = column.pattern
    # a limit of an integer is an integer
    as_kind = int if column.kind == "integer" else float
    if column.minimum is not None:
        constraints["minimum"] = as_kind(column.minimum)
    if column.maximum is not None:
        constraints["maximum"] = as_kind(column.maximum)
    return constraints

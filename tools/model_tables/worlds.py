"""The files of a world and their columns, from the data package that ships with it."""

from __future__ import annotations

import json
from typing import Any

from tools.model_tables.markdown import SOURCE, table


def world_tables() -> str:
    """Files of a world: what a row is, key and columns."""
    body = []
    for item in package():
        key = item["schema"].get("primaryKey", [])
        names = ", ".join(f"`{field['name']}`" for field in item["schema"]["fields"])
        key_text = ", ".join(f"`{name}`" for name in ([key] if isinstance(key, str) else key))
        body.append((f"`{item['path']}`", item["description"].removeprefix("One row is "), key_text, names))
    return table(("file", "one row is", "key", "columns"), body)


def world_columns(name: str) -> str:
    """Columns of one file of a world."""
    found = next(item for item in package() if item["name"] == name)
    body = []
    for field in found["schema"]["fields"]:
        limits = field.get("constraints", {})
        words = ", ".join(f"`{word}`" for word in limits.get("enum", []))
        must = "yes" if limits.get("required") else ""
        unit = field.get("unit", "")
        body.append((f"`{field['name']}`", field["type"], unit, must, field.get("description", ""), words))
    return table(("column", "type", "unit", "required", "meaning", "words allowed"), body)


def package() -> list[dict[str, Any]]:
    """Descriptions of the files, as the data package has them."""
    loaded: list[dict[str, Any]] = json.loads((SOURCE / "world/data/datapackage.json").read_text("utf-8"))["resources"]
    return loaded

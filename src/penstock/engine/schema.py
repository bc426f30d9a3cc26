"""Versions of the run directory: what an older version wrote is brought to the present form as it is read.

2 (now): the manifest lists the columns of each table (`tables`), so that a reader of many runs knows what each holds.
1: no `tables`; runs of its first days lack the tables `losses` and `flows`, and `prior` and `keep` in the manifest.

Nothing on disk changes: files of tables are the same in all versions, and a manifest stays as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from penstock.errors import InputError

SCHEMA_VERSION = 2


def at_present(manifest: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """A manifest in the present form; `written_as` tells the version of one that was brought to it.

    Raises InputError, with `where` first, for one of a later version or of none.
    """
    version = manifest.get("schema_version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InputError(f"{where}: schema_version: found {version!r}; expected a number from 1 to {SCHEMA_VERSION}")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{where}: schema_version: found {version}, of a later penstock ({manifest.get('penstock', 'unknown')}); "
            f"expected at most {SCHEMA_VERSION}: update penstock to read this run"
        )
    told = dict(manifest)
    for step in range(version, SCHEMA_VERSION):
        told = MIGRATIONS[step](told)
    if version < SCHEMA_VERSION:
        told["schema_version"] = SCHEMA_VERSION
        told["written_as"] = version
    return told


def notice_of(manifest: Mapping[str, Any], where: Path) -> str:
    """What to tell a person of a run that another version wrote; empty for one of the present version."""
    version = manifest.get("written_as")
    if version is None:
        return ""
    missing = [name for name in ("losses", "flows") if name not in manifest["tables"]]
    lacks = f"; it holds no {' and no '.join(missing)}" if missing else ""
    return f"{where}: found a run of schema {version}, read as schema {SCHEMA_VERSION}{lacks}"


def _from_1(manifest: dict[str, Any]) -> dict[str, Any]:
    files = manifest.get("files")
    entries = files if isinstance(files, list) else []
    paths = [str(entry["path"]) for entry in entries if isinstance(entry, dict) and entry.get("path")]
    names = [PurePosixPath(path).parts[0] for path in paths]
    # version 1 did not write down the columns
    tables: dict[str, list[str]] = {name: [] for name in dict.fromkeys(names)}
    return {"prior": False, "keep": "summary", **manifest, "tables": tables}


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
"""From each version to the next."""

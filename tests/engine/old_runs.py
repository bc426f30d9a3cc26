"""Run directories as older versions wrote them."""

from __future__ import annotations

import json
from pathlib import Path


def as_version_1(directory: Path, *, without: tuple[str, ...] = ()) -> bytes:
    """The manifest as version 1 wrote it, and the directory without tables that it did not have."""
    file = directory / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    del manifest["tables"]
    manifest["schema_version"] = 1
    manifest["files"] = [entry for entry in manifest["files"] if entry["path"].split("/")[0] not in without]
    for name in without:
        for table in (directory / name).iterdir():
            table.unlink()
        (directory / name).rmdir()
    file.write_text(json.dumps(manifest), encoding="utf-8")
    return file.read_bytes()

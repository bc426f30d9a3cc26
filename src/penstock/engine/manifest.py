"""The manifest: everything needed to tell, check and repeat a run."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from penstock.arrays import chosen
from penstock.engine.posterior import posterior_digest
from penstock.engine.schema import SCHEMA_VERSION
from penstock.engine.storage import sha256_of
from penstock.errors import InputError
from penstock.version import __version__

MANIFEST = "manifest.json"
PACKAGES = ("numpy", "scipy", "numba", "pandas", "xarray", "duckdb", "pydantic")
HASH_LENGTH = 8
IDENTITY = (
    "schema_version",
    "penstock",
    "world",
    "scenarios",
    "prior",
    "posterior",
    "seed",
    "paths",
    "quarters",
    "keep",
)
"""Keys of a manifest that say what is run; world and scenarios count by their hashes."""
IDENTITY_OF_SOME = ("device",)
"""Keys that only some runs have."""


class ScenarioText(Protocol):
    """A scenario as a run remembers it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def hash(self) -> str:
        """Hash of what it changes."""

    def to_toml(self) -> str:
        """The whole scenario as a file."""


class WorldName(Protocol):
    """A world as a run remembers it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def as_of(self) -> Any:
        """Day of its knowledge."""

    @property
    def hash(self) -> str:
        """Hash of its tables."""


def identity(
    world: WorldName,
    scenarios: Sequence[ScenarioText],
    *,
    paths: int,
    quarters: int,
    seed: int,
    prior: bool,
    keep: str,
) -> dict[str, Any]:
    """What a run is: two calls with equal identities are the same run, and the second resumes the first.

    A run on a device says so: its numbers are those of a run without to rounding, not to the bit.
    """
    device = chosen()
    return {
        "schema_version": SCHEMA_VERSION,
        "penstock": __version__,
        "world": {"name": world.name, "as_of": str(world.as_of), "hash": world.hash},
        "scenarios": [{"name": s.name, "hash": s.hash, "text": s.to_toml()} for s in scenarios],
        "prior": prior,
        "posterior": "" if prior else posterior_digest(world.as_of),
        "seed": seed,
        "paths": paths,
        "quarters": quarters,
        "keep": keep,
        **({} if device is None else {"device": device.name}),
    }


def identity_hash(run: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that name a run, from its identity or its manifest."""
    facts = {key: run.get(key) for key in IDENTITY} | {key: run[key] for key in IDENTITY_OF_SOME if key in run}
    facts["world"] = run["world"]["hash"]
    # the text of a scenario holds prose too, which changes no number
    facts["scenarios"] = [(scenario["name"], scenario["hash"]) for scenario in run["scenarios"]]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:HASH_LENGTH]


def default_directory(run: Mapping[str, Any]) -> Path:
    """`runs/SCENARIO-HASH8`, where the command line keeps a run that no --out names."""
    names = [scenario["name"] for scenario in run["scenarios"]]
    label = names[0] if len(names) == 1 else f"{names[0]}-and-{len(names) - 1}-more"
    return Path("runs") / f"{label}-{identity_hash(run)}"


def software() -> dict[str, Any]:
    """Versions of Python and of the packages that decide the numbers."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"python": platform.python_version(), "packages": packages}


def merge_checks(checks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The checks of all chunks as one: the largest conservation error, the counts added."""
    return {
        "conservation_max_rel": max((float(c["conservation_max_rel"]) for c in checks), default=0.0),
        "nonconverged": sum(int(c["nonconverged"]) for c in checks),
        "nan": sum(int(c["nan"]) for c in checks),
    }


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; raises InputError that names the file when it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: found {error}; expected the JSON that a run writes") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: found {type(content).__name__}; expected a JSON object")
    return content


def damaged_files(directory: Path, manifest: Mapping[str, Any]) -> list[str]:
    """One line per file of a run that is missing, is not what the manifest says, or is a table it does not name."""
    found = []
    for entry in manifest["files"]:
        digest = sha256_of(directory / entry["path"])
        if not digest:
            found.append(f"{entry['path']}: found no file; expected one with {entry['rows']} rows")
        elif digest != entry["sha256"]:
            found.append(f"{entry['path']}: found SHA-256 {digest[:12]}…; expected {entry['sha256'][:12]}…")
    named = {entry["path"] for entry in manifest["files"]}
    for table in sorted(directory.rglob("*.parquet")):
        if (path := table.relative_to(directory).as_posix()) not in named:
            found.append(f"{path}: found a table that {MANIFEST} does not name; expected its row in `files`")
    return found

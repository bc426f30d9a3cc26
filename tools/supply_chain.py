"""What an installation is made of: `licences` checks them against a list, `sbom` writes a CycloneDX list of parts.

    python tools/supply_chain.py licences
    python tools/supply_chain.py sbom [--out FILE]

Both read `uv.lock`, so they speak of what is locked, and need no network.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "uv.lock"
OURSELVES = "penstock"

ALLOWED = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LLVM-exception", "MIT", "MIT-CMU",
    "MPL-2.0", "PSF-2.0", "Zlib",
}  # fmt: skip
"""SPDX names that may be installed beside an Apache-2.0 program; `BSD` is told by packages that name no variant."""

WORDS = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "2-clause bsd": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd license": "BSD",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
"""What packages without an SPDX expression write, in lower case."""

READ_BY_A_PERSON = {"axe-playwright-python": "MIT"}
"""Packages whose metadata tell no licence, with that of the licence file in their source."""


@dataclass(frozen=True)
class Part:
    """One locked package of one version."""

    name: str
    version: str
    entry: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """Package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(lock: Path = LOCK) -> list[Part]:
    """The packages of a lock file, without the project itself, in its order."""
    content = tomllib.loads(lock.read_text(encoding="utf-8"))
    return [Part(entry["name"], entry["version"], entry) for entry in content["package"] if entry["name"] != OURSELVES]


# ------------------------------------------------------------------ licences


def licence_names(metadata: Any) -> set[str]:
    """SPDX names that the metadata of a package tell: of its expression, else its classifiers, else its short field."""
    if expression := metadata.get("License-Expression"):
        return set(re.findall(r"[A-Za-z0-9.-]+", expression)) - {"AND", "OR", "WITH"}
    told = [line.rpartition("::")[2].strip() for line in metadata.get_all("Classifier") or [] if "License ::" in line]
    told = [name for name in told if name != "OSI Approved"]
    short = (metadata.get("License") or "").strip()
    if not told and short and "\n" not in short:
        told = re.split(r"\s+AND\s+", short)
    return {WORDS.get(name.lower(), name) for name in told}


def refused_licences(parts: Sequence[Part]) -> tuple[list[str], list[str]]:
    """(one line per package with a licence that is not allowed or not told, names that are not installed here)."""
    refused, absent = [], []
    for name in sorted({part.name for part in parts}):
        try:
            metadata = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
            continue
        names = licence_names(metadata) or {READ_BY_A_PERSON.get(name, "")} - {""}
        if not names or names - ALLOWED:
            found = ", ".join(sorted(names - ALLOWED)) or "no licence"
            refused.append(f"{name}: found {found}; expected only {', '.join(sorted(ALLOWED))}")
    return refused, absent


# ------------------------------------------------------------------ list of parts


def bill_of_materials(lock: Path = LOCK) -> dict[str, Any]:
    """A CycloneDX 1.6 document; the same lock gives the same bytes, so it has no time of day."""
    content = tomllib.loads(lock.read_text(encoding="utf-8"))
    parts = locked(lock)
    (project,) = (entry for entry in content["package"] if entry["name"] == OURSELVES)
    version = _own_version()
    own = f"pkg:pypi/{OURSELVES}@{version}"
    needed = _needed(parts, project["dependencies"])
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": OURSELVES,
                "version": version,
                "purl": own,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [_component(part, part.reference in needed) for part in parts],
        "dependencies": [
            {"ref": own, "dependsOn": sorted(_references(parts, _all_dependencies(project)))},
            *({"ref": part.reference, "dependsOn": sorted(_references(parts, _all(part)))} for part in parts),
        ],
    }


def _own_version() -> str:
    text = (ROOT / "src" / "penstock" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "([^"]+)"', text)
    assert found is not None
    return found[1]


def _component(part: Part, needed: bool) -> dict[str, Any]:
    files = [*([part.entry["sdist"]] if "sdist" in part.entry else []), *part.entry.get("wheels", [])]
    return {
        "type": "library",
        "bom-ref": part.reference,
        "name": part.name,
        "version": part.version,
        "purl": part.reference,
        # optional: only with one of the extras
        "scope": "required" if needed else "optional",
        "externalReferences": [
            {
                "type": "distribution",
                "url": file["url"],
                "hashes": [{"alg": "SHA-256", "content": file["hash"].removeprefix("sha256:")}],
            }
            for file in files
        ],
    }


def _all_dependencies(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    extras = entry.get("optional-dependencies", {})
    return [*entry.get("dependencies", []), *(one for group in extras.values() for one in group)]


def _all(part: Part) -> list[Mapping[str, Any]]:
    return _all_dependencies(part.entry)


def _references(parts: Sequence[Part], dependencies: Sequence[Mapping[str, Any]]) -> set[str]:
    """Package URLs of dependencies; where the lock names no version there is one only."""
    found = set()
    for one in dependencies:
        if one["name"] == OURSELVES:
            continue
        found |= {
            part.reference
            for part in parts
            if part.name == one["name"] and part.version == one.get("version", part.version)
        }
    return found


def _needed(parts: Sequence[Part], dependencies: Sequence[Mapping[str, Any]]) -> set[str]:
    """What an installation without extras has."""
    by_reference = {part.reference: part for part in parts}
    reached: set[str] = set()
    waiting = list(_references(parts, dependencies))
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting += _references(parts, by_reference[reference].entry.get("dependencies", []))
    return reached


# ------------------------------------------------------------------ command


def lines_of_licences() -> Iterator[str]:
    """What the command prints."""
    parts = locked()
    refused, absent = refused_licences(parts)
    yield from refused
    names = {part.name for part in parts}
    yield f"{len(names) - len(absent)} locked packages looked at, {len(refused)} refused"
    if absent:
        yield f"not installed here, so not looked at: {', '.join(absent)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; 1 where a licence is refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = parser.add_subparsers(dest="name", required=True)
    names.add_parser("licences", help="check licences of the locked packages that are installed")
    sbom = names.add_parser("sbom", help="write the CycloneDX list of parts")
    sbom.add_argument("--out", type=Path, help="file [standard output]")
    given = parser.parse_args(arguments)
    if given.name == "licences":
        print("\n".join(lines_of_licences()))
        return 1 if refused_licences(locked())[0] else 0
    text = json.dumps(bill_of_materials(), indent=1) + "\n"
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

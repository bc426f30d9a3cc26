"""Finding and reading scenarios: by name from the library, from a file, or from a table in Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from penstock.errors import UsageError
from penstock.scenarios import quarters
from penstock.scenarios.checking import Checked, check
from penstock.scenarios.documents import Document, FoundDefect, read_path, read_text
from penstock.scenarios.entries import Policy, Remove, ScenarioFile, Switch
from penstock.scenarios.names import Names
from penstock.scenarios.scenario import PlacedEvent, Scenario
from penstock.scenarios.structure import Parsed, parse
from penstock.world import World, load_world
from penstock.world.defects import Defect, DefectsError, shown
from penstock.world.naming import nearest_name

LIBRARY = Path(__file__).parent / "library"

ORDER = (
    "baseline",
    "demand_disappoints",
    "funding_freeze",
    "chip_supply_cut",
    "power_delay",
    "efficiency_shock",
    "lab_cannot_pay",
    "anchor_tenant_lost",
    "foundry_outage",
    "optics_outage",
    "export_ban",
    "permit_freeze",
    "gas_spike",
    "rates_up",
    "private_credit_run",
    "vendor_finance_ban",
    "telecom_replay",
    "soft_landing",
    "perfect_storm",
)
"""Scenarios that come with the package, the baseline first."""


def library() -> tuple[str, ...]:
    """Names of the bundled scenarios: those of ORDER, then any other file of the folder by name."""
    found = sorted(path.stem for path in LIBRARY.glob("*.toml"))
    return tuple(name for name in ORDER if name in found) + tuple(n for n in found if n not in ORDER)


def load_scenario(
    source: str | Path | Mapping[str, Any] | Scenario = "baseline", world: World | None = None
) -> Scenario:
    """A scenario, checked whole.

    Args:
        source: name of a bundled scenario, path of a TOML file, the tables of one as a mapping, or a
            scenario (checked again when a world is given, else returned as it is).
        world: world whose companies, ties, sites and first quarter it is checked against; the bundled
            one when not given.

    Raises:
        UsageError: no scenario of that name; the nearest is told.
        InputError: the file cannot be read, or has defects (all told, one a line).
    """
    if isinstance(source, Scenario):
        if world is None:
            return source
        # what it extends is folded in already; only the names of its parents would be lost
        return replace(_resolve(_find(source.to_dict()), world), lineage=source.lineage)
    return _resolve(_find(source), world)


def read_scenario(text: str, *, file: str = "scenario", world: World | None = None) -> Scenario:
    """A scenario from TOML text, as it stands in the manifest of a run. `file` names it in messages."""
    return _resolve(read_text(text, file=file), world)


def _find(source: str | Path | Mapping[str, Any]) -> Document:
    if isinstance(source, Mapping):
        return Document(f"scenario {source.get('name', '')}".rstrip(), source)
    if isinstance(source, Path) or source.endswith(".toml") or "/" in source:
        return read_path(Path(source))
    if source in library():
        return _library_document(source)
    if Path(source).is_file():
        return read_path(Path(source))
    nearest = nearest_name(source, library())
    hint = f"; nearest {nearest}" if nearest else ""
    raise UsageError(f"scenario: found {source!r}; expected {', '.join(library())} or a file{hint}")


def _library_document(name: str) -> Document:
    document = read_path(LIBRARY / f"{name}.toml")
    return Document(f"{name}.toml", document.raw, document.folder, document.stem, document.lines)


def _lineage(leaf: Document) -> tuple[list[Parsed], list[Defect]]:
    """The document and all it extends, eldest first."""
    chain: list[Parsed] = []
    seen: list[str] = []
    document = leaf
    while True:
        parsed = parse(document)
        chain.insert(0, parsed)
        seen.append(_identity(document))
        parent = document.raw.get("extends", "")
        if not isinstance(parent, str) or not parent:
            return chain, []
        line = document.line("", 0, "extends")
        path = _parent_path(parent, document.folder)
        if path is None:
            names = [*library(), *(p.stem for p in document.folder.glob("*.toml"))] if document.folder else library()
            expected = "a bundled scenario or a file beside this one, without .toml"
            return chain, [Defect(document.file, line, "extends", shown(parent), expected, tuple(names))]
        if str(path.resolve()) in seen:
            ring = " -> ".join([*(p.document.stem for p in reversed(chain)), parent])
            return chain, [FoundDefect(document.file, line, "extends", ring, "no scenario to extend itself")]
        document = _library_document(parent) if path.parent == LIBRARY else read_path(path)


def _identity(document: Document) -> str:
    if document.folder is None:
        return document.file
    return str((document.folder / f"{document.stem}.toml").resolve())


def _parent_path(name: str, folder: Path | None) -> Path | None:
    if name in library():
        return LIBRARY / f"{name}.toml"
    if folder is not None and name == Path(name).name and (folder / f"{name}.toml").is_file():
        return folder / f"{name}.toml"
    return None


@lru_cache(maxsize=1)
def _bundled_world() -> World:
    return load_world()


def _resolve(leaf: Document, world: World | None) -> Scenario:
    chain, defects = _lineage(leaf)
    first = quarters.first_quarter(world.as_of) if world is not None else "2026Q1"
    names: list[Names] = []

    def names_in_force() -> Names:
        # a scenario of knobs alone reads no world
        if not names:
            names.append(Names(world if world is not None else _bundled_world()))
        return names[0]

    checked = check(chain, names_in_force, first)
    defects = [*checked.defects, *defects]
    top = chain[-1].top
    if defects or top is None:
        raise DefectsError(defects)
    lineage = tuple(parsed.top.name for parsed in reversed(chain[:-1]) if parsed.top is not None)
    return _built(top, lineage, checked, chain)


def _paragraphs(text: str) -> str:
    """Prose without the line breaks of its file; an empty line parts paragraphs."""
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))


def _built(top: ScenarioFile, lineage: tuple[str, ...], checked: Checked, chain: list[Parsed]) -> Scenario:
    policy: dict[str, Any] = {}
    switch: dict[str, Any] = {}
    for parsed in chain:
        policy |= parsed.policy.model_dump(exclude_none=True)
        switch |= parsed.switch.model_dump(exclude_unset=True)
    removals = [Remove(tie=name) for name in checked.removed_ties]
    removals += [Remove(company=name) for name in checked.removed_companies]
    return Scenario(
        name=top.name,
        title=top.title,
        story=_paragraphs(top.story),
        evidence=_paragraphs(top.evidence),
        date=top.date.isoformat() if top.date else "",
        lineage=lineage,
        changes=tuple(checked.changes),
        events=tuple(PlacedEvent(event, kind) for event, kind in checked.events),
        ties=tuple(checked.ties.values()),
        removals=tuple(removals),
        companies=tuple(checked.companies.values()),
        figures=tuple(checked.figures.values()),
        policy=Policy(**policy),
        switch=Switch(**switch),
    )

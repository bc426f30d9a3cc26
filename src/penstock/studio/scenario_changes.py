"""What a scenario changes, a row each, with its grade and who entered it: the library or the user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penstock.scenarios.knobs import knobs
from penstock.scenarios.language import library, load_scenario
from penstock.world.entered import CONTRIBUTORS

if TYPE_CHECKING:
    from penstock.scenarios.scenario import Scenario
    from penstock.world import World

OPENING = "the opening"
"""When edits of the world act."""


def changes_of(plan: Scenario, world: World) -> list[dict[str, Any]]:
    """Rows of what it changes: scenario, what, apply, from, until, over, why, grade, basis, by."""
    ours = plan.name in library() and load_scenario(plan.name, world).hash == plan.hash
    by = f"{CONTRIBUTORS}, scenario library" if ours else "you, in a scenario of your own"
    return [{"scenario": plan.name, "by": by, **row} for row in _rows(plan)]


def _rows(plan: Scenario) -> Iterator[dict[str, Any]]:
    known = knobs()
    for change in plan.changes:
        knob = known.get(change.what) or known.get(change.what.rsplit(".", 1)[0])
        grade, basis = (knob.grade, knob.basis) if knob else ("F", "")
        row = _row(change.what, change.apply, change.start, change.why, grade, basis)
        yield row | {"until": change.until, "over": change.over}
    for placed in plan.events:
        event = placed.event
        yield _row(f"{event.kind} at {event.target}", f"{event.size:g}", event.start, event.why)
    for gone in plan.removals:
        yield _row(gone.tie or gone.company, "removed", OPENING, "")
    for company in plan.companies:
        yield _row(company.id, "added, a company", OPENING, company.notes)
    for tie in plan.ties:
        sums = ((tie.amount_usd_bn, "usd_bn"), (tie.annual_usd_bn, "usd_bn a year"))
        told = next((f"{value:g} {unit}, {tie.binding}" for value, unit in sums if value is not None), tie.binding)
        yield _row(tie.id, f"added: {tie.kind.replace('_', ' ')}, {told}", OPENING, tie.note)
    for figure in plan.figures:
        what = f"{figure.metric.replace('_', ' ')} of {figure.company}"
        yield _row(what, f"={figure.value:g}", OPENING, figure.why, "F" if not figure.source_id else "by its source")
    tables = plan.tables()
    for name, value in tables.get("policy", {}).items():
        yield _row(name.replace("_", " "), f"={value:g}", OPENING, "")
    for name in tables.get("switch", {}):
        yield _row(f"{name.replace('_', ' ')} switched off", "off", OPENING, "")


def _row(what: str, apply: str, start: str, why: str, grade: str = "F", basis: str = "") -> dict[str, Any]:
    return {
        "what": what,
        "apply": apply,
        "from": start,
        "until": "",
        "over": 0,
        "why": why,
        "grade": grade,
        "basis": basis,
    }

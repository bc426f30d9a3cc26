"""Evidence grades A to F: how far a row can be trusted, and the grade of a sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.world.vocabulary import GRADES

KIND_GRADE = {"filing": "A", "press_release": "B"}
EVIDENCE_GRADE = {"derived": "D", "memory": "E", "assumption": "F"}


def grade_of(evidence: str, source_id: str, kinds: Mapping[str, str]) -> str:
    """Grade of one row: F assumed, E recalled, D derived, else by the kind of the first source it names.

    Args:
        evidence: `page`, `derived`, `memory` or `assumption`.
        source_id: one or several source ids, split by `;`.
        kinds: source id to source kind.
    """
    if evidence in EVIDENCE_GRADE:
        return EVIDENCE_GRADE[evidence]
    first = source_id.split(";")[0].strip()
    return KIND_GRADE.get(kinds.get(first, ""), "C")


def weakest(grades: Iterable[str]) -> str:
    """Grade of a sum: its weakest input names it (F when there is none)."""
    return max(grades, key=GRADES.index, default="F")

"""The notice that goes with every output that names a company."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.report.numbers import percent
from penstock.report.source import GRADES, ReportData, RunTables, evidence_of

if TYPE_CHECKING:
    import pandas as pd

CONDITIONAL = "Conditional on the scenario and assumptions shown; not a forecast, rating or advice about any company."


def notice(data: ReportData) -> str:
    """What the result is not, its inputs by evidence grade, version and vintage."""
    return _notice(data.manifest, data.evidence)


def notice_of_run(run: RunTables) -> str:
    """The notice of a run, without reading its tables."""
    return _notice(run.manifest, evidence_of(run))


def _notice(manifest: Mapping[str, Any], evidence: pd.DataFrame) -> str:
    world = manifest.get("world", {})
    version = manifest.get("penstock", "unknown version")
    return (
        f"{CONDITIONAL} {grade_sentence(evidence)} Penstock {version}, world {world.get('name', 'unknown')} "
        f"as of {world.get('as_of', 'unknown date')}."
    )


def grade_sentence(frame: pd.DataFrame) -> str:
    """Shares of the inputs by grade, on the first basis that the run knows."""
    if frame.empty:
        return "The run does not carry the evidence grades of its inputs."
    basis = str(frame["basis"].iloc[0])
    shares = frame[frame["basis"] == basis].set_index("grade")["share"]
    listed = ", ".join(f"{grade} {percent(float(shares[grade]))}" for grade in GRADES if grade in shares.index)
    return f"Inputs by evidence grade ({basis.lower()}): {listed}."

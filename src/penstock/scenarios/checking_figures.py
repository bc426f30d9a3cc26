"""What the figures that a scenario sets must name and lie between."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from penstock.scenarios.entries import Figure
from penstock.scenarios.names import Names, UnknownNameError
from penstock.scenarios.structure import Placed
from penstock.world import vocabulary as words
from penstock.world.defects import Defect, shown

if TYPE_CHECKING:
    from penstock.scenarios.checking import Checked


def check_figures(placed: Sequence[Placed[Figure]], names: Callable[[], Names], out: Checked) -> None:
    """Checks the figures of one document; a figure of a child stands in the place of its parent's."""
    mine: set[tuple[str, str]] = set()
    for one in placed:
        entry, pool = one.entry, names()
        defects = _word(one, "metric", words.METRICS) + _word(one, "evidence", ("", *words.EVIDENCE))
        defects += _sources(one, pool) + _range(one)
        company = entry.company
        try:
            company = pool.resolve(entry.company, ("company",))[1]
        except UnknownNameError as error:
            defects.append(one.defect("company", error.found, error.expected))
        key = (company, entry.metric)
        if key in mine and not defects:
            defects.append(one.defect("metric", f"{entry.metric} of {company} again", "each figure of a company once"))
        mine.add(key)
        out.defects += defects
        if not defects:
            out.figures[key] = entry.model_copy(update={"company": company})


def _word(placed: Placed[Figure], key: str, allowed: tuple[str, ...]) -> list[Defect]:
    value = getattr(placed.entry, key)
    if value in allowed:
        return []
    told = tuple(word for word in allowed if word)
    return [placed.defect(key, shown(value), f"one of {', '.join(told)}", told)]


def _sources(placed: Placed[Figure], pool: Names) -> list[Defect]:
    expected = "an id of sources.csv, or none (grade F)"
    named = [source.strip() for source in placed.entry.source_id.split(";") if source.strip()]
    known = tuple(sorted(pool.sources))
    return [placed.defect("source_id", shown(name), expected, known) for name in named if name not in pool.sources]


def _range(placed: Placed[Figure]) -> list[Defect]:
    entry = placed.entry
    low = -math.inf if entry.low is None else entry.low
    high = math.inf if entry.high is None else entry.high
    if entry.metric in words.METRICS and entry.metric not in words.SIGNED_METRICS:
        below = [key for key in ("value", "low") if (getattr(entry, key) or 0.0) < 0.0]
        if below:
            return [placed.defect(below[0], f"{getattr(entry, below[0]):g}", "0 or more")]
    if entry.value < low:
        return [placed.defect("low", f"{low:g}", f"at most the value, {entry.value:g}")]
    if entry.value > high:
        return [placed.defect("high", f"{high:g}", f"at least the value, {entry.value:g}")]
    return []

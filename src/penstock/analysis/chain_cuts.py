"""Cuts of the chain: `ID=FACTOR:Nq[@QUARTER]`, read, checked, and laid out week by week."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.chain_links import BY_KEY, OUTSIDE, WEEKS, ChainTies, known_targets
from penstock.errors import UsageError
from penstock.scenarios.quarters import nearest, ordinal, text
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]
FORM = re.compile(r"(?P<id>[^=]+)=(?P<factor>[^:]+):(?P<quarters>[^@]+)q(?:@(?P<quarter>.+))?")
SHAPE = "ID=FACTOR:Nq or ID=FACTOR:Nq@QUARTER, such as zeiss_smt=0.5:2q@2026Q3"


@dataclass(frozen=True)
class Cut:
    """What a link or a company takes in, times `factor`, for some quarters."""

    target: str
    link: str
    """the one link that is struck, or empty for all in which the company stands"""
    factor: float
    quarters: int
    start: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "target": self.target,
            "link": self.link or None,
            "factor": self.factor,
            "quarters": self.quarters,
            "from": self.start,
        }


def read_cut(given: str, world: World, ties: ChainTies, first_quarter: str) -> Cut:
    """A cut as typed; without a quarter it begins with the first after the baseline.

    Raises UsageError for another form, a factor outside 0 to 1, no quarter, a quarter before the baseline, and a name
    that is no link and no company of the chain.
    """
    match = FORM.fullmatch(given.strip())
    if match is None:
        raise UsageError(f"--cut: found {given!r}; expected {SHAPE}")
    factor = _number(match["factor"])
    if factor is None or not 0.0 <= factor <= 1.0:
        raise UsageError(
            f"--cut: factor: found {match['factor']!r}; expected a number from 0 (nothing left) to 1 (no cut)"
        )
    if not re.fullmatch(r"\d{1,3}", match["quarters"]) or int(match["quarters"]) < 1:
        raise UsageError(f"--cut: quarters: found {match['quarters'] + 'q'!r}; expected 1q or more, such as 2q")
    start = (match["quarter"] or first_quarter).strip().upper()
    try:
        number = ordinal(start)
    except ValueError:
        raise UsageError(
            f"--cut: quarter: found {match['quarter']!r}; expected a quarter such as {first_quarter}; "
            f"nearest {nearest(start, first_quarter)}"
        ) from None
    if number < ordinal(first_quarter):
        raise UsageError(
            f"--cut: quarter: found {start}; expected {first_quarter} or later, after the baseline; "
            f"nearest {first_quarter}"
        )
    link, target = _target(match["id"].strip(), world, ties)
    return Cut(target, link, factor, int(match["quarters"]), text(number))


def _number(found: str) -> float | None:
    try:
        value = float(found)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _target(name: str, world: World, ties: ChainTies) -> tuple[str, str]:
    """(link, target): a link, a company of the chain by any of its names, or a company in one link."""
    lowered = name.lower()
    if lowered in BY_KEY:
        return lowered, lowered
    head, dot, rest = name.partition(".")
    link = head.lower() if dot and head.lower() in BY_KEY else ""
    wanted = rest if link else name
    known = known_targets(ties)
    if wanted.lower() in known and wanted.lower() not in BY_KEY:
        company = wanted.lower()
    else:
        company = _company(wanted, world, known)
    members = ties.members[link] if link else [unit for held in ties.members.values() for unit in held]
    if company not in members:
        place = f"the link {link}" if link else "the chain"
        inside = sorted(set(members) - {OUTSIDE})
        raise UsageError(
            f"--cut: found {name!r}, which is not in {place}; expected one of {', '.join(inside)}"
            + (f"; nearest {near}" if (near := nearest_name(company, inside)) else "")
        )
    return link, company


def _company(wanted: str, world: World, known: Sequence[str]) -> str:
    try:
        return world.resolve(wanted, "company")
    except UsageError as error:
        if "which names" in str(error):
            raise UsageError(f"--cut: {error}") from None
        near = nearest_name(wanted, known)
        hint = f"; nearest {near}" if near else ""
        links = ", ".join(BY_KEY)
        raise UsageError(
            f"--cut: found {wanted!r}; expected a company of the chain, or a link ({links}){hint}"
        ) from None


def weekly_factors(cuts: Iterable[Cut], ties: ChainTies, first_quarter: str, quarters: int) -> dict[str, Array]:
    """Link -> factor on what each unit takes in, (weeks, units); several cuts of one unit multiply."""
    out = {key: np.ones((quarters * WEEKS, len(ties.units))) for key in BY_KEY}
    for cut in cuts:
        begin = (ordinal(cut.start) - ordinal(first_quarter)) * WEEKS
        weeks = slice(begin, begin + cut.quarters * WEEKS)
        for key in (cut.link,) if cut.link else tuple(BY_KEY):
            struck = ties.members[key] if cut.target == key else [u for u in ties.members[key] if u == cut.target]
            for unit in struck:
                out[key][weeks, ties.index(unit)] *= cut.factor
    return out

"""Names a person may type: id, ticker, exact name, or a unique part of one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from penstock.errors import UsageError


@dataclass(frozen=True)
class Named:
    """One thing that can be named: its kind (company, site, chip, tie, ...), id, and other names."""

    kind: str
    id: str
    name: str = ""
    ticker: str = ""


def nearest_name(text: str, candidates: Iterable[str]) -> str:
    """The candidate most like `text`, else the shortest that begins with it; an empty string when none is near."""
    lowered: dict[str, str] = {}
    for candidate in candidates:
        lowered.setdefault(candidate.lower(), candidate)
    wanted = text.strip().lower()
    close = difflib.get_close_matches(wanted, lowered, n=1, cutoff=0.55)
    longer = sorted((name for name in lowered if len(wanted) > 2 and name.startswith(wanted)), key=len)
    return next((lowered[name] for name in (*close, *longer)), "")


def resolve_name(text: str, known: Sequence[Named], kinds: Sequence[str]) -> str:
    """The id that `text` names among the things of these kinds.

    An exact id wins over a ticker, a ticker over an exact name, that over a part of an id or a name.

    Raises:
        UsageError: nothing matches (the nearest name is told), or several do (all are listed).
    """
    wanted = text.strip()
    lowered = wanted.lower()
    pool = [item for item in known if item.kind in kinds]
    what = " or ".join(kinds)
    exact_steps = (
        [item for item in pool if item.id == wanted],
        [item for item in pool if item.id == lowered],
        [item for item in pool if item.ticker and item.ticker.lower() == lowered],
        [item for item in pool if item.name and item.name.lower() == lowered],
        [item for item in pool if lowered and (lowered in item.id.lower() or lowered in item.name.lower())],
    )
    for matches in exact_steps:
        ids = list(dict.fromkeys(item.id for item in matches))
        if len(ids) == 1:
            return ids[0]
        if ids:
            listed = ", ".join(ids[:12]) + (f" and {len(ids) - 12} more" if len(ids) > 12 else "")
            raise UsageError(f"{what}: found {text!r}, which names {len(ids)}; expected one of {listed}")
    names = [word for item in pool for word in (item.id, item.name, item.ticker) if word]
    near = nearest_name(wanted, names)
    owner = next((item.id for item in pool if near and near in (item.id, item.name, item.ticker)), "")
    hint = f"; nearest {owner}" if owner else ""
    raise UsageError(f"{what}: found {text!r}; expected an id, ticker, name or a unique part of one{hint}")

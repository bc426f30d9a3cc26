"""Draws of the calibration that come with the package, and which of their parameters a run may take.

They are in force only where `posterior.json` says so (`in_force`): a person decides that, having read what the fit says
of itself (docs/decisions/0021). Where they are not, every run draws from the margins of the table.

`posterior.csv` holds weighted draws, a column a parameter that the data inform; `posterior.json` says from when they
are known (the last day of the data that they were fitted to) and the prior of every parameter that was calibrated. Path
n takes a draw with probability proportional to its weight, keyed by seed and path; a parameter that was calibrated and
not informed is drawn from its prior, which is its posterior. A run of a world of an earlier day takes none of it. A
parameter whose row differs from the one that was calibrated (sizes at the opening, which are of a world's own day, or a
table changed since) is drawn from its own margins.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from penstock.arrays import np
from penstock.engine.parameters import Assumption, draw_parameters
from penstock.engine.random import PARAMETERS

HERE = Path(__file__).parent
TABLE, ABOUT = "posterior.csv", "posterior.json"
WEIGHT = "weight"
PICK = PARAMETERS - 1
"""Which of a path's uniform numbers for parameters picks its draw: the last, which no parameter has."""


@dataclass(frozen=True)
class PosteriorDraws:
    """Weighted draws, (parameters, draws)."""

    names: tuple[str, ...]
    values: np.ndarray
    cumulative: np.ndarray
    """(draws,) share of weight up to and with each draw"""
    wide: frozenset[str] = frozenset()
    """parameters that were calibrated and not informed: their posterior is their prior"""

    def pick(self, uniforms: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters of paths from a uniform number each, name -> (paths,)."""
        last = len(self.cumulative) - 1
        place = np.minimum(np.searchsorted(self.cumulative, uniforms, side="right"), last)
        return dict(zip(self.names, np.take(self.values, place, axis=1), strict=True))


@dataclass(frozen=True)
class Shipped:
    """The draws of the package with what is told of them."""

    draws: PosteriorDraws
    known_from: dt.date
    rows: Mapping[str, tuple[float, ...]]
    digest: str
    in_force: bool = False
    """whether runs take them"""


def prior_of(row: Assumption) -> tuple[float, ...]:
    """What decides a parameter's prior."""
    return (row.prior_low, row.central, row.prior_high, row.minimum, row.maximum)


@lru_cache(maxsize=1)
def shipped() -> Shipped | None:
    """The draws of the package, None where it comes without."""
    return read_draws(HERE)


def read_draws(folder: Path) -> Shipped | None:
    """The draws that a calibration wrote into a folder, None where there are none."""
    table, told = folder / TABLE, folder / ABOUT
    if not table.is_file() or not told.is_file():
        return None
    about: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    with table.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    numbers = np.array(rows, dtype=float).T
    weights = numbers[header.index(WEIGHT)]
    names = tuple(name for name in header if name != WEIGHT)
    values = np.stack([numbers[header.index(name)] for name in names]) if names else np.zeros((0, len(weights)))
    digest = hashlib.sha256(table.read_bytes() + told.read_bytes()).hexdigest()
    return Shipped(
        PosteriorDraws(names, values, np.cumsum(weights) / weights.sum()),
        dt.date.fromisoformat(about["known_from"]),
        {name: tuple(row) for name, row in about["prior"].items()},
        digest,
        bool(about["in_force"]),
    )


def posterior_for(as_of: dt.date, table: Mapping[str, Assumption]) -> PosteriorDraws | None:
    """The draws that a world of a day with these parameters may take; None where there are none."""
    found = _for_runs(as_of)
    return None if found is None else draws_for(found, table)


def draws_for(found: Shipped, table: Mapping[str, Assumption]) -> PosteriorDraws | None:
    """Of some draws what a world with these parameters may take; None where there is nothing."""
    same = {name for name, row in table.items() if found.rows.get(name) == prior_of(row)}
    if not same:
        return None
    draws = found.draws
    kept = [place for place, name in enumerate(draws.names) if name in same]
    names = tuple(draws.names[place] for place in kept)
    return PosteriorDraws(names, draws.values[kept], draws.cumulative, frozenset(same - set(draws.names)))


def path_parameters(
    uniforms: np.ndarray, *, prior: bool, table: Mapping[str, Assumption], posterior: PosteriorDraws | None
) -> dict[str, np.ndarray]:
    """Parameters of paths as a run draws them, from their uniform numbers (numbers, paths)."""
    if posterior is None:
        return draw_parameters(uniforms, prior=prior, table=table)
    return draw_parameters(uniforms, prior=prior, table=table, wide=posterior.wide) | posterior.pick(uniforms[PICK])


def posterior_digest(as_of: dt.date) -> str:
    """SHA-256 of the draws that runs of a day take, '' where they take none: part of what a run is."""
    found = _for_runs(as_of)
    return "" if found is None else found.digest


def _for_runs(as_of: dt.date) -> Shipped | None:
    found = shipped()
    return found if found is not None and found.in_force and as_of >= found.known_from else None

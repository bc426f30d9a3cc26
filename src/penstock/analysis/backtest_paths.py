"""What a scorer sees of a run: arrays by quarter, firm and path, and who the firms are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import InputError
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    from penstock.engine.model import Model, PathBlock
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[Any]]

RATINGS = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC")
CONDITION = re.compile(r"(layer|group|role|ids)=([\w;]+)|(rating)>(\w+)|(debt)>=([0-9.]+)|(all)")


@dataclass(frozen=True)
class ScoredPaths:
    """Outputs of one scenario, the last axis of every array is the path."""

    quarters: tuple[str, ...]
    firms: tuple[str, ...]
    layer: tuple[str, ...]
    group: tuple[str, ...]
    roles: tuple[tuple[str, ...], ...]
    rating: tuple[str, ...]
    """at the opening"""
    debt_opening: Array
    """(firms,) usd_bn"""
    value_opening: Array
    company: Mapping[str, Array]
    """measure -> (quarters, firms, paths)"""
    economy: Mapping[str, Array]
    """measure -> (quarters, paths)"""
    recovery: Mapping[str, Array]
    """instrument -> (firms, paths), NaN where no such claim failed"""
    losses: Mapping[str, Array]
    """rows of the table `losses`"""
    flows: Array
    """(years, groups, groups, paths)"""
    flow_groups: tuple[str, ...]

    @property
    def paths(self) -> int:
        """How many paths were simulated."""
        return int(next(iter(self.economy.values())).shape[-1])

    @property
    def years(self) -> tuple[int, ...]:
        """Calendar years that the run covers in full, in order."""
        found = [int(name[:4]) for name in self.quarters]
        return tuple(sorted(year for year in set(found) if found.count(year) == 4))

    def in_year(self, year: int) -> slice:
        """Quarters of a calendar year.

        Raises InputError where the run does not cover it.
        """
        if year not in self.years:
            raise InputError(f"years: found {year}; expected a year of the run, {self.years[0]} to {self.years[-1]}")
        first = self.quarters.index(f"{year}Q1")
        return slice(first, first + 4)

    def default_quarter(self) -> Array:
        """(firms, paths) number of the quarter of the first default, as many as there are quarters where none comes."""
        failed = self.company["failed"] > 0.5
        return np.where(failed.any(axis=0), failed.argmax(axis=0), len(self.quarters))

    def debt_before(self) -> Array:
        """(quarters, firms, paths) debt at the start of each quarter, usd_bn."""
        debt = self.company["debt_usd_bn"].astype(float)
        first = np.broadcast_to(self.debt_opening[None, :, None], (1, *debt.shape[1:]))
        return np.concatenate([first, debt[:-1]])

    def chosen(self, text: str) -> Array:
        """(firms,) whether each firm meets all conditions but those on debt.

        Conditions: `layer=`, `group=`, `role=`, `ids=a;b`, `rating>BBB` (worse than), `debt>=2`, `all`.
        Raises InputError for another condition, or where nobody meets them.
        """
        keep = np.ones(len(self.firms), dtype=bool)
        for condition in text.split():
            keep &= self._meets(condition)
        if not keep.any():
            raise InputError(f"firms: found {text!r}, which no firm meets; expected conditions that some do")
        return keep

    def least_debt(self, text: str) -> float:
        """The debt that a condition asks for, usd_bn; 0 where none does."""
        found = [match[6] for part in text.split() if (match := CONDITION.fullmatch(part)) and match[5]]
        return float(found[0]) if found else 0.0

    def _meets(self, condition: str) -> Array:
        match = CONDITION.fullmatch(condition)
        if match is None:
            raise InputError(
                f"firms: found {condition!r}; expected layer=, group=, role=, ids=, rating>, debt>= or all"
            )
        kind, value = match[1] or match[3] or match[5] or match[7], match[2] or match[4] or match[6] or ""
        if kind == "rating":
            if value not in RATINGS:
                raise InputError(f"firms: rating: found {value!r}; expected one of {', '.join(RATINGS)}")
            return np.array([RATINGS.index(own) > RATINGS.index(value) for own in self.rating])
        if kind == "ids":
            return np.isin(self.firms, self._known(value.split(";")))
        words = {"layer": [{own} for own in self.layer], "group": [{own} for own in self.group]}
        words["role"] = [set(own) for own in self.roles]
        asked = set(value.split(";"))
        return np.array([bool(asked & own) for own in words[kind]]) if kind in words else np.ones(len(self.firms), bool)

    def _known(self, names: list[str]) -> list[str]:
        for name in names:
            if name not in self.firms:
                near = nearest_name(name, self.firms)
                hint = f"; nearest {near}" if near else ""
                raise InputError(f"firms: found {name!r}; expected a firm of the world{hint}")
        return names


def scored_paths(world: World, model: Model, block: PathBlock) -> ScoredPaths:
    """The outputs of a block of paths, the first of them path 0, as a scorer sees them."""
    from penstock.engine.ensemble import quarter_names
    from penstock.engine.ledger_view import GROUP_NAMES

    profile = model.opening.profile.loc[list(model.firms)]
    companies = world.table("companies").set_index("id")["roles"].reindex(list(model.firms)).fillna("")
    return ScoredPaths(
        quarters=quarter_names(world.as_of, model.program.quarters),
        firms=model.firms,
        layer=tuple(profile["layer"]),
        group=tuple(profile["group"]),
        roles=tuple(tuple(str(text).split(";")) for text in companies),
        rating=tuple(profile["rating"]),
        debt_opening=model.opening.sheet.loc[list(model.firms), "debt"].to_numpy(float),
        value_opening=profile["market_value"].to_numpy(float),
        company=block.company,
        economy=block.economy,
        recovery=_recoveries(model, block),
        losses=block.losses,
        flows=block.flows,
        flow_groups=GROUP_NAMES,
    )


def _recoveries(model: Model, block: PathBlock) -> dict[str, Array]:
    """Recovery of each firm's claims by instrument, (firms, paths)."""
    outcomes = block.outcomes
    place = {name: number for number, name in enumerate(model.firms)}
    shape = (len(model.firms), block.chain.shape[0])
    found: dict[str, Array] = {}
    for instrument in sorted(set(outcomes["instrument"])):
        rows = np.flatnonzero(outcomes["instrument"] == instrument)
        values = np.full(shape, np.nan)
        firm = np.array([place[name] for name in outcomes["company_id"][rows]], dtype=int)
        values[firm, outcomes["path"][rows]] = outcomes["recovery"][rows]
        found[str(instrument)] = values
    return found

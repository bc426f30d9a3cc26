"""Rules of a world: the model's default tables of assumptions, with the rows that the world gives in their place.

No module of the model knows a company or a world by name; what one world needs told apart stands in these tables. A
world without rule tables of its own takes the defaults as they are. One that has some puts its rows in their place,
except hand-made sheets, which are of one date: it has its own or none. A world that tells its companies apart itself
(table `named_parts`) keeps the defaults only of rows that name no company: names of two worlds may coincide.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine import parameters
from penstock.engine.opening import assumptions, network_assumptions
from penstock.engine.opening.state import GROUPS
from penstock.errors import InputError
from penstock.world.naming import nearest_name
from penstock.world.rules import FOLDER

if TYPE_CHECKING:
    from penstock.world.model import World

HERE = Path(__file__).parent
CONDUCT = "group_conduct"
NAMED_PARTS = "named_parts"
GENERAL_KEYS = (*GROUPS, "", "consumer", "enterprise", "agents", "other_ai_buyers")
"""Keys of network assumptions that name no company: groups, segments of users, the rest of the world."""


@dataclass(frozen=True)
class Rules:
    """Assumption tables of one world; see the CSV files for rows, units and grades."""

    parameters: Mapping[str, parameters.Assumption]
    """uncertain parameters of the run, in the order that keys their random numbers"""
    network: Mapping[tuple[str, str], network_assumptions.Assumption]
    groups: pd.DataFrame
    conduct: pd.DataFrame
    sheets: pd.DataFrame
    overrides: pd.DataFrame
    role_groups: Mapping[tuple[str, str], str]
    """group of a role where it differs from the general one, by (role, layer); layer '' stands for all"""
    parts: Mapping[str, Mapping[str, str]]
    """companies, ties and chips with a part of their own: part -> id -> value"""
    constants: Mapping[str, float]
    fleet_ages: tuple[float, ...]
    """capacity shipped per quarter, newest first: ages of the opening fleet"""

    def find(self, name: str, firm: str = "", group: str = "") -> network_assumptions.Assumption | None:
        """The row of a firm, else of its group, else the general one; None where there is none."""
        for key in (firm, group, ""):
            if (name, key) in self.network:
                return self.network[name, key]
        return None

    def assumed(self, name: str, firm: str = "", group: str = "") -> float:
        """Central value of an assumption; 0 where neither firm, group nor the general row has one."""
        row = self.find(name, firm, group)
        return 0.0 if row is None else row.central

    def by_group(self, name: str) -> pd.Series:
        """Central value of one assumption by group.

        Raises:
            InputError: no assumption has this name.
        """
        return assumptions.by_group(self.groups, name)

    def part(self, name: str) -> Mapping[str, str]:
        """Who has this part, with what the table says of each; nobody where the world names none."""
        return self.parts.get(name, {})


@cache
def default_rules() -> Rules:
    """The rules of a world that brings none of its own."""
    return Rules(
        parameters=dict(parameters.assumptions()),
        network=network_assumptions.assumptions(),
        groups=assumptions.group_assumptions(),
        conduct=_conduct(_rows(f"{CONDUCT}.csv")),
        sheets=assumptions.private_sheets(),
        overrides=assumptions.universe_overrides(),
        role_groups={},
        parts=_parts(_rows(f"opening/{NAMED_PARTS}.csv")),
        constants=_central(_rows("constants.csv")),
        fleet_ages=_ages(_rows("fleet_ages.csv")),
    )


def rules_of(world: World) -> Rules:
    """Rules of a world.

    Raises InputError for a row of its rule tables that the model does not know or cannot read.
    """
    return _own(world) if world.rules else default_rules()


@lru_cache(maxsize=8)
def _own(world: World) -> Rules:
    base = default_rules()
    given = {name: _records(frame) for name, frame in world.rules.items()}
    own_names = NAMED_PARTS in given
    general = {key: row for key, row in base.network.items() if not own_names or key[1] in GENERAL_KEYS}
    network = {(row["name"], row["key"]): _network(row) for row in given.get("network_assumptions", [])}
    conduct = base.conduct
    if CONDUCT in given:
        conduct = _conduct(given[CONDUCT]).combine_first(base.conduct).reindex(base.conduct.index)
    ages = given.get("fleet_ages", [])
    overrides = assumptions.overrides_of(given.get("universe_overrides", []))
    if not own_names:
        overrides = pd.concat([base.overrides.drop(index=overrides.index, errors="ignore"), overrides])
    return Rules(
        parameters=_parameters(base.parameters, given.get("assumptions", [])),
        network={**general, **network},
        groups=_groups(base.groups, given.get("group_assumptions", [])),
        conduct=conduct[base.conduct.columns],
        sheets=assumptions.sheets_of(given.get("private_sheets", [])),
        overrides=overrides,
        role_groups={(row["role"], row["layer"]): row["group"] for row in given.get("role_groups", [])},
        parts=_parts(given[NAMED_PARTS]) if own_names else base.parts,
        constants={**base.constants, **_constants(base.constants, given.get("constants", []))},
        fleet_ages=_ages(ages) if ages else base.fleet_ages,
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _records(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [{str(key): str(cell) for key, cell in row.items()} for row in frame.to_dict("records")]


def _number(table: str, row: Mapping[str, str], name: str) -> float:
    try:
        return float(row[name])
    except (KeyError, ValueError):
        first = next(iter(row.values()), "")
        found = row.get(name, "no such column")
        raise InputError(f"{FOLDER}/{table}.csv: {first}: {name}: found {found!r}; expected a number") from None


def _unknown(table: str, name: str, known: Mapping[str, object]) -> InputError:
    near = nearest_name(name, known)
    hint = f"; nearest {near}" if near else ""
    return InputError(f"{FOLDER}/{table}.csv: name: found {name!r}; expected a name of the model's table{hint}")


def _parameters(
    base: Mapping[str, parameters.Assumption], rows: list[dict[str, str]]
) -> dict[str, parameters.Assumption]:
    """The parameters in their own order, those of the world in place of the defaults."""
    own: dict[str, parameters.Assumption] = {}
    for row in rows:
        if row["name"] not in base:
            raise _unknown("assumptions", row["name"], base)
        for name in parameters.NUMBERS:
            _number("assumptions", row, name)
        own[row["name"]] = parameters.assumption_of(row)
    return {name: own.get(name, row) for name, row in base.items()}


def _network(row: Mapping[str, str]) -> network_assumptions.Assumption:
    low, central, high = (_number("network_assumptions", row, name) for name in ("low", "central", "high"))
    return network_assumptions.Assumption(
        row["name"], row["key"], low, central, high, row["unit"], row["grade"], row["why"]
    )


def _groups(base: pd.DataFrame, rows: list[dict[str, str]]) -> pd.DataFrame:
    if not rows:
        return base
    own = pd.DataFrame(rows)[list(base.columns)]
    for name in ("low", "central", "high"):
        own[name] = [_number("group_assumptions", row, name) for row in rows]
    both = pd.concat([base, own], ignore_index=True)
    return both.drop_duplicates(["name", "group"], keep="last").reset_index(drop=True)


def _conduct(rows: list[dict[str, str]]) -> pd.DataFrame:
    """Conduct of each group: one row a group, assumptions with their ranges in the notes."""
    frame = pd.DataFrame(rows).set_index("group")
    return frame.drop(columns=[name for name in ("note", "known_from") if name in frame]).astype(float)


def _parts(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["part"], {})[row["id"]] = row["value"]
    return found


def _central(rows: list[dict[str, str]]) -> dict[str, float]:
    return {row["name"]: _number("constants", row, "central") for row in rows}


def _constants(base: Mapping[str, float], rows: list[dict[str, str]]) -> dict[str, float]:
    for row in rows:
        if row["name"] not in base:
            raise _unknown("constants", row["name"], base)
    return _central(rows)


def _ages(rows: list[dict[str, str]]) -> tuple[float, ...]:
    return tuple(_number("fleet_ages", row, "shipped") for row in rows)

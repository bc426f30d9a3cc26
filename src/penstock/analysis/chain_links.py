"""The links of the chain of silicon and who stands in them, read from the ties of the opening state."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.ranges import Range
from penstock.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

ASSUMPTIONS = Path(__file__).with_name("chain_assumptions.csv")
WEEKS = 13
"""Steps of the chain in a quarter: the chain moves by the week."""
WEEKS_PER_MONTH = 52.0 / 12.0

FLOW, CAPITAL = "flow", "capital"
"""Capital: what the link delivers adds capacity elsewhere; flow: it goes into each chip."""


@dataclass(frozen=True)
class Link:
    """One link of the chain."""

    key: str
    name: str
    kind: str


LINKS = (
    Link("optics", "laser, mirror", CAPITAL),
    Link("scanner", "scanner", CAPITAL),
    Link("tools", "other tools", CAPITAL),
    Link("fab", "logic wafers", FLOW),
    Link("memory", "HBM", FLOW),
    Link("substrate", "substrate", FLOW),
    Link("packaging", "packaging", FLOW),
    Link("chip", "tested chips", FLOW),
    Link("server", "server", FLOW),
    Link("network", "network", FLOW),
    Link("rack", "rack", FLOW),
)
BY_KEY = {link.key: link for link in LINKS}
FEEDS = {
    "optics": ("scanner",),
    "scanner": ("fab", "memory"),
    "tools": ("fab", "memory"),
    "fab": ("packaging",),
    "memory": ("packaging",),
    "substrate": ("packaging",),
    "packaging": ("chip",),
    "chip": ("server",),
    "server": ("rack",),
    "network": ("rack",),
    "rack": (),
}
"""What each link delivers to."""

OUTSIDE = "row_suppliers"
"""Suppliers that the world does not name."""


@dataclass(frozen=True)
class Assumed:
    """A row of `chain_assumptions.csv`: a number with its range, grade and source."""

    value: Range
    unit: str
    grade: str
    source: str
    note: str


@cache
def _rows() -> dict[str, Assumed]:
    with ASSUMPTIONS.open(encoding="utf-8", newline="") as file:
        return {
            row["name"]: Assumed(
                Range(float(row["low"]), float(row["central"]), float(row["high"])),
                row["unit"],
                row["grade"],
                row["source"],
                row["note"],
            )
            for row in csv.DictReader(file)
        }


def assumed(name: str) -> Assumed:
    """A row of the table of assumptions."""
    return _rows()[name]


def cited(world: World, name: str) -> tuple[Range, str]:
    """A parameter of the world and its grade; raises InputError where the world has none."""
    from penstock.errors import UsageError

    try:
        row = world.parameter(name)
    except UsageError:
        raise InputError(
            f"world {world.name}: parameters.csv: found no row {name}; expected one: the chain of silicon rests on it"
        ) from None
    low = row.central if row.low is None else row.low
    high = row.central if row.high is None else row.high
    return Range(low, row.central, high), row.grade


def cycle_weeks(world: World, key: str) -> tuple[Range, str]:
    """Weeks from what a link takes in to what it delivers, and the grade; the world's own number where it has one."""
    row = assumed(f"cycle_{key}")
    if not row.source:
        return row.value, row.grade
    value, grade = cited(world, row.source)
    scale = WEEKS_PER_MONTH if row.source.endswith("_months") else 1.0
    return Range(value.low * scale, value.central * scale, value.high * scale), grade


def whole_weeks(value: float) -> int:
    """A cycle in steps of the chain."""
    return round(value)


@dataclass(frozen=True)
class ChainTies:
    """Who delivers to whom, as matrices over `units`, (suppliers, buyers): each column adds up to one, or to zero."""

    units: tuple[str, ...]
    members: dict[str, tuple[str, ...]]
    """link -> who stands in it, the largest seller first"""
    sales: dict[str, dict[str, float]]
    """link -> unit -> share of what the link sells to the chain, usd"""
    share: dict[str, Array]
    """part -> matrix: scanner, tools, fab, memory, substrate, assembly_outside, server, network"""
    optics: tuple[tuple[str, Array], ...]
    """supplier -> matrix: each maker of optics or lasers delivers a part of its own, which nobody else makes"""
    owners: Array
    """(units, units) share of each buyer in what a designer sells, rows add up to one or to zero"""
    grades: dict[str, dict[str, float]] = field(default_factory=dict)
    """link -> grade -> usd of the ties into it"""

    def index(self, unit: str) -> int:
        """Row of a unit."""
        return self.units.index(unit)


ROLE_PART = {"foundry": "fab", "packaging": "assembly_outside", "substrate": "substrate"}


def chain_ties(world: World, flow_ties: pd.DataFrame) -> ChainTies:
    """The chain of a world from the flow ties of its opening state.

    Raises InputError where nobody sells accelerators.
    """
    categories = ("optics", "tools", "wafers", "memory", "accelerators", "servers", "network")
    ties = flow_ties[flow_ties["category"].isin(categories) & (flow_ties["base"] > 0.0)].copy()
    if not (ties["category"] == "accelerators").any():
        raise InputError(
            f"world {world.name}: contracts.csv: found nobody who sells accelerators; "
            "expected at least one tie of the chain of silicon"
        )
    roles = {str(row.id): str(row.roles).split(";") for row in world.table("companies").itertuples()}
    ties["part"] = _parts(ties, roles)
    units = tuple(sorted(set(ties["payer"]) | set(ties["payee"])))
    parts = ("scanner", "tools", "fab", "memory", "substrate", "assembly_outside", "server", "network")
    share = {part: _columns(ties[ties["part"] == part], units) for part in parts}
    optics = ties[ties["part"] == "optics"]
    own = tuple((str(name), _columns(rows, units)) for name, rows in optics.groupby("payee"))
    sold = _matrix(ties[ties["part"] == "chip"], units)
    total = sold.sum(axis=1, keepdims=True)
    owners = np.divide(sold, total, out=np.zeros_like(sold), where=total > 0.0)
    return ChainTies(units, _members(ties), _sales(ties), share, own, owners, _grades(ties))


def _parts(ties: pd.DataFrame, roles: dict[str, list[str]]) -> list[str]:
    """The part of the chain that each tie carries."""
    wafers = ties[ties["category"] == "wafers"]
    with_fab = {r.payer for r in wafers.itertuples() if "foundry" in roles.get(str(r.payee), [])}
    out = []
    plain = {"optics": "optics", "memory": "memory", "accelerators": "chip", "servers": "server", "network": "network"}
    for category, payer, payee in ties[["category", "payer", "payee"]].itertuples(index=False):
        held = roles.get(str(payee), [])
        if category == "tools":
            out.append("scanner" if "lithography" in held else "tools")
        elif category == "wafers":
            named = next((part for role, part in ROLE_PART.items() if role in held), "")
            # outside suppliers make the wafers of those who have no named foundry, else substrates
            out.append(named or ("substrate" if payer in with_fab else "fab"))
        else:
            out.append(plain[str(category)])
    return out


def _matrix(rows: pd.DataFrame, units: tuple[str, ...]) -> Array:
    place = {unit: number for number, unit in enumerate(units)}
    out = np.zeros((len(units), len(units)))
    suppliers = rows["payee"].map(place).to_numpy(dtype=np.intp)
    buyers = rows["payer"].map(place).to_numpy(dtype=np.intp)
    np.add.at(out, (suppliers, buyers), rows["base"].to_numpy(float))
    return out


def _columns(rows: pd.DataFrame, units: tuple[str, ...]) -> Array:
    """Share of each supplier in what a buyer gets of a part."""
    bought = _matrix(rows, units)
    total = bought.sum(axis=0, keepdims=True)
    return np.asarray(np.divide(bought, total, out=np.zeros_like(bought), where=total > 0.0))


LINK_PARTS = {
    "optics": ("optics",),
    "scanner": ("scanner",),
    "tools": ("tools",),
    "fab": ("fab",),
    "memory": ("memory",),
    "substrate": ("substrate",),
    "packaging": ("fab", "assembly_outside"),
    "chip": ("chip",),
    "server": ("server",),
    "network": ("network",),
    "rack": ("server",),
}
"""Foundries package what they make, beside the assemblers; makers of servers build the racks."""


def _sales(ties: pd.DataFrame) -> dict[str, dict[str, float]]:
    out: dict[str, dict[str, float]] = {}
    for key, parts in LINK_PARTS.items():
        by = ties[ties["part"].isin(parts)].groupby("payee")["base"].sum().sort_values(ascending=False)
        total = max(float(by.sum()), 1e-300)
        out[key] = {str(name): float(value) / total for name, value in by.items()}
    return out


def _members(ties: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    return {key: tuple(by) for key, by in _sales(ties).items()}


def _grades(ties: pd.DataFrame) -> dict[str, dict[str, float]]:
    out = {}
    for key, parts in LINK_PARTS.items():
        by = ties[ties["part"].isin(parts)].groupby("grade")["base"].sum()
        out[key] = {str(grade): float(value) for grade, value in by.items()}
    return out


def known_targets(ties: ChainTies) -> tuple[str, ...]:
    """Everything a cut can name beside `LINK.COMPANY`: links and companies of the chain."""
    firms: Iterable[str] = {unit for members in ties.members.values() for unit in members if unit != OUTSIDE}
    return (*BY_KEY, *sorted(firms))

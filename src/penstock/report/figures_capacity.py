"""What contracts promise in physical units: gigawatts and chips, from layer to layer, towards the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.report.numbers import percent, plain
from penstock.report.source import LAYER_NAMES
from penstock.report.spec import Column, Figure

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World

DELIVERING = ("supply", "compute", "lease", "power_purchase")
"""Kinds of ties along which power, halls or machines are delivered; the others carry money."""

RANK = {"energy": 0, "finance": 0, "silicon": 1, "facilities": 2, "platform": 3, "data": 4, "ai": 4}
"""Columns from what is delivered to who uses it."""

SERVERS = 8
"""Accelerators in a GPU server of the contracts that count servers (assumption: the common design of eight)."""


@dataclass(frozen=True)
class Unit:
    """A physical unit: `factors` turn the units of the contracts into it, per `scale`."""

    name: str
    title: str
    words: str
    factors: dict[str, float]
    digits: str


UNITS = (
    Unit("gw", "Gigawatts that contracts promise", "GW", {"MW": 1e-3, "GW": 1.0}, "GW"),
    Unit(
        "chips",
        "Chips that contracts promise",
        "million chips",
        {
            **dict.fromkeys(
                ("gpus_2025", "GPUs", "GB200", "GB300", "MI450", "H100 equivalents", "tpus_2025", "TPUs"), 1e-6
            ),
            "Trainium2 chips": 1e-6,
            "GPU servers": SERVERS * 1e-6,
        },
        "m",
    ),
)


def capacity_figures(world: World) -> list[Figure]:
    """A Sankey a unit; a unit in which no contract in force is counted has none."""
    ties = _ties(world)
    return [figure for unit in UNITS if (figure := _figure(world, unit, ties)) is not None]


def _ties(world: World) -> pd.DataFrame:
    """Contracts of delivery that name a quantity, each quantity once, with the layers of their ends.

    Those that ended within the year before the as-of date are kept: a year's deliveries are told after it.
    """
    every = world.active_contracts()
    year_before = world.as_of.replace(year=world.as_of.year - 1, day=min(world.as_of.day, 28)).isoformat()
    lasting = every["end"].isna() | (every["end"] >= year_before)
    wanted = every[every["kind"].isin(DELIVERING) & every["quantity"].notna() & lasting]
    layers = world.table("companies").set_index("id")["layer"]
    return wanted.assign(provider=wanted["provider_id"].map(layers), receiver=wanted["receiver_id"].map(layers))


def _figure(world: World, unit: Unit, ties: pd.DataFrame) -> Figure | None:
    held = ties[ties["quantity_unit"].isin(unit.factors)]
    if held.empty:
        return None
    held = held.assign(amount=held["quantity"] * held["quantity_unit"].map(unit.factors))
    rows: list[list[object]] = []
    for (provider, receiver), group in held.groupby(["provider", "receiver"], sort=True):
        back = RANK[str(provider)] >= RANK[str(receiver)]
        firm = float(group.loc[group["binding"] == "firm", "amount"].sum())
        value = float(group["amount"].sum())
        rows.append(
            [
                LAYER_NAMES[str(provider)],
                LAYER_NAMES[str(receiver)],
                "return" if back else "forward",
                firm,
                value,
                value,
                len(group),
                "".join(sorted(set(group["grade"].astype(str)))),
            ]
        )
    rows.sort(key=lambda row: -float(str(row[4])))
    used = {str(layer) for layer in {*held["provider"], *held["receiver"]}}
    nodes = sorted(used, key=lambda layer: (RANK[layer], layer))
    return Figure(
        id=f"capacity-{unit.name}",
        kind="sankey",
        title=unit.title,
        unit=f"{unit.words} named by contracts in force at {world.as_of.isoformat()} or fulfilled in the year before",
        columns=(
            Column("provider", "From", "text"),
            Column("receiver", "To", "text"),
            Column("direction", "Direction", "text"),
            Column("p05", f"Firm alone, {unit.words}"),
            Column("amount", f"All, {unit.words}"),
            Column("p95", f"High, {unit.words}", hidden=True),
            Column("contracts", "Contracts"),
            Column("grades", "Evidence grades", "text"),
        ),
        rows=rows,
        findings={"": _sentence(world, unit, held, rows)},
        facets=(),
        options={
            "source": "provider",
            "target": "receiver",
            "value": "amount",
            "direction": "direction",
            "range": "from firm contracts alone to all",
            "prefix": "",
            "suffix": f" {unit.digits}",
            "nodes": [[LAYER_NAMES[layer], layer, RANK[layer]] for layer in nodes],
        },
        python=(
            f'import penstock as ps\n\nworld = ps.load_world("{world.name}")\n'
            'ties = world.active_contracts()\nprint(ties[ties["quantity"].notna()][["provider_id", "receiver_id", '
            '"kind", "quantity", "quantity_unit", "binding", "grade"]])\n'
        ),
        note=_note(unit),
    )


def _sentence(world: World, unit: Unit, held: pd.DataFrame, rows: list[list[object]]) -> str:
    total = float(held["amount"].sum())
    firm = float(held.loc[held["binding"] == "firm", "amount"].sum())
    first = rows[0]
    largest = held.sort_values("amount", kind="stable").to_dict("records")[-1]
    companies = world.table("companies").set_index("id")["name"]
    ends = [str(companies[largest[end]]).split(" (", 1)[0] for end in ("provider_id", "receiver_id")]
    return (
        f"{len(held)} contracts name {plain(total)} {unit.words}, {percent(firm / total)} of it firm. Most, "
        f"{plain(float(str(first[4])))} {unit.digits}, goes from {first[0]} to {first[1]}; the largest contract "
        f"is that of {ends[0]} with {ends[1]}, {plain(float(largest['amount']))} {unit.digits}."
    )


def _note(unit: Unit) -> str:
    shared = (
        "Bands run from who delivers (left) to who uses (right). The same capacity passes on from layer to layer, so "
        "columns must not be added. Most contracts name money alone: this is a lower bound, not a balance. Dashed arcs "
        "beneath: deliveries inside a layer, or up the stack."
    )
    if unit.name == "chips":
        return f"{shared} Chips of all kinds are counted as pieces, a GPU server as {SERVERS} (assumption, grade F)."
    return shared

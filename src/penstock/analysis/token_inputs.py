"""What the price of a token rests on: every input with range and grade, for a model, a chip and a place."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.analysis.chain_capacity import bill_rows
from penstock.analysis.chain_links import assumed as chain_assumed
from penstock.analysis.chain_links import cited
from penstock.analysis.ranges import Range
from penstock.analysis.token_place import Input, Place, own_power, place_of
from penstock.errors import UsageError
from penstock.layers.architecture import Architecture, as_architecture, presets
from penstock.layers.chips import SYSTEM_TO_CHIP_POWER, Chip, as_chip
from penstock.layers.silicon_chain import gross_dies
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    from penstock.world import World

ASSUMPTIONS = Path(__file__).with_name("token_assumptions.csv")
MODELS = Path(__file__).with_name("token_models.csv")
DEFAULT_CHIP = "b200"
PRICE_BAND = (0.8, 1.25)
"""Low and high of a chip's price that the world states without a range (assumption)."""


@dataclass(frozen=True)
class ModelChoice:
    """The model that is priced: its layout, and its list price where there is one."""

    id: str
    layout: Architecture
    lab: str
    list_output_usd: float | None = None
    list_input_usd: float | None = None
    list_date: str = ""


@dataclass(frozen=True)
class Setup:
    """Everything that the price is computed from."""

    model: ModelChoice
    chip: Chip
    designer: str
    foundry: str
    place: Place
    inputs: Mapping[str, Input]
    rental_usd_per_hour: Range | None
    memo: dict[tuple[float, ...], Any] = field(default_factory=dict, repr=False, compare=False)
    """fleets by the inputs that shape them: most inputs move prices only"""

    def central(self) -> dict[str, float]:
        """The central value of each input."""
        return {name: row.value.central for name, row in self.inputs.items()}


@cache
def _assumptions() -> dict[str, Input]:
    with ASSUMPTIONS.open(encoding="utf-8", newline="") as file:
        return {
            row["name"]: Input(
                Range(float(row["low"]), float(row["central"]), float(row["high"])),
                row["unit"],
                row["grade"],
                row["note"],
            )
            for row in csv.DictReader(file)
        }


@cache
def _models() -> dict[str, dict[str, str]]:
    with MODELS.open(encoding="utf-8", newline="") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def choose_model(name: str, world: World, layout: str | None = None) -> ModelChoice:
    """A preset, a model whose layout is public, or any model with a list price where a layout is assumed for it.

    Raises UsageError with the nearest name; for a model with a price whose layout nobody knows it says so.
    """
    prices = _prices(world)
    key = _spelled(name, [*presets(), *_models(), *prices])
    held = _models().get(key)
    if layout is None and held is None:
        if key in presets():
            return ModelChoice(key, as_architecture(key), "lab")
        if key in prices:
            raise UsageError(
                f"model: found {name!r}, whose layout is not public; expected one of "
                f"{', '.join([*presets(), *_models()])}, or --layout with one of the presets to assume one"
            )
        near = nearest_name(key, [*presets(), *_models()])
        hint = f"; nearest {near}" if near else ""
        raise UsageError(f"model: found {name!r}; expected one of {', '.join([*presets(), *_models()])}{hint}")
    architecture = as_architecture(layout or (held["layout"] if held else key))
    priced = held["price"] if held else key
    if priced not in prices:
        if key in presets():
            return ModelChoice(key, architecture, "lab")
        near = nearest_name(key, [*presets(), *_models(), *prices])
        hint = f"; nearest {near}" if near else ""
        raise UsageError(f"model: found {name!r}; expected a preset or a model with a list price{hint}")
    output, given, date = prices[priced]
    return ModelChoice(key, architecture, held["lab"] if held else "lab", output, given, date)


def _spelled(name: str, known: Iterable[str]) -> str:
    """The known name that differs only in case and in how its words are joined (`gpt-4o`, `GPT 4o`), else the name."""
    key = name.strip().lower()
    names = list(known)
    if key in names:
        return key
    plain = re.sub(r"[^a-z0-9]+", "_", key).strip("_")
    return next((item for item in names if re.sub(r"[^a-z0-9]+", "_", item.lower()) == plain), key)


def choices(world: World) -> dict[str, list[str]]:
    """What can be asked for by name: presets, models of public layout, models with a list price alone, chips, power."""
    from penstock.analysis.token_place import POWER_NAMES

    listed = [name for name in _prices(world) if name not in _models()]
    chips = world.table("chips").set_index("id")
    return {
        "presets": list(presets()),
        "published": list(_models()),
        "listed": listed,
        "chips": [name for name in bill_rows() if name in chips.index and _can_be_priced(world, name, chips.loc[name])],
        "power": list(POWER_NAMES),
    }


def _can_be_priced(world: World, name: str, row: Any) -> bool:
    try:
        machine = as_chip(name, world)
        _system_power(machine)
        _system_price(machine, row)
    except UsageError:
        return False
    return True


def _prices(world: World) -> dict[str, tuple[float, float, str]]:
    """Model -> (output, input) list price in usd per million tokens, and its date; none after the as-of date."""
    series = world.table("series")
    series = series[series["date"] <= world.as_of.isoformat()].sort_values("date")
    of = {
        kind: series[series["series"] == f"price_usd_per_mtok_{kind}"].groupby("entity").last()
        for kind in ("output", "input")
    }
    both = [str(name) for name in of["output"].index if name in of["input"].index]
    return {
        name: (float(of["output"]["value"][name]), float(of["input"]["value"][name]), str(of["output"]["date"][name]))
        for name in both
    }


def gather(
    world: World,
    model: str,
    *,
    chip: str | None = None,
    site: str | None = None,
    power: str | None = None,
    layout: str | None = None,
    given: Mapping[str, float] | None = None,
) -> Setup:
    """Everything for a price. `given` sets inputs exactly, by name.

    Raises UsageError for unknown names, a chip without a price or a bill of materials, a site without power, and a
    price of power that is no number and no name.
    """
    choice = choose_model(model, world, layout)
    machine = as_chip(chip or DEFAULT_CHIP, world)
    row = world.table("chips").set_index("id").loc[machine.id]
    bill = _bill(machine)
    inputs = dict(_assumptions())
    exact = dict(given or {})
    rental = machine.rental_usd_per_hour
    charged = Range(*rental) if rental else None
    if "rental_usd_per_hour" in exact:
        charged = Range.exact(float(exact.pop("rental_usd_per_hour")))
    inputs |= _chip_inputs(world, machine, row, bill, exact.get("system_usd"))
    place, placed = place_of(world, site, power)
    inputs |= placed
    inputs |= _integration_inputs(world)
    if held := _models().get(choice.id):
        research = Range(*(float(held[f"research{end}"]) for end in ("_low", "", "_high")))
        inputs["research_over_revenue"] = Input(research, "ratio", held["grade"], held["note"])
    for name, value in exact.items():
        if name not in inputs:
            near = nearest_name(name, inputs)
            hint = f"; nearest {near}" if near else ""
            raise UsageError(f"input: found {name!r}; expected a name of the table of inputs{hint}")
        inputs[name] = replace(inputs[name], value=Range.exact(float(value)), note="given")
    return Setup(
        model=choice,
        chip=machine,
        designer=str(row["designer_id"]),
        foundry=str(row["foundry_id"]),
        place=place,
        inputs=inputs,
        rental_usd_per_hour=charged,
    )


def _bill(machine: Chip) -> dict[str, str]:
    rows = bill_rows()
    if machine.id not in rows:
        near = nearest_name(machine.id, rows)
        hint = f"; nearest {near}" if near else ""
        raise UsageError(
            f"chip: found {machine.id}, whose bill of materials is not known; expected one of {', '.join(rows)}{hint}"
        )
    return rows[machine.id]


def _chip_inputs(
    world: World, machine: Chip, row: Any, bill: Mapping[str, str], price: float | None
) -> dict[str, Input]:
    """Price of the system and what the chip is made of."""
    chain = {
        name: chain_assumed(name) for name in ("saleable_share", "packaging_good_share", "network_share_of_system")
    }
    out = {name: Input(held.value, held.unit, held.grade, held.note) for name, held in chain.items()}
    wafer, wafer_grade = cited(world, "wafer_price_n4_usd")
    cost, _ = cited(world, "unit_cost_b200_usd")
    share, _ = cited(world, "hbm_cost_share_of_b200_bom")
    table = world.table("chips").set_index("id")
    per_gb = cost * share / float(table["hbm_gb"]["gb200" if "gb200" in table.index else "b200"])
    foundry, foundry_grade = cited(world, "gross_margin_tsmc_2025")
    memory, memory_grade = cited(world, "gross_margin_sk_hynix_hbm")
    packages = Range(*(float(bill[f"packages_{end}"]) for end in ("low", "central", "high")))
    out["wafer_usd"] = Input(wafer, "usd", wafer_grade, "wafer_price_n4_usd")
    out["memory_usd_per_gb"] = Input(per_gb, "usd_per_gb", "D", "unit_cost_b200_usd x hbm_cost_share_of_b200_bom")
    out["foundry_margin"] = Input(foundry, "share", foundry_grade, "gross_margin_tsmc_2025")
    out["memory_margin"] = Input(memory, "share", memory_grade, "gross_margin_sk_hynix_hbm")
    out["packages_per_wafer"] = Input(packages, "packages", bill["grade"], bill["note"])
    exact = {
        "dies_per_wafer": float(gross_dies(float(bill["die_area_mm2"]))),
        "dies": float(bill["dies_per_package"]),
        "memory_gb": float(row["hbm_gb"]) if row["hbm_gb"] == row["hbm_gb"] else 0.0,
        "system_w": _system_power(machine),
    }
    out |= {name: Input(Range.exact(value), "", bill["grade"], "") for name, value in exact.items()}
    exactly = Range.exact(0.0 if price is None else price)
    out["system_usd"] = _system_price(machine, row) if price is None else Input(exactly, "usd", "given", "given")
    out["efficiency"] = Input(Range(-1.0, 0.0, 1.0), "case", "C", "efficiency.csv: slow, central and fast")
    return out


def _system_power(machine: Chip) -> float:
    """Nameplate power of a chip with its share of the server, W; a usual ratio to the chip's where none is known."""
    if machine.system_power_w is not None:
        return machine.system_power_w
    if machine.tdp_w is None:
        raise UsageError(f"chip: found {machine.id}, whose power is not known; expected one with tdp_w in chips.csv")
    return machine.tdp_w * SYSTEM_TO_CHIP_POWER


def _system_price(machine: Chip, row: Any) -> Input:
    """Price of a chip in its system, usd: from the ratings, else the chip's own price over its share of a system."""
    if machine.price_usd is not None:
        return Input(Range(*machine.price_usd), "usd", machine.grade, "chip_ratings.csv: price in a system")
    own = float(row["price_usd"])
    if own != own:
        raise UsageError(
            f"chip: found {machine.id}, which has no price; expected a chip that is sold, one whose transfer price "
            "the world tells (price_usd in chips.csv), or system_usd set"
        )
    rest = _assumptions()["server_share"].value.central
    network = chain_assumed("network_share_of_system").value.central
    centre = own / ((1.0 - network) * (1.0 - rest))
    low, high = PRICE_BAND
    return Input(Range(low * centre, centre, high * centre), "usd", "F", "price_usd of chips.csv over its share")


def _integration_inputs(world: World) -> dict[str, Input]:
    """What own chips and own power would cost."""
    from penstock.analysis.integration import inputs_of

    held = {(row.make, row.quantity): row for row in inputs_of(world)}
    partner, performance = held["own_chips", "partner_margin"], held["own_chips", "performance"]
    return {
        "partner_margin": Input(
            Range(partner.low, partner.central, partner.high),
            "share",
            partner.grade,
            "gross margin of a design partner",
        ),
        "own_chip_performance": Input(
            Range(performance.low, performance.central, performance.high), "ratio", performance.grade, performance.note
        ),
        "own_power_usd_per_mwh": Input(own_power(world), "usd_per_mwh", "F", "own gas plant at its own cost"),
    }

"""PUE and water of a hall, hour by hour, from its cooling design and the weather.

Every function takes arrays of any shape that broadcast: dry bulb and wet bulb in degrees C, load as the share of IT
power in use (0 to 1). The reference model is simple on purpose: chillers as a share of the ideal cycle, free cooling
that fades in over some kelvins, losses of the electrical chain that fall with load.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import nearest_hint

Array = np.ndarray

TABLE = Path(__file__).with_name("cooling_designs.csv")
KELVIN = 273.15
MOST_COEFFICIENT_OF_PERFORMANCE = 12.0
"""Compressors do no better than this however small the lift."""
LIGHTING_AND_HOUSE = 0.008
"""Share of IT power for lights, offices and controls."""
ELECTRICAL_LOSS = (0.008, 0.035, 0.012)
"""Losses of transformers and uninterruptible supplies over rated power: fixed, linear and square in the load."""
EVAPORATIVE_APPROACH_K = 2.0
"""Kelvin above the wet bulb to which evaporation cools air (assumption)."""
LATENT_HEAT_KJ_PER_KG = 2450.0
"""Of water near 20 C."""
CYCLES_OF_CONCENTRATION = 5.0
"""Salt of a tower's water over that of its supply before it is drained (assumption)."""
EVAPORATED_SHARE = 0.95
"""Share of the heat that a tower sheds by evaporation; the rest warms the air."""
ADIABATIC_SHARE = (0.8875, 20.0, 12.0)
"""Weight of dry bulb beside wet bulb, start in C and width in K of the spraying of an evaporative hall (fitted)."""
LITRES_PER_KWH_HEAT = (
    3600.0 / LATENT_HEAT_KJ_PER_KG * CYCLES_OF_CONCENTRATION / (CYCLES_OF_CONCENTRATION - 1.0) * EVAPORATED_SHARE
)
"""Water that a tower takes for a kWh of heat, drained water counted."""

ALIASES = {
    "air": "air_dry_chiller",
    "air_and_liquid": "dlc_tower",
    "evaporative_and_liquid": "evaporative",
    "evaporative_hyperscale": "evaporative",
    "liquid_closed_loop": "dlc_dry",
    "dlc": "dlc_dry",
    "dlc_35_c_dry": "dlc_dry",
    "unknown": "dlc_dry",
}
"""Other names of the designs: those of the world's column `cooling` among them."""


@dataclass(frozen=True)
class Design:
    """One way of cooling: constants of the reference model (see cooling_designs.csv)."""

    name: str
    label: str
    air_share: float
    evaporator_c: float
    condenser_over_sink_k: float
    efficiency_of_ideal: float
    sink: str
    free_none_c: float
    free_width_k: float
    fan_pump: float
    trim_coefficient_of_performance: float
    trim_rise_k: float
    trim_above_c: float
    evaporation: str
    grade: str
    source: str


@cache
def designs() -> Mapping[str, Design]:
    """The cooling designs by name."""
    text = ("name", "label", "sink", "evaporation", "grade", "source")
    found = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            row["name"] = row.pop("design")
            values: dict[str, Any] = {k: v if k in text else float(v or "nan") for k, v in row.items()}
            found[values["name"]] = Design(**values)
    return found


def design_named(design: str | Design) -> Design:
    """The design of this name or alias. Raises UsageError with the nearest name."""
    if isinstance(design, Design):
        return design
    key = "_".join(design.lower().replace("+", " ").replace(",", " ").replace("-", " ").split())
    name = ALIASES.get(key, key)
    if name not in designs():
        hint = nearest_hint(name, [*designs(), *ALIASES])
        raise UsageError(f"cooling: found {design!r}; expected one of {', '.join(designs())}{hint}")
    return designs()[name]


def pue(design: str | Design, dry_bulb_c: Any, wet_bulb_c: Any, load: Any) -> Array:
    """Facility power over IT power, for each hour.

    Raises UsageError for an unknown design, a load outside 0 to 1, a wet bulb above the dry bulb, or NaN.
    """
    chosen = design_named(design)
    dry, wet, load = _checked(dry_bulb_c, wet_bulb_c, load)
    return 1.0 + electrical_loss(load) + chosen.fan_pump + LIGHTING_AND_HOUSE + mechanical(chosen, dry, wet)


def water(design: str | Design, dry_bulb_c: Any, wet_bulb_c: Any, load: Any) -> Array:
    """Water taken in at the site, litres per kWh of IT energy, for each hour: evaporation and blow-down.

    Raises UsageError as `pue` does.
    """
    chosen = design_named(design)
    dry, wet, load = _checked(dry_bulb_c, wet_bulb_c, load)
    heat = np.ones(np.broadcast_shapes(dry.shape, wet.shape, load.shape))
    if chosen.evaporation == "none":
        return 0.0 * heat
    if chosen.evaporation == "all":
        return LITRES_PER_KWH_HEAT * (heat + mechanical(chosen, dry, wet))
    if chosen.evaporation == "load":
        return LITRES_PER_KWH_HEAT * heat
    weight, start, width = ADIABATIC_SHARE
    sprayed = np.clip((weight * dry + (1.0 - weight) * wet - start) / width, 0.0, 1.0)
    return LITRES_PER_KWH_HEAT * heat * sprayed


def electrical_loss(load: Array) -> Array:
    """Losses of the electrical chain over IT power."""
    fixed, linear, square = ELECTRICAL_LOSS
    return (fixed + linear * load + square * load**2) / load


def mechanical(design: Design, dry_bulb_c: Array, wet_bulb_c: Array) -> Array:
    """Power of compressors over IT power."""
    if design.evaporation == "adiabatic":
        supply = wet_bulb_c + EVAPORATIVE_APPROACH_K
        share = np.clip((supply - design.trim_above_c) / design.trim_rise_k, 0.0, 1.0)
        return share / design.trim_coefficient_of_performance + 0.0 * dry_bulb_c
    liquid = _chiller(design, dry_bulb_c, wet_bulb_c)
    if design.air_share == 0.0:
        return liquid
    air = designs()["air_dry_chiller" if design.sink == "dry_bulb" else "air_tower"]
    return (1.0 - design.air_share) * liquid + design.air_share * _chiller(air, dry_bulb_c, wet_bulb_c)


def _chiller(design: Design, dry_bulb_c: Array, wet_bulb_c: Array) -> Array:
    sink = (dry_bulb_c + 0.0 * wet_bulb_c) if design.sink == "dry_bulb" else (wet_bulb_c + 0.0 * dry_bulb_c)
    free = np.clip((design.free_none_c - sink) / design.free_width_k, 0.0, 1.0)
    lift = np.maximum(sink + design.condenser_over_sink_k - design.evaporator_c, 1e-9)
    ideal = (design.evaporator_c + KELVIN) / lift
    return (1.0 - free) / np.minimum(MOST_COEFFICIENT_OF_PERFORMANCE, design.efficiency_of_ideal * ideal)


def pue_fleet(shares: Mapping[str, float], climates: Sequence[tuple[Any, Any]], load: Any = 0.8) -> float:
    """PUE of a fleet: energy-weighted over designs and over climates, each a pair of dry and wet bulb arrays.

    shares: part of IT energy by design, positive; they are scaled to sum to one. Raises UsageError where there is
    no climate or no share.
    """
    total = sum(shares.values())
    if not climates or not total > 0 or min(shares.values()) < 0:
        raise UsageError(f"fleet: found shares {dict(shares)} and {len(climates)} climates; expected some of each")
    means = [
        share / total * float(np.mean([pue(name, dry, wet, load).mean() for dry, wet in climates]))
        for name, share in shares.items()
    ]
    return float(sum(means))


@cache
def fleet_designs() -> Mapping[str, Mapping[str, float]]:
    """Assumed shares of cooling designs in the fleets of four operators (see fleet_designs.csv)."""
    found: dict[str, dict[str, float]] = {}
    with TABLE.with_name("fleet_designs.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["operator"], {})[row["design"]] = float(row["share"])
    return found


def hot_hour_derate(design: str | Design, dry_bulb_c: Any, wet_bulb_c: Any, load: Any, contracted_ratio: Any) -> Array:
    """Share of IT load that can run in each hour where the site may draw no more than `contracted_ratio` per IT watt.

    contracted_ratio: contracted facility power over IT power. One where the hour's PUE fits in it; compute is then
    curtailed or throttled. Raises UsageError for a ratio below 1.
    """
    ratio = np.asarray(contracted_ratio, dtype=float)
    if not np.all(ratio >= 1.0):
        raise UsageError(f"contracted power over IT power: found {contracted_ratio!r}; expected at least 1")
    return np.minimum(1.0, ratio / pue(design, dry_bulb_c, wet_bulb_c, load))


def contracted_power_mw(it_nameplate_mw: Any, hourly_pue: Any, oversubscription: Any = 1.1) -> Array:
    """Power to contract in MW: IT nameplate times the PUE exceeded in 0.4 % of hours (35 a year), over what is shared.

    oversubscription: nameplate over the largest draw that is allowed, 1.0 to 1.25. Raises UsageError for negative
    power or an oversubscription below 1.
    """
    if not np.all(np.asarray(it_nameplate_mw) >= 0):
        raise UsageError(f"it_mw: found {it_nameplate_mw!r}; expected 0 or more MW")
    if not np.all(np.asarray(oversubscription) >= 1.0):
        raise UsageError(f"oversubscription: found {oversubscription!r}; expected 1 or more")
    hot = np.quantile(np.asarray(hourly_pue, dtype=float), 0.996, axis=0)
    return np.asarray(it_nameplate_mw) * hot / oversubscription


def _checked(dry_bulb_c: Any, wet_bulb_c: Any, load: Any) -> tuple[Array, Array, Array]:
    dry, wet = np.asarray(dry_bulb_c, dtype=float), np.asarray(wet_bulb_c, dtype=float)
    share = np.asarray(load, dtype=float)
    if not (np.all(np.isfinite(dry)) and np.all(np.isfinite(wet))):
        raise UsageError("weather: found a missing temperature; expected dry and wet bulb for every hour")
    if np.any(wet > dry + 0.5):
        raise UsageError("wet_bulb_c: found a wet bulb above the dry bulb; expected at most the dry bulb")
    wrong = share[~((share > 0.0) & (share <= 1.0))]
    if wrong.size:
        raise UsageError(f"load: found {float(wrong[0]):g}; expected a share above 0 and at most 1")
    return dry, wet, share

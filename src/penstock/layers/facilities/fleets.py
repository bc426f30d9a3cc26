"""PUE and water of a fleet of halls: each hall's design in its climate, weighted by power."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from penstock.errors import UsageError
from penstock.layers.climates import CLIMATES, climate
from penstock.layers.facilities.cooling import design_named, fleet_designs, pue, water

LOAD = 0.8
"""Share of IT power in use at which halls are looked at: that of the test against published fleets."""


@dataclass(frozen=True)
class Halls:
    """Halls of one design in one climate; climate '' where it is not known: the mean of the bundled ones."""

    design: str
    climate: str
    it_mw: float


@dataclass(frozen=True)
class Cooled:
    """Facility over IT energy, and litres of water at the site per kWh of IT energy, means of a year."""

    pue: float
    water_l_per_kwh: float


def cooled(halls: Iterable[Halls]) -> Cooled:
    """Means of a fleet by IT energy. Raises UsageError where no hall has power, or for an unknown design or climate."""
    held = [(hall, hall.it_mw) for hall in halls if hall.it_mw > 0.0]
    total = sum(power for _, power in held)
    if not total > 0.0:
        raise UsageError("halls: found none with power; expected at least one")
    found = [(_year(design_named(hall.design).name, hall.climate), power / total) for hall, power in held]
    return Cooled(
        pue=sum(year.pue * share for year, share in found),
        water_l_per_kwh=sum(year.water_l_per_kwh * share for year, share in found),
    )


def operator_halls() -> dict[str, list[Halls]]:
    """Halls of the operators of `fleet_designs.csv` per MW, in an unknown climate."""
    return {name: [Halls(design, "", share) for design, share in mix.items()] for name, mix in fleet_designs().items()}


@cache
def _year(design: str, place: str) -> Cooled:
    years = [climate(name) for name in ([place] if place else CLIMATES)]
    means = [
        [float(np.mean(measure(design, year.dry_bulb_c, year.wet_bulb_c, LOAD))) for year in years]
        for measure in (pue, water)
    ]
    return Cooled(float(np.mean(means[0])), float(np.mean(means[1])))

"""The weather of a typical year at a place, and the wet bulb.

Arrays are (8760,): hours of a year without 29 February, hour ending, local standard time. `weather_file` reads a year,
`climates` makes those that ship with Penstock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
HOURS = 8760
MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
PSYCHROMETER_PER_K = 6.62e-4
"""Coefficient of the psychrometer equation for a ventilated bulb over water (as in the published extracts)."""


@dataclass(frozen=True)
class Weather:
    """One year of weather at a place.

    source: whose data; grade: evidence grade of the source for this place (A to F).
    """

    name: str
    latitude: float
    longitude: float
    utc_offset_h: float
    dry_bulb_c: Array
    wet_bulb_c: Array
    wind_m_s: Array
    global_horizontal_w_m2: Array
    direct_normal_w_m2: Array
    diffuse_horizontal_w_m2: Array
    pressure_kpa: Array
    source: str
    grade: str = "C"


def hours_of_year() -> Iterator[tuple[float, float, float]]:
    """Month, day and hour (1 to 24) of each hour of a year."""
    for month, days in enumerate(MONTH_DAYS, start=1):
        for day in range(1, days + 1):
            for hour in range(1, 25):
                yield (float(month), float(day), float(hour))


def vapour_pressure_kpa(temperature_c: Any) -> Array:
    """Saturation pressure over water (Magnus form of Alduchov and Eskridge, 1996)."""
    return 0.61094 * np.exp(17.625 * np.asarray(temperature_c) / (np.asarray(temperature_c) + 243.04))


def wet_bulb_c(dry_bulb_c: Any, relative_humidity: Any, pressure_kpa: Any) -> Array:
    """Wet bulb temperature in C by the psychrometer equation, solved by bisection to 1e-9 K.

    relative_humidity in per cent.
    """
    dry = np.asarray(dry_bulb_c, dtype=float)
    vapour = np.minimum(np.asarray(relative_humidity, dtype=float), 100.0) / 100.0 * vapour_pressure_kpa(dry)
    low, high = dry - 60.0 + 0.0 * vapour, dry + 0.0 * vapour
    for _ in range(40):
        middle = 0.5 * (low + high)
        balance = vapour_pressure_kpa(middle) - PSYCHROMETER_PER_K * np.asarray(pressure_kpa) * (dry - middle)
        low, high = np.where(balance < vapour, middle, low), np.where(balance < vapour, high, middle)
    return 0.5 * (low + high)

"""The weather of a typical year: from an EPW file, or from the monthly means and quantiles that ship with Penstock.

Arrays are (8760,): hours of a year without 29 February, hour ending, local standard time.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InputError, UsageError
from penstock.layers.refusing import nearest_hint
from penstock.world.defects import shown
from penstock.world.packed import unpacked

Array = np.ndarray

HOURS = 8760
HERE = Path(__file__).parent
MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
PSYCHROMETER_PER_K = 6.62e-4
"""Coefficient of the psychrometer equation for a ventilated bulb over water (as in the published extracts)."""
HEADER_LINES = 8
MAX_BYTES = 100_000_000
"""of an EPW file, unpacked: some fifty times a usual one"""
EPW_FIELDS = {
    "dry_bulb_c": (6, -70.0, 70.0),
    "relative_humidity": (8, 0.0, 110.0),
    "pressure_pa": (9, 31_000.0, 120_000.0),
    "global_horizontal_w_m2": (13, 0.0, 1_500.0),
    "direct_normal_w_m2": (14, 0.0, 1_500.0),
    "diffuse_horizontal_w_m2": (15, 0.0, 1_500.0),
    "wind_m_s": (21, 0.0, 60.0),
}
"""Column of an EPW row (from 0), lowest and highest value; missing values are coded above the highest."""


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


# --- wet bulb -------------------------------------------------------------------------------------------


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


# --- EPW ------------------------------------------------------------------------------------------------


def read_epw(path: Path | str) -> Weather:
    """The weather of an EPW file (also gzipped), every hour checked.

    Raises InputError with file, row and field: a missing or repeated hour, a missing or impossible value, a short row.
    """
    file = Path(path)
    rows = _epw_rows(file)
    place = _epw_place(file, rows[0] if rows else [])
    body = [(number, row) for number, row in enumerate(rows[HEADER_LINES:], start=HEADER_LINES + 1) if row]
    values = np.empty((HOURS, len(EPW_FIELDS)))
    expected = _hours_of_year()
    for count, (number, row) in enumerate(body):
        where = f"{file}:{number}"
        if len(row) < 22:
            raise InputError(f"{where}: row: found {len(row)} fields; expected at least 22 of an EPW hour")
        stamp = tuple(_number(where, name, row[1 + n]) for n, name in enumerate(("month", "day", "hour")))
        if stamp[:2] == (2.0, 29.0):
            raise InputError(f"{where}: day: found 29 February; expected a typical year of {HOURS:,} hours")
        wanted = next(expected, None)
        if wanted is None or stamp != wanted:
            raise InputError(f"{where}: hour: found {_stamp(stamp)}; expected {_stamp(wanted)}{_gap(stamp, wanted)}")
        for field, (name, (column, low, high)) in enumerate(EPW_FIELDS.items()):
            value = _number(where, name, row[column])
            if not low <= value <= high:
                raise InputError(
                    f"{where}: {name}: found {row[column][:40]}; expected {low:g} to {high:g}, none missing"
                )
            values[count, field] = value
    if len(body) != HOURS:
        missing = _stamp(next(expected))
        raise InputError(f"{file}:{len(rows)}: hour: found {len(body):,} hours; expected {HOURS:,}; next {missing}")
    columns = dict(zip(EPW_FIELDS, values.T, strict=True))
    pressure_kpa = columns["pressure_pa"] / 1000.0
    return Weather(
        name=place["name"],
        latitude=place["latitude"],
        longitude=place["longitude"],
        utc_offset_h=place["utc_offset_h"],
        dry_bulb_c=columns["dry_bulb_c"],
        wet_bulb_c=wet_bulb_c(columns["dry_bulb_c"], columns["relative_humidity"], pressure_kpa),
        wind_m_s=columns["wind_m_s"],
        global_horizontal_w_m2=columns["global_horizontal_w_m2"],
        direct_normal_w_m2=columns["direct_normal_w_m2"],
        diffuse_horizontal_w_m2=columns["diffuse_horizontal_w_m2"],
        pressure_kpa=pressure_kpa,
        source=f"EPW file {file.name}",
    )


def _epw_rows(file: Path) -> list[list[str]]:
    try:
        raw = unpacked(file.read_bytes(), f"{file}: weather", MAX_BYTES)
        return list(csv.reader(io.StringIO(raw.decode("utf-8", errors="replace"), newline="")))
    except (OSError, csv.Error) as error:
        raise InputError(f"{file}: weather: found no readable EPW file ({error}); expected one") from None


def _epw_place(file: Path, header: list[str]) -> dict[str, Any]:
    if len(header) < 10 or header[0].strip().upper() != "LOCATION":
        found = shown(header[0]) if header else "an empty file"
        raise InputError(f"{file}:1: LOCATION: found {found}; expected the LOCATION line of an EPW file")
    numbers = [_number(f"{file}:1", name, header[6 + n]) for n, name in enumerate(("latitude", "longitude", "zone"))]
    return {"name": header[1], "latitude": numbers[0], "longitude": numbers[1], "utc_offset_h": numbers[2]}


def _number(where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {name}: found {shown(text)}; expected a number")
    return value


def _hours_of_year() -> Iterator[tuple[float, float, float]]:
    for month, days in enumerate(MONTH_DAYS, start=1):
        for day in range(1, days + 1):
            for hour in range(1, 25):
                yield (float(month), float(day), float(hour))


def _stamp(stamp: tuple[float, ...] | None) -> str:
    return "the end of the year" if stamp is None else "month {:g}, day {:g}, hour {:g}".format(*stamp)


def _gap(found: tuple[float, ...], wanted: tuple[float, ...] | None) -> str:
    return "; an hour is missing before it" if wanted is not None and found > wanted else ""


# --- the climates that ship with Penstock ---------------------------------------------------------------

CLIMATES: Mapping[str, tuple[str, float, float, float]] = {
    "dallas": ("USA_TX_Dallas-Fort.Worth", 32.898, -97.019, -6.0),
    "phoenix": ("USA_AZ_Phoenix-Sky.Harbor", 33.428, -112.004, -7.0),
    "leesburg": ("USA_VA_Leesburg.Exec", 39.078, -77.557, -5.0),
}
"""Station of the tables, latitude, longitude, zone."""
CLIMATE_SOURCE = "TMYx 2007-2021, climate.onebuilding.org, through HewlettPackard/dc-rl (MIT): means and quantiles"
FAR_KM = 2500.0
EAST_OVER_NORTH = 0.2
"""Weight of a kilometre eastward beside one northward in the likeness of climates (judgement)."""
PERSISTENCE = {"day": 0.7, "hour": 0.9}
"""Correlation of a day's deviation with the last day's, of an hour's wind with the last hour's (assumption)."""
QUANTILES = {"min": 0.0, "p01": 0.01, "p05": 0.05, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75} | {
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "max": 1.0,
}


@cache
def climate(name: str) -> Weather:
    """A bundled climate as an hourly year: dallas, phoenix or leesburg.

    The monthly means by hour and the quantiles of the year are those of the station; the order of warm and cold,
    clear and dull, windy and calm days is drawn once with persistence and is not a record. Raises UsageError for an
    unknown name.
    """
    if name not in CLIMATES:
        hint = nearest_hint(name, CLIMATES)
        raise UsageError(f"climate: found {name!r}; expected one of {', '.join(CLIMATES)}{hint}")
    station, latitude, longitude, zone = CLIMATES[name]
    means, quantiles = _means(station), _quantiles(station)
    noise = np.random.default_rng(2007)
    warm = _persistent(noise, 365, PERSISTENCE["day"])
    humid = 0.85 * warm + math.sqrt(1 - 0.85**2) * _persistent(noise, 365, PERSISTENCE["day"])
    clear = _persistent(noise, 365, 0.4)
    gust = _persistent(noise, HOURS, PERSISTENCE["hour"])
    dry = _with_quantiles(means["dry_bulb_c"] + 4.0 * np.repeat(warm, 24), quantiles["dry_bulb_c"])
    wet = _with_quantiles(means["wet_bulb_c"] + 4.0 * np.repeat(humid, 24), quantiles["wet_bulb_c"])
    sky = np.repeat(clear, 24)
    sun = {
        "global_horizontal_wh_m2": np.clip(1.0 + 0.30 * sky, 0.15, 1.4),
        "direct_normal_wh_m2": np.clip(1.0 + 0.70 * sky, 0.0, 2.2),
        "diffuse_horizontal_wh_m2": np.clip(1.0 - 0.25 * sky, 0.4, 2.0),
    }
    gusty = {"wind_m_s": np.exp(0.5 * gust)}
    drawn = {key: _with_quantiles(means[key] * factor, quantiles[key]) for key, factor in (sun | gusty).items()}
    # hours whose mean is dark stay dark
    drawn |= {key: np.where(means[key] > 0, drawn[key], 0.0) for key in sun}
    # straight lines between quantiles bend the mean of a skewed measure: the station's own mean is kept
    drawn = {key: series * (means[key].mean() / series.mean()) for key, series in drawn.items()}
    return Weather(
        name=name,
        latitude=latitude,
        longitude=longitude,
        utc_offset_h=zone,
        dry_bulb_c=dry,
        wet_bulb_c=np.minimum(wet, dry),
        wind_m_s=drawn["wind_m_s"],
        global_horizontal_w_m2=drawn["global_horizontal_wh_m2"],
        direct_normal_w_m2=drawn["direct_normal_wh_m2"],
        diffuse_horizontal_w_m2=drawn["diffuse_horizontal_wh_m2"],
        pressure_kpa=means["pressure_kpa"],
        source=CLIMATE_SOURCE,
        grade="D",
    )


def weather_of(place: Path | str) -> Weather:
    """A bundled climate by its name, else the EPW file of this path. Raises UsageError or InputError."""
    text = str(place)
    looks_like_file = text.endswith((".epw", ".epw.gz")) or "/" in text
    return read_epw(text) if looks_like_file else climate(text)


def nearest_climate(latitude: float, longitude: float) -> tuple[str, float]:
    """Name of the bundled climate that is most like that of a place, and its distance in km.

    Warmth follows latitude better than distance: kilometres along a meridian count five times those along a parallel;
    beyond 2,500 km of all three only latitude counts.
    """
    distances = {name: _distance_km(latitude, longitude, at[1], at[2]) for name, at in CLIMATES.items()}
    far = min(distances.values()) > FAR_KM

    def unlike(name: str) -> float:
        _, other_latitude, other_longitude, _ = CLIMATES[name]
        north = abs(abs(latitude) - other_latitude)
        east = abs(longitude - other_longitude) * math.cos(math.radians(latitude))
        return north if far else north + EAST_OVER_NORTH * east

    near = min(CLIMATES, key=unlike)
    return near, distances[near]


def _distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    a, b = math.radians(latitude), math.radians(other_latitude)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    return 2.0 * 6371.0 * math.asin(math.sqrt(min(half, 1.0)))


def _means(station: str) -> dict[str, Array]:
    """Means by month and hour, laid over the hours of the year."""
    table: dict[tuple[int, int], dict[str, float]] = {}
    with (HERE / "weather_month_hour.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["station"] == station:
                key = int(row["month"]), int(row["hour_ending_local"])
                table[key] = {k: float(v) for k, v in row.items() if k != "station"}
    stamps = [(int(month), int(hour)) for month, _, hour in _hours_of_year()]
    names = [name for name in table[1, 1] if name not in {"month", "hour_ending_local", "n"}]
    return {name: np.array([table[stamp][name] for stamp in stamps]) for name in names}


def _quantiles(station: str) -> dict[str, Array]:
    with (HERE / "weather_quantiles.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["station"] == station]
    return {row["measure"]: np.array([float(row[name]) for name in QUANTILES]) for row in rows}


def _persistent(noise: np.random.Generator, count: int, persistence: float) -> Array:
    """A standard normal series whose neighbours correlate."""
    steps = noise.standard_normal(count)
    out = np.empty(count)
    out[0] = steps[0]
    for place in range(1, count):
        out[place] = persistence * out[place - 1] + math.sqrt(1.0 - persistence**2) * steps[place]
    return out


def _with_quantiles(series: Array, quantiles: Array) -> Array:
    """The series with its ranks kept and its values moved to these quantiles of the year."""
    ranks = np.empty(len(series))
    ranks[np.argsort(series, kind="stable")] = (np.arange(len(series)) + 0.5) / len(series)
    return np.interp(ranks, list(QUANTILES.values()), quantiles)

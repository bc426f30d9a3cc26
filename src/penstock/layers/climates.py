"""The climates that ship with Penstock: an hourly year from monthly means and quantiles of a station."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import nearest_hint
from penstock.layers.weather import HOURS, Weather, hours_of_year
from penstock.layers.weather_file import read_epw

Array = np.ndarray
HERE = Path(__file__).parent
CLIMATES: Mapping[str, tuple[str, float, float, float]] = {
    "dallas": ("USA_TX_Dallas-Fort.Worth", 32.898, -97.019, -6.0),
    "phoenix": ("USA_AZ_Phoenix-Sky.Harbor", 33.428, -112.004, -7.0),
    "leesburg": ("USA_VA_Leesburg.Exec", 39.078, -77.557, -5.0),
}
"""Station of the tables, latitude, longitude, zone."""
CLIMATE_SOURCE = "TMYx 2007-2021, climate.onebuilding.org, through HewlettPackard/dc-rl (MIT): means and quantiles"
FAR_KM = 2500.0
"""Farther than this from all bundled climates, latitude alone says which is most like (judgement)."""
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
    stamps = [(int(month), int(hour)) for month, _, hour in hours_of_year()]
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

"""The weather of a year from an EPW file (EnergyPlus weather), every hour checked."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InputError
from penstock.layers.weather import HOURS, Weather, hours_of_year, wet_bulb_c
from penstock.world.defects import shown
from penstock.world.packed import unpacked

Array = np.ndarray
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


def read_epw(path: Path | str) -> Weather:
    """The weather of an EPW file (also gzipped), every hour checked.

    Raises InputError with file, row and field: a missing or repeated hour, a missing or impossible value, a short row.
    """
    file = Path(path)
    rows = _epw_rows(file)
    place = _epw_place(file, rows[0] if rows else [])
    body = [(number, row) for number, row in enumerate(rows[HEADER_LINES:], start=HEADER_LINES + 1) if row]
    values = np.empty((HOURS, len(EPW_FIELDS)))
    expected = hours_of_year()
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


def _stamp(stamp: tuple[float, ...] | None) -> str:
    return "the end of the year" if stamp is None else "month {:g}, day {:g}, hour {:g}".format(*stamp)


def _gap(found: tuple[float, ...], wanted: tuple[float, ...] | None) -> str:
    return "; an hour is missing before it" if wanted is not None and found > wanted else ""

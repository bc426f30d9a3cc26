"""What a solar plant and a wind farm give in each hour of a weather year, as a share of their rated power.

Solar: sun by Spencer's series, panels on a north-south axis that follow the sun, sky by Hay and Davies, cells by
their nominal operating temperature. Wind: speed raised to the hub by a power law, a cubic curve to rated speed.
pvlib is the oracle of the solar part in the tests; the formulas are repeated here so that a site can be planned
without it.
"""

from __future__ import annotations

import numpy as np

from penstock.layers.weather import Weather

Array = np.ndarray

DC_PER_AC = 1.3
"""Panel power over inverter power (R16)."""
MOST_TILT_DEGREES = 60.0
"""A tracker turns no further than this from the horizontal."""
SYSTEM_LOSS = 0.14
"""Soiling, mismatch, wiring and availability before the inverter (PVWatts default, 14 %)."""
INVERTER_EFFICIENCY = 0.96
"""Power out over power in (PVWatts default)."""
POWER_PER_KELVIN = -0.0035
"""Change of cell power per kelvin above 25 C (crystalline silicon; assumption, -0.003 to -0.004)."""
NOMINAL_CELL_C = 45.0
"""Temperature of a cell at 800 W/m2 and 20 C of air (usual for open racks)."""
ALBEDO = 0.2
"""Share of light that the ground gives back (PVWatts default)."""
SOLAR_CONSTANT_W_M2 = 1361.0
"""Light of the sun outside the air, mean of the year (Kopp and Lean 2011)."""
HUB_M, MAST_M, SHEAR = 100.0, 10.0, 0.2
"""Hub height, height of the weather station's mast, exponent of the power law (assumption, 0.14 to 0.25)."""
CUT_IN_M_S, RATED_M_S, CUT_OUT_M_S = 3.0, 12.0, 25.0


def solar_position(weather: Weather) -> tuple[Array, Array]:
    """Zenith and azimuth (from north, eastward) of the sun in radians in the middle of each hour (Spencer, 1971)."""
    hours = np.arange(len(weather.dry_bulb_c)) + 0.5
    day = np.floor(hours / 24.0)
    angle = 2.0 * np.pi * day / 365.0
    declination = (
        0.006918
        - 0.399912 * np.cos(angle)
        + 0.070257 * np.sin(angle)
        - 0.006758 * np.cos(2 * angle)
        + 0.000907 * np.sin(2 * angle)
        - 0.002697 * np.cos(3 * angle)
        + 0.00148 * np.sin(3 * angle)
    )
    minutes = 229.18 * (
        0.000075
        + 0.001868 * np.cos(angle)
        - 0.032077 * np.sin(angle)
        - 0.014615 * np.cos(2 * angle)
        - 0.040849 * np.sin(2 * angle)
    )
    solar_hour = hours % 24.0 + (minutes + 4.0 * (weather.longitude - 15.0 * weather.utc_offset_h)) / 60.0
    turn = np.radians(15.0 * (solar_hour - 12.0))
    latitude = np.radians(weather.latitude)
    cosine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(turn)
    zenith = np.arccos(np.clip(cosine, -1.0, 1.0))
    south = np.cos(turn) * np.sin(latitude) - np.tan(declination) * np.cos(latitude)
    return zenith, np.arctan2(np.sin(turn), south) + np.pi


def plane_irradiance_w_m2(weather: Weather) -> Array:
    """Light on the panels of a tracker: beam, sky and ground, W/m2."""
    zenith, azimuth = solar_position(weather)
    up = np.cos(zenith)
    east = np.sin(zenith) * np.sin(azimuth)
    most = np.radians(MOST_TILT_DEGREES)
    tilt = np.clip(np.arctan2(east, np.maximum(up, 1e-6)), -most, most)
    on_panel = np.maximum(up * np.cos(tilt) + east * np.sin(tilt), 0.0) * (up > 0.0)
    day = np.floor(np.arange(len(up)) / 24.0)
    outside = SOLAR_CONSTANT_W_M2 * (1.0 + 0.033 * np.cos(2.0 * np.pi * day / 365.0))
    clear = np.clip(weather.direct_normal_w_m2 / outside, 0.0, 1.0)
    sky = weather.diffuse_horizontal_w_m2
    around_sun = np.minimum(on_panel / np.maximum(up, np.cos(np.radians(85.0))), 10.0)
    diffuse = sky * (clear * around_sun + (1.0 - clear) * (1.0 + np.cos(tilt)) / 2.0)
    ground = ALBEDO * weather.global_horizontal_w_m2 * (1.0 - np.cos(tilt)) / 2.0
    return weather.direct_normal_w_m2 * on_panel + diffuse + ground


def solar_share(weather: Weather) -> Array:
    """Power of a tracking plant over its rated AC power, (hours,), 0 to 1."""
    light = plane_irradiance_w_m2(weather)
    cell = weather.dry_bulb_c + light / 800.0 * (NOMINAL_CELL_C - 20.0)
    direct = light / 1000.0 * (1.0 + POWER_PER_KELVIN * (cell - 25.0)) * (1.0 - SYSTEM_LOSS)
    return np.clip(direct * DC_PER_AC * INVERTER_EFFICIENCY, 0.0, 1.0)


def wind_share(weather: Weather) -> Array:
    """Power of a wind farm over its rated power, (hours,), 0 to 1; a proxy from a station's mast."""
    speed = weather.wind_m_s * (HUB_M / MAST_M) ** SHEAR
    rise = (speed**3 - CUT_IN_M_S**3) / (RATED_M_S**3 - CUT_IN_M_S**3)
    return np.where(speed <= CUT_OUT_M_S, np.clip(rise, 0.0, 1.0), 0.0)


def gas_turbine_share(weather: Weather, elevation_m: float = 0.0) -> Array:
    """Power that a gas turbine can give over its rating at 15 C and sea level, (hours,).

    0.6 % less for each kelvin above 15 C and 3.5 % less for each 300 m (0.5 to 0.7 % in the field's data).
    """
    warm = np.maximum(weather.dry_bulb_c - 15.0, 0.0)
    return np.clip((1.0 - 0.006 * warm) * (1.0 - 0.035 * elevation_m / 300.0), 0.0, 1.0)

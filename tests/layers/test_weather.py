"""Weather: EPW files hour by hour, the bundled climates, and pvlib as the oracle where it is installed."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.layers.shared_data import full_year

from penstock.errors import InputError, UsageError
from penstock.layers.climates import CLIMATES, climate, nearest_climate
from penstock.layers.energy.profiles import plane_irradiance_w_m2, solar_position, solar_share, wind_share
from penstock.layers.facilities import pue, water
from penstock.layers.weather import HOURS, MONTH_DAYS, vapour_pressure_kpa, wet_bulb_c
from penstock.layers.weather_file import read_epw

NAMES = tuple(CLIMATES)


def epw_text(drop: int | None = None, change: dict[int, tuple[int, str]] | None = None) -> str:
    """A made-up EPW year; `drop` leaves out an hour, `change` puts a value into a field of an hour."""
    lines = ["LOCATION,Made Up,TX,USA,none,1,32.0,-97.0,-6.0,100.0", *["X"] * 7]
    hour_of_year = 0
    for month, days in enumerate(MONTH_DAYS, start=1):
        for day in range(1, days + 1):
            for hour in range(1, 25):
                row = ["2021", str(month), str(day), str(hour), "0", "?", "20.0", "10.0", "50", "100000"]
                row += ["0", "0", "300", "0", "0", "0", "0", "0", "0", "0", "180", "5.0"]
                if change and hour_of_year in change:
                    field, value = change[hour_of_year]
                    row[field] = value
                if hour_of_year != drop:
                    lines.append(",".join(row))
                hour_of_year += 1
    return "\n".join(lines) + "\n"


def written(folder: Path, text: str, name: str = "year.epw") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_year_is_read(tmp_path: Path) -> None:
    weather = read_epw(written(tmp_path, epw_text()))
    assert weather.name == "Made Up"
    assert weather.dry_bulb_c.shape == (HOURS,)
    assert (weather.wet_bulb_c < 20.0).all()
    assert weather.latitude == 32.0
    packed = tmp_path / "year.epw.gz"
    packed.write_bytes(gzip.compress(epw_text().encode()))
    assert np.array_equal(read_epw(packed).dry_bulb_c, weather.dry_bulb_c)


@pytest.mark.parametrize(
    ("drop", "change", "message"),
    [
        (
            0,
            None,
            ":9: hour: found month 1, day 1, hour 2; expected month 1, day 1, hour 1; an hour is missing before it",
        ),
        (5000, None, "; an hour is missing before it"),
        (HOURS - 1, None, "hour: found 8,759 hours; expected 8,760; next month 12, day 31, hour 24"),
        (None, {10: (6, "99.9")}, ":19: dry_bulb_c: found 99.9; expected -70 to 70, none missing"),
        (None, {10: (8, "abc")}, ":19: relative_humidity: found 'abc'; expected a number"),
        (None, {3: (3, "3")}, ":12: hour: found month 1, day 1, hour 3; expected month 1, day 1, hour 4"),
        (None, {0: (14, "9999")}, ":9: direct_normal_w_m2: found 9999; expected 0 to 1500, none missing"),
    ],
)
def test_a_bad_hour_is_named(
    tmp_path: Path, drop: int | None, change: dict[int, tuple[int, str]] | None, message: str
) -> None:
    path = written(tmp_path, epw_text(drop, change))
    with pytest.raises(InputError) as caught:
        read_epw(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_what_is_no_epw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the LOCATION line"):
        read_epw(written(tmp_path, "a,b\n"))
    with pytest.raises(InputError, match="found no readable EPW file"):
        read_epw(tmp_path / "none.epw")
    with pytest.raises(InputError, match="row: found 2 fields"):
        read_epw(written(tmp_path, "\n".join([*epw_text().splitlines()[:8], "1,2"])))


@settings(max_examples=60, deadline=None)
@given(st.floats(-20, 50), st.floats(1, 100), st.floats(70, 105))
def test_the_wet_bulb_solves_its_equation(dry: float, humidity: float, pressure: float) -> None:
    wet = float(wet_bulb_c(dry, humidity, pressure))
    assert wet <= dry + 1e-9
    balance = vapour_pressure_kpa(wet) - 6.62e-4 * pressure * (dry - wet)
    assert balance == pytest.approx(humidity / 100 * vapour_pressure_kpa(dry), abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_year_keeps_the_statistics_of_its_station(name: str) -> None:
    from penstock.layers.climates import _means, _quantiles

    weather, station = climate(name), CLIMATES[name][0]
    means, quantiles = _means(station), _quantiles(station)
    assert weather.dry_bulb_c.mean() == pytest.approx(means["dry_bulb_c"].mean(), abs=0.15)
    assert weather.global_horizontal_w_m2.mean() == pytest.approx(means["global_horizontal_wh_m2"].mean(), rel=1e-9)
    assert weather.wind_m_s.mean() == pytest.approx(means["wind_m_s"].mean(), rel=1e-9)
    assert weather.dry_bulb_c.max() == pytest.approx(quantiles["dry_bulb_c"][-1], abs=0.2)
    assert (weather.wet_bulb_c <= weather.dry_bulb_c).all()
    night = means["global_horizontal_wh_m2"] == 0
    assert weather.global_horizontal_w_m2[night].max() == 0.0


def test_the_nearest_climate() -> None:
    assert nearest_climate(32.5, -91.6)[0] == "dallas"
    assert nearest_climate(33.4, -112.4) == ("phoenix", pytest.approx(37, abs=2))
    assert nearest_climate(40.0, -82.7)[0] == "leesburg"
    assert nearest_climate(68.4, 17.4)[0] == "leesburg"
    # the cold desert is not Phoenix
    assert nearest_climate(41.0, -104.75)[0] == "leesburg"
    assert nearest_climate(31.95, -106.35)[0] == "phoenix"
    with pytest.raises(UsageError, match="nearest dallas"):
        climate("dalas")


@pytest.mark.parametrize(("name", "sun"), [("dallas", 0.269)])
def test_profiles_of_the_full_year(name: str, sun: float) -> None:
    weather = read_epw(full_year(name))
    assert solar_share(weather).mean() == pytest.approx(sun, rel=0.03)
    assert wind_share(weather).mean() == pytest.approx(0.354, rel=0.03)


R20 = {
    "air_dry_chiller": ((1.259, 1.399, 0.0), (1.290, 1.442, 0.0), (1.222, 1.376, 0.0)),
    "air_tower": ((1.198, 1.271, 1.85), (1.195, 1.293, 1.85), (1.183, 1.269, 1.82)),
    "evaporative": ((1.111, 1.191, 0.51), (1.111, 1.258, 0.75), (1.111, 1.186, 0.21)),
    "dlc_dry": ((1.120, 1.243, 0.0), (1.141, 1.281, 0.0), (1.107, 1.223, 0.0)),
    "dlc_tower": ((1.102, 1.129, 1.74), (1.100, 1.171, 1.74), (1.100, 1.127, 1.74)),
}


@pytest.mark.parametrize("place", range(3), ids=NAMES)
@pytest.mark.parametrize("design", R20)
def test_the_reference_table_on_the_full_year(design: str, place: int) -> None:
    weather = read_epw(full_year(NAMES[place]))
    hourly = pue(design, weather.dry_bulb_c, weather.wet_bulb_c, 0.8)
    litres = water(design, weather.dry_bulb_c, weather.wet_bulb_c, 0.8)
    given = (hourly.mean(), hourly.max(), litres.mean())
    assert given == pytest.approx(R20[design][place], abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_pvlib_reads_the_same_and_sees_the_same_sun(name: str, tmp_path: Path) -> None:
    pvlib = pytest.importorskip("pvlib")
    import pandas as pd

    path = tmp_path / "year.epw"
    path.write_bytes(gzip.decompress(full_year(name).read_bytes()))
    table, place = pvlib.iotools.read_epw(path, coerce_year=2023)
    weather = read_epw(path)
    assert np.array_equal(table["temp_air"], weather.dry_bulb_c)
    assert np.array_equal(table["dni"], weather.direct_normal_w_m2)
    assert np.array_equal(table["wind_speed"], weather.wind_m_s)
    when = table.index + pd.Timedelta("30min")
    sun = pvlib.solarposition.get_solarposition(when, place["latitude"], place["longitude"])
    zenith, _ = solar_position(weather)
    up = sun["zenith"].to_numpy() < 85
    assert np.abs(np.degrees(zenith) - sun["zenith"].to_numpy())[up].max() < 0.6
    turned = pvlib.tracking.singleaxis(sun["zenith"], sun["azimuth"], 0, 180, max_angle=60, backtrack=False)
    light = pvlib.irradiance.get_total_irradiance(
        turned["surface_tilt"].fillna(0).to_numpy(),
        turned["surface_azimuth"].fillna(180).to_numpy(),
        sun["zenith"].to_numpy(),
        sun["azimuth"].to_numpy(),
        weather.direct_normal_w_m2,
        weather.global_horizontal_w_m2,
        weather.diffuse_horizontal_w_m2,
        dni_extra=1361.0,
        albedo=0.2,
        model="haydavies",
    )
    theirs = np.nan_to_num(np.asarray(light["poa_global"]))
    assert plane_irradiance_w_m2(weather).mean() == pytest.approx(theirs.mean(), rel=0.02)

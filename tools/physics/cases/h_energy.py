"""R15, R16, R18 and section 5.17, 4: screening, sun and wind, spare units, a lost unit; carbon and methane of gas."""

from __future__ import annotations

import numpy as np
from tools.physics.case import Case, Mark

from penstock.layers.climates import climate
from penstock.layers.energy import (
    Efficiency,
    direct_t_per_mwh,
    dispatch,
    methane_t_co2e_per_mwh,
    screening,
    solar_share,
    units_for_reliability,
    wind_share,
)

TITLE = "Energy"
CURVE = "screening curve in closed form, equal to a linear programme in PyPSA"
PROFILE = "profiles computed elsewhere from the TMYx year of Dallas-Fort Worth: tracker with 1.3 DC per AC, wind proxy"
BINOMIAL = "binomial distribution of independent units"
STRESS = "what must happen by the equations"
GAS = "EPA, 53.06 kg CO2 per MMBtu; methane 64.9 kg per MWh of heat and unit leak, IPCC AR6 warming"


def cases() -> list[Case]:
    """Figures of the energy layer."""
    curve = screening(np.linspace(150.0, 50.0, 8760), [200_000.0, 80_000.0], [20.0, 80.0])
    exact = [
        ("R15", "hours at which the base plant takes over", "h", 2000.0, float(curve.break_even_h[0]), 1e-3, CURVE),
        ("R15", "base plant", "MW", 127.17, float(curve.capacity_mw[0]), 1e-3, CURVE),
        ("R15", "peak plant", "MW", 22.82, float(curve.capacity_mw[1]), 1e-3, CURVE),
        ("R15", "cost of the year", "$ million", 46.150, curve.cost_usd / 1e6, 1e-3, CURVE),
    ]
    for target, small, large in ((0.999, 26, 1.44), (0.9999, 27, 1.62), (0.99999, 28, 1.71)):
        units = float(units_for_reliability(1000.0, 50.0, 0.95, target))
        exact.append(("R18", f"units of 50 MW for 1,000 MW at {target}", "", float(small), units, 1e-9, BINOMIAL))
        many = units_for_reliability(5000.0, 450.0, 0.95, target) * 450.0 / 5000.0
        exact.append(("R18", f"450 MW units for 5,000 MW at {target}, over the load", "", large, many, 1e-9, BINOMIAL))
    lost = dispatch(np.full(48, 5400.0), [11 * 450.0], 1.0, [30.0])
    exact.append(
        ("5.17-4", "shed with one of twelve units lost and no reserve", "", 1 / 12, _shed(lost.shed_mw), 1e-9, STRESS)
    )
    found = [Case(*row[:6], Mark.EXACT, row[6]) for row in exact]
    weather = climate("dallas")
    profiles = (
        ("sun", 0.269, solar_share(weather), Mark.PREDICTION),
        ("wind", 0.354, wind_share(weather), Mark.CONSISTENCY),
    )
    for what, told, share, mark in profiles:
        found.append(
            Case(
                "R16",
                f"capacity factor of {what}, Dallas",
                "",
                told,
                float(share.mean()),
                0.03,
                mark,
                PROFILE,
            )
        )
    plant = Efficiency(0.54, "hhv")
    carbon = direct_t_per_mwh(plant)
    other = direct_t_per_mwh(plant.on("lhv"))
    methane = float(methane_t_co2e_per_mwh(plant, 0.017))
    return [
        *found,
        Case("5.11", "carbon of combined cycle at 0.54 (HHV)", "t/MWh", 0.335, carbon, 0.005, Mark.CONSISTENCY, GAS),
        Case("5.11", "the same on the lower heating value", "t/MWh", carbon, other, 1e-12, Mark.EXACT, GAS),
        Case("5.11", "methane at a leak of 1.7 %", "t CO2e/MWh", 0.061, methane, 0.01, Mark.CONSISTENCY, GAS),
    ]


def _shed(shed_mw: np.ndarray) -> float:
    return float(shed_mw.sum() / (48 * 5400.0))


def text() -> str:
    """What was free in the profiles."""
    return """Sun: losses, inverter and cell temperature are textbook values (`layers/energy/profiles.py`). Wind: hub,
shear and rated speed were chosen among common values with the figure in sight; on the full year both factors
are within 1.5 % of them.
"""

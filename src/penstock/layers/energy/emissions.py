"""Carbon, methane and water of power. Heating values are named in every argument: the two are never mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from penstock.errors import UsageError

Array = np.ndarray
Basis = Literal["hhv", "lhv"]

MWH_PER_MMBTU = 0.29307107
"""MWh of heat in a million British thermal units; gas is priced on the higher heating value."""
CO2_T_PER_MWH_HEAT: Mapping[str, float] = {"hhv": 0.181, "lhv": 0.2010}
"""Carbon dioxide of natural gas per MWh of heat: EPA 53.06 kg per MMBtu (HHV); the same gas on the LHV."""
HHV_PER_LHV = CO2_T_PER_MWH_HEAT["lhv"] / CO2_T_PER_MWH_HEAT["hhv"]
"""Higher over lower heating value of natural gas: 1.11."""
METHANE_KG_PER_MWH_HEAT_AND_LEAK = 64.9
"""Methane in kg per MWh of heat (HHV) and unit share of leakage."""
WARMING_100_YEARS = 30.0
"""t CO2e per t of fossil methane over 100 years (IPCC AR6: 29.8)."""


@dataclass(frozen=True)
class Efficiency:
    """Electricity over fuel, with the heating value that the fuel is counted on."""

    value: float
    basis: Basis

    def __post_init__(self) -> None:
        if self.basis not in CO2_T_PER_MWH_HEAT:
            raise UsageError(f"heating value: found {self.basis!r}; expected hhv or lhv")
        if not 0.0 < self.value < 1.0:
            raise UsageError(f"efficiency_{self.basis}: found {self.value:g}; expected a share between 0 and 1")

    def on(self, basis: Basis) -> Efficiency:
        """The same plant counted on the other heating value."""
        if basis == self.basis:
            return self
        factor = HHV_PER_LHV if basis == "lhv" else 1.0 / HHV_PER_LHV
        return Efficiency(self.value * factor, basis)


def direct_t_per_mwh(efficiency: Efficiency) -> float:
    """Carbon dioxide at the stack of a gas plant, t per MWh of electricity; the same whichever basis is used."""
    return CO2_T_PER_MWH_HEAT[efficiency.basis] / efficiency.value


def methane_t_co2e_per_mwh(efficiency: Efficiency, leak: Any, warming: float = WARMING_100_YEARS) -> Any:
    """Warming of gas that leaks before the plant, t CO2e per MWh of electricity.

    leak: share of gas lost, 0.008 to 0.035. At 0.017 and an efficiency of 0.54 (HHV): 0.061 t/MWh.
    """
    heat = 1.0 / efficiency.on("hhv").value
    return heat * METHANE_KG_PER_MWH_HEAT_AND_LEAK * np.asarray(leak) / 1000.0 * warming


def water_m3(
    it_mwh: Any, litres_per_it_kwh: Any, energy_mwh: Mapping[str, Any], m3_per_mwh: Mapping[str, float]
) -> Any:
    """Water of the site and of its power plants, m3: IT energy at its water use, energy of each source at its own."""
    away = sum(np.asarray(mwh) * m3_per_mwh[name] for name, mwh in energy_mwh.items())
    return np.asarray(it_mwh) * np.asarray(litres_per_it_kwh) + away

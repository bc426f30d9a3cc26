"""The energy layer: firm power, energy used, its carbon and water.

Power in GW of IT load unless a name says facility; prices in usd per MWh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.bounds import bounded
from penstock.passes import inlined

Array = np.ndarray

STAGES = 4
"""Stages of the delay line of new firm power: more stages, less spread about the same lead time."""
HOURS_PER_QUARTER = 2190.0
"""8,760 hours a year."""

GAS_PRICE_USD_PER_MMBTU = 3.5
"""Gas price at which opening power prices stand (Henry Hub, 2025 mean); assumption, 3.0 to 4.5."""


@dataclass(frozen=True)
class Supply:
    """What a MWh for data centres costs at the opening gas price, the share of it that moves with gas, its carbon."""

    usd_per_mwh: float
    gas_share_of_price: float
    carbon_t_per_mwh: float


REGULATED_RETURN = 0.11
"""Revenue a year that regulators allow on a dollar of new net plant: return and depreciation (assumption, 0.09 to 0.13:
a cost of capital of about 7 % and plant that lasts some 25 years)."""


RATE_CASE_MEMORY = 0.8
"""Share of a gap between a utility's sales and their trend that is left after a quarter: tariffs are set anew every one
to two years (assumption, 0.7 to 0.9)."""


@inlined
def regulated_revenue(plant: Array, expected: Array, dearer: Array | float = 0.0) -> Array:
    """Revenue of a quarter allowed on plant beyond what the trend of sales already pays for, usd_bn.

    Cost-of-service regulation: a utility that builds more than its sales grow is paid for it by its customers, and so
    is interest a quarter beyond the rate of the opening (`dearer`), the cost of the debt that carries the plant.
    """
    return 0.25 * REGULATED_RETURN * np.maximum(plant - expected, 0.0) + np.maximum(dearer, 0.0)


def fuel_factor(gas_index: Array | float, gas_share: float) -> Array | float:
    """Price of power relative to the opening as the price of gas (relative to the opening) passes through.

    gas_share: share of the price that moves with gas. Plants stand as they are for some quarters, so the line is
    straight; plants built for a price that lasts would bend it.
    """
    return 1.0 + gas_share * (gas_index - 1.0)


def power_price_index(gas_price: Array | float, tightness: Array, gas_share: float) -> Array:
    """Price of power relative to the opening: gas pass-through and scarcity of firm power.

    tightness: IT power in use over firm power, (paths,).
    """
    return fuel_factor(gas_price / GAS_PRICE_USD_PER_MMBTU, gas_share) * (
        1.0 + 0.8 * bounded(tightness - 0.85, 0.0, 0.15) / 0.15 * 0.25
    )


@inlined
def energy_mwh(it_gw: Any, pue: Any) -> Any:
    """Facility energy of a quarter in MWh from average IT load in GW."""
    return it_gw * pue * 1000.0 * HOURS_PER_QUARTER

"""The silicon layer: fleets by age, and the supply of chips through its chain.

Fleet arrays are (ages, owners, paths) in million H100e, age in quarters.
"""

from __future__ import annotations

import numba
import numpy as np

from penstock.bounds import bounded

Array = np.ndarray

PERMANENT_FAILURE_PER_QUARTER = 0.0025
"""Share of a fleet that fails for good in a quarter; most failures are repaired.

Assumption (grade F), 0.001 to 0.006: a ninth of `accelerator_failure_rate_per_year` (0.09) taken as beyond repair.
"""


def survival_factor(ages: int, life_years: Array) -> Array:
    """Share of each age class that survives the next quarter, (ages, paths).

    Survival is exp(-ln 2 (age / 1.1 L)^4): half are gone a little after the economic life L.
    """
    age = np.arange(ages + 1)[:, None] * 0.25
    survival = np.exp(-np.log(2.0) * (age / (1.1 * life_years)) ** 4)
    factor = survival[1:] / survival[:-1]
    factor[-1] = 0.0
    return factor


def age_fleet(fleet: Array, factor: Array, total: Array) -> tuple[Array, Array]:
    """Makes the fleet a quarter older where it lies; what was retired and what failed, (owners, paths).

    total: its sum over ages before, (owners, paths).
    """
    failed = PERMANENT_FAILURE_PER_QUARTER * total
    return total - failed - survive(fleet, factor), failed


def survive(fleet: Array, factor: Array) -> Array:
    """Leaves of each age class what survives the quarter, where it lies; returns the sum over ages, (owners, paths).

    Age 0 is empty after, the last class is gone.
    """
    left = np.zeros(fleet.shape[1:])
    _grow_older(fleet, (1.0 - PERMANENT_FAILURE_PER_QUARTER) * factor, left)
    return left


@numba.njit(
    numba.void(numba.float64[:, :, ::1], numba.float64[:, ::1], numba.float64[:, ::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _grow_older(fleet: Array, kept: Array, left: Array) -> None:
    for a in range(fleet.shape[0] - 1, 0, -1):
        for o in range(fleet.shape[1]):
            for n in range(fleet.shape[2]):
                fleet[a, o, n] = fleet[a - 1, o, n] * kept[a - 1, n]
                left[o, n] += fleet[a, o, n]
    fleet[0] = 0.0


def install(waiting: Array, headroom_gw: Array, power_kw: Array) -> Array:
    """Million H100e put into service: what waits, as far as halls and power carry (kW per H100e = GW per million)."""
    return np.minimum(waiting, np.maximum(headroom_gw, 0.0) / power_kw)


def advance_capacity(
    stages: Array,
    capacity: Array,
    wanted: Array,
    lead: Array,
    growth: Array,
    reference: Array,
    exponent: float,
    decay: float,
) -> tuple[Array, Array]:
    """Shipping capacity after a quarter: three delay stages, bounded growth that slows with size, slow decay.

    wanted: capacity that orders ask for; the last stage moves first. All million H100e per quarter.
    """
    rate = 3.0 / lead
    pipeline = stages.sum(axis=0)
    ceiling = capacity * growth * 0.25 * (capacity / reference) ** -exponent
    start = bounded(wanted - capacity - pipeline, 0.0, ceiling)
    out = rate * stages
    moved = stages - out
    moved[0] += start
    moved[1:] += out[:-1]
    return moved, capacity * (1.0 - decay) + out[-1]


def input_availability(share: Array, supplier_capacity: Array) -> Array:
    """Share of its input that a buyer gets: its suppliers' capacities by their shares (ties, paths) -> (paths,)."""
    return np.minimum((share * supplier_capacity).sum(axis=0), 1.0)


def fill_rate(orders: Array, capacity: Array, lead: Array) -> Array:
    """Share of an order book that a supplier ships this quarter, pro rata to all buyers."""
    return np.minimum(1.0 / lead, capacity / np.maximum(orders, 1e-12))

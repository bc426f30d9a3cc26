"""The silicon layer: fleets by age, and the supply of chips through its chain.

Fleet arrays are (ages, owners, paths) in million H100e, age in quarters.
"""

from __future__ import annotations

from penstock.arrays import np
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
    pipeline = np.add.reduce(stages)
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

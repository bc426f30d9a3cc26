"""The screening curve: least-cost capacities of plants without storage, in closed form."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import UsageError

Array = np.ndarray


@dataclass(frozen=True)
class Screening:
    """capacity_mw, energy_mwh: (plants,); break_even_h: hours at which the next plant takes over; cost of the year."""

    capacity_mw: Array
    energy_mwh: Array
    break_even_h: Array
    cost_usd: float


def screening(load_mw: Any, fixed_usd_per_mw_year: Any, variable_usd_per_mwh: Any) -> Screening:
    """Cheapest mix for a load: each slice of load is served by the plant that is cheapest for its hours.

    load_mw: (hours,) of one year; fixed and variable cost: (plants,). Ties go to the plant with lower variable cost.
    Raises UsageError for negative load or cost. Method: Stoft, Power System Economics (2002), 2-2.
    """
    load = np.sort(np.asarray(load_mw, dtype=float))[::-1]
    fixed, variable = (np.asarray(v, dtype=float) for v in (fixed_usd_per_mw_year, variable_usd_per_mwh))
    if load.size == 0 or np.any(load < 0) or np.any(fixed < 0) or np.any(variable < 0):
        raise UsageError("screening: found a negative or empty load or cost; expected 0 or more")
    steps = np.diff(np.concatenate([load, [0.0]])) * -1.0
    hours = np.arange(1, load.size + 1)
    order = np.argsort(variable, kind="stable")
    cost = fixed[order] + variable[order] * hours[:, None]
    # the slice between two ranks of load runs as many hours as loads reach it
    best = order[np.argmin(cost, axis=1)]
    capacity = np.bincount(best, weights=steps, minlength=fixed.size)
    energy = np.bincount(best, weights=steps * hours, minlength=fixed.size)
    crossings = [
        (fixed[a] - fixed[b]) / (variable[b] - variable[a])
        for a, b in itertools.pairwise(order)
        if variable[b] > variable[a]
    ]
    return Screening(capacity, energy, np.array(crossings), float(capacity @ fixed + energy @ variable))

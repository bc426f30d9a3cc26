"""The chain of silicon as physics: dies, packages and stacks of memory to chips; links that take their time.

Flows are arrays with time as the first axis (steps of any length) and anything behind it; a cycle is a whole number of
steps. Shares of a supplier in what a buyer gets are (suppliers, buyers).
"""

from __future__ import annotations

import numpy as np

from penstock.bounds import bounded

Array = np.ndarray

WAFER_DIAMETER_MM = 300.0


def gross_dies(area_mm2: Array | float, diameter_mm: float = WAFER_DIAMETER_MM) -> Array | float:
    """Dies on a round wafer before any defect: `pi (d/2)^2 / A - pi d / sqrt(2 A)`.

    Source: de Vries (2005), IEEE Transactions on Semiconductor Manufacturing 18; scribe lines are not counted.
    """
    return np.pi * (diameter_mm / 2.0) ** 2 / area_mm2 - np.pi * diameter_mm / np.sqrt(2.0 * area_mm2)


def negative_binomial_yield(
    area_cm2: Array | float, defects_per_cm2: Array | float, clustering: Array | float
) -> Array | float:
    """Share of dies without a defect: `(1 + A D0 / alpha)^-alpha`, Stapper (1973), IEEE Trans. Electron Devices 20.

    Large `clustering` (alpha) gives Poisson, `exp(-A D0)`. Redundancy and binning sell more dies than this.
    """
    return (1.0 + area_cm2 * defects_per_cm2 / clustering) ** -clustering


def packages_from_wafers(
    wafers: Array | float, dies_per_wafer: Array | float, good_share: Array | float, dies_per_package: Array | float
) -> Array | float:
    """Packages that the good dies of so many wafers fill."""
    return wafers * dies_per_wafer * good_share / dies_per_package


def packages_from_interposers(
    wafers: Array | float, packages_per_wafer: Array | float, good_share: Array | float
) -> Array | float:
    """Good packages from so many interposer wafers."""
    return wafers * packages_per_wafer * good_share


def packages_from_stacks(stacks: Array | float, stacks_per_package: Array | float) -> Array | float:
    """Packages that so many stacks of high-bandwidth memory fill."""
    return stacks / stacks_per_package


def smallest(capacity: Array) -> Array:
    """Links in order from the one that binds, (links, draws) -> (links, draws); unknown capacities (NaN) come last."""
    return np.argsort(np.where(np.isnan(capacity), np.inf, capacity), axis=0, kind="stable")


def allocate(capacity: Array | float, orders: Array, priority: Array | None = None) -> Array:
    """What each buyer gets of a capacity, pro rata to orders times priority; nobody gets more than was ordered.

    orders (buyers, ...), capacity of the shape behind it, priority (buyers,) above zero, one where none is given. What
    the favoured cannot use goes to the others. With equal priorities it is `orders x min(1, capacity / sum of orders)`.
    """
    weight = np.ones(orders.shape[0]) if priority is None else np.asarray(priority, dtype=float)
    order = np.argsort(-weight, kind="stable")
    sorted_orders, w = orders[order].astype(float), weight[order].reshape((-1,) + (1,) * (orders.ndim - 1))
    # buyers are full one after the other, the favoured first; `level` is what a unit of order and priority gets
    full = np.cumsum(sorted_orders, axis=0) - sorted_orders
    asked = np.cumsum((w * sorted_orders)[::-1], axis=0)[::-1]
    left = np.maximum(np.asarray(capacity, dtype=float) - full, 0.0)
    # an order next to nothing has a level beyond all numbers: it is full
    with np.errstate(over="ignore"):
        level = np.divide(left, asked, out=np.full_like(asked, np.inf), where=asked > 0.0)
        # a round begins where the buyers before it are full
        level[1:] = np.maximum(level[1:], 1.0 / w[:-1])
        got = orders * np.minimum(1.0, weight.reshape(w.shape) * _true_level(level, w))
    return np.asarray(got)


def _true_level(level: Array, weight: Array) -> Array:
    """The level of the first buyer that is not full."""
    not_full = level * weight < 1.0
    first = np.argmax(not_full, axis=0)
    found = np.take_along_axis(level, first[None, ...], axis=0)[0]
    return np.where(not_full.any(axis=0), found, np.inf)


def plug_flow(started: Array, cycle: int, opening_rate: Array | float) -> Array:
    """What leaves a link at each step: what it took in `cycle` steps before, first in, first out.

    started (steps, ...); before the first step the link took in `opening_rate` a step, (...).
    """
    if cycle == 0:
        return started.copy()
    before = np.broadcast_to(np.asarray(opening_rate, dtype=float), (cycle, *started.shape[1:]))
    return np.concatenate([before, started])[: started.shape[0]]


def in_progress(started: Array, finished: Array, opening: Array | float) -> Array:
    """What lies in a link after each step: the opening content plus all that came in less all that left."""
    return opening + np.cumsum(started - finished, axis=0)


def received(share: Array, output: Array, spare: float = 0.0) -> Array:
    """Share of what each buyer wants that its suppliers deliver, (steps, buyers).

    share (suppliers, buyers), a column adds up to one, or to zero where a buyer needs nothing here; output (steps,
    suppliers) relative to what they deliver in full work. `spare` is what all suppliers could make beyond that, as a
    share. The shortfall is carried as in the quarter of the engine: exactly zero where nobody falls short.
    """
    short = np.tensordot(1.0 - output, share, axes=([1], [0]))
    return bounded((1.0 + spare) * (1.0 - short), 0.0, 1.0)


def joined(*inputs: Array) -> Array:
    """Share that a link can make from several inputs that it needs in fixed proportion: the scarcest counts."""
    out = inputs[0]
    for other in inputs[1:]:
        out = np.minimum(out, other)
    return out


def capacity_with_missing_tools(capacity: Array, arrived: Array, decay: float) -> Array:
    """Capacity over what it would have been, where only a share of the tools for its growth arrived.

    capacity (steps,) without a cut; arrived (steps, ...) share of tools that come into use at each step; `decay` share
    of capacity that wears out in a step. What is not added is missing until it would have worn out: nothing is made up.
    """
    before = np.concatenate([capacity[:1], capacity[:-1]])
    added = np.maximum(capacity - (1.0 - decay) * before, 0.0)
    added[0] = 0.0
    shape = (-1,) + (1,) * (arrived.ndim - 1)
    keep = (1.0 - decay) ** np.arange(len(capacity)).reshape(shape)
    missing = np.cumsum(added.reshape(shape) * (1.0 - arrived) / keep, axis=0) * keep
    return 1.0 - missing / capacity.reshape(shape)


def failed_in_field(installed: Array | float, rate_per_year: Array | float, years: float = 0.25) -> Array | float:
    """Chips of a fleet that fail within a time at a constant hazard, repaired or not."""
    return installed * (1.0 - np.exp(-rate_per_year * years))

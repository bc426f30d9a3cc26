"""Investment: what owners of fleets expect, want and order.

Expected growth is partly extrapolated and believed to fade; capacity is wanted for the end of the lead time.
Growth per year in logs, stocks in million H100e or GW, last axis paths.
"""

from __future__ import annotations

import numpy as np

from penstock.bounds import bounded

Array = np.ndarray


def update_expectation(expected: Array, observed: Array, gain: Array) -> Array:
    """Adaptive expectation of growth, with the observation cut to a believable range."""
    return expected + gain * (bounded(observed, -1.0, 2.0) - expected)


def planned_growth(
    expected: Array, extrapolation: Array, anchor: Array, arms_race: Array | float, mood: Array, rivals_growth: Array
) -> Array:
    """Growth that plans rest on: extrapolation, an anchor, and the pull of rivals' spending."""
    return (
        extrapolation * expected
        + (1.0 - extrapolation) * anchor
        + arms_race * 2.0 * mood * bounded(rivals_growth, -0.5, 1.0)
    )


def growth_over(growth: Array, fade: Array, years: Array) -> Array:
    """Expected log growth over a horizon when growth fades at a rate: g (1 - e^(-kappa H)) / kappa."""
    return growth * (1.0 - np.exp(-fade * years)) / fade


def wanted_stock(
    value: Array,
    log_growth: Array,
    hurdle: Array,
    decline: Array,
    years: Array,
    utilisation: Array,
    price_ratio: Array,
    response: Array | float,
) -> Array:
    """Million H100e wanted at the end of a lead time, (owners, paths)."""
    reach = bounded(price_ratio, np.exp(-1.0), np.exp(1.0)) ** response
    return value * np.exp(log_growth + decline * years) * reach / (8.76 * hurdle * utilisation)


def order_rate(
    stock: Array,
    growth: Array,
    fade: Array,
    decline: Array,
    years: Array,
    replacement: Array,
    gap: Array,
    adjustment: Array | float,
) -> Array:
    """Orders of a quarter: growth and replacement fed forward, a part of the gap closed.

    Without the feed-forward the rule hunts (a hog cycle); negative orders cancel at most what the caller allows.
    """
    forward = stock * np.maximum(growth * np.exp(-fade * years) + decline, 0.0) / 4.0
    return forward + replacement + gap / adjustment

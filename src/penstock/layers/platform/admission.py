"""Admission: what a tenant's bucket lets through at once, and who gets what when there is not enough for all."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.layers.refusing import not_negative, positive

Array = np.ndarray


def token_bucket(arrivals: Array, rate: Array | float, burst: Array | float) -> Any:
    """What a bucket lets through in each window; the rest waits for later ones.

    The bucket holds `burst` when full, as at the start, and fills by `rate` a window. What has passed by the end of
    window `t` is the least over `s <= t` of `A(s) + burst + rate (t - s)` and `A(t)` itself (Cruz 1991, IEEE
    Transactions on Information Theory 37), with `A` the arrivals so far.

    Args:
        arrivals: work by window along the first axis, any number of tenants behind it.
    """
    not_negative("arrivals", arrivals)
    not_negative("rate", rate)
    not_negative("burst", burst)
    work = np.asarray(arrivals, dtype=float)
    total = np.concatenate([np.zeros((1, *work.shape[1:])), np.cumsum(work, axis=0)])
    window = np.arange(len(total), dtype=float).reshape(-1, *([1] * (work.ndim - 1)))
    line = np.asarray(rate, dtype=float) * window
    held = np.minimum.accumulate(total - line, axis=0) + line + burst
    return np.diff(np.minimum(total, held), axis=0)


def fair_shares(demands: Array, weights: Array, capacity: float) -> Any:
    """Capacity of each tenant under weighted fair queueing: none more than it asks, the rest by weight (max-min).

    demands, weights: (tenants,) or (tenants, paths). What is given out is the smaller of capacity and total demand.
    """
    not_negative("demands", demands)
    positive("weights", weights)
    not_negative("capacity", capacity)
    asked = np.asarray(demands, dtype=float)
    weight = np.broadcast_to(np.asarray(weights, dtype=float), asked.shape)
    low = np.zeros(asked.shape[1:])
    high = np.max(asked / weight, axis=0)
    for _ in range(100):
        level = 0.5 * (low + high)
        over = np.sum(np.minimum(asked, level * weight), axis=0) > capacity
        low, high = np.where(over, low, level), np.where(over, level, high)
    return np.minimum(asked, high * weight)

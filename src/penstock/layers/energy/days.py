"""A year as a few days: clusters around real days (k-medoids), and the day that is hardest to serve.

Evenly spaced weeks are the worst choice and clustered days the best; the hardest day is added by name, or the plan
would be short in it (specification, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import UsageError

Array = np.ndarray

DAY = 24
ROUNDS = 30


@dataclass(frozen=True)
class Days:
    """day: (days,) which days of the year stand for it; weight: (days,) for how many; they sum to the year's days."""

    day: Array
    weight: Array

    def of(self, hourly: Any) -> Array:
        """An hourly series on these days, (..., days, 24), scaled so that its weighted mean is the year's."""
        series = np.asarray(hourly, dtype=float)
        daily = series.reshape(*series.shape[:-1], -1, DAY)
        picked = daily[..., self.day, :]
        mean = (picked.mean(axis=-1) * self.weight).sum(axis=-1) / self.weight.sum()
        whole = series.mean(axis=-1)
        factor = np.where(mean > 0, whole / np.where(mean > 0, mean, 1.0), 1.0)
        # shares stay shares: a windy medoid is not blown up beyond the plant's rating
        return np.minimum(picked * factor[..., None, None], np.maximum(series.max(axis=-1), 0.0)[..., None, None])


def typical_days(profiles: Any, hardness: Any, count: int) -> Days:
    """`count` clustered days and the hardest one.

    profiles: (series, hours) that tell days apart, each scaled to 0 to 1; hardness: (hours,), whose largest daily sum
    marks the hardest day. Deterministic: the first medoid is the day nearest to all, each next one the farthest from
    those chosen, then medoids and members are improved in turn (Lloyd's scheme on medoids).

    Raises UsageError where hours are not whole days or there are fewer days than clusters.
    """
    series = np.atleast_2d(np.asarray(profiles, dtype=float))
    if series.shape[1] % DAY or series.shape[1] == 0:
        raise UsageError(f"hours: found {series.shape[1]:,}; expected whole days of {DAY} hours")
    daily = series.reshape(len(series), -1, DAY).transpose(1, 0, 2).reshape(series.shape[1] // DAY, -1)
    if not 1 <= count <= len(daily):
        raise UsageError(f"days: found {count}; expected 1 to {len(daily)}")
    square = (daily**2).sum(axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square[None] - 2.0 * daily @ daily.T, 0.0))
    medoids = _medoids(distance, count)
    member = distance[:, medoids].argmin(axis=1)
    weight = np.bincount(member, minlength=len(medoids)).astype(float)
    hard = int(np.asarray(hardness, dtype=float).reshape(-1, DAY).sum(axis=1).argmax())
    if hard not in medoids:
        weight[member[hard]] -= 1.0
        medoids, weight = np.append(medoids, hard), np.append(weight, 1.0)
    kept = weight > 0
    return Days(medoids[kept], weight[kept])


def _medoids(distance: Array, count: int) -> Array:
    chosen = [int(distance.sum(axis=1).argmin())]
    while len(chosen) < count:
        chosen.append(int(distance[:, chosen].min(axis=1).argmax()))
    medoids = np.array(chosen)
    for _ in range(ROUNDS):
        member = distance[:, medoids].argmin(axis=1)
        moved = medoids.copy()
        for cluster in range(len(medoids)):
            inside = np.flatnonzero(member == cluster)
            if len(inside):
                moved[cluster] = inside[distance[np.ix_(inside, inside)].sum(axis=1).argmin()]
        if np.array_equal(moved, medoids):
            break
        medoids = moved
    return medoids

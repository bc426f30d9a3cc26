"""Capacity of a serving platform beyond the queue: scaling in time, whole replicas, balance, failures, use."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import not_negative, positive, share

Array = np.ndarray


def autoscaling_headroom(
    slope_per_hour: Array | float, lag_s: Array | float, noise_at_lag: Array | float = 0.0, z: float = 2.326
) -> Any:
    """Spare capacity, over the mean demand, that covers what comes before new replicas are up.

    Growth within the lag and chance beside it: `slope lag + z sigma(lag)`.

    Args:
        lag_s: seconds until a replica serves. Warm 5 to 90, from the disk 60 to 600, with a new machine 300 to 3,600.
        noise_at_lag: standard deviation of demand over a lag, as a share of the mean.
    """
    not_negative("slope_per_hour", slope_per_hour)
    not_negative("lag_s", lag_s)
    not_negative("noise_at_lag", noise_at_lag)
    return np.asarray(slope_per_hour, dtype=float) * np.asarray(lag_s) / 3600.0 + z * np.asarray(noise_at_lag)


def dedicated_chips(
    chips_per_replica: Array | int,
    busy_chips: Array | float,
    utilisation: Array | float,
    *,
    least_replicas: int = 1,
    axis: int = 0,
) -> Any:
    """Chips that models need when each has replicas of its own: whole replicas, at least some where it is offered.

    Args:
        chips_per_replica, busy_chips: by model along `axis`; models without work still keep `least_replicas`.
        utilisation: share of a replica's time that may be busy.
    """
    positive("chips_per_replica", chips_per_replica)
    not_negative("busy_chips", busy_chips)
    share("utilisation", utilisation)
    positive("utilisation", utilisation)
    not_negative("least_replicas", least_replicas)
    size = np.asarray(chips_per_replica, dtype=float)
    replicas = np.ceil(np.asarray(busy_chips) / (size * np.asarray(utilisation)) - 1e-9)
    return np.sum(np.maximum(replicas, least_replicas) * size, axis=axis)[()]


def shared_chips(
    chips_per_replica: Array | int,
    busy_chips: Array | float,
    utilisation: Array | float,
    *,
    switching_loss: float = 0.08,
    axis: int = 0,
) -> Any:
    """Chips when models take turns on the same replicas: the pooled work, whole replicas of the largest, and switching.

    Args:
        switching_loss: work lost to changing models. Assumption 0.08, 0.03 to 0.20.
    """
    positive("chips_per_replica", chips_per_replica)
    not_negative("busy_chips", busy_chips)
    share("utilisation", utilisation)
    positive("utilisation", utilisation)
    not_negative("switching_loss", switching_loss)
    size = np.max(np.asarray(chips_per_replica, dtype=float), axis=axis)
    work = np.sum(np.asarray(busy_chips, dtype=float), axis=axis) * (1.0 + switching_loss) / np.asarray(utilisation)
    return (np.ceil(work / size - 1e-9) * size)[()]


def largest_share_random(replicas: Array | float) -> Any:
    """Requests at the fullest replica when as many requests as replicas are spread at random: `ln n / ln ln n`."""
    return np.log(_many(replicas)) / np.log(np.log(_many(replicas)))


def largest_share_of_two(replicas: Array | float) -> Any:
    """The same when each request goes to the emptier of two: `ln ln n / ln 2` (Mitzenmacher 2001)."""
    return np.log(np.log(_many(replicas))) / np.log(2.0)


def _many(replicas: Any) -> Any:
    count = np.asarray(replicas, dtype=float)
    if np.any(count < 16):
        raise UsageError(f"replicas: found {np.min(count):g}; expected at least 16, the laws hold for many")
    return count


def affinity_gain(hit_gain: Array | float, prefill_share: Array | float, imbalance: Array | float = 0.06) -> Any:
    """Share of work saved by sending requests to where their prefix is cached, less the imbalance that it makes.

    Args:
        hit_gain: share of prompt tokens that affinity adds to the hits; `prefill_share`: reading's share of all work.
        imbalance: work lost. Assumption 0.06, 0.03 to 0.10.
    """
    share("hit_gain", hit_gain)
    share("prefill_share", prefill_share)
    share("imbalance", imbalance)
    return np.asarray(hit_gain, dtype=float) * prefill_share - np.asarray(imbalance)


def request_success(failure: Array | float, retries: int = 1) -> Any:
    """Share of requests that succeed when failures are tried again; independent failures."""
    share("failure", failure)
    not_negative("retries", retries)
    return 1.0 - np.asarray(failure, dtype=float) ** (retries + 1)


def retried_work(failure: Array | float, retries: int = 1) -> Any:
    """Mean attempts per request: `(1 - f^(r+1)) / (1 - f)`."""
    share("failure", failure)
    not_negative("retries", retries)
    tries = np.arange(retries + 1, dtype=float)
    return np.sum(np.asarray(failure, dtype=float)[..., None] ** tries, axis=-1)[()]


def region_capacity(regions: Array | int, spare: int = 1) -> Any:
    """Capacity over demand when the load of `spare` failed regions must fit in the others: `n / (n - spare)`."""
    count = np.asarray(regions, dtype=float)
    not_negative("spare", spare)
    if np.any(count <= spare):
        raise UsageError(f"regions: found {np.min(count):g}; expected more than the {spare} that may fail")
    return count / (count - spare)


def outage_share(outages_per_year: Array | float, hours: Array | float) -> Any:
    """Share of a year that a region is down; outages 0.3 a year of 1 to 24 hours are an assumption of the field."""
    not_negative("outages_per_year", outages_per_year)
    not_negative("hours", hours)
    return np.minimum(np.asarray(outages_per_year, dtype=float) * np.asarray(hours) / 8760.0, 1.0)


def fleet_utilisation(
    burst: Array | float,
    promise: Array | float,
    mean_over_peak: Array | float,
    whole_replicas: Array | float,
    availability: Array | float,
) -> Any:
    """Busy share of an installed fleet: the product of what bursts, latency, the day, replicas and failures leave."""
    parts = {
        "burst": burst,
        "promise": promise,
        "mean_over_peak": mean_over_peak,
        "whole_replicas": whole_replicas,
        "availability": availability,
    }
    for name, value in parts.items():
        share(name, value)
    product = np.asarray(1.0)
    for value in parts.values():
        product = product * np.asarray(value, dtype=float)
    return product[()]

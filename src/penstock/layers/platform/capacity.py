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

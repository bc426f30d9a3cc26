"""Waiting: Erlang's formulas, how busy a pool of slots may be, and how many slots a load needs.

A slot is a place in a running batch; `servers` or `slots` are whole numbers, `load` is the mean number of busy slots
that the demand asks for (arrival rate times service time). Times are in units of the mean service time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import not_negative, positive, share

Array = np.ndarray


def erlang_b(servers: Array | int, load: Array | float) -> Any:
    """Probability that all servers are busy when those who find none leave (Erlang 1917).

    `B = P(N = c) / P(N <= c)` for a Poisson number of mean `a`; where that underflows, far above full load, the
    recursion `B_k = a B_{k-1} / (k + a B_{k-1})`. Arrays broadcast.

    Raises:
        UsageError: servers that are not whole numbers above zero, a negative load.
    """
    from scipy.special import gammaincc, gammaln

    count, offered = _servers_and_load(servers, load)
    safe = np.maximum(offered, 1e-300)
    at_most = gammaincc(count + 1.0, safe)
    found = np.exp(count * np.log(safe) - safe - gammaln(count + 1.0)) / np.maximum(at_most, 1e-300)
    tiny = at_most < 1e-200
    if np.any(tiny):
        found = np.where(tiny, _erlang_b_recursion(count, offered), found)
    return found[()]


def _erlang_b_recursion(count: Array, offered: Array) -> Array:
    blocked = np.ones_like(offered)
    found = np.ones_like(offered)
    for k in range(1, int(count.max()) + 1):
        blocked = offered * blocked / (k + offered * blocked)
        found = np.where(count == k, blocked, found)
    return found


def erlang_c(servers: Array | int, load: Array | float) -> Any:
    """Probability that a request waits: Poisson arrivals, exponential service, no one leaves (M/M/c).

    1 where the load is as large as the servers or larger. The mean wait is `C / (c - a)` service times.
    """
    count, offered = _servers_and_load(servers, load)
    blocked = erlang_b(count, offered)
    busy = np.minimum(offered / count, 1.0)
    waiting = blocked / np.maximum(1.0 - busy * (1.0 - blocked), 1e-300)
    return np.where(offered >= count, 1.0, waiting)[()]


def _servers_and_load(servers: Any, load: Any) -> tuple[Array, Array]:
    positive("servers", servers)
    not_negative("load", load)
    count = np.asarray(servers, dtype=float)
    if np.any(count != np.floor(count)):
        found = float(count[count != np.floor(count)].flat[0]) if count.ndim else float(count)
        raise UsageError(f"servers: found {found:g}; expected a whole number")
    both = np.broadcast_arrays(count, np.asarray(load, dtype=float))
    return both[0], both[1]


def mean_wait(
    servers: Array | int, load: Array | float, *, variation_arrivals: float = 1.0, variation_service: float = 1.0
) -> Any:
    """Mean wait in service times, Allen-Cunneen: `C / (c - a)` times the mean of the squared variations.

    Args:
        variation_arrivals, variation_service: squared coefficients of variation; 1 and 1 is exact.
    """
    not_negative("variation_arrivals", variation_arrivals)
    not_negative("variation_service", variation_service)
    slack = np.asarray(servers, dtype=float) - np.asarray(load, dtype=float)
    spread = 0.5 * (variation_arrivals + variation_service)
    waits = erlang_c(servers, load)
    return np.where(slack > 0.0, waits * spread / np.maximum(slack, 1e-300), np.inf)[()]


def wait_exceeds(
    servers: Array | int,
    load: Array | float,
    wait: Array | float,
    *,
    variation_arrivals: float = 1.0,
    variation_service: float = 1.0,
) -> Any:
    """Probability that the wait is longer than `wait` service times: `C exp(-2 (c - a) wait / (Ca2 + Cs2))`."""
    not_negative("wait", wait)
    slack = np.maximum(np.asarray(servers, dtype=float) - np.asarray(load, dtype=float), 0.0)
    spread = max(0.5 * (variation_arrivals + variation_service), 1e-12)
    return erlang_c(servers, load) * np.exp(-slack * np.asarray(wait, dtype=float) / spread)


def max_utilisation(slots: Array | int, wait_probability: Array | float) -> Any:
    """Largest share of slots that may be busy so that at most `wait_probability` of requests wait (M/M/c)."""
    share("wait_probability", wait_probability)
    return _largest(slots, lambda load: erlang_c(slots, load) <= wait_probability)


def max_utilisation_mean_wait(slots: Array | int, wait: Array | float) -> Any:
    """Largest share of slots that may be busy so that the mean wait is at most `wait` service times (M/M/c)."""
    positive("wait", wait)
    return _largest(slots, lambda load: mean_wait(slots, load) <= wait)


def max_utilisation_quantile(slots: Array | int, wait: Array | float, percentile: float) -> Any:
    """Largest share of slots that may be busy so that a share `percentile` of requests waits at most `wait` (M/M/c)."""
    share("percentile", percentile)
    return _largest(slots, lambda load: wait_exceeds(slots, load, wait) <= 1.0 - percentile)


def _largest(slots: Any, allowed: Any) -> Any:
    count = np.asarray(slots, dtype=float)
    _servers_and_load(count, 0.0)
    low, high = np.zeros(count.shape), np.ones(count.shape)
    for _ in range(45):
        middle = 0.5 * (low + high)
        good = allowed(middle * count)
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return low[()]


def burst_headroom(utilisation: Array | float, variation_arrivals: float, variation_service: float) -> Any:
    """Share that may be busy when arrivals are not Poisson: idle share times `sqrt((Ca2 + Cs2) / 2)`."""
    share("utilisation", utilisation)
    not_negative("variation_arrivals", variation_arrivals)
    not_negative("variation_service", variation_service)
    idle = 1.0 - np.asarray(utilisation, dtype=float)
    return np.maximum(1.0 - idle * np.sqrt(0.5 * (variation_arrivals + variation_service)), 0.0)


def staffing(
    load: Array | float, quality: float = 1.06, *, variation_arrivals: float = 1.0, variation_service: float = 1.0
) -> Any:
    """Slots that a load needs: square-root rule `a + beta sqrt(a (Ca2 + Cs2) / 2)` (Halfin and Whitt 1981).

    Args:
        quality: beta; 0.5 saves, 1.06 makes one in five wait or so, 2 is generous.
    """
    not_negative("load", load)
    not_negative("quality", quality)
    offered = np.asarray(load, dtype=float)
    spread = 0.5 * (variation_arrivals + variation_service)
    return np.ceil(offered + quality * np.sqrt(offered * spread) - 1e-9)[()]

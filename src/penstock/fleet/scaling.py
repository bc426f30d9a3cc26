"""Autoscaling: from what a pool shows to how many replicas it should have.

Each policy is a function of what was seen; a function of your own with the same signature takes their place in
`simulate(..., scaler=...)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from penstock.fleet.config import Pool

SMOOTH_LEVEL, SMOOTH_TREND = 0.5, 0.2
"""Weights of the last observation in Holt's linear method (C. Holt, 1957); assumption, 0.1 to 0.8."""
UP_FACTOR, UP_REPLICAS = 2.0, 4
"""Kubernetes' default when going up: at most double, or four more, in an interval (HorizontalPodAutoscaler v2)."""


@dataclass(frozen=True)
class Seen:
    """A pool at one moment."""

    now_s: float
    ready: int
    starting: int
    load: int
    """requests on its replicas and in its queue"""
    queued: int
    pool: Pool


@dataclass
class Memory:
    """What a policy remembers of a pool."""

    wishes: list[tuple[float, int]] = field(default_factory=list)
    level: float = float("nan")
    trend_per_s: float = 0.0
    last_s: float = 0.0
    busy_s: float = 0.0
    """when it was last not idle"""


Scaler = Callable[[Seen, Memory], int]


def per_replica(seen: Seen) -> float:
    """Requests that a replica should have."""
    return seen.pool.autoscaling.target_load * seen.pool.slots


def fixed(seen: Seen, memory: Memory) -> int:
    """The number of the file, always."""
    return seen.pool.replicas


def reactive(seen: Seen, memory: Memory) -> int:
    """As many as the load of now needs."""
    return math.ceil(seen.load / per_replica(seen))


def hpa_desired(current: int, metric: float, target: float, tolerance: float) -> int:
    """The rule of the Kubernetes HorizontalPodAutoscaler: ceil(current x metric / target), unchanged near one."""
    ratio = metric / target
    return current if abs(ratio - 1.0) <= tolerance else math.ceil(current * ratio)


def hpa(seen: Seen, memory: Memory) -> int:
    """The published rule, on requests per ready replica, with its limit on going up."""
    current = seen.ready + seen.starting
    if seen.ready == 0:
        return max(current, 1 if seen.load else 0)
    metric = seen.load / seen.ready
    if seen.starting:
        # replicas that are not ready count as idle when the wish is to go up
        metric_all = seen.load / current
        if metric > per_replica(seen) >= metric_all:
            return current
        metric = metric_all if metric > per_replica(seen) else metric
    wish = hpa_desired(current, metric, per_replica(seen), seen.pool.autoscaling.tolerance)
    return min(wish, max(math.ceil(UP_FACTOR * current), current + UP_REPLICAS))


def predictive(seen: Seen, memory: Memory) -> int:
    """As many as the load needs when a replica ordered now is ready, by Holt's method, and some headroom."""
    passed = seen.now_s - memory.last_s
    if math.isnan(memory.level):
        memory.level = float(seen.load)
    elif passed > 0:
        expected = memory.level + memory.trend_per_s * passed
        level = SMOOTH_LEVEL * seen.load + (1 - SMOOTH_LEVEL) * expected
        slope = (level - memory.level) / passed
        memory.trend_per_s = SMOOTH_TREND * slope + (1 - SMOOTH_TREND) * memory.trend_per_s
        memory.level = level
    memory.last_s = seen.now_s
    lag = seen.pool.cold_start_s + seen.pool.autoscaling.interval_s
    ahead = max(memory.level + memory.trend_per_s * lag, float(seen.load))
    return math.ceil((1.0 + seen.pool.autoscaling.headroom) * ahead / per_replica(seen))


POLICIES: dict[str, Scaler] = {"fixed": fixed, "reactive": reactive, "hpa": hpa, "predictive": predictive}


def decide(seen: Seen, memory: Memory, policy: Scaler) -> int:
    """The wish of the policy within the pool's limits, steadied when going down, zero after idleness where allowed."""
    rules = seen.pool.autoscaling
    if policy is fixed:
        return seen.pool.replicas
    most = seen.pool.max_replicas or seen.pool.replicas
    if seen.load > 0:
        memory.busy_s = seen.now_s
    floor = rules.min_replicas
    if floor == 0 and (seen.load > 0 or seen.now_s - memory.busy_s < rules.idle_s):
        floor = 1
    wish = min(max(policy(seen, memory), floor), most)
    memory.wishes = [(t, n) for t, n in memory.wishes if seen.now_s - t <= rules.stabilisation_s]
    memory.wishes.append((seen.now_s, wish))
    current = seen.ready + seen.starting
    if wish >= current:
        return wish
    steady = max(n for _, n in memory.wishes)
    return min(max(wish, steady), max(current, wish))

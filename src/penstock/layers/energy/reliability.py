"""How many units it takes, and how often and how much is short, when units fail."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import UsageError

Array = np.ndarray

MOST_UNITS = 100_000


@dataclass(frozen=True)
class UnitGroup:
    """Units of one kind: how many, MW of each, share of the time out, and the part of outages that takes them all."""

    name: str
    count: int
    unit_mw: float
    forced_outage: float
    common_cause: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 0 or not self.unit_mw >= 0:
            found = f"{self.count} units of {self.unit_mw:g} MW"
            raise UsageError(f"{self.name}: found {found}; expected 0 or more of each")
        _share(f"{self.name}: forced_outage", self.forced_outage)
        _share(f"{self.name}: common_cause", self.common_cause)


@dataclass(frozen=True)
class Adequacy:
    """Hours and energy short in a year, and the chance of being short in each hour.

    lolp: loss-of-load probability, (hours,); lole_h: loss-of-load expectation, hours short a year; eue_mwh: expected
    unserved energy of a year.
    """

    lolp: Array
    lole_h: float
    eue_mwh: float


def units_for_reliability(
    load_mw: float, unit_mw: float, availability: float, target: float, *, common_cause: float = 0.0
) -> int:
    """Fewest equal units that carry the load with at least this probability (N + k).

    Units fail independently, apart from `common_cause`, the share of outages that take all of them (gas pipeline,
    weather); then no number of units does better than 1 - common_cause x (1 - availability).

    Raises UsageError for negative or zero power, shares outside 0 to 1, or a target that cannot be met.
    """
    from scipy.stats import binom

    if not load_mw >= 0 or not math.isfinite(load_mw):
        raise UsageError(f"load_mw: found {load_mw:g}; expected 0 or more MW")
    if not unit_mw > 0:
        raise UsageError(f"unit_mw: found {unit_mw:g}; expected more than 0 MW")
    if not 0 < availability <= 1:
        raise UsageError(f"availability: found {availability:g}; expected a share above 0 and at most 1")
    _share("target", target)
    _share("common_cause", common_cause)
    needed = math.ceil(load_mw / unit_mw - 1e-9)
    if needed == 0 or target == 0:
        return 0
    together, alone = split_outage(1.0 - availability, common_cause)
    best = 1.0 - together
    if target > best or (target == 1.0 and alone > 0):
        raise UsageError(f"target: found {target:g}; expected at most {best:.6g}, which common causes leave")

    def enough(count: int) -> bool:
        return bool(best * binom.sf(needed - 1, count, 1.0 - alone) >= target - 1e-15)

    low, high = needed, needed
    while not enough(high):
        low, high = high + 1, 2 * high
        if high > MOST_UNITS:
            raise UsageError(f"target: found {target:g}; expected one that {MOST_UNITS:,} units can meet")
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def split_outage(forced_outage: float, common_cause: float) -> tuple[float, float]:
    """Chance that all units are out together, and that one is out by itself, which together make `forced_outage`."""
    together = common_cause * forced_outage
    return together, (forced_outage - together) / (1.0 - together) if together < 1 else 0.0


def outage_table(groups: Iterable[UnitGroup], step_mw: float = 1.0) -> Array:
    """Probability of each available capacity: entry k is that of k x step_mw, by convolution over the groups.

    A capacity between two steps is shared between them so that its mean is kept.
    """
    if not step_mw > 0:
        raise UsageError(f"step_mw: found {step_mw:g}; expected more than 0")
    table = np.ones(1)
    for group in groups:
        if group.count:
            table = np.convolve(table, _group_table(group, step_mw))
    return table


def _group_table(group: UnitGroup, step_mw: float) -> Array:
    from scipy.stats import binom

    together, alone = split_outage(group.forced_outage, group.common_cause)
    chances = (1.0 - together) * binom.pmf(np.arange(group.count + 1), group.count, 1.0 - alone)
    chances[0] += together
    places = np.arange(group.count + 1) * group.unit_mw / step_mw
    below = np.floor(places + 1e-9).astype(int)
    above = np.clip(places - below, 0.0, 1.0)
    out = np.zeros(below[-1] + 2)
    np.add.at(out, below, chances * (1.0 - above))
    np.add.at(out, below + 1, chances * above)
    return out


def adequacy(groups: Iterable[UnitGroup], residual_load_mw: Any, step_mw: float = 1.0) -> Adequacy:
    """Chance of shortage in each hour, expected hours and energy short in the hours given.

    residual_load_mw: (hours,) load less what sun, wind and storage give; below 0 nothing is short.
    """
    table = outage_table(groups, step_mw)
    capacity = np.arange(len(table)) * step_mw
    load = np.asarray(residual_load_mw, dtype=float)
    below = np.concatenate([[0.0], np.cumsum(table)])
    held = np.concatenate([[0.0], np.cumsum(table * capacity)])
    place = np.searchsorted(capacity, load - 1e-9, side="left")
    lolp = np.where(load > 0, below[place], 0.0)
    short = np.where(load > 0, load * below[place] - held[place], 0.0)
    return Adequacy(lolp, float(lolp.sum()), float(np.maximum(short, 0.0).sum()))


def _share(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise UsageError(f"{name}: found {value:g}; expected a share from 0 to 1")

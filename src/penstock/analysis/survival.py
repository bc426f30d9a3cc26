"""The physical side of a run, quarter by quarter, and what of it survives a bust.

Chips by age and remaining life, halls, power, their rent and the tokens they serve: write-offs change owners and
claims, not these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penstock.engine.state import AGES

if TYPE_CHECKING:
    from penstock.engine.moment import Moment

Floats = npt.NDArray[np.float64]

YEAR = 4
AGE_YEARS = -(-AGES // YEAR)
"""Age classes of a year: under one year, one to two, and so on."""
BUST_FALL = 0.4
"""Fall of the four-quarter mean of AI capital spending from its peak that makes a bust."""
BUST_WITHIN = 8
"""Quarters after the peak within which the fall must come."""
LATER = 4
"""Quarters after the crossing at which the survivors are counted."""


@dataclass
class Physical:
    """What each quarter of a block leaves behind, one array a quarter; filled by `look`."""

    chips: list[Floats] = field(default_factory=list)
    """(age in years, paths) million H100e in service"""
    life: list[Floats] = field(default_factory=list)
    """(paths,) mean years of economic life that the chips in service have left"""
    scalars: dict[str, list[Floats]] = field(default_factory=dict)
    """name -> (paths,)"""

    def look(self, now: Moment, _: str) -> None:
        """Keep a finished quarter."""
        fleet, r, f = now.state.fleet, now.results, now.state.firms
        by_age = np.roll(fleet.in_service(now.quarter).sum(axis=1), now.quarter + 1, axis=0)
        padded = np.zeros((AGE_YEARS * YEAR, by_age.shape[1]))
        padded[: len(by_age)] = by_age
        self.chips.append(padded.reshape(AGE_YEARS, YEAR, -1).sum(axis=1))
        age = (np.arange(len(by_age))[:, None] + 0.5) / YEAR
        left = np.maximum(now.block.theta["economic_life"] - age, 0.0)
        self.life.append((by_age * left).sum(axis=0) / np.maximum(by_age.sum(axis=0), 1e-12))
        e = now.state.economy
        found = {
            "waiting_million": fleet.waiting.sum(axis=0),
            "halls_gw": fleet.halls.sum(axis=0),
            "power_gw": fleet.firm_power.sum(axis=0),
            "equipment_usd_bn": f.compute_equipment.sum(axis=0),
            "full_cost_usd_per_h100e_hour": r["full_cost"] + 0.0,
            "running_usd_per_h100e_hour": r["running"] + 0.0,
            "rate": r["rate"] + 0.0,
            "rent_decline": now.block.theta["chip_cost_decline"] + 0.0,
            "elasticity": np.broadcast_to(r["elasticity"], e.price.shape) + 0.0,
            "inference_share": now.block.theta["inference_share"] + 0.0,
            "token_price_opening": now.block.cache["token_price_opening"] + 0.0,
            "adoption": e.adoption[1] + 0.0,
        }
        for name, values in found.items():
            self.scalars.setdefault(name, []).append(values)

    def arrays(self, count: int) -> dict[str, Floats]:
        """Of the first `count` paths: chips (quarters, ages, paths), all others (quarters, paths)."""
        rows = {"chips": self.chips, "life": self.life, **self.scalars}
        return {name: np.stack(values)[..., :count] for name, values in rows.items()}


def bust_quarter(capex: Floats, fall: float = BUST_FALL, within: int = BUST_WITHIN) -> npt.NDArray[np.int64]:
    """First quarter in which the four-quarter mean of `capex` (quarters, paths) is `fall` below its running peak.

    The peak must lie at most `within` quarters back; -1 on paths without a bust. (paths,)
    """
    quarters, paths = capex.shape
    total = np.cumsum(np.concatenate([np.zeros((1, paths)), capex]), axis=0)
    mean = (total[YEAR:] - total[:-YEAR]) / YEAR
    out = np.full(paths, -1, dtype=np.int64)
    peak, since = np.full(paths, -np.inf), np.zeros(paths, dtype=np.int64)
    for row in range(max(quarters - YEAR + 1, 0)):
        higher = mean[row] >= peak
        since = np.where(higher, 0, since + 1)
        peak = np.where(higher, mean[row], peak)
        fell = (mean[row] <= (1.0 - fall) * peak) & (since <= within) & (out < 0)
        out[fell] = row + YEAR - 1
    return out


def at_quarter(values: Floats, quarter: npt.NDArray[Any]) -> Floats:
    """Values (quarters, ..., paths) of each path at its own quarter, (..., paths)."""
    shape = (1,) + (1,) * (values.ndim - 2) + (len(quarter),)
    rows = np.broadcast_to(quarter.reshape(shape), (1, *values.shape[1:]))
    return np.asarray(np.take_along_axis(values, rows, axis=0)[0])

"""The quarter's model beside the chain: what ships without a cut, what a cut does to chips in service and tokens."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.chain_links import OUTSIDE, ChainTies
from penstock.analysis.chain_travel import Travelled, by_quarter
from penstock.analysis.steps import mean_and_error
from penstock.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.moment import Moment
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

MEASURES = {
    "chips in service": ("h100e", "h100e", 1.0),
    "power in use": ("it_mw", "MW", 1.0),
    "tokens served": ("tokens_served", "trillion tokens", 1e-12),
    "price of tokens": ("price_usd_per_mtok", "usd_per_mtok", 1.0),
}
"""What is shown of the economy -> column, unit, scale."""
SCENARIO = "chain_cut"
SMALLEST = 1e-12
"""A share of no cut nearer to one than this is no cut."""


@dataclass(frozen=True)
class Path:
    """What the chain needs of the quarter's model, and what it does with a cut."""

    quarters: tuple[str, ...]
    shipped: Array
    """(quarters,) million H100e shipped by all designers, mean over paths"""
    capacity: Array
    """(quarters,) shipping capacity without growth of the product, mean over paths"""
    designer_share: dict[str, float]
    """share of each designer in the shipping capacity"""
    economy: dict[str, Array]
    """column -> (quarters, paths)"""


def observe(world: World, changes: Sequence[Mapping[str, Any]], quarters: int, paths: int, seed: int) -> Path:
    """The baseline with some changes of knobs, path by path. Raises ModelError where a check of the model fails."""
    from penstock.engine.model import prepare, simulate_paths
    from penstock.engine.run import problems_of
    from penstock.scenarios import load_scenario

    plan = load_scenario("baseline", world)
    if changes:
        plan = load_scenario({**plan.to_dict(), "name": SCENARIO, "change": list(changes)}, world)
    model = prepare(world, plan, quarters=quarters, seed=seed)
    seen = _Seen()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        block = simulate_paths(model, 0, paths, on_quarter=seen.look)
    if problems := problems_of(block.checks):
        raise ModelError("; ".join(problems))
    return Path(
        quarters=tuple(seen.names[:quarters]),
        shipped=seen.mean(seen.shipped, quarters),
        capacity=seen.mean(seen.capacity, quarters),
        designer_share=seen.share,
        economy={column: block.economy[column] for column, _, _ in MEASURES.values()},
    )


@dataclass
class _Seen:
    """Filled quarter by quarter, block by block."""

    shipped: list[float] = field(default_factory=list)
    capacity: list[float] = field(default_factory=list)
    lanes: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    share: dict[str, float] = field(default_factory=dict)

    def look(self, now: Moment, name: str) -> None:
        """Keep what shipped in a finished quarter."""
        self.names.append(name)
        self.shipped.append(float(now.results["shipped"].sum(axis=0).mean()))
        self.capacity.append(float(now.state.economy.chip_capacity.mean()))
        self.lanes.append(now.block.width)
        if not self.share:
            part = now.block.cache["capacity_share"][:, 0]
            self.share = {unit: float(part[row]) for row, unit in enumerate(now.block.layout.units) if part[row] > 0.0}

    def mean(self, values: Sequence[float], quarters: int) -> Array:
        """Mean over paths by quarter; blocks count by their paths."""
        weight = np.array(self.lanes, dtype=float).reshape(-1, quarters)
        return np.asarray((np.array(values).reshape(-1, quarters) * weight).sum(axis=0) / weight.sum(axis=0))


def designer_changes(ties: ChainTies, before: Travelled, after: Travelled, first: str) -> list[dict[str, Any]]:
    """Knobs that let each designer ship what the cut chain delivers: its share of no cut, quarter by quarter."""
    from penstock.scenarios.quarters import ordinal, text

    none, cut = by_quarter(before.delivered_by_designer), by_quarter(after.delivered_by_designer)
    share = np.divide(cut, none, out=np.ones_like(cut), where=none > 0.0)
    out = []
    for number, column in zip(*np.nonzero(share < 1.0 - SMALLEST), strict=True):
        unit = ties.units[column]
        if unit == OUTSIDE:
            continue
        quarter = text(ordinal(first) + int(number))
        out.append(
            {
                "what": f"silicon.capacity.{unit}",
                "apply": f"*{share[number, column]:.12g}",
                "from": quarter,
                "until": quarter,
                "why": "what a cut of the chain leaves of its deliveries",
            }
        )
    return out


def economy_table(names: Sequence[str], base: Path, other: Path, quarters: int) -> pd.DataFrame:
    """Means over the same paths without and with the cut, and the difference path by path."""
    import pandas as pd

    rows = []
    for row in range(quarters):
        for measure, (column, unit, scale) in MEASURES.items():
            none, cut = base.economy[column][row] * scale, other.economy[column][row] * scale
            change = cut - none
            mean, error = mean_and_error(change)
            p05, p95 = np.quantile(change, [0.05, 0.95])
            rows.append(
                {
                    "quarter": names[row],
                    "measure": measure,
                    "unit": unit,
                    "no_cut": float(none.mean()),
                    "cut": float(cut.mean()),
                    "difference": mean,
                    "se": error,
                    "p05": float(p05),
                    "p95": float(p95),
                    "percent": 100.0 * mean / float(none.mean()),
                }
            )
    return pd.DataFrame(rows)

"""Tokens lost by cause: from what chips could have served down to what was served, year by year."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.subject import OTHER_VERSION
from penstock.bounds import bounded
from penstock.engine.progress import OnProgress, silent
from penstock.errors import InputError, ModelError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.engine.moment import Moment
    from penstock.engine.run import Run
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

CAUSES = ("money", "chips", "halls", "power", "outages", "upkeep", "latency", "demand")
"""In the order of a chip's way: ordered, delivered, housed, powered, running, sound, allowed to be busy, wanted."""
COULD, SERVED = "could serve", "served"
QUADRILLION = 1e-15
LEAST_FUNDED = 0.05
"""Orders that money allows are scaled up to all orders by the funded share; below this share they tell too little."""


@dataclass(frozen=True)
class TokensLost:
    """What was lost on the way from chips to served tokens, over the first `paths` paths of a scenario.

    `table`: year, step (`could serve`, the causes in order, `served`), mean, se, p05, p95 (quadrillion tokens a year),
    share (of what could be served). The mean of `could serve` less those of the causes is that of `served`.
    `wanted`: year, mean, se, p05, p95 of the tokens that users wanted at the price, quadrillion.
    """

    scenario: str
    paths: int
    table: pd.DataFrame
    wanted: pd.DataFrame

    def to_pandas(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        tables = {name: getattr(self, name).to_dict(orient="records") for name in ("table", "wanted")}
        return {"scenario": self.scenario, "paths": self.paths, **tables}


def tokens_lost(
    run_or_world: Run | World,
    scenario: str | None = None,
    *,
    paths: int = 128,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
    on_progress: OnProgress = silent,
) -> TokensLost:
    """Where compute that was wanted, ordered or made did not come to serve tokens.

    Each cause takes chips out (million H100e), counted in the quarter's paid tokens per chip in use:

    - money: orders of the quarter that could not be paid, at the mean funded share;
    - chips: the order book times the share by which deliveries fell short of those due;
    - halls, power: chips delivered that wait because the owner's halls, or its firm power, are full;
    - outages: chips in service that an event keeps dark;
    - upkeep: the share of a fleet that is never all busy (maintenance, failures);
    - latency: chips kept free so that answers come in time;
    - demand: chips free below that, because nobody wants them at the price.

    Of a run the first `paths` of its own paths are simulated again, bit for bit; its scenario is the first unless
    named. Water is counted by the model and does not limit it. Raises UsageError for an unknown scenario, InputError
    for a run that this version does not make again, ModelError where a check of the model fails.
    """
    from penstock.engine.ensemble import quarter_names
    from penstock.engine.model import WIDTH, prepare
    from penstock.engine.run import Run

    if paths < 1:
        raise UsageError(f"paths: found {paths}; expected 1 or more")
    if isinstance(run_or_world, Run):
        told = run_or_world.manifest
        name = scenario or run_or_world.scenarios[0]
        model, world = run_or_world.model(name), run_or_world.world
        paths, quarters = min(paths, told["paths"]), told["quarters"]
    else:
        world, name = run_or_world, scenario or "baseline"
        model = prepare(world, name, quarters=quarters, seed=seed, prior=prior)
    parts = []
    for first in range(0, paths, WIDTH):
        on_progress(first, paths, "paths")
        parts.append(_block(model, first, min(WIDTH, paths - first), quarters))
    on_progress(paths, paths, "paths")
    joined = {key: np.concatenate([part[key] for part in parts], axis=-1) for key in parts[0]}
    if isinstance(run_or_world, Run):
        _same_as_run(run_or_world, name, joined[SERVED])
    years = np.array([quarter[:4] for quarter in quarter_names(world.as_of, quarters)])
    return TokensLost(name, paths, lost_table(joined, years), wanted_table(joined["wanted"], years))


def _same_as_run(run: Run, scenario: str, served: Array) -> None:
    """Raises InputError where paths that are simulated again did not serve what the run's did."""
    from penstock.analysis.paired import economy_grid

    if not np.array_equal(economy_grid(run, scenario, "tokens_served")[:, : served.shape[1]], served):
        raise InputError(f"{scenario}: found other tokens served than the run's; {OTHER_VERSION}")


def _block(model: Model, first: int, count: int, quarters: int) -> dict[str, Array]:
    """Tokens by cause, served and wanted, (quarters, count) each."""
    from penstock.engine.model import simulate_paths
    from penstock.engine.run import problems_of

    seen = Seen()
    block = simulate_paths(model, first, count, on_quarter=seen.look)
    if problems := problems_of(block.checks):
        raise ModelError("; ".join(problems))
    served = block.economy["tokens_served"]
    by_chip = served / np.maximum(seen.of("busy", count), 1e-12)
    lost = {cause: seen.of(cause, count) * by_chip for cause in CAUSES}
    return {**lost, SERVED: served, "wanted": block.economy["tokens_demanded"]}


@dataclass
class Seen:
    """Chips by what keeps them from serving, (paths,) a quarter, million H100e; filled quarter by quarter."""

    chips: dict[str, list[Array]] = field(default_factory=dict)

    def look(self, now: Moment, name: str) -> None:
        """Keep what a finished quarter shows."""
        for cause, amount in chips_by_cause(now).items():
            self.chips.setdefault(cause, []).append(np.array(amount, dtype=np.float64))

    def of(self, cause: str, count: int) -> Array:
        """(quarters, count); lanes beyond the paths asked for are left out."""
        return np.stack(self.chips[cause])[:, :count]


def chips_by_cause(now: Moment) -> dict[str, Array]:
    """Million H100e that each cause keeps from serving, and those in use (`busy`), (paths,)."""
    r, fleet = now.results, now.state.fleet
    orders = np.maximum(r["chip_orders"], 0.0).sum(axis=0)
    funded = np.maximum(bounded(r["funded_share"], 0.0, 1.0), LEAST_FUNDED)
    # what stands in the book besides this quarter's orders was due, in part, this quarter
    book = np.maximum(fleet.backlog.sum(axis=0) - orders, 0.0)
    full = fleet.halls <= fleet.firm_power
    stock, busy = r["stock"], r["busy"]
    most = now.block.facts.layers.most_busy * stock
    planned = np.minimum(r["target"] * stock, most)
    return {
        "money": orders * (1.0 / funded - 1.0),
        "chips": book * bounded(r["chip_shortage"], 0.0, 1.0),
        "halls": (fleet.waiting * full).sum(axis=0),
        "power": (fleet.waiting * ~full).sum(axis=0),
        "outages": np.maximum(r["owner_stock"].sum(axis=0) - stock, 0.0),
        "upkeep": stock - most,
        "latency": most - np.maximum(planned, busy),
        "demand": np.maximum(planned - busy, 0.0),
        "busy": busy,
    }


def lost_table(tokens: dict[str, Array], years: np.ndarray[Any, Any]) -> pd.DataFrame:
    """year, step, mean, se, p05, p95, share; `tokens` by cause and served, (quarters, paths)."""
    import pandas as pd

    could = tokens[SERVED] + sum(tokens[cause] for cause in CAUSES)
    steps = {COULD: could, **{cause: tokens[cause] for cause in CAUSES}, SERVED: tokens[SERVED]}
    rows = []
    for year in dict.fromkeys(years):
        mine = years == year
        whole = float(could[mine].sum(axis=0).mean())
        for step, values in steps.items():
            yearly = values[mine].sum(axis=0)
            share = float(yearly.mean()) / whole if whole > 0.0 else 0.0
            rows.append({"year": str(year), "step": step, **_spread(yearly), "share": share})
    return pd.DataFrame(rows)


def wanted_table(wanted: Array, years: np.ndarray[Any, Any]) -> pd.DataFrame:
    """year, mean, se, p05, p95 of tokens wanted, (quarters, paths)."""
    import pandas as pd

    rows = [{"year": str(year), **_spread(wanted[years == year].sum(axis=0))} for year in dict.fromkeys(years)]
    return pd.DataFrame(rows)


def _spread(yearly: Array) -> dict[str, float]:
    values = yearly * QUADRILLION
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    low, high = np.quantile(values, [0.05, 0.95])
    return {"mean": float(values.mean()), "se": error, "p05": float(low), "p95": float(high)}

"""Circular money: loops of financing and purchases, with no dollar told twice.

A loop is money that a company puts into a customer and that comes back as revenue, directly or through others. Loops
are found in the largest circulation of the money network (`analysis.circulation`), stage by stage: what is paid
first, then what is committed, then what is only intended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.circularity_tables import (
    companies_table,
    legs_table,
    loops_table,
    network_of,
    seller_sums,
    sentence_of,
    stakes_of,
    totals_table,
    whole_table,
)
from penstock.analysis.money_ties import STAGES, market_values, world_money
from penstock.analysis.money_year import money_of
from penstock.analysis.staged_loops import staged_loops
from penstock.engine.progress import OnProgress, silent
from penstock.errors import InputError, ModelError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.opening.state import Opening
    from penstock.engine.run import Run
    from penstock.world import World


@dataclass(frozen=True)
class Circularity:
    """Loops of money in a network of companies.

    `basis` says of what network, and what low and high are. `totals`: dollars by kind and stage. `loops`: a row a loop,
    largest first within its kind and stage: usd_bn with low and high, companies and ties in the order of the money,
    binding and grade of its weakest tie. `legs`: a row a tie of a loop with the dollars by stage. `companies`: revenue
    of a year, what of it paid loops financed, revenue and value without them. `whole`: the same of all sellers.
    `sentence`: the answer in words.
    """

    basis: str
    sentence: str
    whole: Mapping[str, float | int]
    totals: pd.DataFrame
    loops: pd.DataFrame
    legs: pd.DataFrame
    companies: pd.DataFrame
    without_amount: tuple[str, ...] = ()

    def to_pandas(self) -> pd.DataFrame:
        """The loops."""
        return self.loops

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        tables = {name: getattr(self, name) for name in ("totals", "loops", "legs", "companies")}
        return {
            "basis": self.basis,
            "sentence": self.sentence,
            "whole": dict(self.whole),
            **{name: frame.to_dict(orient="records") for name, frame in tables.items()},
            "without_amount": list(self.without_amount),
        }


def circularity(
    run_or_world: Run | World,
    *,
    scenario: str | None = None,
    quarter: str | None = None,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
    jobs: int = 1,
    on_progress: OnProgress = silent,
) -> Circularity:
    """Who finances whom, and whose revenue is whose financing.

    A world: the ties in force at its date. A run, or a world with a scenario: the money of the year to `quarter` (the
    last unless given) on each path. Loops of any length; no dollar is counted in two.

    Raises InputError for a world without ties, UsageError for a quarter or scenario that is not there.
    """
    from penstock.engine.run import Run

    if scenario is None and quarter is None and not isinstance(run_or_world, Run):
        return world_circularity(run_or_world)
    from penstock.analysis.simulated_loops import simulated_circularity

    money = money_of(
        run_or_world,
        scenario=scenario,
        quarter=quarter,
        paths=paths,
        quarters=quarters,
        seed=seed,
        prior=prior,
        jobs=jobs,
        on_progress=on_progress,
    )
    return simulated_circularity(money)


def world_circularity(world: World, opening: Opening | None = None) -> Circularity:
    """Loops in the ties of a world as of its date: stated amounts, and estimates with a range where none is stated.

    `opening`: the opening state where it has been made before.

    Raises InputError for a world without ties in force.
    """
    opening = opening_of(world) if opening is None else opening
    money = world_money(world, opening)
    table = money.table
    network = network_of(table)
    levels = {level: np.stack([money.capacity(stage, level) for stage in STAGES]) for level in ("", "low", "high")}
    loops = staged_loops(network, levels[""], levels["low"], levels["high"])
    figures = world.figures()["value"]
    revenue = {}
    if "revenue" in figures.index.get_level_values("metric"):
        revenue = {str(name): float(value) for name, value in figures.xs("revenue", level="metric").items()}
    layers = dict(zip(world.table("companies")["id"], world.table("companies")["layer"], strict=True))
    sums = seller_sums(network, loops)
    companies = companies_table(network.units, sums, revenue, market_values(world), stakes_of(opening), layers)
    sellers = {name for name in table.loc[~table["financing"], "payee"] if revenue.get(name, 0.0) > 0.0}
    whole = whole_table(companies, sum(revenue[name] for name in sorted(sellers)), len(sellers))
    totals = totals_table(network, loops, levels)
    return Circularity(
        basis=f"ties of {world.name} in force on {world.as_of.isoformat()}, whole deals; range by evidence grade",
        sentence=sentence_of(totals, whole, len(money.without_amount)),
        whole=whole,
        totals=totals,
        loops=loops_table(network, table, loops),
        legs=legs_table(network, table, loops),
        companies=companies,
        without_amount=money.without_amount,
    )


def opening_of(world: World) -> Opening | None:
    """The opening state; None for a world that holds ties but not enough else to open."""
    from penstock.engine.opening.kept import opening_of as kept_opening

    try:
        return kept_opening(world)
    except (InputError, ModelError):
        return None

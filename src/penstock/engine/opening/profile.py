"""Who each firm is: name, layer, group, rating, value, volatility, and how much of its sheet rests on E or
F.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.estimates import ratings
from penstock.engine.opening.figures import Figures, opening_figures

if TYPE_CHECKING:
    from penstock.engine.opening.universe import Universe
    from penstock.world.model import World

VOLATILITY_PREFIX = "equity_vol_"
WEAK_GRADES = ("E", "F")
MEASURED = ("total_assets", "total_equity", "total_debt", "cash_and_investments")
"""Figures whose dollars decide how well a sheet is known; the split of property by kind is an estimate for
all.
"""


def profile(
    world: World,
    universe: Universe,
    sheet: pd.DataFrame,
    sheet_grades: pd.DataFrame,
    figures: Figures | None = None,
) -> pd.DataFrame:
    """Profile of each firm, columns as in `Opening.profile`; market_value in usd_bn, volatility per year.

    `evidence_share_ef` is the share of the dollars of assets, equity, debt, cash and marks of stakes that
    are graded E or F.
    """
    figures = figures or opening_figures(world, universe)
    rating = ratings(figures.value, universe.group, universe.rating)
    weak = pd.DataFrame({metric: figures.grade[metric].isin(WEAK_GRADES) for metric in MEASURED})
    dollars = figures.value[list(MEASURED)].abs()
    # the mark of stakes stands in assets and equity of the sheet, with a grade of its own
    dollars["mark"] = sheet["stake_revaluation"].abs()
    weak["mark"] = sheet_grades["stake_revaluation"].isin(WEAK_GRADES)
    share = (dollars * weak).sum(axis=1) / dollars.sum(axis=1).clip(lower=1e-12)
    return pd.DataFrame(
        {
            "name": universe.names.reindex(sheet.index),
            "layer": universe.layer,
            "group": universe.group,
            "rating": rating,
            "rating_estimated": universe.rating_estimated,
            "listed": universe.listed,
            "market_value": figures.value["market_value"],
            "equity_volatility": volatility(world, universe),
            "evidence_share_ef": share,
        },
        index=sheet.index,
    )


def volatility(world: World, universe: Universe) -> pd.Series:
    """Yearly volatility of each firm's share: the parameter of its name, else the assumption of its group."""
    parameters = world.table("parameters").set_index("name")["central"]
    own = parameters[parameters.index.str.startswith(VOLATILITY_PREFIX)]
    own.index = own.index.str.removeprefix(VOLATILITY_PREFIX)
    of_group = universe.group.map(universe.rules.by_group("equity_volatility")).astype(float).fillna(0.4)
    return own.reindex(of_group.index).astype(float).fillna(of_group)

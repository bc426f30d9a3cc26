"""Rules that fill what the world does not state; every figure filled here is graded F and names its rule.

A missing figure is the median ratio of its group times a figure that is known (the median of all firms where
fewer than three of the group are known), inside the bounds of `BOUNDS`. Order: revenue, total assets,
operating income, depreciation, interest, cash flow, capital spending, equity, debt, cash, leases, payout,
market value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from penstock.engine.opening.assumptions import (
    CASH_SHARE_OF_EBIT,
    NET_OF_TAX_AND_OTHER,
)

if TYPE_CHECKING:
    from penstock.engine.opening.figures import Draft
    from penstock.world.model import World

MIN_KNOWN = 3
"""Firms of a group that must be known before its own median is used."""

BOUNDS: dict[tuple[str, str], tuple[float, float]] = {
    ("total_assets", "revenue"): (0.2, 20.0),
    ("total_equity", "total_assets"): (0.1, 0.8),
    ("cash_and_investments", "total_assets"): (0.0, 0.5),
    ("total_debt", "total_assets"): (0.0, 0.7),
    ("operating_income", "revenue"): (-1.0, 0.6),
    ("depreciation", "revenue"): (0.02, 0.6),
    ("capex", "revenue"): (0.0, 1.5),
    ("interest_expense", "total_debt"): (0.02, 0.09),
    ("lease_liabilities", "total_assets"): (0.0, 0.2),
}
"""Bounds of the median ratios: outside them a group of odd firms would set the sheet of another."""

BUILDER_GROUPS = ("lab", "neocloud", "developer")
INVESTMENT_GRADE = ("AAA", "AA", "A", "BBB")
RATING_SCALE = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC")


def fill(world: World, draft: Draft) -> None:
    """Fill every missing figure of the draft in place."""
    ratios = {pair: _median_ratio(draft, *pair) for pair in BOUNDS}
    _revenue(world, draft)
    _by_ratio(draft, ratios, "total_assets", "revenue")
    missing = draft.missing("operating_income") & ~draft.missing("net_income")
    interest = draft.value["interest_expense"].fillna(0.0)
    from_net = draft.value["net_income"] / NET_OF_TAX_AND_OTHER + interest
    draft.put("operating_income", from_net[missing], "net income / 0.85 + interest")
    _by_ratio(draft, ratios, "operating_income", "revenue")
    _by_ratio(draft, ratios, "depreciation", "revenue")
    _by_ratio(draft, ratios, "total_equity", "total_assets")
    _named_loans(world, draft)
    _by_ratio(draft, ratios, "total_debt", "total_assets")
    _interest(draft)
    _by_ratio(draft, ratios, "interest_expense", "total_debt")
    value = draft.value
    anchor = CASH_SHARE_OF_EBIT * value["operating_income"] + value["depreciation"]
    draft.put(
        "operating_cash_flow",
        anchor[draft.missing("operating_cash_flow")],
        "0.8 x operating income + depreciation",
    )
    net = NET_OF_TAX_AND_OTHER * (value["operating_income"] - value["interest_expense"])
    draft.put("net_income", net[draft.missing("net_income")], "0.85 x (operating income - interest)")
    _by_ratio(draft, ratios, "capex", "revenue")
    _by_ratio(draft, ratios, "cash_and_investments", "total_assets")
    _leases(draft, ratios)
    share = draft.by_group(draft.universe.rules.by_group("payout_of_net_income"))
    payout = share * value["net_income"].clip(lower=0.0)
    draft.put(
        "dividends_and_buybacks",
        payout[draft.missing("dividends_and_buybacks")],
        "assumed share of net income of the group",
    )
    _market_value(draft)


def _median_ratio(draft: Draft, above: str, below: str) -> pd.Series:
    """Median of the ratio by firm's group, from figures that are stated or hand-made, inside its bounds."""
    base = draft.value[below]
    ratio = (draft.value[above] / base.where(base > 0.0)).replace([np.inf, -np.inf], np.nan).dropna()
    low, high = BOUNDS[above, below]
    overall = float(ratio.median()) if len(ratio) else float("nan")
    groups = draft.universe.group.reindex(ratio.index)
    count = ratio.groupby(groups).count()
    median = ratio.groupby(groups).median().where(count >= MIN_KNOWN)
    by_firm = draft.universe.group.map(median).astype(float).fillna(overall)
    return by_firm.fillna((low + high) / 2.0).clip(low, high)


def _by_ratio(draft: Draft, ratios: dict[tuple[str, str], pd.Series], metric: str, base: str) -> None:
    estimate = ratios[metric, base] * draft.value[base]
    gap = draft.missing(metric)
    draft.put(metric, estimate[gap], f"median of the group, {metric} / {base}")


def _revenue(world: World, draft: Draft) -> None:
    """Revenue of firms that state none: mean run rate of the year, rents of sites, or value over the
    group's ratio.
    """
    gap = draft.missing("revenue")
    if not gap.any():
        return
    year_ago = world.as_of.replace(year=world.as_of.year - 1).isoformat()
    series = world.table("series")
    rates = series[
        (series["series"] == "arr_usd_bn") & (series["date"] <= world.as_of.isoformat()) & (series["date"] > year_ago)
    ]
    mean_rate = rates.groupby("entity")["value"].mean().reindex(draft.value.index)
    draft.put("revenue", mean_rate[gap].dropna(), "mean run rate of the last year")
    gap = draft.missing("revenue")
    sites = world.table("sites")
    megawatts = sites.groupby("owner_id")["it_mw_2025"].sum().reindex(draft.value.index)
    rent = _rent_per_gw(world)
    from_sites = (megawatts / 1000.0 * rent)[gap].dropna()
    draft.put("revenue", from_sites[from_sites > 0.0], "rent of the megawatts its sites have on")
    gap = draft.missing("revenue")
    worth = draft.value["market_value"]
    multiple = _value_to_sales(draft)
    draft.put("revenue", (worth / multiple)[gap].dropna(), "value / median value to sales of the group")
    draft.put("revenue", pd.Series(0.01, index=draft.value.index[draft.missing("revenue")]), "token")


def _rent_per_gw(world: World) -> float:
    """usd_bn per GW of IT load and year; 1.8 (assumption) where the world has no such parameter."""
    parameters = world.table("parameters").set_index("name")["central"]
    return float(parameters.get("rent_per_gw_colocation", 1.8))


def _value_to_sales(draft: Draft) -> pd.Series:
    revenue = draft.value["revenue"]
    enterprise = draft.value["market_value"] + draft.value["total_debt"].fillna(0.0)
    enterprise = enterprise - draft.value["cash_and_investments"].fillna(0.0)
    ratio = (enterprise / revenue.where(revenue > 0.05)).dropna().clip(0.3, 60.0)
    groups = draft.universe.group.reindex(ratio.index)
    count = ratio.groupby(groups).count()
    median = ratio.groupby(groups).median().where(count >= MIN_KNOWN)
    overall = float(ratio.median()) if len(ratio) else 3.0
    return draft.universe.group.map(median).astype(float).fillna(overall)


def _named_loans(world: World, draft: Draft) -> None:
    """Debt of a firm that states none: the sum of its named loans that are closed and drawn."""
    ties = world.active_contracts()
    loans = ties[
        ties["kind"].isin(["loan", "vendor_financing"])
        & ties["status"].isin(["active", "closed", "completed"])
        & ties["amount_usd_bn"].notna()
    ]
    named = loans.groupby("receiver_id")["amount_usd_bn"].sum().reindex(draft.value.index)
    draft.put("total_debt", named[draft.missing("total_debt")].dropna(), "sum of its named loans in force")


def _interest(draft: Draft) -> None:
    """Builders below investment grade pay more than the median of the large listed firms of their group."""
    universe = draft.universe
    builder = universe.group.isin(BUILDER_GROUPS) & ~universe.rating.isin(INVESTMENT_GRADE)
    estimate = universe.rules.constants["builder_interest"] * draft.value["total_debt"]
    gap = draft.missing("interest_expense") & builder
    draft.put("interest_expense", estimate[gap], "assumed rate of builders below investment grade x debt")


def _leases(draft: Draft, ratios: dict[tuple[str, str], pd.Series]) -> None:
    """Leases by the median of the group where three state them; elsewhere they stay inside other
    liabilities.
    """
    known = draft.value["lease_liabilities"].notna().groupby(draft.universe.group).sum()
    stated = draft.universe.group.map(known).astype(float) >= MIN_KNOWN
    estimate = (ratios["lease_liabilities", "total_assets"] * draft.value["total_assets"]).where(stated, 0.0)
    gap = draft.missing("lease_liabilities")
    draft.put("lease_liabilities", estimate[gap & stated], "median of the group, leases / assets")
    draft.put("lease_liabilities", estimate[gap & ~stated], "not stated: inside other liabilities")


def _market_value(draft: Draft) -> None:
    """Value = median value to sales of the group x revenue - debt + cash, at least book equity."""
    value = draft.value
    worth = _value_to_sales(draft) * value["revenue"] - value["total_debt"] + value["cash_and_investments"]
    floor = value["total_equity"].clip(lower=0.01)
    estimate = worth.where(worth > floor, floor)
    draft.put(
        "market_value",
        estimate[draft.missing("market_value")],
        "median value to sales of the group x revenue - net debt, at least book equity",
    )


def ratings(value: pd.DataFrame, group: pd.Series, stated: pd.Series) -> pd.Series:
    """Rating group of each firm: the stated one, else by points for size, margin, leverage and trade.

    Points: assets above 200, 50, 10 usd_bn give 3, 2, 1; operating margin above 25 %, 8 %, 0, -25 % gives
    2, 1, 0, -2, and -3 below; net cash gives 2, net debt below 2 or 4 x EBITDA 1 or 0, above -2; utilities
    get 2 (regulated), labs, neoclouds lose 1, negative equity loses 1. 7 is AAA, 6 AA, 4-5 A, 2-3 BBB, 1
    BB, 0 to -5 B, below CCC. An assumption, set so that rated firms fall mostly within one group of their
    stated rating.
    """
    margin = value["operating_income"] / value["revenue"].clip(lower=1e-9)
    ebitda = value["operating_income"] + value["depreciation"]
    net_debt = value["total_debt"] - value["cash_and_investments"]
    leverage = net_debt / ebitda.where(ebitda > 1e-9)
    size_points = np.select([value["total_assets"] > s for s in (200.0, 50.0, 10.0)], [3, 2, 1], 0)
    margin_points = np.select([margin > m for m in (0.25, 0.08, 0.0, -0.25)], [2, 1, 0, -2], -3)
    leverage_points = np.select([net_debt <= 0.0, leverage < 2.0, leverage < 4.0], [2, 1, 0], -2)
    trade_points = group.map({"utility": 2, "lab": -1, "neocloud": -1}).fillna(0).to_numpy(dtype=int)
    points = size_points + margin_points + leverage_points + trade_points - (value["total_equity"] < 0.0)
    steps = [points >= p for p in (7, 6, 4, 2, 1, -5)]
    estimated = pd.Series(np.select(steps, RATING_SCALE[:-1], RATING_SCALE[-1]), index=value.index, dtype=object)
    return stated.where(stated.isin(RATING_SCALE), estimated)

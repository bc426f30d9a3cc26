"""What sellers sell to the AI build-out and what buyers spend on it, by category, usd_bn per quarter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from penstock.engine.opening.cells import number
from penstock.engine.opening.contracts import FLEET_GROUPS
from penstock.engine.opening.physical import SLACK_OWNER, FleetBridge
from penstock.layers import platform

if TYPE_CHECKING:
    from penstock.engine.opening.figures import SheetInputs
    from penstock.engine.opening.universe import Universe
    from penstock.engine.rules import Rules

GW_YEAR_MWH = 8.76e6
"""MWh of one GW over a year."""

SELLER_GROUPS = {
    "accelerators": ("chip_designer",),
    "servers": ("server",),
    "network": ("network",),
    "construction": ("constructor",),
    "power_cooling": ("power_equipment",),
    "wafers": ("foundry", "packaging"),
    "memory": ("memory",),
    "eda": ("eda",),
    "tools": ("lithography", "equipment"),
    "optics": ("lithography_supplier",),
    "lease": ("developer",),
    "energy": ("utility", "generator"),
    "generation": ("turbine_maker",),
}

BUDGETED = (
    "accelerators",
    "servers",
    "network",
    "construction",
    "power_cooling",
    "wafers",
    "memory",
    "eda",
    "tools",
    "optics",
    "generation",
    "compute",
)
"""Categories whose budget is a share of capex or revenue (`budget_*` of the assumptions)."""


def ai_share(firm: str, group: str, inputs: SheetInputs, rules: Rules) -> float:
    """Part of a seller's revenue that goes to the AI build-out, 0..1: stated, else assumed."""
    values, year = inputs.figures.value, number(inputs.flows, firm, "ltm_revenue")
    if group == "chip_designer" and year > 0:
        for metric in ("ai_revenue", "data_center_revenue"):
            known = number(values, firm, metric)
            if not math.isnan(known):
                return min(1.0, known / year)
    return rules.assumed("ai_revenue_share", firm, group)


def seller_revenue(universe: Universe, inputs: SheetInputs, rent: pd.Series) -> pd.DataFrame:
    """Rows seller, category, revenue: sales to the build-out in the last quarter.

    rent: what the chips that each owner lets bring, usd_bn a quarter (see `let_fleet_rent`).
    """
    rows: list[tuple[str, str, float]] = []
    rules = universe.rules
    for firm in universe.firms:
        group, revenue = str(universe.group[firm]), number(inputs.flows, firm, "revenue")
        share = ai_share(firm, group, inputs, rules)
        if group == "chip_designer":
            line = rules.assumed("accelerator_line_share", firm, group)
            rows.append((firm, "accelerators", revenue * share * line))
            rows.append((firm, "network", revenue * share * (1.0 - line)))
            continue
        for category, groups in SELLER_GROUPS.items():
            if group in groups or (category == "generation" and firm in rules.part("also_generation")):
                part = rules.assumed("server_value_added") if category == "servers" else 1.0
                rows.append((firm, category, revenue * share * part))
        if group in FLEET_GROUPS:
            rows.append((firm, "compute", compute_revenue(firm, group, inputs, rules, rent)))
    frame = pd.DataFrame(rows, columns=["seller", "category", "revenue"])
    return frame[frame["revenue"] > 0]


def let_fleet_rent(physical: pd.DataFrame, bridge: FleetBridge, rules: Rules) -> pd.Series:
    """What the chips that each owner lets bring if each is rented all hours at the going rent, usd_bn a quarter.

    Empty in a world that counts no chips: their number was told from what owners spend, so it bounds nothing.
    """
    if bridge.installed.sum() <= 0.0:
        return pd.Series(dtype=float)
    let = physical["h100e_installed"] * (1.0 - physical["own_use_share"])
    price = rules.parameters["price_opening"].central
    return pd.Series(platform.rent_of(let.to_numpy(float), np.array(price), np.array(1.0)), index=let.index)


def compute_revenue(firm: str, group: str, inputs: SheetInputs, rules: Rules, rent: pd.Series) -> float:
    """AI compute sold in the last quarter: all sales of a neocloud, the AI part of cloud revenue of other owners.

    That part is an assumption, one for all clouds; no cloud sells more of it than the chips that it lets rent for.
    """
    revenue, year = number(inputs.flows, firm, "revenue"), number(inputs.flows, firm, "ltm_revenue")
    if group == "neocloud":
        return revenue * rules.assumed("cloud_revenue_share", firm, group)
    if group not in ("hyperscaler", "internet_network"):
        return 0.0
    cloud = number(inputs.figures.value, firm, "cloud_revenue")
    if 0 < cloud < year and firm not in rules.part("single_quarter_cloud"):
        sold = revenue * cloud / year
    else:
        sold = revenue * rules.assumed("cloud_revenue_share", firm, group)
    return min(sold * rules.assumed("cloud_ai_share", firm, group), float(rent.get(firm, math.inf)))


def buyer_budgets(universe: Universe, inputs: SheetInputs, physical: pd.DataFrame) -> pd.DataFrame:
    """Rows buyer, category, budget: what each firm spends in each category in the last quarter."""
    rows: list[tuple[str, str, float]] = []
    for firm in universe.firms:
        group = str(universe.group[firm])
        capex = number(inputs.flows, firm, "capex")
        bases = {
            "fraction of AI capex": capex * number(inputs.flows, firm, "ai_capex_share"),
            "fraction of capex": capex,
            "fraction of revenue": number(inputs.flows, firm, "revenue"),
        }
        for category in BUDGETED:
            row = universe.rules.find(f"budget_{category}", firm, group)
            if row is not None:
                rows.append((firm, category, bases[row.unit] * row.central))
    assumed = universe.rules.assumed
    rent = assumed("rent_usd_mn_per_mw_month") * 12.0
    price = assumed("power_price_usd_mwh") * GW_YEAR_MWH / 1e9
    for owner, state in physical.iterrows():
        power = float(state["it_power_in_use_gw"])
        rows.append((str(owner), "lease", power * float(state["leased_share"]) * rent / 4.0))
        rows.append((str(owner), "energy", power * float(state["pue"]) * price / 4.0))
    frame = pd.DataFrame(rows, columns=["buyer", "category", "budget"])
    return frame[frame["budget"] > 0]


def growth_in_year(firm: str, inputs: SheetInputs) -> float:
    """Last quarter's revenue at a yearly rate over that of the year: brings yearly ties to the exit rate."""
    year = number(inputs.flows, firm, "ltm_revenue")
    return 4.0 * number(inputs.flows, firm, "revenue") / year if year > 0 else 1.0


SLACK_BUYER = {
    "compute": "enterprises",
    "accelerators": SLACK_OWNER,
    "servers": SLACK_OWNER,
    "network": SLACK_OWNER,
    "construction": SLACK_OWNER,
    "power_cooling": SLACK_OWNER,
    "lease": SLACK_OWNER,
}
"""Who buys what no named budget takes up; elsewhere it stays revenue from sectors (`other_revenue`)."""

"""Which contracts are in force at the as-of date, and which category of payments each belongs to.

Rows are chosen first (status, as-of date, removed pairs), then every row is dropped whose
`included_in` is among the chosen, so that no dollar is told twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from penstock.engine.rules import Rules
    from penstock.world import World

Pair = tuple[str, str, str]
"""(provider, receiver, kind); an empty kind stands for every kind."""

WITHOUT_MONEY = frozenset({"terminated", "superseded", "proposed", "planned", "arranger", "allocated"})
"""Statuses that move no money: over, still talks, or a role without a claim."""

HARDWARE = ("accelerators", "servers", "network", "construction", "power_cooling", "generation")
"""Capital goods of whoever runs fleets, halls or plants."""

COMPONENT_BUYERS = frozenset(
    {"chip_designer", "server", "network", "power_equipment", "lithography", "equipment", "turbine_maker"}
)
"""Groups that buy goods to build them into what they sell: an operating cost, not capex."""

FLEET_GROUPS = frozenset({"lab", "hyperscaler", "device_maker", "neocloud", "data_platform", "internet_network"})

SUPPLY_CATEGORY = {
    "chip_designer": "accelerators",
    "server": "servers",
    "network": "network",
    "constructor": "construction",
    "power_equipment": "power_cooling",
    "foundry": "wafers",
    "packaging": "wafers",
    "memory": "memory",
    "eda": "eda",
    "lithography": "tools",
    "equipment": "tools",
    "lithography_supplier": "optics",
    "turbine_maker": "generation",
    "generator": "generation",
}
"""Category of a supply tie by the provider's group."""

KIND_CATEGORY = {
    "compute": "compute",
    "lease": "lease",
    "power_purchase": "energy",
    "model_licence": "model_access",
    "revenue_share": "model_access",
}

GRADE_ORDER = "ABCDEF"


def weakest(*grades: str) -> str:
    """The weakest of several grades names a sum; F for none."""
    known = [g for g in grades if g in GRADE_ORDER]
    return max(known, key=GRADE_ORDER.index) if known else "F"


def is_removed(removed: Iterable[Pair], provider: str, receiver: str, kind: str) -> bool:
    """Whether the tie of this provider, receiver and kind was taken out by the caller."""
    return any(p == provider and r == receiver and k in ("", kind) for p, r, k in removed)


def chosen_contracts(world: World, removed_pairs: Iterable[Pair] = ()) -> pd.DataFrame:
    """Rows of `contracts.csv` in force at the as-of date, indexed by id, none told twice.

    Undrawn credit lines and intents stay; their status and binding say so. Dates are
    `datetime64`; missing text is ''.
    """
    frame = world.table("contracts")
    for column in ("announced", "start", "end"):
        frame[column] = pd.to_datetime(frame[column], errors="coerce")
    if "included_in" not in frame:
        frame["included_in"] = ""
    text = ["id", "kind", "provider_id", "receiver_id", "quantity_unit", "binding", "status", "note"]
    text.append("included_in")
    for column in text:
        frame[column] = frame[column].astype(object).where(frame[column].notna(), "").astype(str)
    known = frame["announced"].isna() | (frame["announced"] <= pd.Timestamp(world.as_of))
    removed = tuple(removed_pairs)
    kept = [
        not is_removed(removed, p, r, k)
        for p, r, k in zip(frame["provider_id"], frame["receiver_id"], frame["kind"], strict=True)
    ]
    frame = frame[known & ~frame["status"].isin(WITHOUT_MONEY) & pd.Series(kept, index=frame.index)]
    frame = frame[~frame["included_in"].isin(frame["id"])]
    return frame.set_index("id", drop=False)


def category_of(kind: str, provider_group: str, receiver_group: str) -> str | None:
    """Category of payments of a tie, None where it carries no payment of its own.

    Accelerators that a server maker buys pass through to the fleet owner, who pays the
    designer directly: such a tie has no category.
    """
    if kind != "supply":
        return KIND_CATEGORY.get(kind)
    category = SUPPLY_CATEGORY.get(provider_group)
    if category == "accelerators" and receiver_group in ("server", "network"):
        return None
    return category


def kinds_of(category: str) -> tuple[str, ...]:
    """Contract kinds that can carry a category."""
    kinds = tuple(k for k, c in KIND_CATEGORY.items() if c == category)
    return kinds or ("supply",)


def is_capex(category: str, group: str) -> bool:
    """Whether a payment of this category is capital spending for a payer of this group."""
    if category == "tools":
        return True
    if group in COMPONENT_BUYERS:
        return False
    if category in ("wafers", "memory"):
        return group == "hyperscaler"
    return category in HARDWARE


def start_of(row: pd.Series) -> pd.Timestamp | None:
    """First day of deliveries: the stated start, else two quarters after the announcement."""
    if pd.notna(row["start"]):
        return pd.Timestamp(row["start"])
    if pd.notna(row["announced"]):
        return pd.Timestamp(row["announced"]) + pd.DateOffset(months=6)
    return None


def term_years(row: pd.Series, rules: Rules, default: str = "contract_term_years") -> float:
    """Years from start to end, a stated count of years, else the assumed term."""
    start = start_of(row)
    if start is not None and pd.notna(row["end"]) and row["end"] > start:
        return float((row["end"] - start).days) / 365.25
    if row["quantity_unit"] == "years" and pd.notna(row["quantity"]):
        return float(row["quantity"])
    return rules.assumed(default)

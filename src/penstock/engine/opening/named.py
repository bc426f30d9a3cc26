"""Ties that a contract names: their payer, payee, category and flow in the last quarter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.cells import number
from penstock.engine.opening.contracts import (
    category_of,
    start_of,
    term_years,
    weakest,
)
from penstock.engine.opening.margins import growth_in_year
from penstock.engine.opening.schedules import HAIRCUT, due_path, parameter_or
from penstock.engine.rules import rules_of

if TYPE_CHECKING:
    from penstock.engine.opening.figures import SheetInputs
    from penstock.engine.opening.universe import Universe
    from penstock.world import World

UPPER_BOUND_WORDS = "upper bound"
UNITS_OF_CHIPS = ("GPU", "gpus", "GB200", "GB300", "MI450", "chips")
BLACKWELL_PRICE_USD = 36742.0
"""USD per accelerator where a tie names units only: parameter `unit_price_blackwell_usd_2025` (C)."""


@dataclass
class NamedTie:
    """One (payer, payee, category): sum of its contracts in the last quarter, usd_bn; None = to be filled."""

    payer: str
    payee: str
    category: str
    base: float | None
    contract_ids: list[str]
    grade: str


def named_ties(
    world: World, universe: Universe, inputs: SheetInputs, contracts: pd.DataFrame
) -> tuple[dict[tuple[str, str, str], NamedTie], list[str]]:
    """Named ties by (payer, payee, category) and what the rules decided, one sentence each.

    A yearly flow and a named deal of one pair overlap in the year of delivery: the yearly
    flow stands. A deal that only begins after the as-of date has no flow yet.
    """
    firms = set(universe.firms)
    parts = universe.rules.part
    elsewhere = {*parts("backstop"), *parts("traffic_payment"), *parts("net_payment")}
    notes: list[str] = []
    ties: dict[tuple[str, str, str], NamedTie] = {}
    yearly = contracts["annual_usd_bn"].notna()
    ordered = pd.concat([contracts[yearly], contracts[~yearly]])
    with_year: set[tuple[str, str, str]] = set()
    for contract_id, row in ordered.iterrows():
        name = str(contract_id)
        payee, payer = str(row["provider_id"]), str(row["receiver_id"])
        if row["kind"] == "revenue_share":  # the provider pays, the receiver gets the share
            payer, payee = payee, payer
        if name in elsewhere or payer not in firms or payee not in firms:
            continue
        category = category_of(str(row["kind"]), str(universe.group[payee]), str(universe.group[payer]))
        if category is None:
            continue
        key = (payer, payee, category)
        base, grade = quarter_flow(world, row, inputs, payee)
        is_yearly = row["kind"] == "supply" and pd.notna(row["annual_usd_bn"])
        if is_yearly:
            with_year.add(key)
        elif key in with_year:
            notes.append(f"{name}: overlaps the yearly flow of the same pair, adds nothing at the opening")
            base = 0.0
        if base is None and _ahead(world, row):
            base = 0.0
        tie = ties.setdefault(key, NamedTie(payer, payee, category, None, [], ""))
        tie.contract_ids.append(name)
        if base is not None:
            tie.base = base if tie.base is None else tie.base + base
            if base > 0:
                tie.grade = weakest(tie.grade, grade)
    for tie in ties.values():
        tie.grade = tie.grade or "F"
    return ties, notes


def _ahead(world: World, row: pd.Series) -> bool:
    """Whether the deal is only an intent or begins after the as-of date."""
    start = start_of(row)
    return row["binding"] == "intent" or (start is not None and start > pd.Timestamp(world.as_of))


def quarter_flow(world: World, row: pd.Series, inputs: SheetInputs, payee: str) -> tuple[float | None, str]:
    """Flow of one contract in the last quarter, usd_bn, with its grade; None where no rule gives one."""
    kind, grade = str(row["kind"]), str(row["grade"])
    haircut = HAIRCUT.get(str(row["binding"]), HAIRCUT["reported"])
    if kind in ("compute", "lease", "power_purchase"):
        path = due_path(world, row, before=1, count=1)
        if path is None:
            return None, "F"
        return float(path[0][0]) * haircut, path[1]
    if kind in ("model_licence", "revenue_share"):
        return _licence(world, row, inputs)
    if _ahead(world, row):
        return 0.0, grade
    if pd.notna(row["annual_usd_bn"]):
        flow = float(row["annual_usd_bn"]) / 4.0 * growth_in_year(payee, inputs)
        if UPPER_BOUND_WORDS in str(row["note"]):
            return flow * rules_of(world).assumed("upper_bound_share"), "F"
        return flow, weakest(grade, "D")
    if pd.notna(row["amount_usd_bn"]):
        return _spread(world, row, float(row["amount_usd_bn"])), "F"
    if pd.notna(row["quantity"]) and str(row["quantity_unit"]).startswith(UNITS_OF_CHIPS):
        price = parameter_or(world, "unit_price_blackwell_usd_2025", BLACKWELL_PRICE_USD)
        return _spread(world, row, float(row["quantity"]) * price / 1e9), "F"
    if pd.notna(row["share"]):
        return _share_of_line(world, row, inputs, payee), "F"
    return None, "F"


def _licence(world: World, row: pd.Series, inputs: SheetInputs) -> tuple[float | None, str]:
    """A licence's or revenue share's flow; one without an amount moves no money of its own.

    What a distributor resells is counted gross in the lab's sales to users (category models).
    """
    if pd.notna(row["annual_usd_bn"]):
        flow = float(row["annual_usd_bn"]) / 4.0
        if row["kind"] == "revenue_share" and str(row["provider_id"]) in inputs.flows.index:
            flow *= growth_in_year(str(row["provider_id"]), inputs)
        return flow, weakest(str(row["grade"]), "D")
    if pd.notna(row["amount_usd_bn"]):
        return float(row["amount_usd_bn"]) / term_years(row, rules_of(world)) / 4.0, "F"
    return 0.0, "F"


def _spread(world: World, row: pd.Series, amount: float) -> float:
    """A deal of goods over its delivery time; nothing once that is over."""
    start, years = start_of(row), term_years(row, rules_of(world), "goods_term_years")
    if start is not None and start + pd.DateOffset(days=round(365.25 * years)) < pd.Timestamp(world.as_of):
        return 0.0
    # an order of whole AI servers holds the chip again: only the value added is the server maker's
    part = (
        rules_of(world).assumed("server_value_added")
        if "erver" in str(row["note"]) or "GB" in str(row["note"])
        else 1.0
    )
    return amount * part / years / 4.0


def _share_of_line(world: World, row: pd.Series, inputs: SheetInputs, payee: str) -> float:
    """Share times the sales of the line that the note names: HBM market, packaging, else all revenue."""
    share, note = float(row["share"]), str(row["note"])
    if "HBM" in note:
        market = parameter_or(world, "hbm_market_usd_bn_2025", 38.0)
        return share * market / 4.0 * rules_of(world).assumed("hbm_share_to_leader")
    line = rules_of(world).assumed("cowos_share_of_tsmc") if "CoWoS" in note else 1.0
    return share * line * number(inputs.flows, payee, "revenue")

"""The network of payments and claims at the as-of date.

Named ties keep their amounts; what sellers sell beyond them is filled in proportion to what
buyers still spend; the rest goes to slack buyers and suppliers. A named tie is cut only
where it alone exceeds what its payer spends or its payee earns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from penstock.engine.opening.cells import number
from penstock.engine.opening.claims import build_credit, build_guarantees, build_stakes
from penstock.engine.opening.contracts import (
    Pair,
    chosen_contracts,
    is_capex,
    is_removed,
    kinds_of,
)
from penstock.engine.opening.filling import Floats, drop_small, proportional_fill
from penstock.engine.opening.limits import Fit, fit_margins
from penstock.engine.opening.margins import SLACK_BUYER, buyer_budgets, let_fleet_rent, seller_revenue
from penstock.engine.opening.named import NamedTie, named_ties
from penstock.engine.opening.physical import FleetBridge, build_physical
from penstock.engine.opening.schedules import build_schedules
from penstock.engine.opening.state import CATEGORIES
from penstock.engine.opening.users import user_ties

if TYPE_CHECKING:
    from penstock.engine.opening.figures import SheetInputs
    from penstock.engine.opening.universe import Universe
    from penstock.world import World

UNNAMED_AFFINITY = 0.05
"""Weight of providers without a contract for a lab that has contracts with others (assumption, 0 to 0.2)."""

SUPPLIER_SLACK = "row_suppliers"
CHINA_APART = frozenset({"accelerators", "wafers", "compute", "lease", "energy", "construction"})
"""Categories in which Chinese and other firms do not trade at the opening: export control or distance."""

TIE_COLUMNS = ["tie_id", "contract_id", "payer", "payee", "category", "segment", "base", "share", "grade"]


@dataclass(frozen=True)
class Network:
    """Payments, schedules, claims and physical state of one opening; frames as in `state.Opening`."""

    flow_ties: pd.DataFrame
    """as in Opening, with `segment` (consumer, enterprise, agents) on the category models, else ''"""
    schedules: pd.DataFrame
    debt_ties: pd.DataFrame
    stakes: pd.DataFrame
    guarantees: pd.DataFrame
    physical: pd.DataFrame
    credit_lines: pd.Series
    notes: tuple[str, ...]
    tie_in: pd.Series
    """index firm: received along flow ties, usd_bn per quarter"""
    tie_cost: pd.Series
    tie_capex: pd.Series
    bridge: FleetBridge


def build_network(world: World, universe: Universe, inputs: SheetInputs, removed_pairs: Iterable[Pair] = ()) -> Network:
    """Everything that binds firms, holders and sectors, from the world and the firms' own figures.

    `removed_pairs` are (provider, receiver, kind): their contracts are left out, nothing is
    filled in their place, and what they carried goes to the slack buyer and supplier.
    """
    removed = tuple(removed_pairs)
    contracts = chosen_contracts(world, removed)
    physical, bridge = build_physical(world, universe, inputs, contracts)
    named, notes = named_ties(world, universe, inputs, contracts)
    gone: dict[tuple[str, str, str], NamedTie] = {}
    if removed:
        before, _ = named_ties(world, universe, inputs, chosen_contracts(world))
        gone = {k: t for k, t in before.items() if _is_gone(removed, k)}
    users = user_ties(universe, inputs)
    sellers = seller_revenue(universe, inputs, let_fleet_rent(physical, bridge, universe.rules))
    budgets = _with_fuel(universe, inputs, buyer_budgets(universe, inputs, physical))
    fit = fit_margins(universe, inputs, named, sellers, budgets, users, gone)
    notes.extend(fit.notes)
    china = _chinese(world)
    parts = [_user_frame(users)]
    for category in CATEGORIES:
        if category != "models":
            parts.append(_category_ties(category, named, fit, removed, gone, china, universe))
    ties = _finish(pd.concat(parts, ignore_index=True))
    ids = {(p, r, c): t for t, p, r, c in ties[["tie_id", "payer", "payee", "category"]].itertuples(index=False)}
    schedules, more = build_schedules(world, contracts, ids)
    idle = (ties["base"] <= 0.0) & ~ties["tie_id"].isin(schedules["tie_id"])
    if idle.any():
        more.append(f"{int(idle.sum())} named ties carry nothing at the opening and have no schedule: left out")
        ties = ties[~idle].reset_index(drop=True)
    ties = _with_shares(ties)
    notes.extend(more)
    debt_ties, credit_lines, credit_notes = build_credit(world, universe, inputs, contracts)
    stakes, stake_notes = build_stakes(universe, inputs, contracts)
    notes.extend([*credit_notes, *stake_notes])
    received, cost, capex = _totals(universe, ties)
    return Network(
        flow_ties=ties,
        schedules=schedules,
        debt_ties=debt_ties,
        stakes=stakes,
        guarantees=build_guarantees(world, universe, contracts),
        physical=physical,
        credit_lines=credit_lines,
        notes=tuple(notes),
        tie_in=received,
        tie_cost=cost,
        tie_capex=capex,
        bridge=bridge,
    )


def _is_gone(removed: Iterable[Pair], key: tuple[str, str, str]) -> bool:
    payer, payee, category = key
    removed = tuple(removed)
    return any(is_removed(removed, payee, payer, k) for k in kinds_of(category)) or (
        category == "model_access" and is_removed(removed, payer, payee, "revenue_share")
    )


def _chinese(world: World) -> set[str]:
    companies = world.table("companies")
    return set(companies.loc[companies["country"].isin(["CN", "HK"]), "id"])


def _with_fuel(universe: Universe, inputs: SheetInputs, budgets: pd.DataFrame) -> pd.DataFrame:
    """Budgets with the fuel of utilities and generators, all from unnamed suppliers."""
    rows = []
    for firm in universe.firms:
        group = str(universe.group[firm])
        if universe.rules.find("fuel_cost_share", firm, group) is not None:
            fuel = number(inputs.flows, firm, "revenue") * universe.rules.assumed("fuel_cost_share", firm, group)
            rows.append({"buyer": firm, "category": "fuel", "budget": fuel})
    return pd.concat([budgets, pd.DataFrame(rows)], ignore_index=True) if rows else budgets


def _user_frame(users: pd.DataFrame) -> pd.DataFrame:
    return users.assign(category="models", contract_id="", grade="F")


def _allowed(
    category: str,
    sellers: list[str],
    buyers: list[str],
    named: dict[tuple[str, str, str], NamedTie],
    removed: tuple[Pair, ...],
    china: set[str],
    universe: Universe,
) -> Floats:
    """Weights (seller, buyer): 0 for removed pairs, for a firm with itself and across export controls."""
    weights = np.ones((len(sellers), len(buyers)))
    for j, buyer in enumerate(buyers):
        providers = {s for s in sellers if (buyer, s, category) in named}
        loyal = category == "compute" and providers and universe.group.get(buyer) == "lab"
        for i, seller in enumerate(sellers):
            apart = category in CHINA_APART and (seller in china) != (buyer in china)
            if seller == buyer or apart or _is_gone(removed, (buyer, seller, category)):
                weights[i, j] = 0.0
            elif loyal and seller not in providers:
                weights[i, j] = UNNAMED_AFFINITY
    return weights


def _category_ties(
    category: str,
    named: dict[tuple[str, str, str], NamedTie],
    fit: Fit,
    removed: tuple[Pair, ...],
    gone: dict[tuple[str, str, str], NamedTie],
    china: set[str],
    universe: Universe,
) -> pd.DataFrame:
    """Named, filled and slack ties of one category."""
    rows: list[dict[str, object]] = []
    mine = {k: t for k, t in named.items() if k[2] == category}
    open_sell = fit.open_sales.get(category, {})
    open_buy = fit.open_budgets.get(category, {})
    buyers = sorted(set(open_buy) - {SLACK_BUYER.get(category, "")})
    slack_budget = float(open_buy.get(SLACK_BUYER.get(category, ""), 0.0))
    sellers = sorted(open_sell)
    cells = np.zeros((len(sellers), len(buyers)))
    rest_sell = np.array([open_sell[s] for s in sellers])
    rest_buy = np.array([open_buy[b] for b in buyers])
    if sellers and buyers:
        allowed = _allowed(category, sellers, buyers, named, removed, china, universe)
        cells, rest_sell, rest_buy = proportional_fill(rest_sell, rest_buy, allowed)
        keep = np.array([[(b, s, category) in mine for b in buyers] for s in sellers])
        cells, rest_sell, rest_buy = drop_small(
            cells, rest_sell, rest_buy, universe.rules.constants["smallest_cell"], keep
        )
    place = {(b, s): (i, j) for i, s in enumerate(sellers) for j, b in enumerate(buyers)}
    for (payer, payee, _), tie in mine.items():
        at = place.get((payer, payee))
        filled = float(cells[at]) if at is not None else 0.0
        fixed = (tie.base or 0.0) * fit.named_factor.get((payer, payee, category), 1.0)
        grade = "F" if filled > fixed or tie.base is None else tie.grade
        rows.append(_row(payer, payee, category, fixed + filled, ";".join(sorted(tie.contract_ids)), grade))
        if at is not None:
            cells[at] = 0.0
    for (buyer, seller), (i, j) in place.items():
        if cells[i, j] > 0:
            rows.append(_row(buyer, seller, category, float(cells[i, j])))
    unspent = dict(zip(buyers, rest_buy.tolist(), strict=True))
    unsold = dict(zip(sellers, rest_sell.tolist(), strict=True))
    for (payer, payee, gone_category), tie in gone.items():
        if gone_category == category and tie.base:
            unspent[payer] = unspent.get(payer, 0.0) + fit.gone_spent.get((payer, payee, category), tie.base)
            unsold[payee] = unsold.get(payee, 0.0) + fit.gone_spent.get((payer, payee, category), tie.base)
    for (_, payee, cut_category), amount in fit.cut_sales.items():
        if cut_category == category:
            unsold[payee] = unsold.get(payee, 0.0) + amount
    slack_buyer = SLACK_BUYER.get(category)
    placed = 0.0
    if slack_buyer is not None:
        for seller, amount in unsold.items():
            if amount > 1e-9:
                rows.append(_row(slack_buyer, seller, category, amount))
                placed += amount
        unspent[slack_buyer] = max(0.0, slack_budget - placed)
    for buyer, amount in unspent.items():
        if amount > 1e-9:
            rows.append(_row(buyer, SUPPLIER_SLACK, category, amount))
    return pd.DataFrame(rows, columns=["payer", "payee", "category", "base", "contract_id", "grade"])


def _row(
    payer: str, payee: str, category: str, base: float, contracts: str = "", grade: str = "F"
) -> dict[str, object]:
    return {
        "payer": payer,
        "payee": payee,
        "category": category,
        "base": base,
        "contract_id": contracts,
        "grade": grade,
    }


def _finish(ties: pd.DataFrame) -> pd.DataFrame:
    """Identifiers, and the order of the engine."""
    ties["segment"] = ties["segment"].fillna("") if "segment" in ties else ""
    ties["contract_id"] = ties["contract_id"].fillna("")
    suffix = ties["segment"].where(ties["segment"] == "", ":" + ties["segment"])
    ties["tie_id"] = ties["category"] + ":" + ties["payer"] + ">" + ties["payee"] + suffix
    order = ties["category"].map({c: i for i, c in enumerate(CATEGORIES)})
    ties = ties.assign(order=order).sort_values(["order", "payer", "payee", "segment"], ignore_index=True)
    return ties


def _with_shares(ties: pd.DataFrame) -> pd.DataFrame:
    """Share of each tie in its payer's spending of the category; equal where nothing is spent yet."""
    groups = ties.groupby(["payer", "category"])["base"]
    total = groups.transform("sum")
    equal = 1.0 / groups.transform("size")
    ties["share"] = (ties["base"] / total.where(total > 0, 1.0)).where(total > 0, equal).astype(float)
    return ties[TIE_COLUMNS]


def _totals(universe: Universe, ties: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Received, operating cost and capex along ties by firm, usd_bn per quarter."""
    firms = pd.Index(universe.firms)
    received = ties.groupby("payee")["base"].sum().reindex(firms).fillna(0.0)
    group = universe.group.reindex(ties["payer"]).fillna("").to_numpy()
    capital = np.array([is_capex(c, g) for c, g in zip(ties["category"], group, strict=True)], dtype=bool)
    capex = ties[capital].groupby("payer")["base"].sum().reindex(firms).fillna(0.0)
    cost = ties[~capital].groupby("payer")["base"].sum().reindex(firms).fillna(0.0)
    return received, cost, capex

"""Constants of each firm and tie that a run reads: opening amounts and the conduct of its group.

All money in usd_bn; flows per quarter; arrays of firms are columns (firms, 1) so that they broadcast over paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from penstock.engine.layout import RATINGS, SEGMENTS, Layout
from penstock.engine.opening.layer_numbers import LayerNumbers, with_centres
from penstock.engine.opening.state import CATEGORIES, GROUPS, Opening
from penstock.engine.parameters import Assumption
from penstock.engine.reach import Site, site_book

BINDING_HAIRCUT = {"firm": 1.0, "conditional": 0.6, "reported": 0.5, "intent": 0.15}
"""Share of a contracted due that is believed in, by how binding the contract is (assumption, docs/decisions/0003)."""

USUAL_COLLECTION = 0.65
"""Share of what is owed that is paid in a quarter at terms of 45 to 60 days (assumption, 0.55 to 0.8)."""

Column = np.ndarray
T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What stays fixed during a run."""

    conduct: dict[str, Column]
    """columns of group_conduct.csv, (firms, 1)"""
    flows: dict[str, Column]
    sheet: dict[str, Column]
    market_value: Column
    equity_volatility: Column
    rating_spread: Column
    own_cause_rate: np.ndarray
    """failures a year by class on which causes outside the model rest, (classes,)"""
    tie_base: np.ndarray
    """opening flow of each flow tie, (flow ties, 1)"""
    category_base: dict[str, np.ndarray]
    """opening spending of each unit by category, (units, 1)"""
    tie_in: Column
    it_capex: Column
    site_capex: Column
    core_capex: Column
    collection: np.ndarray
    """share of what is owed on an operating tie that falls due in a quarter, (operating ties, 1)"""
    opening_flow: np.ndarray
    """opening bills on each operating tie, (operating ties, 1)"""
    receivable: np.ndarray
    """opening receivable on each operating tie, (operating ties, 1)"""
    schedule_tie: np.ndarray
    schedule_due: np.ndarray
    """contracted dues after the haircut of their binding, (schedules, quarters)"""
    contract_tie: np.ndarray
    """flow ties under contract, each once"""
    contract_due: np.ndarray
    """dues of all contracts on each of these ties, renewals included, (contract ties, quarters)"""
    debt_balance: np.ndarray
    amortisation: np.ndarray
    bullet: np.ndarray
    draw_share: np.ndarray
    secured: np.ndarray
    interest_rate: Column
    credit_line: Column
    stake_share: np.ndarray
    round_share: np.ndarray
    strategic: np.ndarray
    guarantee_cap: np.ndarray
    guarantee_beneficiary: np.ndarray
    debt_contract: tuple[str, ...]
    stake_contract: tuple[str, ...]
    sites: dict[str, Site]
    physical: pd.DataFrame
    owned: dict[str, Column]
    """columns of `physical`: what fleet owners and the rest of the world have, (owners + 1, 1)"""
    opening_spending: np.ndarray
    """user spending by segment, usd_bn per year, (3, 1)"""
    parameters: Mapping[str, Assumption]
    """uncertain parameters of the world, in the order that keys their random numbers"""
    layers: LayerNumbers
    """what the layers give at the opening"""
    constants: Mapping[str, float]
    fleet_ages: tuple[float, ...]
    group_conduct: pd.DataFrame
    """a row a group, columns of group_conduct.csv"""
    kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """what was looked up of these facts, for all blocks"""

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` looks up of these facts, made by the first block that asks for it by this name."""
        if name not in self.kept:
            self.kept[name] = make()
        found: T = self.kept[name]
        return found


def dues_by_tie(
    schedule_tie: np.ndarray, schedule_due: np.ndarray, on_top: np.ndarray, base: np.ndarray, renewed_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ties under contract, and what falls due on each, (ties, quarters), usd_bn: dues of several contracts add up.

    A contract that comes on top of what a tie carried at the opening (`on_top`) takes that with it while it runs. At
    the end of its term a contract is signed again for `renewed_share` of its last due.
    """
    due = np.where(on_top[:, None] & (schedule_due > 0.0), schedule_due + base[schedule_tie], schedule_due)
    quarters = np.arange(due.shape[1])
    last = np.where(due > 0.0, quarters, -1).max(axis=1)
    at_the_end = np.take_along_axis(due, np.maximum(last, 0)[:, None], axis=1)
    due = np.where(quarters > last[:, None], renewed_share * at_the_end, due)
    ties, place = np.unique(schedule_tie, return_inverse=True)
    total = np.zeros((len(ties), due.shape[1]))
    np.add.at(total, place, due)
    return ties, total


def column(values: pd.Series) -> Column:
    """A number a firm as an array (firms, 1), to stand beside arrays (firms, paths)."""
    return np.ascontiguousarray(values.to_numpy(float)[:, None])


def build_facts(
    opening: Opening, layout: Layout, parameter: dict[str, float], sites: pd.DataFrame, layers: LayerNumbers
) -> Facts:
    """Facts of an opening state; `parameter`: central values of cited parameters (spreads, default rates).

    sites: the table of the world, for events that strike a site. layers: what the layers give at the opening.
    """
    firms = list(opening.firms)
    profile = opening.profile.loc[firms]
    flows = {name: column(opening.flows.loc[firms, name]) for name in opening.flows.columns}
    sheet = {name: column(opening.sheet.loc[firms, name]) for name in opening.sheet.columns}
    conduct_table = opening.rules.conduct.loc[list(profile["group"])]
    conduct = {name: column(conduct_table[name]) for name in conduct_table.columns}

    ties = opening.flow_ties
    base = ties["base"].to_numpy(float)[:, None]
    payer, payee = layout.payer[layout.flow.slice], layout.payee[layout.flow.slice]
    category_base: dict[str, np.ndarray] = {}
    for name in CATEGORIES:
        block = layout.category[name]
        total = np.zeros((layout.unit_count, 1))
        np.add.at(total, payer[block.slice], base[block.slice])
        category_base[name] = total
    tie_in = np.zeros((layout.unit_count, 1))
    np.add.at(tie_in, payee, base)

    tie_capital, tie_equipment = capital_ties(layout, base)
    tie_capital, tie_equipment = tie_capital[: layout.firms], tie_equipment[: layout.firms]
    # a seller whose sales are AI's builds for AI
    sold = np.minimum(tie_in[: layout.firms] / np.maximum(flows["revenue"], 1e-9), 1.0)
    designer = (layout.group == GROUPS.index("chip_designer"))[:, None]
    ai_share = np.where(designer, np.maximum(flows["ai_capex_share"], sold), flows["ai_capex_share"])
    ai_capex = np.maximum(flows["capex"] * ai_share, tie_capital)
    owner = np.zeros((layout.firms, 1))
    owner[: layout.owners] = 1.0
    it_ties, site_ties = tie_equipment, tie_capital - tie_equipment
    unnamed = ai_capex - tie_capital
    it_share = np.where(it_ties + site_ties > 0, it_ties / np.maximum(it_ties + site_ties, 1e-12), 0.72)
    it_capex = owner * (it_ties + unnamed * it_share)
    site_capex = owner * (site_ties + unnamed * (1.0 - it_share)) + (1.0 - owner) * ai_capex
    core_capex = np.maximum(flows["capex"] - it_capex - site_capex, 0.0)

    operating, receivable = opening_receivables(
        layout, flows, sheet, base, core_capex + it_capex + site_capex - tie_capital
    )
    schedules = opening.schedules
    quarters = [name for name in schedules.columns if name.startswith("q") and name[1:].isdigit()]
    number = {tie: position for position, tie in enumerate(ties["tie_id"])}
    haircut = schedules["binding"].map(BINDING_HAIRCUT).fillna(0.5).to_numpy(float)[:, None]
    schedule_tie = schedules["tie_id"].map(number).to_numpy(np.int64)
    schedule_due = np.ascontiguousarray(schedules[quarters].to_numpy(float) * haircut)
    contract_tie, contract_due = dues_by_tie(
        schedule_tie, schedule_due, schedules["additive"].to_numpy(bool), base, opening.rules.assumed("renewed_share")
    )
    debt = opening.debt_ties
    debt_total = np.zeros((layout.firms, 1))
    interest = np.zeros((layout.firms, 1))
    np.add.at(debt_total, layout.borrower, debt["balance"].to_numpy(float)[:, None])
    np.add.at(interest, layout.borrower, (debt["balance"] * debt["rate"]).to_numpy(float)[:, None])
    rating_spread = np.array([parameter[f"spread_{name.lower()}"] / 1e4 for name in RATINGS])
    rating_rate = np.array([parameter[f"pd_1y_{name.lower()}"] / 100.0 for name in RATINGS])
    floor = rating_rate[RATINGS.index("AA")] / 4
    spending = np.zeros((len(SEGMENTS), 1))
    np.add.at(spending, layout.segment, 4.0 * base[layout.category["models"].slice])
    return Facts(
        conduct=conduct,
        flows=flows,
        sheet=sheet,
        market_value=column(profile["market_value"]),
        equity_volatility=column(profile["equity_volatility"]),
        rating_spread=rating_spread[layout.rating][:, None],
        # fraud and accidents do not multiply on the way down: what CCC adds over B are causes inside the model
        own_cause_rate=np.clip(rating_rate, floor, rating_rate[RATINGS.index("B")]),
        tie_base=base,
        category_base=category_base,
        tie_in=tie_in,
        it_capex=it_capex,
        site_capex=site_capex,
        core_capex=core_capex,
        # a tie without a flow at the opening (a contract to come) is paid at usual terms
        collection=np.where(operating > 1e-9, operating / np.maximum(receivable + operating, 1e-12), USUAL_COLLECTION),
        opening_flow=operating,
        receivable=receivable,
        schedule_tie=schedule_tie,
        schedule_due=schedule_due,
        contract_tie=contract_tie,
        contract_due=contract_due,
        debt_balance=debt["balance"].to_numpy(float)[:, None],
        amortisation=debt["amortisation"].to_numpy(float)[:, None],
        bullet=debt["bullet_quarter"].to_numpy(np.int64),
        draw_share=debt["draw_share"].to_numpy(float)[:, None],
        secured=debt["secured"].to_numpy(bool),
        interest_rate=np.where(debt_total > 0, interest / np.maximum(debt_total, 1e-12), 0.06),
        credit_line=column(opening.credit_lines.reindex(firms).fillna(0.0)),
        stake_share=opening.stakes["share"].to_numpy(float)[:, None],
        round_share=opening.stakes["round_share"].to_numpy(float)[:, None],
        strategic=opening.stakes["strategic"].to_numpy(bool),
        guarantee_cap=opening.guarantees["cap"].to_numpy(float)[:, None],
        guarantee_beneficiary=np.array(
            [layout.units.index(text) for text in opening.guarantees["beneficiary"]], dtype=np.int64
        ),
        debt_contract=tuple(debt["contract_id"].fillna("")),
        stake_contract=tuple(opening.stakes["contract_id"].fillna("")),
        sites=site_book(sites, layout, pd.Timestamp(opening.as_of)),
        physical=opening.physical,
        owned={name: column(opening.physical[name]) for name in opening.physical.columns},
        opening_spending=spending,
        parameters=with_centres(opening.rules.parameters, layers.centres),
        layers=layers,
        constants=opening.rules.constants,
        fleet_ages=opening.rules.fleet_ages,
        group_conduct=opening.rules.conduct,
    )


def capital_ties(layout: Layout, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Capital purchases along ties by payer, and the part that is compute equipment, (units + 1, 1) each."""
    capital, equipment = np.zeros((layout.unit_count + 1, 1)), np.zeros((layout.unit_count + 1, 1))
    np.add.at(capital, layout.capital_payer, flow)
    np.add.at(equipment, layout.equipment_payer, flow)
    return capital, equipment


def opening_receivables(
    layout: Layout, flows: dict[str, Column], sheet: dict[str, Column], base: np.ndarray, capital_rest: Column
) -> tuple[np.ndarray, np.ndarray]:
    """Opening flow and receivable of each operating tie, (operating ties, 1) each.

    A firm's receivables are spread over its sales by amount; what its customers among the firms cannot owe by
    their payables is owed by customers outside the ties. Payables left over are owed to outside suppliers.
    """
    flow = np.zeros((layout.operating.stop, 1))
    flow[layout.flow.slice] = base
    flow[layout.sales.slice] = np.maximum(flows["other_revenue"], 0.0)
    flow[layout.wages.slice] = 0.5 * flows["other_cost"]
    flow[layout.suppliers.slice] = 0.5 * flows["other_cost"]
    flow[layout.capital.slice] = np.maximum(capital_rest, 0.0)
    flow[layout.tax.slice] = np.maximum(flows["tax"], 0.0)

    payer, payee = layout.payer[layout.flow.slice], layout.payee[layout.flow.slice]
    sold, bought = np.zeros((layout.unit_count, 1)), np.zeros((layout.unit_count, 1))
    np.add.at(sold, payee, base)
    np.add.at(bought, payer, base)
    own_sales = np.zeros((layout.unit_count, 1))
    own_sales[: layout.firms] = sold[: layout.firms] + flow[layout.sales.slice]
    own_costs = np.zeros((layout.unit_count, 1))
    own_costs[: layout.firms] = bought[: layout.firms] + flow[layout.suppliers.slice] + flow[layout.capital.slice]
    sell_days = np.ones((layout.unit_count, 1))
    sell_days[: layout.firms] = sheet["receivables"] / np.maximum(own_sales[: layout.firms], 1e-9)
    buy_days = np.ones((layout.unit_count, 1))
    buy_days[: layout.firms] = sheet["payables"] / np.maximum(own_costs[: layout.firms], 1e-9)
    receivable = np.zeros_like(flow)
    receivable[layout.flow.slice] = base * np.minimum(sell_days[payee], buy_days[payer])
    taken, owed = np.zeros((layout.unit_count, 1)), np.zeros((layout.unit_count, 1))
    np.add.at(taken, payee, receivable[layout.flow.slice])
    np.add.at(owed, payer, receivable[layout.flow.slice])
    receivable[layout.sales.slice] = np.maximum(sheet["receivables"] - taken[: layout.firms], 0.0)
    receivable[layout.suppliers.slice] = np.maximum(sheet["payables"] - owed[: layout.firms], 0.0)
    return flow, receivable

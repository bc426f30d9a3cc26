"""Figures of each firm at the as-of date: stated, hand-made or filled by a rule, and carried forward.

Stated figures come by the opening-state rule of the world. Stocks are then carried to the as-of date by the
flows of the months between: cash by operating cash flow - capital spending - payout, equity and total
assets by net income - payout. Named loans drawn after the date of a debt figure are added to debt, cash and
assets; debt raised between the dates of the assets and the debt figure is added to assets; leases and
values stand. A figure carried is derived (D) at best; each flow that moved it by more than 10 % counts with
its own grade.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.estimates import fill
from penstock.world.grading import weakest
from penstock.world.vocabulary import SET_BY_SCENARIO

if TYPE_CHECKING:
    from penstock.engine.opening.universe import Universe
    from penstock.world.model import World

STATED_METRICS = (
    "revenue",
    "operating_income",
    "net_income",
    "depreciation",
    "interest_expense",
    "operating_cash_flow",
    "capex",
    "dividends_and_buybacks",
    "cash_and_investments",
    "total_debt",
    "lease_liabilities",
    "total_assets",
    "total_equity",
    "ai_revenue",
    "data_center_revenue",
    "cloud_revenue",
)
METRICS = (*STATED_METRICS, "market_value", "stakes_book", "ai_capex_share")
DAYS_OF_YEAR = 365.25
LONGEST_CARRY_YEARS = 1.0
"""Flows of a year say little about more than a year; an older stock is carried by one year only."""

SHORTEST_CARRY_YEARS = 0.01
"""Days that a fiscal calendar may end before the as-of date without a carry."""

SMALL_CARRY = 0.10
"""A flow that moves a figure by less than this fraction leaves it derived, whatever its own grade."""
LEAST_CASH_KEPT = 0.2
"""Assumption: a carry never burns more than four fifths of the cash stated; a firm raises money before
that.
"""


@dataclass
class Draft:
    """Figures under construction, firm x metric; `put` fills and grades."""

    universe: Universe
    as_of: str
    value: pd.DataFrame
    grade: pd.DataFrame
    rule: pd.DataFrame
    period_end: pd.DataFrame

    def missing(self, metric: str) -> pd.Series:
        """Which firms lack the figure."""
        return self.value[metric].isna()

    def by_group(self, assumption: pd.Series) -> pd.Series:
        """An assumption by group spread over the firms; 0 for a group that it does not name."""
        return self.universe.group.map(assumption).astype(float).fillna(0.0)

    def put(self, metric: str, values: pd.Series, rule: str, grade: str = "F") -> None:
        """Set figures of some firms, with their rule, at the as-of date."""
        chosen = self.value.index.isin(values.index)
        known = values.astype(float).reindex(self.value.index)
        self.value[metric] = self.value[metric].where(~chosen, known)
        for frame, content in ((self.grade, grade), (self.rule, rule), (self.period_end, self.as_of)):
            frame[metric] = frame[metric].mask(chosen, content)


@dataclass(frozen=True)
class Figures:
    """Figures at the as-of date, firm x metric: usd_bn, flows per year (the latest four quarters known).

    `rule` says where each comes from; `period_end` is the end of what was stated.
    `ai_revenue`, `data_center_revenue`, `cloud_revenue`, `stakes_book` and `ai_capex_share` may be missing
    (NaN).
    """

    value: pd.DataFrame
    grade: pd.DataFrame
    rule: pd.DataFrame
    period_end: pd.DataFrame


@dataclass(frozen=True)
class SheetInputs:
    """What the network of ties needs from the sheets; Series by firm unless said."""

    debt: pd.Series
    lease_liabilities: pd.Series
    market_value: pd.Series
    """firms, and holders with a stated value; usd_bn"""
    interest_rate: pd.Series
    """interest over debt, per year"""
    rating: pd.Series
    flows: pd.DataFrame
    flow_grades: pd.DataFrame
    figures: Figures


def opening_figures(world: World, universe: Universe) -> Figures:
    """Complete figures of every firm at the as-of date."""
    draft = _stated(world, universe)
    _hand_made(draft, _set_by_scenario(world))
    fill(world, draft)
    _carry(world, draft)
    return Figures(draft.value, draft.grade, draft.rule, draft.period_end)


def stated_values(world: World, companies: tuple[str, ...]) -> tuple[pd.Series, pd.Series]:
    """Market value, else private valuation, of each company that states one: usd_bn and grade."""
    figures = world.figures()
    metric = figures.index.get_level_values(1)
    chosen = figures[metric.isin(["market_cap", "valuation"])].reset_index()
    chosen = chosen[chosen["company_id"].isin(companies)].sort_values(["company_id", "metric"])
    first = chosen.drop_duplicates("company_id").set_index("company_id")
    return first["value"].astype(float), first["grade"].astype(object)


def _stated(world: World, universe: Universe) -> Draft:
    firms = pd.Index(universe.firms, name="firm")
    known = world.figures()
    known = known[known.index.get_level_values(0).isin(firms)]
    metrics = list(METRICS)
    value = known["value"].unstack().reindex(index=firms, columns=metrics).astype(float)
    grade = known["grade"].unstack().reindex(index=firms, columns=metrics).astype(object)
    end = known["period_end"].unstack().reindex(index=firms, columns=metrics).astype(object)
    rule = pd.DataFrame(index=firms, columns=metrics, dtype=object)
    rule = rule.mask(value.notna(), "stated")
    draft = Draft(universe, world.as_of.isoformat(), value, grade, rule, end)
    worth, worth_grade = stated_values(world, universe.firms)
    draft.put("market_value", worth, "stated")
    draft.grade["market_value"] = worth_grade.reindex(firms)
    return draft


def _set_by_scenario(world: World) -> set[tuple[str, str]]:
    """(company, metric) of the figures that a scenario has set; a market value or valuation as `market_value`."""
    figures = world.figures()
    mine = figures.index[figures["note"].fillna("").astype(str).str.startswith(SET_BY_SCENARIO)]
    worth = ("market_cap", "valuation")
    return {(str(company), "market_value" if metric in worth else str(metric)) for company, metric in mine}


def _hand_made(draft: Draft, kept: set[tuple[str, str]]) -> None:
    sheets = draft.universe.rules.sheets
    sheets = sheets[sheets["company"].isin(draft.value.index)]
    for metric, rows in sheets.groupby("metric", sort=False):
        name = str(metric)
        by_firm = rows.set_index("company")
        wanted = by_firm["replace"] | draft.missing(name).reindex(by_firm.index)
        # what a scenario sets is not set back
        wanted &= pd.Series([(company, name) not in kept for company in by_firm.index], by_firm.index)
        used = by_firm[wanted]
        for grade, same in used.groupby("grade"):
            draft.put(name, same["central"], "", str(grade))
        told = ("hand-made: " + used["why"]).reindex(draft.value.index)
        draft.rule[name] = draft.rule[name].mask(told.notna(), told)


def _carry(world: World, draft: Draft) -> None:
    value = draft.value
    as_of = pd.Timestamp(world.as_of)
    borrowed = _borrowed_since(world, draft)
    payout = value["dividends_and_buybacks"]
    free_cash = value["operating_cash_flow"] - value["capex"] - payout
    retained = value["net_income"] - payout
    plan = {
        "cash_and_investments": (free_cash, ("operating_cash_flow", "capex", "dividends_and_buybacks")),
        "total_assets": (retained, ("net_income", "dividends_and_buybacks")),
        "total_equity": (retained, ("net_income", "dividends_and_buybacks")),
    }
    issued = _issued_between(world, draft)
    for metric, (flow, inputs) in plan.items():
        days = (as_of - pd.to_datetime(draft.period_end[metric])).dt.days
        years = (days / DAYS_OF_YEAR).clip(upper=LONGEST_CARRY_YEARS)
        years = years.where(years >= SHORTEST_CARRY_YEARS, 0.0)
        moved = flow * years
        raised = pd.Series(0.0, index=value.index)
        if metric != "total_equity":
            raised = raised + borrowed
        if metric == "total_assets":
            raised = raised + issued
        before = value[metric].copy()
        after = before + moved + raised
        if metric == "cash_and_investments":
            after = after.where(after > LEAST_CASH_KEPT * before, LEAST_CASH_KEPT * before)
        changed = (years > 0.0) | (raised != 0.0)
        size = SMALL_CARRY * before.abs()
        large = pd.DataFrame({name: (value[name] * years).abs() > size for name in inputs})
        value[metric] = after.where(changed, before)
        for firm in value.index[changed]:
            own = str(draft.grade.at[firm, metric])
            flows = [str(draft.grade.at[firm, name]) for name in inputs if large.at[firm, name]]
            draft.grade.at[firm, metric] = weakest([own, "D", *flows])
            note = f"{draft.rule.at[firm, metric]!s}; carried {years[firm] * 12.0:.0f} months"
            draft.rule.at[firm, metric] = note
    more = borrowed[borrowed > 0.0]
    for firm in more.index:
        draft.value.at[firm, "total_debt"] += more[firm]
        draft.grade.at[firm, "total_debt"] = weakest([str(draft.grade.at[firm, "total_debt"]), "D"])
        draft.rule.at[firm, "total_debt"] = f"{draft.rule.at[firm, 'total_debt']!s}; named loans signed since added"
    # cash carried past the assets it stands in: the carry stops there
    short = value["cash_and_investments"] > value["total_assets"]
    movable = short & draft.rule["cash_and_investments"].astype(str).str.contains("carried")
    value.loc[movable, "cash_and_investments"] = value.loc[movable, "total_assets"]


def _borrowed_since(world: World, draft: Draft) -> pd.Series:
    """Named loans drawn after the date of a stated debt figure; usd_bn by firm."""
    ties = world.active_contracts()
    drawn = ties[
        (ties["kind"] == "loan")
        & ties["status"].isin(["active", "closed", "completed"])
        & ties["amount_usd_bn"].notna()
        & ties["announced"].notna()
    ]
    drawn = drawn[drawn["receiver_id"].isin(draft.value.index)]
    dated = draft.period_end["total_debt"].reindex(drawn["receiver_id"]).to_numpy()
    added = drawn[drawn["announced"].to_numpy() > dated].groupby("receiver_id")["amount_usd_bn"].sum()
    return added.reindex(draft.value.index).fillna(0.0)


def _issued_between(world: World, draft: Draft) -> pd.Series:
    """Debt raised between the date of a stated assets figure and the later date of the debt figure, by
    firm.
    """
    rows = world.table("financials")
    rows = rows[(rows["metric"] == "total_debt") & rows["company_id"].isin(draft.value.index)]
    keys = pd.MultiIndex.from_frame(rows[["company_id", "period_end"]])
    history = pd.Series(rows["value"].to_numpy(), index=keys).groupby(level=[0, 1]).last()
    assets_end, debt_end = draft.period_end["total_assets"], draft.period_end["total_debt"]
    wanted = pd.MultiIndex.from_arrays([draft.value.index, assets_end])
    then = pd.Series(history.reindex(wanted).to_numpy(), index=draft.value.index)
    later = (debt_end > assets_end) & (draft.rule["total_debt"] == "stated")
    return (draft.value["total_debt"] - then).where(later & then.notna(), 0.0)

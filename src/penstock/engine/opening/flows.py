"""Opening flows: the latest four quarters known and the last quarter at the as-of date (the exit rate).

The last quarter comes, in this order, from a quarter on record, from a run rate, or from the four quarters
known carried forward at that flow's own growth on record; capital spending of which only one year is known
goes forward with revenue. Costs follow the cash anchor: cash operating cost = revenue
- operating cash flow - interest - tax; what ties do not carry of it is `other_cost`. Where the cash flow is
itself an estimate, cost = revenue - operating income - depreciation (interest of builders is mostly
capitalised, not in their cash flow).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.assumptions import (
    EXIT_GROWTH_RANGE,
    INTEREST_RATE_RANGE,
    NEOCLOUD_COST_FLOOR,
    OTHER_COST_FLOOR,
    OTHER_GROWTH_OWN_WEIGHT,
    OTHER_GROWTH_RANGE,
    TAX_RATE,
)
from penstock.engine.opening.figures import Figures, opening_figures
from penstock.engine.opening.state import FLOW_COLUMNS
from penstock.errors import ModelError
from penstock.world.grading import weakest
from penstock.world.opening_rule import SERIES_OF_METRIC

if TYPE_CHECKING:
    from penstock.engine.opening.universe import Universe
    from penstock.world.model import World

FRESH_DAYS = 190
"""A quarter or run rate older than this says nothing of the exit rate."""

YEARS_TO_LAST_QUARTER = 0.375
"""From the middle of four quarters to the middle of the last of them, in years: right for steady growth
(assumption, 0.23 to 0.375; 0.23 is right where a rate moves as a random walk, docs/decisions/0003).
"""

YEARS_APART = (200, 800)
"""Days between the ends of two yearly figures from which growth is told, as a rate per year."""

TOLERANCE = 1e-9


def opening_flows(
    world: World, universe: Universe, figures: Figures | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Flows of each firm without ties (`tie_*` are 0, `other_*` hold all) and the grade of each.

    Returns:
        Two frames, firm x FLOW_COLUMNS: usd_bn per quarter at the exit rate (`ltm_*` per year, shares and
        growth as fractions), and grade A to F.
    """
    figures = figures or opening_figures(world, universe)
    value = figures.value
    firms = value.index
    growth, growth_grade = own_growth(world, figures)
    revenue, revenue_grade = _exit_rate(world, figures, "revenue", growth, growth_grade)
    scale = (revenue * 4.0 / value["revenue"].where(value["revenue"] > 0.0)).fillna(1.0)
    spending_growth, spending_grade = own_growth(world, figures, "capex")
    capex, capex_grade = _exit_rate(
        world, figures, "capex", spending_growth.fillna(growth), spending_grade.fillna(growth_grade)
    )
    flows = pd.DataFrame(0.0, index=firms, columns=list(FLOW_COLUMNS))
    flows["revenue"] = revenue
    flows["capex"] = capex
    flows["ltm_revenue"], flows["ltm_capex"] = value["revenue"], value["capex"]
    flows["ebit_margin"] = value["operating_income"] / value["revenue"].where(value["revenue"] > 0.0)
    flows["ebit_margin"] = flows["ebit_margin"].fillna(0.0)
    flows["depreciation"] = value["depreciation"] / 4.0 * scale
    flows["interest"] = interest_rate(figures) * value["total_debt"] / 4.0
    ebit = flows["ebit_margin"] * revenue
    flows["tax"] = TAX_RATE[1] * (ebit - flows["interest"]).clip(lower=0.0)
    flows["payout"] = value["dividends_and_buybacks"] / 4.0
    cash_flow = value["operating_cash_flow"] / 4.0 * scale
    cost = revenue - cash_flow - flows["interest"] - flows["tax"]
    by_income = revenue - ebit - flows["depreciation"]
    cost = cost.where(figures.grade["operating_cash_flow"] != "F", by_income)
    floor = universe.group.map({"neocloud": NEOCLOUD_COST_FLOOR[1]}).astype(float).fillna(OTHER_COST_FLOOR[1])
    flows["other_cost"] = cost.where(cost > floor * revenue, floor * revenue)
    flows["other_revenue"] = revenue
    share = universe.group.map(universe.rules.by_group("ai_capex_share")).astype(float).fillna(0.0)
    flows["ai_capex_share"] = value["ai_capex_share"].fillna(share)
    flows["other_growth"] = other_growth(universe, growth)
    flows["recession_beta"] = universe.group.map(universe.rules.by_group("recession_beta")).astype(float).fillna(1.0)
    return flows, _flow_grades(figures, flows, revenue_grade, capex_grade)


def finish_flows(flows: pd.DataFrame, tie_in: pd.Series, tie_cost: pd.Series, tie_capex: pd.Series) -> pd.DataFrame:
    """Flows with what the ties carry taken out of the unnamed rest.

    Args:
        flows: from `opening_flows`.
        tie_in, tie_cost, tie_capex: usd_bn per quarter by firm: received, paid as cost, paid as capital
        spending.

    Returns:
        A new frame; `other_cost` keeps at least 2 % of revenue (no firm runs on ties alone).

    Raises:
        ModelError: ties carry more revenue or capital spending than a firm has.
    """
    done = flows.copy()
    received = tie_in.reindex(flows.index).fillna(0.0)
    cost = tie_cost.reindex(flows.index).fillna(0.0)
    spent = tie_capex.reindex(flows.index).fillna(0.0)
    for what, tied, whole in (("revenue", received, flows["revenue"]), ("capex", spent, flows["capex"])):
        over = tied - whole
        if (over > TOLERANCE * (1.0 + whole)).any():
            firm = str(over.idxmax())
            raise ModelError(
                f"opening: {firm}: {what}: ties carry {tied[firm]:.4f} usd_bn per quarter; "
                f"expected at most {whole[firm]:.4f}"
            )
    done["tie_revenue"], done["tie_cost"], done["tie_capex"] = received, cost, spent
    done["other_revenue"] = (flows["revenue"] - received).clip(lower=0.0)
    rest = flows["other_cost"] + flows["tie_cost"] - cost
    least = OTHER_COST_FLOOR[1] * flows["revenue"]
    done["other_cost"] = rest.where(rest > least, least)
    return done


def interest_rate(figures: Figures) -> pd.Series:
    """Interest over debt, per year, by firm, inside bounds; 0 without debt."""
    debt = figures.value["total_debt"]
    rate = figures.value["interest_expense"] / debt.where(debt > 0.0)
    return rate.clip(*INTEREST_RATE_RANGE).fillna(0.0)


def own_growth(world: World, figures: Figures, metric: str = "revenue") -> tuple[pd.Series, pd.Series]:
    """Growth on record of a flow, per year, and its grade: the latest fiscal year over the one before.

    Both are missing where fewer than two years are known, or where the figure of the firm is an estimate.
    """
    rows = world.table("financials")
    rows = rows[(rows["metric"] == metric) & rows["period"].str.startswith("FY")]
    rows = rows[rows["period_end"] <= world.as_of.isoformat()]
    rows = rows.sort_values("period_end").drop_duplicates(["company_id", "period_end"], keep="last")
    last = rows.groupby("company_id").tail(1).set_index("company_id")
    before = rows[rows.duplicated("company_id", keep="last")].groupby("company_id").tail(1)
    before = before.set_index("company_id").reindex(last.index)
    days = (pd.to_datetime(last["period_end"]) - pd.to_datetime(before["period_end"])).dt.days
    ratio = (last["value"] / before["value"]).where(before["value"] > 0.0)
    growth = (ratio ** (365.25 / days) - 1.0).where((days > YEARS_APART[0]) & (days < YEARS_APART[1]))
    growth = growth.reindex(figures.value.index).where(figures.rule[metric] == "stated")
    known = growth.index[growth.notna()]
    grade = _weakest_of(last["grade"].reindex(known), before["grade"].reindex(known))
    return growth, grade.reindex(growth.index)


def other_growth(universe: Universe, growth: pd.Series) -> pd.Series:
    """Growth per year of revenue that no tie carries: own growth drawn half way to the group's median,
    clipped.
    """
    median = growth.groupby(universe.group).median()
    overall = float(growth.median()) if growth.notna().any() else 0.0
    of_group = universe.group.map(median).astype(float).fillna(overall)
    own = growth.fillna(of_group)
    mixed = OTHER_GROWTH_OWN_WEIGHT * own + (1.0 - OTHER_GROWTH_OWN_WEIGHT) * of_group
    return mixed.clip(*OTHER_GROWTH_RANGE)


def _exit_rate(
    world: World, figures: Figures, metric: str, growth: pd.Series, growth_grade: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Last quarter of a flow at the as-of date, usd_bn per quarter, and its grade."""
    firms = figures.value.index
    steps = growth.clip(*EXIT_GROWTH_RANGE).fillna(0.0)
    lag = (pd.Timestamp(world.as_of) - pd.to_datetime(figures.period_end[metric])).dt.days / 365.25
    years = YEARS_TO_LAST_QUARTER + lag.clip(0.0, 1.0)
    rate = figures.value[metric] / 4.0 * (1.0 + steps) ** years
    moved = steps != 0.0
    grade = figures.grade[metric].where(~moved, _weakest_of(figures.grade[metric], growth_grade.fillna("D")))
    sources = [_run_rates(world)] if metric == "revenue" else []
    for known in (*sources, _quarters(world, metric)):
        fresh = known[known.index.isin(firms)]
        rate = fresh["value"].astype(float).reindex(firms).fillna(rate)
        grade = fresh["grade"].astype(object).reindex(firms).fillna(grade)
    return rate, grade


def _quarters(world: World, metric: str) -> pd.DataFrame:
    """Latest fresh quarter on record of a flow, by company: value (usd_bn), grade."""
    names = [name for name, target in SERIES_OF_METRIC.items() if target == metric]
    series = world.table("series")
    series = series[series["series"].isin(names)]
    series = series.rename(columns={"entity": "company_id", "date": "period_end"})
    rows = world.table("financials")
    rows = rows[(rows["metric"] == metric) & ~rows["period"].str.startswith("FY")]
    columns = ["company_id", "period_end", "value", "grade"]
    both = pd.concat([rows[columns], series[columns]], ignore_index=True)
    return _latest_fresh(world, both)


def _run_rates(world: World) -> pd.DataFrame:
    """Latest fresh run rate by company, as a quarter: value (usd_bn per quarter), grade (at best D)."""
    series = world.table("series")
    rows = series[series["series"] == "arr_usd_bn"].rename(columns={"entity": "company_id", "date": "period_end"})
    rows = rows.assign(value=rows["value"] / 4.0, grade=[weakest([g, "D"]) for g in rows["grade"]])
    return _latest_fresh(world, rows[["company_id", "period_end", "value", "grade"]])


def _latest_fresh(world: World, rows: pd.DataFrame) -> pd.DataFrame:
    oldest = (pd.Timestamp(world.as_of) - pd.Timedelta(days=FRESH_DAYS)).date().isoformat()
    fresh = rows[(rows["period_end"] <= world.as_of.isoformat()) & (rows["period_end"] >= oldest)]
    ordered = fresh.sort_values(["company_id", "period_end", "grade"], ascending=[True, True, False])
    return ordered.drop_duplicates("company_id", keep="last").set_index("company_id")


def _flow_grades(figures: Figures, flows: pd.DataFrame, revenue: pd.Series, capex: pd.Series) -> pd.DataFrame:
    grade = pd.DataFrame("F", index=flows.index, columns=list(FLOW_COLUMNS), dtype=object)
    stated = figures.grade
    grade["revenue"] = grade["other_revenue"] = grade["tie_revenue"] = revenue
    grade["capex"] = grade["tie_capex"] = capex
    grade["ltm_revenue"], grade["ltm_capex"] = stated["revenue"], stated["capex"]
    grade["depreciation"] = _weakest_of(stated["depreciation"], revenue)
    grade["interest"] = _weakest_of(stated["interest_expense"], stated["total_debt"])
    grade["payout"] = _weakest_of(stated["dividends_and_buybacks"])
    grade["ebit_margin"] = _weakest_of(stated["operating_income"], stated["revenue"])
    # tax, shares, growth and beta rest on assumptions and stay F; so does cost, which has the tax in it
    return grade


def _weakest_of(*columns: pd.Series) -> pd.Series:
    rows = zip(*columns, strict=True)
    return pd.Series([weakest([*map(str, row), "D"]) for row in rows], index=columns[0].index, dtype=object)

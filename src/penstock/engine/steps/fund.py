"""Step 7, fund: what each firm needs, where it comes from, and what is cut when nothing comes."""

from __future__ import annotations

import numba
import numpy as np

from penstock.bounds import bounded
from penstock.engine.events import shares_left
from penstock.engine.moment import Moment
from penstock.engine.state import EQUIPMENT_LIFE, GONE, RESTRUCTURED
from penstock.engine.steps import lenders
from penstock.money import funding, kernels
from penstock.money.kernels import _MAT, _MAT_IN, _kernel

Array = np.ndarray

TAX_RATE = 0.15
"""Cash tax on profit before tax (assumption, 0.12 to 0.21; effective rates of the large firms)."""


def operate(now: Moment, again: bool = False) -> None:
    """Sets expenses along ties, other cost, depreciation, interest, tax and principal due of the quarter.

    Again, after funding: with the orders that go ahead, and costs as they were cut.
    """
    layout, r = now.block.layout, now.results
    bought = np.zeros((layout.unit_count, now.block.width))
    kernels.accumulate(now.block.scratch.flow, layout.flow_payer, bought)
    expense = bought[: layout.firms] - r["tied_capital"]
    # what a unit outside the firms buys is its own spending whatever it is
    r["tie_expense"] = expense
    if again:
        r["other_cost"] = np.maximum(r["other_cost"] - r["cost_cut"], 0.0)
    else:
        plan_costs(now)
        plan_debt_service(now)
    r["ebitda"] = r["revenue"] - r["tie_expense"] - r["other_cost"]
    taxable = r["ebitda"] - r["depreciation"] - r["interest"]
    r["tax"] = TAX_RATE * np.maximum(taxable, 0.0)


def plan_costs(now: Moment) -> None:
    """Other operating cost follows revenue with a lag (jobs), by the group's elasticity; depreciation of the plant."""
    layout, r, f, facts = now.block.layout, now.results, now.state.firms, now.block.facts
    projects = np.zeros_like(f.cost)
    projects[: layout.owners] = r["project_cost"][: layout.owners]
    r["other_cost"] = np.empty_like(f.cost)
    follow_sales(
        f.cost,
        projects,
        r["revenue"],
        now.block.cache["revenue_opening"][: layout.firms],
        facts.flows["other_cost"],
        facts.conduct["variable_cost"],
        facts.conduct["marginal_cost"],
        r["tie_expense"],
        f.stage,
        r["other_cost"],
    )
    r["depreciation"] = np.minimum(f.equipment_gross / EQUIPMENT_LIFE, f.compute_equipment) + f.buildings / 80.0
    if not now.on("close"):
        r["depreciation"] = np.zeros_like(r["depreciation"])


@_kernel(numba.void(*[_MAT_IN] * 9, _MAT))
def follow_sales(
    cost: Array,
    projects: Array,
    revenue: Array,
    revenue_opening: Array,
    cost_opening: Array,
    variable: Array,
    marginal: Array,
    bought: Array,
    stage: Array,
    out: Array,
) -> None:
    """Set `out` to the other operating cost of the quarter, usd_bn.

    All (firms, paths) but `revenue_opening`, `cost_opening`, `variable` and `marginal`, (firms, 1).
    """
    for f in range(cost.shape[0]):
        opening, sales = cost_opening[f, 0], revenue_opening[f, 0]
        for n in range(cost.shape[1]):
            # a part of the cost is fixed, the rest moves one for one
            scale = max(revenue[f, n] / sales, 1e-6)
            target = opening * (1.0 + variable[f, 0] * (scale - 1.0))
            # rent and rented compute cost little at the margin: a young builder's opening ratio says nothing of them
            target = min(target, opening + marginal[f, 0] * max(revenue[f, n] - sales, 0.0))
            # a restructured firm lives within what its sales leave
            means = max(0.95 * (revenue[f, n] - bought[f, n]), 0.0)
            lagged = cost[f, n] + 0.35 * (target - cost[f, n]) + projects[f, n]
            due = min(target, means) if stage[f, n] >= RESTRUCTURED else lagged
            out[f, n] = 0.0 if stage[f, n] >= GONE else max(due, 0.0)


def plan_debt_service(now: Moment) -> None:
    """Interest and principal due by tie and by firm."""
    layout, r, f, facts = now.block.layout, now.results, now.state.firms, now.block.facts
    debt = now.state.ties.debt
    rate = f.rate[layout.borrower]
    r["interest_due"] = debt * rate * 0.25
    share = np.where(facts.bullet[:, None] >= 0, facts.bullet[:, None] <= now.quarter, facts.amortisation)
    lenders.test_covenants(now)
    called = r["called_debt"] / np.maximum(now.block.cache["debt_owed"], 1e-9)
    share = np.minimum(share * now.block.cache["extend"][layout.borrower] + called[layout.borrower], 1.0)
    r["principal_due"] = debt * share
    sums = np.zeros((2, layout.unit_count, now.block.width))
    kernels.accumulate(r["interest_due"], layout.borrower, sums[0])
    kernels.accumulate(r["principal_due"], layout.borrower, sums[1])
    r["interest"], r["principal"] = sums[0, : layout.firms], sums[1, : layout.firms]


def fund(now: Moment) -> None:
    """Sets the sources of each firm's need; capex_scale of firms is what goes ahead."""
    layout, r, f, facts = now.block.layout, now.results, now.state.firms, now.block.facts
    e = now.state.economy
    cash = now.state.books.cash[: layout.firms]
    costs = r["tie_expense"] + r["other_cost"]
    wait = np.maximum(now.block.cache["quarters_to_income"] - now.quarter, 2.0)
    wanted = funding.reserve(np.maximum(costs, 0.0), r["interest"], facts.conduct["reserve_quarters"], wait)
    outflow = np.maximum(r["capex"], 0.0) + r["interest"] + r["tax"] + r["principal"]
    need = outflow - r["ebitda"] + tied_up(now, costs) - (cash - wanted)
    lose_access(now)
    losses = e.lender_losses / facts.constants["lender_scale"]
    own_loss = f.no_access + (f.stage >= 2.0)
    grade = lenders.investment_grade(now)
    open_share = funding.access(e.mood, e.freeze, grade, own_loss, losses)
    open_share = bounded(open_share * now.lever("finance.debt_access"), 0.0, 1.0)
    # maturing debt of firms in good standing is rolled over beside what the room allows
    rolled = np.where(grade > 0.5, np.where(e.freeze > 0, 0.75, 1.0), np.minimum(1.2 * open_share, 1.0))
    room = np.maximum(r["debt_room"], 0.0) * 0.35 * open_share + r["principal"] * rolled * (own_loss <= 0.0)
    room = room * now.block.cache["can_borrow"]
    equity = r["round_room"]
    borrowing = now.struck("borrowing")
    if borrowing is not None:
        room = room * borrowing
    vendor = vendor_room(now)
    planned = np.maximum(r["capex"], 1e-9)
    flexible = bounded(facts.conduct["core_flexibility"] + 0.5 * r["ai_capex_share"], 0.0, 0.97)
    if not now.on("fund"):
        room = 1e9 * now.block.cache["can_borrow"] * np.ones_like(need)
    sources = funding.cover(
        need,
        debt_room=room,
        line_room=f.line,
        equity_room=equity,
        vendor_room=vendor,
        capex=planned,
        flexible=flexible,
        cost=r["other_cost"],
    )
    r.update(
        need=need,
        new_debt=sources.debt + sources.line,
        line_drawn=sources.line,
        equity_raised=sources.equity,
        vendor_credit=sources.vendor,
        unfunded=sources.unfunded,
        cost_cut=sources.cost_cut,
    )
    r["surplus_cash"] = np.maximum(-need, 0.0)
    f.capex_scale = f.capex_scale * sources.capex_share


def tied_up(now: Moment, costs: Array) -> Array:
    """Cash that the growth of unpaid sales will tie up beyond that of unpaid purchases, (firms, paths), usd_bn.

    A receivable that is collected at the share c a quarter grows by (1 - c) (rise of sales + its last growth).
    """
    f, r, cache = now.state.firms, now.results, now.block.cache
    sales = (1.0 - cache["collect_in"]) * (r["revenue"] - f.revenue + cache["slow_in"])
    purchases = (1.0 - cache["collect_out"]) * np.minimum(costs - f.bought, 0.5 * costs)
    return sales - purchases + plant_bills(now)


def plant_bills(now: Moment) -> Array:
    """What falls due on bills for plant, old and new, beyond the purchases of the quarter, (firms, paths), usd_bn.

    After a fall of spending the old bills are larger than the new ones.
    """
    layout, r = now.block.layout, now.results
    owed = np.zeros((layout.unit_count + 1, now.block.width))
    kernels.accumulate(now.state.ties.receivable[layout.flow.slice], layout.capital_payer, owed)
    due = now.block.cache["collect_plant"] * (owed[: layout.firms] + r["tied_capital"])
    return np.maximum(due - r["tied_capital"], 0.0)


def lose_access(now: Moment) -> None:
    """Some firms below investment grade lose the market for a year, for reasons of their own."""
    f, th = now.state.firms, now.block.theta
    chance = now.firm_chance()
    struck = (chance < th["access_loss"]) & (lenders.investment_grade(now) < 0.5) & now.on("noise") & now.on("fund")
    f.no_access = np.where(struck, 4.0, np.maximum(f.no_access - 1.0, 0.0))


def vendor_room(now: Moment) -> Array:
    """Share of the accelerator and server bill that suppliers let stand when the buyer is short."""
    th, bill = now.block.theta, now.results["tied_equipment"]
    share = bounded(th["vendor_credit"] * now.lever("finance.vendor_financing"), 0.0, 0.9)
    share = np.minimum(share, now.lever("policy.vendor_finance_cap", now.block.program.policy.vendor_finance_cap))
    if not now.on("vendor_financing"):
        share = np.zeros_like(share)
    now.results["it_bill"] = bill
    return share * bill * (now.state.firms.stage < 2.0)


def bring_money_in(now: Moment) -> None:
    """Posts loans drawn and equity rounds: cash to the firm, claims to lenders and holders."""
    draw_debt(now)
    now.results["stake_paid"] = sell_equity(now, now.results["equity_raised"])


def draw_debt(now: Moment) -> None:
    layout, r, f, ties, books = (
        now.block.layout,
        now.results,
        now.state.firms,
        now.state.ties,
        now.state.books,
    )
    share, given, left = now.block.cache["draw_share"], now.struck("lending"), now.struck("borrowing")
    if given is not None and left is not None:
        share = shares_left(share, given, layout.borrower, left)
    drawn = r["new_debt"][layout.borrower] * share
    owed = np.maximum(now.block.cache["debt_owed"], 1e-9)
    market = r["new_rate"] = new_rate(now)
    total = r["new_debt"]
    f.rate = (f.rate * owed + market * total) / (owed + total)
    f.line = f.line - r["line_drawn"]
    ties.debt = ties.debt + drawn
    kernels.post(drawn, layout.lender, layout.borrower, books.cash)
    now.results["drawn"] = drawn


def new_rate(now: Moment) -> Array:
    """Rate on new debt: the risk-free rate, the firm's spread, and the price of a freeze."""
    e, f = now.state.economy, now.state.firms
    risk_free = now.lever("finance.risk_free_rate", now.block.facts.constants["risk_free_rate"]) + e.rate_shock
    cut = now.struck("spread")
    spread = f.spread if cut is None else f.spread + cut
    return bounded(risk_free + spread * (1.5 - np.minimum(e.mood, 1.0)) + 0.01 * (e.freeze > 0), 0.005, 0.4)


def sell_equity(now: Moment, raised: Array) -> Array:
    """A round of `raised` usd_bn: new shares a / (V + a) go to the holders who pay; all others are diluted.

    Returns what each holder paid, (stakes, paths).
    """
    layout, f, ties, books = now.block.layout, now.state.firms, now.state.ties, now.state.books
    value = np.maximum(f.value, 1e-6)
    new = raised / (value + raised)
    part = who_pays(now, raised)
    paid = raised[layout.stake_company] * part
    ties.stake = ties.stake * (1.0 - new[layout.stake_company]) + new[layout.stake_company] * part
    kernels.post(paid, layout.stake_holder, layout.stake_company, books.cash)
    books.net_worth[: layout.firms] += raised
    # a share of the company at the old value grows by the cash that came in
    f.value = f.value + raised
    return paid


def issue_in_need(now: Moment, short: Array) -> bool:
    """A firm that would miss a payment, and is worth much more than that, sells new shares; whether any did.

    short: what is missing, (firms, paths). The room shrinks with mood and in a freeze as that of any round does, and is
    nothing after a default; a firm whose equity is worth little finds nobody.
    """
    e, f, r = now.state.economy, now.state.firms, now.results
    if not (short > 0.0).any():
        return False
    spirits = np.minimum(e.mood / funding.RESTING_MOOD, 1.0) ** 3 * np.where(e.freeze > 0, 0.4, 1.0)
    most = funding.SHARES_IN_NEED * f.value * spirits * now.lever("finance.equity_access")
    room = most * now.block.cache["can_issue"] * (f.stage < RESTRUCTURED)
    raising = now.struck("raising")
    if raising is not None:
        room = room * raising
    raised = np.where(short > 0.0, np.minimum(1.02 * short, np.maximum(room - r["equity_raised"], 0.0)), 0.0)
    r["stake_paid"] = r["stake_paid"] + sell_equity(now, raised)
    r["equity_raised"] = r["equity_raised"] + raised
    return True


MOST_OF_CASH = 0.2
"""Share of its cash that a firm puts into rounds of others in a quarter (assumption; docs/decisions/0003)."""


def who_pays(now: Moment, raised: Array) -> Array:
    """Share of each round by holder, (stakes, paths), adding to one: firms pay only out of cash."""
    layout, books, cache = now.block.layout, now.state.books, now.block.cache
    share, given, left = cache["round_share"], now.struck("investing"), now.struck("raising")
    if given is not None and left is not None:
        share = shares_left(share, given, layout.stake_company, left)
    holder, company = layout.stake_holder, layout.stake_company
    asked = np.zeros((layout.unit_count, now.block.width))
    kernels.accumulate(raised[company] * share, holder, asked)
    able = np.ones_like(asked)
    sound = now.state.firms.stage < 2.0
    able[: layout.firms] = sound * bounded(
        MOST_OF_CASH * books.cash[: layout.firms] / np.maximum(asked[: layout.firms], 1e-12), 0.0, 1.0
    )
    part = share * able[holder]
    total = np.zeros((layout.unit_count, now.block.width))
    kernels.accumulate(part, company, total)
    whole = total[company]
    return np.where(whole > 1e-12, part / np.maximum(whole, 1e-12), share)

"""Step 7, fund: what each firm needs, where it comes from, and what is cut when nothing comes."""

from __future__ import annotations

import numba
import numpy as np

from penstock.bounds import bounded
from penstock.engine.events import shares_left
from penstock.engine.moment import Moment, by_path
from penstock.engine.state import EQUIPMENT_LIFE, GONE, RESTRUCTURED
from penstock.engine.steps import lenders
from penstock.money import funding, kernels, leverage
from penstock.money.kernels import _IDX_IN, _MAT, _MAT_IN, _VEC_IN, _kernel

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
    r["tie_expense"], r["ebitda"], r["tax"] = (np.empty((layout.firms, now.block.width)) for _ in range(3))
    # what a unit outside the firms buys is its own spending whatever it is
    np.subtract(bought[: layout.firms], r["tied_capital"], out=r["tie_expense"])
    if again:
        kept = np.subtract(r["other_cost"], r["cost_cut"], out=r["other_cost"])
        np.maximum(kept, 0.0, out=kept)
    else:
        plan_costs(now)
        plan_debt_service(now)
    earn_and_tax(
        r["revenue"], r["tie_expense"], r["other_cost"], r["depreciation"], r["interest"], r["ebitda"], r["tax"]
    )


@_kernel(numba.void(*[_MAT_IN] * 5, _MAT, _MAT))
def earn_and_tax(
    revenue: Array, bought: Array, other_cost: Array, depreciation: Array, interest: Array, ebitda: Array, tax: Array
) -> None:
    """Set earnings before interest, tax and depreciation, and tax; all (firms, paths), usd_bn."""
    for f in range(ebitda.shape[0]):
        for n in range(ebitda.shape[1]):
            earned = revenue[f, n] - bought[f, n] - other_cost[f, n]
            ebitda[f, n] = earned
            tax[f, n] = TAX_RATE * max(earned - depreciation[f, n] - interest[f, n], 0.0)


def plan_costs(now: Moment) -> None:
    """Other operating cost follows revenue with a lag (jobs), by the group's elasticity; depreciation of the plant."""
    layout, r, f, facts = now.block.layout, now.results, now.state.firms, now.block.facts
    r["other_cost"], r["depreciation"] = np.empty_like(f.cost), np.empty_like(f.cost)
    follow_sales(
        f.cost, r["project_cost"][: layout.owners], r["revenue"], r["plant_revenue"],
        now.block.cache["revenue_opening"][: layout.firms], facts.flows["other_cost"], facts.conduct["variable_cost"],
        facts.conduct["marginal_cost"], r["tie_expense"], f.stage, r["other_cost"],
    )  # fmt: skip
    wear_out(f.equipment_gross, f.compute_equipment, f.buildings, float(now.on("close")), r["depreciation"])


BUILDING_LIFE = 80.0
"""Book life of buildings in quarters."""


@_kernel(numba.void(_MAT_IN, _MAT_IN, _MAT_IN, numba.float64, _MAT))
def wear_out(gross: Array, equipment: Array, buildings: Array, wears: float, depreciation: Array) -> None:
    """Set depreciation of the quarter, usd_bn: equipment by its entries, buildings by what is left; (firms, paths).

    Nothing where `wears` is 0.
    """
    for f in range(gross.shape[0]):
        for n in range(gross.shape[1]):
            worn = min(gross[f, n] / EQUIPMENT_LIFE, equipment[f, n]) + buildings[f, n] / BUILDING_LIFE
            depreciation[f, n] = worn * wears


@_kernel(numba.void(*[_MAT_IN] * 10, _MAT))
def follow_sales(
    cost: Array,
    projects: Array,
    taken_in: Array,
    plant_revenue: Array,
    revenue_opening: Array,
    cost_opening: Array,
    variable: Array,
    marginal: Array,
    bought: Array,
    stage: Array,
    out: Array,
) -> None:
    """Set `out` to the other operating cost of the quarter, usd_bn.

    All (firms, paths) but `revenue_opening`, `cost_opening`, `variable` and `marginal`, (firms, 1), and `projects` of
    owners, who stand first, (owners, paths). No staff comes with `plant_revenue`.
    """
    for f in range(cost.shape[0]):
        opening, sales = cost_opening[f, 0], revenue_opening[f, 0]
        for n in range(cost.shape[1]):
            # a part of the cost is fixed, the rest moves one for one
            revenue = taken_in[f, n] - plant_revenue[f, n]
            scale = max(revenue / sales, 1e-6)
            target = opening * (1.0 + variable[f, 0] * (scale - 1.0))
            # rent and rented compute cost little at the margin: a young builder's opening ratio says nothing of them
            target = min(target, opening + marginal[f, 0] * max(revenue - sales, 0.0))
            # a restructured firm lives within what its sales leave
            means = max(0.95 * (revenue - bought[f, n]), 0.0)
            lagged = cost[f, n] + 0.35 * (target - cost[f, n])
            if f < projects.shape[0]:
                lagged += projects[f, n]
            due = min(target, means) if stage[f, n] >= RESTRUCTURED else lagged
            out[f, n] = 0.0 if stage[f, n] >= GONE else max(due, 0.0)


def plan_debt_service(now: Moment) -> None:
    """Interest and principal due by tie and by firm."""
    layout, r, f, facts = now.block.layout, now.results, now.state.firms, now.block.facts
    debt, cache = now.state.ties.debt, now.block.cache
    lenders.test_covenants(now)
    share = np.where(facts.bullet[:, None] >= 0, facts.bullet[:, None] <= now.quarter, facts.amortisation)
    called = r["called_debt"] / np.maximum(cache["debt_owed"], 1e-9)
    # what falls due on debts stands in its place among all dues of the quarter
    dues = now.block.scratch.due
    r["interest_due"], r["principal_due"] = dues[layout.interest.slice], dues[layout.principal.slice]
    sums = np.zeros((2, layout.firms, now.block.width))
    fall_due(
        debt, f.rate, share.astype(float), cache["extend"], called, layout.borrower,
        r["interest_due"], r["principal_due"], sums[0], sums[1],
    )  # fmt: skip
    r["interest"], r["principal"] = sums


@_kernel(numba.void(*[_MAT_IN] * 5, _IDX_IN, *[_MAT] * 4))
def fall_due(
    debt: Array,
    rate: Array,
    share: Array,
    extended: Array,
    called: Array,
    borrower: Array,
    interest: Array,
    principal: Array,
    interest_of: Array,
    principal_of: Array,
) -> None:
    """Set interest and principal due by debt tie, and add them to those of the borrower, usd_bn a quarter.

    `share` (ties, 1) falls due by contract, of which lenders leave `extended`; `called` is asked back on top.
    """
    for t in range(debt.shape[0]):
        b = borrower[t]
        part = share[t, 0]
        for n in range(debt.shape[1]):
            interest[t, n] = debt[t, n] * rate[b, n] * 0.25
            principal[t, n] = debt[t, n] * min(part * extended[b, n] + called[b, n], 1.0)
        for n in range(debt.shape[1]):
            interest_of[b, n] += interest[t, n]
            principal_of[b, n] += principal[t, n]


def fund(now: Moment) -> None:
    """Sets the sources of each firm's need; capex_scale of firms is what goes ahead."""
    r, f, facts, cache = now.results, now.state.firms, now.block.facts, now.block.cache
    need = r["need"] = needed(now)
    lose_access(now)
    room = debt_room(now)
    # counted down once lenders have acted on it: a breach found this quarter shuts the market this quarter
    np.maximum(np.subtract(f.no_access, 1.0, out=f.no_access), 0.0, out=f.no_access)
    flexible = bounded(facts.conduct["core_flexibility"] + 0.5 * r["ai_capex_share"], 0.0, 0.97)
    if not now.on("fund"):
        room = 1e9 * cache["can_borrow"] * np.ones_like(need)
    found = np.empty((9, *need.shape))
    planned = np.maximum(r["capex"], 1e-9)
    funding.cover(need, room, f.line, r["round_room"], vendor_room(now), planned, flexible, r["other_cost"], found)
    r.update(
        new_debt=found[funding.DEBT] + found[funding.LINE],
        line_drawn=found[funding.LINE],
        equity_raised=found[funding.EQUITY],
        vendor_credit=found[funding.VENDOR],
        unfunded=found[funding.UNFUNDED],
        cost_cut=found[funding.COST_CUT_BY],
        surplus_cash=found[funding.SURPLUS],
    )
    f.capex_scale = f.capex_scale * found[funding.CAPEX_SHARE]
    if now.on("fund"):
        keep_leverage(now, room)


def keep_leverage(now: Moment, room: Array) -> None:
    """Firms keep up the debt that they opened with, relative to what lenders would lend; owners get the money."""
    r, f, cache = now.results, now.state.firms, now.block.cache
    if now.quarter == 0:
        cache["debt_target"] = leverage.target_share(cache["debt_owed"], r["debt_capacity"])
    leverage.borrow_to_target(
        cache["debt_owed"], r["principal"], r["debt_capacity"], cache["debt_target"], room, r["unfunded"], f.stage,
        cache["quarters_to_income"], now.quarter, r["new_debt"], r["surplus_cash"],
    )  # fmt: skip


def needed(now: Moment) -> Array:
    """What each firm lacks this quarter, its reserve and what growth ties up included, (firms, paths), usd_bn."""
    layout, r, f, facts, cache = (
        now.block.layout, now.results, now.state.firms, now.block.facts, now.block.cache,
    )  # fmt: skip
    owed, rows = np.zeros((layout.unit_count, now.block.width)), layout.capital_ties
    kernels.accumulate_rows(now.state.ties.receivable, rows, layout.flow_payer[rows], owed)
    wait = np.maximum(cache["quarters_to_income"] - now.quarter, 2.0)
    need = np.empty_like(f.value)
    funding.find_need(
        r["tie_expense"], r["other_cost"], r["interest"], r["tax"], r["principal"], r["capex"], r["tied_capital"],
        r["ebitda"], r["revenue"], f.revenue, r["contract_growth"], f.cost, f.bought, cache["slow_in"], owed,
        now.state.books.cash, facts.conduct["reserve_quarters"], wait, cache["collect_in"], cache["paid_of"], need,
    )  # fmt: skip
    return need


def debt_room(now: Moment) -> Array:
    """What lenders give each firm this quarter, (firms, paths), usd_bn."""
    e, r, f, cache = now.state.economy, now.results, now.state.firms, now.block.cache
    width, told = now.block.width, now.struck("borrowing")
    room = np.empty_like(f.value)
    funding.find_debt_room(
        r["debt_room"], r["principal"], f.rating, lenders.investment_grade(now), f.covenant,
        f.no_access, f.stage,
        cache["can_borrow"], np.ones_like(cache["can_borrow"]) if told is None else np.ascontiguousarray(told),
        e.mood, e.freeze, e.lender_losses / now.block.facts.constants["lender_scale"],
        by_path(now.lever("finance.debt_access"), width), room,
    )  # fmt: skip
    return room


def lose_access(now: Moment) -> None:
    """Some firms below investment grade lose the market for a year, for reasons of their own."""
    f, th = now.state.firms, now.block.theta
    active = float(now.on("noise") and now.on("fund"))
    close_market(now.firm_chance(), lenders.investment_grade(now), th["access_loss"] * active, f.no_access)


@_kernel(numba.void(_MAT_IN, _MAT_IN, _VEC_IN, _MAT))
def close_market(chance: Array, grade: Array, rate: Array, no_access: Array) -> None:
    """Shut firms below investment grade out of the market for four quarters, struck at a `rate` (paths)."""
    for f in range(chance.shape[0]):
        for n in range(chance.shape[1]):
            if chance[f, n] < rate[n] and grade[f, n] < 0.5:
                no_access[f, n] = 4.0


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
    now.results["stake_paid"] = np.zeros_like(now.state.ties.stake)
    sell_equity(now, now.results["equity_raised"], now.results["stake_paid"])


def draw_debt(now: Moment) -> None:
    """Loans of the quarter by tie, and what a firm pays on all its debt."""
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
    r["new_rate"] = new_rate(now)
    f.line = f.line - r["line_drawn"]
    mix_rates(r["new_debt"], r["new_rate"], now.block.cache["debt_owed"], f.rate)
    drawn = r["drawn"] = np.empty_like(ties.debt)
    lend(r["new_debt"], share, layout.lender, layout.borrower, drawn, ties.debt, books.cash)


@_kernel(numba.void(_MAT_IN, _MAT_IN, _MAT_IN, _MAT))
def mix_rates(new: Array, new_rate: Array, owed: Array, rate: Array) -> None:
    """Move `rate` to the mean of what is owed at it and what is new, (firms, paths)."""
    for f in range(rate.shape[0]):
        for n in range(rate.shape[1]):
            old = max(owed[f, n], 1e-9)
            rate[f, n] = (rate[f, n] * old + new_rate[f, n] * new[f, n]) / (old + new[f, n])


@_kernel(numba.void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT, _MAT, _MAT))
def lend(new: Array, share: Array, lender: Array, borrower: Array, drawn: Array, debt: Array, cash: Array) -> None:
    """Set what is drawn by debt tie (`share`, (ties, 1), of the borrower's new debt); move cash, raise debt."""
    for t in range(debt.shape[0]):
        b, c = borrower[t], lender[t]
        for n in range(debt.shape[1]):
            drawn[t, n] = new[b, n] * share[t, 0]
            debt[t, n] += drawn[t, n]
        for n in range(debt.shape[1]):
            cash[c, n] -= drawn[t, n]
        for n in range(debt.shape[1]):
            cash[b, n] += drawn[t, n]


def new_rate(now: Moment) -> Array:
    """Rate on new debt: the risk-free rate, the firm's spread, and the price of a freeze; (firms, paths) a year."""
    e, f = now.state.economy, now.state.firms
    risk_free = now.lever("finance.risk_free_rate", now.block.facts.constants["risk_free_rate"]) + e.rate_shock
    cut = now.struck("spread")
    spread = f.spread if cut is None else f.spread + cut
    rate = np.empty_like(spread)
    price_debt(by_path(risk_free, now.block.width), spread, 1.5 - np.minimum(e.mood, 1.0), 0.01 * (e.freeze > 0), rate)
    return rate


@_kernel(numba.void(_VEC_IN, _MAT_IN, _VEC_IN, _VEC_IN, _MAT))
def price_debt(risk_free: Array, spread: Array, scale: Array, extra: Array, rate: Array) -> None:
    """Set `rate` (firms, paths) from what is the same for all firms of a path and each firm's `spread`."""
    for f in range(rate.shape[0]):
        for n in range(rate.shape[1]):
            rate[f, n] = min(max(risk_free[n] + spread[f, n] * scale[n] + extra[n], 0.005), 0.4)


def sell_equity(now: Moment, raised: Array, paid: Array) -> None:
    """A round of `raised` usd_bn: new shares a / (V + a) go to the holders who pay; all others are diluted.

    Adds to `paid` what each holder pays, (stakes, paths).
    """
    layout, f, ties, books = now.block.layout, now.state.firms, now.state.ties, now.state.books
    # most firms raise nothing on any path: only stakes in those that do are touched
    raising = np.asarray(raised.any(axis=1))
    rows = np.flatnonzero(raising[layout.stake_company])
    part = who_pays(now, raised, rows)
    take_stakes(
        raised, f.value, part, rows, layout.stake_holder, layout.stake_company, ties.stake, paid, books.cash
    )  # fmt: skip
    firms = np.flatnonzero(raising)
    books.net_worth[firms] += raised[firms]
    # a share of the company at the old value grows by the cash that came in
    f.value[firms] += raised[firms]


@_kernel(numba.void(_MAT_IN, _MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _IDX_IN, _MAT, _MAT, _MAT))
def take_stakes(
    raised: Array,
    value: Array,
    part: Array,
    rows: Array,
    holder: Array,
    company: Array,
    stake: Array,
    paid: Array,
    cash: Array,
) -> None:
    """Add what holders of the stakes `rows` pay, move the cash, and mix new shares into the old; (stakes, paths)."""
    for k in range(rows.shape[0]):
        t = rows[k]
        h, c = holder[t], company[t]
        for n in range(stake.shape[1]):
            new = raised[c, n] / (max(value[c, n], 1e-6) + raised[c, n])
            paid[t, n] += raised[c, n] * part[k, n]
            stake[t, n] += new * (part[k, n] - stake[t, n])
        for n in range(stake.shape[1]):
            cash[h, n] -= raised[c, n] * part[k, n]
        for n in range(stake.shape[1]):
            cash[c, n] += raised[c, n] * part[k, n]


def issue_in_need(now: Moment, short: Array) -> bool:
    """A firm that would miss a payment, and is worth much more than that, sells new shares; whether any did.

    short: what is missing, (firms, paths). The room shrinks with mood and in a freeze as that of any round does, and is
    nothing after a default; a firm whose equity is worth little finds nobody.
    """
    e, f, r = now.state.economy, now.state.firms, now.results
    rows = np.flatnonzero((short > 0.0).any(axis=1))
    if not len(rows):
        return False
    spirits = np.minimum(e.mood / funding.RESTING_MOOD, 1.0) ** 3 * np.where(e.freeze > 0, 0.4, 1.0)
    most = funding.SHARES_IN_NEED * f.value[rows] * spirits * now.lever("finance.equity_access")
    room = most * now.block.cache["can_issue"][rows] * (f.stage[rows] < RESTRUCTURED)
    raising = now.struck("raising")
    if raising is not None:
        room = room * raising[rows]
    left, lacks = np.maximum(room - r["equity_raised"][rows], 0.0), short[rows]
    raised = np.zeros_like(short)
    raised[rows] = np.where(lacks > 0.0, np.minimum(1.02 * lacks, left), 0.0)
    sell_equity(now, raised, r["stake_paid"])
    r["equity_raised"] = r["equity_raised"] + raised
    return True


MOST_OF_CASH = 0.2
"""Share of its cash that a firm puts into rounds of others in a quarter (assumption; docs/decisions/0003)."""


def who_pays(now: Moment, raised: Array, rows: Array) -> Array:
    """Share of each round by holder for the stakes `rows`, (rows, paths), adding to one: firms pay only out of cash."""
    layout, books, cache = now.block.layout, now.state.books, now.block.cache
    share, given, left = cache["round_share"], now.struck("investing"), now.struck("raising")
    if given is not None and left is not None:
        share = shares_left(share, given, layout.stake_company, left)
    share, holder, company = share[rows], layout.stake_holder[rows], layout.stake_company[rows]
    asked = np.zeros((layout.unit_count, now.block.width))
    kernels.accumulate_product(raised, company, share, holder, asked)
    able = np.ones_like(asked)
    firms = np.unique(holder[holder < layout.firms])
    sound = now.state.firms.stage[firms] < 2.0
    able[firms] = sound * bounded(MOST_OF_CASH * books.cash[firms] / np.maximum(asked[firms], 1e-12), 0.0, 1.0)
    part = np.empty((len(rows), now.block.width))
    kernels.share_out(share, able, holder, company, np.zeros_like(asked), part)
    return part

"""Step 7, fund: what each firm needs, where it comes from, and what is cut when nothing comes."""

from __future__ import annotations

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.engine.events import shares_left
from penstock.engine.moment import Moment, alike, by_path
from penstock.engine.state import EQUIPMENT_LIFE, GONE, RESTRUCTURED
from penstock.engine.steps import lenders, rounds
from penstock.money import funding, leverage
from penstock.money.kernels import _FLAG_MAT_IN, _IDX_IN, _MAT, _MAT_IN, _VEC_IN
from penstock.passes import float64, inlined, intp, kernel, void

Array = np.ndarray

TAX_RATE = 0.15
"""Cash tax on profit before tax (assumption, 0.12 to 0.21; effective rates of the large firms)."""


def operate(now: Moment, again: bool = False) -> None:
    """Sets expenses along ties, other cost, depreciation, interest, tax and principal due of the quarter.

    Again, after funding: with the orders that go ahead, and costs as they were cut.
    """
    r, f, block, facts = now.results, now.state.firms, now.block, now.block.facts
    bought = (block.scratch.flow, *block.ties_of["purchases_of"], r["tied_capital"], r["revenue"])
    if again:
        run_again(
            *bought, r["cost_cut"], r["depreciation"], r["interest"], r["tie_expense"], r["other_cost"], r["ebitda"],
            r["tax"],
        )  # fmt: skip
        return
    plan_debt_service(now)
    r["tie_expense"], r["other_cost"], r["depreciation"], r["ebitda"], r["tax"] = np.empty((5, *f.cost.shape))
    run_firms(
        *bought, f.cost, r["project_cost"][: block.layout.owners], r["plant_revenue"],
        block.cache["revenue_opening"][: block.layout.firms], facts.flows["other_cost"], facts.conduct["variable_cost"],
        facts.conduct["marginal_cost"], f.stage, f.equipment_gross, f.compute_equipment, f.buildings, r["interest"],
        float(now.on("close")), r["tie_expense"], r["other_cost"], r["depreciation"], r["ebitda"], r["tax"],
    )  # fmt: skip


@inlined
def _buy(flow: Array, first: Array, rows: Array, capital: Array, f: int, bought: Array) -> None:
    """Set what a firm buys along its ties (`rows`, from `first`) and is no `capital`; (firms, paths), usd_bn.

    What a unit outside the firms buys is its own spending whatever it is.
    """
    bought[f] = 0.0
    for k in range(first[f], first[f + 1]):
        t = rows[k]
        for n in range(bought.shape[1]):
            bought[f, n] += flow[t, n]
    for n in range(bought.shape[1]):
        bought[f, n] -= capital[f, n]


@inlined
def _tax(
    revenue: Array, bought: Array, cost: Array, depreciation: Array, interest: Array, f: int, ebitda: Array, tax: Array
) -> None:
    """Set a firm's earnings before interest, tax and depreciation, and its tax; (firms, paths), usd_bn."""
    for n in range(ebitda.shape[1]):
        earned = revenue[f, n] - bought[f, n] - cost[f, n]
        ebitda[f, n] = earned
        tax[f, n] = TAX_RATE * max(earned - depreciation[f, n] - interest[f, n], 0.0)


@kernel(void(_MAT_IN, _IDX_IN, _IDX_IN, *[_MAT_IN] * 5, *[_MAT] * 4))
def run_again(
    flow: Array,
    first: Array,
    rows: Array,
    capital: Array,
    revenue: Array,
    cost_cut: Array,
    depreciation: Array,
    interest: Array,
    bought: Array,
    other_cost: Array,
    ebitda: Array,
    tax: Array,
) -> None:
    """Set purchases, earnings and tax anew with other costs as they were cut; (firms, paths), usd_bn."""
    for f in range(ebitda.shape[0]):
        _buy(flow, first, rows, capital, f, bought)
        for n in range(ebitda.shape[1]):
            other_cost[f, n] = max(other_cost[f, n] - cost_cut[f, n], 0.0)
        _tax(revenue, bought, other_cost, depreciation, interest, f, ebitda, tax)


BUILDING_LIFE = 80.0
"""Book life of buildings in quarters (assumption, 60 to 160: annual reports of owners write halls off over 15 to 40
years)."""


@kernel(void(_MAT_IN, _IDX_IN, _IDX_IN, *[_MAT_IN] * 14, float64, *[_MAT] * 5))
def run_firms(
    flow: Array,
    first: Array,
    rows: Array,
    capital: Array,
    taken_in: Array,
    cost: Array,
    projects: Array,
    plant_revenue: Array,
    revenue_opening: Array,
    cost_opening: Array,
    variable: Array,
    marginal: Array,
    stage: Array,
    gross: Array,
    equipment: Array,
    buildings: Array,
    interest: Array,
    wears: float,
    bought: Array,
    other_cost: Array,
    depreciation: Array,
    ebitda: Array,
    tax: Array,
) -> None:
    """Set purchases, other operating cost, depreciation, earnings and tax of each firm, usd_bn a quarter.

    All (firms, paths) but `revenue_opening`, `cost_opening`, `variable` and `marginal`, (firms, 1), and `projects` of
    owners, who stand first, (owners, paths). Other cost follows revenue with a lag (jobs), by the group's elasticity;
    no staff comes with `plant_revenue`. Equipment is depreciated by its `gross` entries, buildings by what is left;
    nothing where `wears` is 0.
    """
    for f in range(cost.shape[0]):
        _buy(flow, first, rows, capital, f, bought)
        opening, sales = cost_opening[f, 0], revenue_opening[f, 0]
        moving, at_the_margin = variable[f, 0], marginal[f, 0]
        for n in range(cost.shape[1]):
            # a part of the cost is fixed, the rest moves one for one
            revenue = taken_in[f, n] - plant_revenue[f, n]
            scale = max(revenue / sales, 1e-6)
            target = opening * (1.0 + moving * (scale - 1.0))
            # rent and rented compute cost little at the margin: a young builder's opening ratio says nothing of them
            target = min(target, opening + at_the_margin * max(revenue - sales, 0.0))
            # a restructured firm lives within what its sales leave
            means = max(0.95 * (revenue - bought[f, n]), 0.0)
            lagged = cost[f, n] + 0.35 * (target - cost[f, n])
            if f < projects.shape[0]:
                lagged += projects[f, n]
            due = min(target, means) if stage[f, n] >= RESTRUCTURED else lagged
            other_cost[f, n] = 0.0 if stage[f, n] >= GONE else max(due, 0.0)
        for n in range(cost.shape[1]):
            worn = min(gross[f, n] / EQUIPMENT_LIFE, equipment[f, n]) + buildings[f, n] / BUILDING_LIFE
            depreciation[f, n] = worn * wears
        _tax(taken_in, bought, other_cost, depreciation, interest, f, ebitda, tax)


def plan_debt_service(now: Moment) -> None:
    """Interest and principal due by tie and by firm."""
    layout, r, f, facts = now.block.layout, now.results, now.state.firms, now.block.facts
    debt, cache = now.state.ties.debt, now.block.cache
    lenders.test_covenants(now)
    # what falls due on debts stands in its place among all dues of the quarter
    dues = now.block.scratch.due
    r["interest_due"], r["principal_due"] = dues[layout.interest.slice], dues[layout.principal.slice]
    r["interest"], r["principal"] = np.empty_like(f.rate), np.empty_like(f.rate)
    fall_due(
        debt, f.rate, facts.amortisation, facts.bullet, now.quarter, now.state.economy.freeze, cache["builder_mask"],
        r["called_debt"], cache["debt_owed"], *now.block.ties_of["debts_of"], r["interest_due"], r["principal_due"],
        r["interest"], r["principal"], np.empty((2, now.block.width)),
    )  # fmt: skip


DUE_IN_A_FREEZE = 0.25
"""Part of what falls due by contract that lenders ask of builders in a freeze (assumption, 0.15 to 0.5): plant that is
half built brings them nothing."""


@kernel(void(*[_MAT_IN] * 3, _IDX_IN, intp, _VEC_IN, _FLAG_MAT_IN, *[_MAT_IN] * 2, _IDX_IN, _IDX_IN, *[_MAT] * 5))
def fall_due(
    debt: Array,
    rate: Array,
    share: Array,
    bullet: Array,
    quarter: int,
    freeze: Array,
    builds: Array,
    called: Array,
    owed: Array,
    first: Array,
    rows: Array,
    interest: Array,
    principal: Array,
    interest_of: Array,
    principal_of: Array,
    room: Array,
) -> None:
    """Set interest and principal due by debt tie and by borrower, whose debts are `rows`, from `first`; usd_bn.

    By contract falls due a `share` (ties, 1) or, from the quarter of its `bullet` (ties,) on, all of a debt that has
    one (is not below zero); less in a `freeze` where a firm `builds`, (firms, 1). Of all that is `owed` a firm is asked
    back what is `called` on top. `room` (2, paths) is there to work in.
    """
    asked, extended = room[0], room[1]
    for f in range(rate.shape[0]):
        for n in range(rate.shape[1]):
            asked[n] = called[f, n] / max(owed[f, n], 1e-9)
            extended[n] = DUE_IN_A_FREEZE if builds[f, 0] and freeze[n] > 0.0 else 1.0
            interest_of[f, n] = 0.0
            principal_of[f, n] = 0.0
        for k in range(first[f], first[f + 1]):
            t = rows[k]
            part = share[t, 0]
            if bullet[t] >= 0:
                part = 1.0 if bullet[t] <= quarter else 0.0
            for n in range(rate.shape[1]):
                interest[t, n] = debt[t, n] * rate[f, n] * 0.25
                principal[t, n] = debt[t, n] * min(part * extended[n] + asked[n], 1.0)
                interest_of[f, n] += interest[t, n]
                principal_of[f, n] += principal[t, n]


def fund(now: Moment) -> None:
    """Sets the sources of each firm's need, and its debt for the target that it keeps up; capex_scale goes ahead.

    A need is what a firm lacks this quarter, its reserve and what growth ties up included. Firms keep up the debt that
    they opened with, relative to what lenders would lend; owners get the money.
    """
    e, r, f, facts, cache = now.state.economy, now.results, now.state.firms, now.block.facts, now.block.cache
    if now.quarter == 0:
        cache["debt_target"] = leverage.target_share(cache["debt_owed"], r["debt_capacity"])
    found = np.empty((funding.SURPLUS + 1, *f.value.shape))
    r["new_debt"], r["let_stand"] = np.empty((2, *f.value.shape))
    told, width = now.struck("borrowing"), now.block.width
    funding.fund_firms(
        r["tie_expense"], r["other_cost"], r["interest"], r["tax"], r["principal"], r["capex"], r["tied_capital"],
        r["ebitda"], r["revenue"], f.revenue, r["contract_growth"], f.cost, f.bought, cache["slow_in"],
        now.state.ties.receivable, *now.block.ties_of["plant_of"], now.state.books.cash,
        facts.conduct["reserve_quarters"], np.maximum(cache["quarters_to_income"] - now.quarter, 2.0),
        cache["collect_in"], cache["paid_of"], r["debt_room"], f.rating, lenders.investment_grade(now), f.covenant,
        now.firm_chance(), f.stage,
        alike(1.0, len(cache["can_borrow"])) if told is None else np.ascontiguousarray(told),
        now.block.theta["access_loss"] * float(now.on("noise") and now.on("fund")), e.mood, e.freeze,
        e.lender_losses / facts.constants["lender_scale"], by_path(now.lever("finance.debt_access"), width), f.line,
        r["round_room"], vendor_share(now), r["tied_equipment"], facts.conduct["core_flexibility"],
        r["ai_capex_share"], cache["can_borrow"], r["debt_capacity"], cache["debt_target"], cache["debt_owed"],
        cache["quarters_to_income"], now.quarter, now.on("fund"), f.no_access, found, r["new_debt"], r["let_stand"],
        f.capex_scale, np.empty((3, width)),
    )  # fmt: skip
    r.update(
        line_drawn=found[funding.LINE],
        equity_raised=found[funding.EQUITY],
        vendor_credit=found[funding.VENDOR],
        unfunded=found[funding.UNFUNDED],
        cost_cut=found[funding.COST_CUT_BY],
        surplus_cash=found[funding.SURPLUS],
    )


def vendor_share(now: Moment) -> Array:
    """Share of the bill for equipment that suppliers let stand when the buyer is short, (paths,)."""
    policy, share = now.block.program.policy, now.block.theta["vendor_credit"]
    share = bounded(share * now.lever("finance.vendor_financing"), 0.0, 0.9)
    share = np.minimum(share, now.lever("policy.vendor_finance_cap", policy.vendor_finance_cap))
    return share if now.on("vendor_financing") else np.zeros_like(share)


def bring_money_in(now: Moment) -> None:
    """Posts loans drawn and equity rounds: cash to the firm, claims to lenders and holders."""
    draw_debt(now)
    now.results["stake_paid"] = np.zeros_like(now.state.ties.stake)
    rounds.sell_equity(now, now.results["equity_raised"], now.results["stake_paid"])


def draw_debt(now: Moment) -> None:
    """Loans of the quarter by tie, and what a firm pays on all its debt."""
    layout, r, ties, books = now.block.layout, now.results, now.state.ties, now.state.books
    share, given, left = now.block.cache["draw_share"], now.struck("lending"), now.struck("borrowing")
    if given is not None and left is not None:
        share = shares_left(share, given, layout.borrower, left)
    agree_on_rates(now)
    drawn = r["drawn"] = np.empty_like(ties.debt)
    lend(r["new_debt"], share, layout.lender, layout.borrower, drawn, ties.debt, books.cash)


@kernel(void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT, _MAT, _MAT))
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


def agree_on_rates(now: Moment) -> None:
    """Sets the rate on new debt, what a firm pays on all its debt after it, and what is left of its lines.

    Rates are (firms, paths), a year. On new debt: the risk-free rate, the firm's spread, and the price of a freeze.
    """
    e, f, r, block = now.state.economy, now.state.firms, now.results, now.block
    risk_free = now.lever("finance.risk_free_rate", block.facts.constants["risk_free_rate"]) + e.rate_shock
    cut = now.struck("spread")
    spread = f.spread if cut is None else f.spread + cut
    r["new_rate"] = np.empty_like(spread)
    price_debt(
        by_path(risk_free, block.width), spread, e.mood, e.freeze, r["new_debt"], block.cache["debt_owed"],
        r["line_drawn"], f.line, r["new_rate"], f.rate,
    )  # fmt: skip


@kernel(void(_VEC_IN, _MAT_IN, _VEC_IN, _VEC_IN, *[_MAT_IN] * 3, *[_MAT] * 3))
def price_debt(
    risk_free: Array,
    spread: Array,
    mood: Array,
    freeze: Array,
    new: Array,
    owed: Array,
    drawn: Array,
    line: Array,
    new_rate: Array,
    rate: Array,
) -> None:
    """Set the rate on new debt from each firm's `spread` and what is the same for all firms of a path.

    Move `rate` to the mean of what is owed at it and what is new, and take what is `drawn` from each `line`; (firms,
    paths).
    """
    for f in range(rate.shape[0]):
        for n in range(rate.shape[1]):
            extra = 0.01 if freeze[n] > 0.0 else 0.0
            asked = risk_free[n] + spread[f, n] * (1.5 - min(mood[n], 1.0)) + extra
            new_rate[f, n] = min(max(asked, 0.005), 0.4)
            line[f, n] -= drawn[f, n]
            old = max(owed[f, n], 1e-9)
            rate[f, n] = (rate[f, n] * old + new_rate[f, n] * new[f, n]) / (old + new[f, n])

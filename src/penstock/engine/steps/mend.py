"""Step 11, break and mend: who fails, what that does to others, and what strikes from outside."""

from __future__ import annotations

import numpy as np

from penstock.conduct import rescue
from penstock.engine.moment import SWAN_ARRIVAL, SWAN_SIZE, SWAN_TYPE, Moment
from penstock.engine.state import DISTRESS, GONE, RESTRUCTURED

Array = np.ndarray

MISS, MISSES_TO_DEFAULT, LARGEST_MISS = 0.99, 2.0, 0.35
"""A firm that pays less than 99 % misses; it defaults at the second miss running, or when 35 % stays unpaid."""

MARKS = {
    "demand": 0.25, "funding": 0.20, "chips": 0.13, "power": 0.12, "efficiency": 0.15, "rates": 0.15,
}
"""Types of black swans and their shares (MODEL_NOTES A2.20; assumption)."""


def mend(now: Moment) -> None:
    """Moves firms through distress and default, resolves the failed, and lets shocks arrive."""
    failed = find_failures(now)
    r = now.results
    r["failed_now"] = failed
    weight = np.where(now.block.cache["core_firms"], 1.0, 1.0 / 6.0)
    r["default_weight_next"] = np.minimum((failed * weight).sum(axis=0), 6.0)
    if failed.any():
        resolve(now, *np.nonzero(failed))
    again = (now.state.firms.stage == RESTRUCTURED) & (now.state.firms.missed >= 4.0)
    if again.any() and now.on("contagion"):
        liquidate(now, *np.nonzero(again))
    call_guarantees(now)
    e = now.state.economy
    for name in ("freeze", "chip_cut", "power_cut"):
        setattr(e, name, np.maximum(getattr(e, name) - 1.0, 0.0))
    e.rate_shock = 0.93 * e.rate_shock
    e.ceiling_shock = e.ceiling_shock ** 0.99
    fragility(now)
    if now.on("black_swans") and now.on("mend"):
        strike(now)


def find_failures(now: Moment) -> Array:
    """Sets stages of distress; true where a firm defaults this quarter, (firms, paths)."""
    f, r, facts, th = now.state.firms, now.results, now.block.facts, now.block.theta
    alive = f.stage < RESTRUCTURED
    missed = (r["paid_share"] < MISS) & alive
    behind = (r["paid_share"] < MISS) & (f.stage < GONE)
    f.missed = np.where(behind, f.missed + 1.0, 0.0)
    first = missed & (f.missed == 1.0) & (f.stage == 0.0)
    failed = alive & ((f.missed >= MISSES_TO_DEFAULT) | (r["paid_share"] < 1.0 - LARGEST_MISS))
    if now.on("mend"):
        # causes outside the model: the upper tail of the number whose lower tail closes market access
        rate = th["failure_intensity"] * facts.rating_default_rate * now.block.cache["intensity_scale"] / 4.0
        rich = now.state.books.cash[: now.block.layout.firms] - now.block.cache["debt_owed"] > 20.0
        own = alive & (now.firm_chance() > 1.0 - rate) & ~rich & now.on("noise")
        r["own_cause"] = own
        failed = failed | own
    else:
        r["own_cause"] = np.zeros_like(failed)
    failed = failed | forced(now, alive)
    f.stage = np.where(first & ~failed, DISTRESS, np.where(missed | ~alive | failed, f.stage, 0.0 * f.stage))
    r["distress_now"] = first & ~failed
    return failed


def forced(now: Moment, alive: Array) -> Array:
    """Defaults that the scenario orders."""
    out = np.zeros_like(alive)
    for event in now.block.program.events:
        if event.kind == "default" and event.first == now.quarter and event.target in now.block.layout.units:
            row = now.block.layout.units.index(event.target)
            if row < now.block.layout.firms:
                out[row] = alive[row]
    return out


def resolve(now: Moment, firms: Array, lanes: Array) -> None:
    """Default of the pairs (firm, path): claims written down, contracts cut, plant sold or kept."""
    layout, f, books, r = now.block.layout, now.state.firms, now.state.books, now.results
    contagion = now.on("contagion")
    plant = f.compute_equipment[firms, lanes] + f.buildings[firms, lanes] + f.construction[firms, lanes]
    liabilities = now.block.cache["debt_owed"][firms, lanes] + f.other_liabilities[firms, lanes]
    buyer, price = find_buyers(now, firms, lanes, plant)
    fate = rescue.resolution(plant, liabilities, buyer)
    if not contagion:
        fate = np.where(fate == rescue.LIQUIDATION, rescue.RESTRUCTURING, fate)
    before = claims_of(now, firms, lanes)
    if contagion:
        pay_default_cost(now, firms, lanes)
        write_down_claims(now, firms, lanes)
        impair(now, firms, lanes, np.where(fate == rescue.LIQUIDATION, 0.8, 0.5))
        cut_contracts(now, firms, lanes)
    sell_plant(now, firms, lanes, buyer, price)
    gone = fate == rescue.LIQUIDATION
    f.stage[firms, lanes] = np.where(gone, GONE, RESTRUCTURED)
    f.activity[firms, lanes] *= np.where(gone, 0.0, np.where(fate == rescue.ACQUISITION, 0.5, 0.75)) if contagion else 1.0
    f.line[firms, lanes] = 0.0
    e = now.state.economy
    loss = before - claims_of(now, firms, lanes)
    np.add.at(e.lender_losses, lanes, np.maximum(loss, 0.0))
    r["resolved"] = np.stack([firms, lanes, fate, buyer])
    r["resolved_loss"] = loss
    r["resolved_claims"] = before


def liquidate(now: Moment, firms: Array, lanes: Array) -> None:
    """A restructured firm that cannot pay for a year is wound up."""
    f = now.state.firms
    write_down_claims(now, firms, lanes)
    impair(now, firms, lanes, np.full(len(firms), 0.8))
    f.stage[firms, lanes] = GONE
    f.activity[firms, lanes] = 0.0
    now.results["liquidated"] = np.stack([firms, lanes])


def claims_of(now: Moment, firms: Array, lanes: Array) -> Array:
    """Debt of failed pairs, usd_bn."""
    ties, cache = now.state.ties, now.block.cache
    out = np.zeros(len(firms))
    for pair, (firm, lane) in enumerate(zip(firms, lanes, strict=True)):
        out[pair] = ties.debt[cache["debts_of"][firm], lane].sum()
    return out


def find_buyers(now: Moment, firms: Array, lanes: Array, plant: Array) -> tuple[Array, Array]:
    """The most liquid eligible firm for each failed firm's plant, and the price; -1 where nobody buys."""
    cache, f, layout = now.block.cache, now.state.firms, now.block.layout
    candidates = cache["buyers"]
    market = (f.compute_equipment[: layout.owners] + f.buildings[: layout.owners]).sum(axis=0)[lanes]
    price = plant * rescue.fire_sale_price(plant, market)
    if not now.on("mend") or not len(candidates):
        return np.full(len(firms), -1), np.zeros(len(firms))
    cash = now.state.books.cash[candidates][:, lanes]
    sound = f.stage[candidates][:, lanes] == 0.0
    cash = np.where(sound & (candidates[:, None] != firms[None]), cash, -np.inf)
    best = rescue.choose_buyer(cash, np.ones(len(candidates), dtype=bool), price)
    eligible = cache["for_sale"][firms] & (plant > 0.5) & (best >= 0)
    buyer = np.where(eligible, candidates[np.maximum(best, 0)], -1)
    return buyer, np.where(eligible, price, 0.0)


def pay_default_cost(now: Moment, firms: Array, lanes: Array) -> None:
    """Lawyers and disruption take a share of the cash that is left (Rogers and Veraart's default cost)."""
    books, th = now.state.books, now.block.theta
    rest = now.block.layout.sector["row_rest"]
    cost = np.maximum(books.cash[firms, lanes], 0.0) * th["default_cost"][lanes]
    books.cash[firms, lanes] -= cost
    books.net_worth[firms, lanes] -= cost
    np.add.at(books.cash, (rest, lanes), cost)
    np.add.at(books.net_worth, (rest, lanes), cost)


def write_down_claims(now: Moment, firms: Array, lanes: Array) -> None:
    """Debt, unpaid bills and called guarantees fall to their recovery: the debtor's gain is the creditor's loss."""
    layout, ties, books, th, cache = (
        now.block.layout, now.state.ties, now.state.books, now.block.theta, now.block.cache,
    )
    scale = np.broadcast_to(np.asarray(now.lever("finance.recovery")), (now.block.width,))
    for firm, lane in zip(firms, lanes, strict=True):
        debts = cache["debts_of"][firm]
        secured = now.block.facts.secured[debts]
        kept = np.where(secured, th["recovery_secured"][lane], th["recovery_unsecured"][lane])
        if firm < layout.owners:
            kept = np.minimum(kept, th["recovery_compute"][lane] + 0.2 * secured)
        kept = np.clip(kept * scale[lane], 0.0, 1.0)
        _write_down(books, layout.lender[debts], firm, lane, ties.debt, debts, 1.0 - kept)
        bills = cache["bills_of"][firm]
        part = np.full(len(bills), 1.0 - min(th["recovery_unsecured"][lane] * scale[lane], 1.0))
        _write_down(books, layout.payee[bills], firm, lane, ties.receivable, bills, part)
        called = cache["called_of"][firm]
        part = np.full(len(called), 1.0 - th["recovery_unsecured"][lane])
        guarantors = layout.payer[layout.guarantee.start + called]
        _write_down(books, guarantors, firm, lane, ties.called, called, part)


def _write_down(books, creditor, debtor, lane, balance, rows, part) -> None:  # type: ignore[no-untyped-def]
    loss = balance[rows, lane] * part
    balance[rows, lane] -= loss
    np.subtract.at(books.net_worth, (creditor, lane), loss)
    books.net_worth[debtor, lane] += loss.sum()


def impair(now: Moment, firms: Array, lanes: Array, part: Array) -> None:
    """Plant of a failed firm is worth what a forced sale brings."""
    f, books = now.state.firms, now.state.books
    for item in (f.compute_equipment, f.buildings, f.construction, f.inventory, f.goodwill):
        loss = item[firms, lanes] * part
        item[firms, lanes] -= loss
        books.net_worth[firms, lanes] -= loss
    f.equipment_gross[firms, lanes] *= 1.0 - part
    f.equipment_entries[:, firms, lanes] *= 1.0 - part


def cut_contracts(now: Moment, firms: Array, lanes: Array) -> None:
    """Contracts that a failed firm pays end in part: 30 % of compute goes on for labs, half of the rest."""
    cache, ties = now.block.cache, now.state.ties
    for firm, lane in zip(firms, lanes, strict=True):
        ties.activity[cache["contracts_of"][firm], lane] *= cache["contract_left"][firm]


def sell_plant(now: Moment, firms: Array, lanes: Array, buyer: Array, price: Array) -> None:
    """A buyer takes half of the plant and the fleet for cash; the cash goes to the lenders pro rata."""
    books, f, ties, cache, fleet, layout = (
        now.state.books, now.state.firms, now.state.ties, now.block.cache, now.state.fleet, now.block.layout,
    )
    for firm, lane, who, paid in zip(firms, lanes, buyer, price, strict=True):
        if who < 0:
            continue
        plant = f.compute_equipment[firm, lane] + f.buildings[firm, lane]
        paid = min(paid, 0.9 * plant)
        if paid <= 1e-6:
            continue
        books.cash[who, lane] -= paid
        books.cash[firm, lane] += paid
        f.buildings[who, lane] += paid
        left = 1.0 - paid / plant
        for item in (f.compute_equipment, f.buildings):
            item[firm, lane] *= left
        f.equipment_gross[firm, lane] *= left
        f.equipment_entries[:, firm, lane] *= left
        debts = cache["debts_of"][firm]
        owed = ties.debt[debts, lane]
        share = min(1.0, paid / max(owed.sum(), 1e-12))
        repaid = owed * share
        ties.debt[debts, lane] -= repaid
        books.cash[firm, lane] -= repaid.sum()
        np.add.at(books.cash, (layout.lender[debts], lane), repaid)
        if firm < layout.owners and who < layout.owners:
            for array in (fleet.stock, fleet.power):
                array[:, who, lane] += 0.5 * array[:, firm, lane]
                array[:, firm, lane] *= 0.5
            for array in (fleet.halls, fleet.firm_power, fleet.delivered, fleet.retired, fleet.failed, fleet.waiting):
                array[who, lane] += 0.5 * array[firm, lane]
                array[firm, lane] *= 0.5


def call_guarantees(now: Moment) -> None:
    """Dues of guarantors next quarter: 90 % of the rent that a failed beneficiary no longer pays, up to the cap."""
    cache, layout, f = now.block.cache, now.block.layout, now.state.firms
    beneficiary = now.block.facts.guarantee_beneficiary
    if not len(beneficiary):
        return
    failed = f.stage[beneficiary] >= RESTRUCTURED
    if not failed.any():
        cache["called"] = np.zeros_like(now.state.ties.guarantee)
        return
    rent = cache["guaranteed_rent"] * (1.0 - f.activity[beneficiary])
    guarantor = layout.payer[layout.guarantee.slice]
    inside = guarantor < layout.firms
    able = np.ones_like(rent)
    able[inside] = f.stage[guarantor[inside]] < RESTRUCTURED
    cache["called"] = np.where(failed, np.minimum(0.9 * rent, now.state.ties.guarantee) * able, 0.0)


def fragility(now: Moment) -> None:
    """How much of the build-out hangs on outside money and on debt."""
    e, r, f, layout = now.state.economy, now.results, now.state.firms, now.block.layout
    owners = slice(0, layout.owners)
    earned = np.maximum(4.0 * f.ebitda[owners].sum(axis=0), 1.0)
    spent = 4.0 * r["ai_capex"]
    debt = now.block.cache["debt_owed"][owners].sum(axis=0)
    first = np.clip(2.5 * (spent - 0.8 * earned - 0.3 * r["spending"].sum(axis=0)) / earned, 0.0, 3.0)
    e.fragility = first + np.clip(debt / earned - 1.0, 0.0, 2.0)
    e.lender_losses = 0.75 * e.lender_losses


def strike(now: Moment) -> None:
    """Black swans: a Poisson arrival whose hazard grows with fragility; the type and size are drawn."""
    e, th = now.state.economy, now.block.theta
    base = now.lever("shock.base_rate_per_year", th["swan_base_rate"])
    hazard = base * (1.0 + th["swan_fragility"] * e.fragility) / 4.0
    arrived = now.chance(SWAN_ARRIVAL) < hazard
    now.results["swan"] = np.zeros(now.block.width)
    if not arrived.any():
        return
    kind = np.searchsorted(np.cumsum(list(MARKS.values())), now.chance(SWAN_TYPE))
    kind = np.minimum(kind, len(MARKS) - 1)
    # fat tail: a Pareto size with exponent 3 and mean 0.75, cut at 3
    size = np.minimum(0.5 * (1.0 - now.chance(SWAN_SIZE)) ** (-1.0 / 3.0), 3.0) * now.lever("shock.severity")
    hit = {name: arrived & (kind == number) for number, name in enumerate(MARKS)}
    e.ceiling_shock = np.where(hit["demand"], e.ceiling_shock * np.exp(-0.25 * size), e.ceiling_shock)
    e.noise = np.where(hit["demand"], e.noise - 0.35 * size, e.noise)
    e.freeze = np.where(hit["funding"], 2.0 + 2.0 * size, e.freeze)
    e.chip_cut = np.where(hit["chips"], 4.0 * size, e.chip_cut)
    e.power_cut = np.where(hit["power"], 8.0 * size, e.power_cut)
    e.compute_per_token = np.where(hit["efficiency"], e.compute_per_token * np.exp(-0.5 * size), e.compute_per_token)
    e.rate_shock = np.where(hit["rates"], e.rate_shock + 0.02 * size, e.rate_shock)
    e.mood = np.where(arrived, e.mood * np.exp(-0.15 * size), e.mood)
    now.results["swan"] = np.where(arrived, kind + 1.0, 0.0)

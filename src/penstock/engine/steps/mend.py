"""Step 11, break and mend: who fails, what that does to others, and what strikes from outside."""

from __future__ import annotations

import numpy as np

from penstock.bounds import bounded
from penstock.conduct import rescue
from penstock.engine.moment import SWAN_ARRIVAL, SWAN_SIZE, SWAN_TYPE, Moment
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.engine.steps import estate, failures, lenders
from penstock.money import failure

Array = np.ndarray

MARKS = {
    "demand": 0.25,
    "funding": 0.20,
    "chips": 0.13,
    "power": 0.12,
    "efficiency": 0.15,
    "rates": 0.15,
}
"""Types of black swans and their shares (assumption; docs/decisions/0003)."""


def mend(now: Moment) -> None:
    """Moves firms through distress and default, resolves the failed, and lets shocks arrive."""
    failed = failures.find_failures(now)
    r = now.results
    r["failed_now"] = failed
    r["repaid"] = np.zeros(failed.shape)
    weight = np.where(now.block.cache["core_firms"], 1.0, 1.0 / 6.0)
    r["default_weight_next"] = np.minimum((failed * weight).sum(axis=0), 6.0)
    if failed.any():
        resolve(now, *failure.pairs(failed))
    again = (now.state.firms.stage == RESTRUCTURED) & (now.state.firms.missed >= 4.0)
    if again.any() and now.on("contagion"):
        liquidate(now, *failure.pairs(again))
    renegotiate(now)
    if now.on("contagion"):
        frighten_lenders(now, failed)
    call_guarantees(now)
    e = now.state.economy
    for name in ("freeze", "chip_cut", "power_cut"):
        setattr(e, name, np.maximum(getattr(e, name) - 1.0, 0.0))
    e.rate_shock = 0.93 * e.rate_shock
    e.ceiling_shock = e.ceiling_shock**0.99
    fragility(now)
    if now.on("black_swans") and now.on("mend"):
        strike(now)


def resolve(now: Moment, firms: Array, lanes: Array) -> None:
    """Default of the pairs (firm, path): claims written down, contracts cut, plant sold or kept."""
    f, r = now.state.firms, now.results
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
        goes_on = fate != rescue.LIQUIDATION
        write_down_claims(now, firms[goes_on], lanes[goes_on])
        impair(now, firms[goes_on], lanes[goes_on], np.full(goes_on.sum(), estate.IMPAIRED))
        cut_contracts(now, firms, lanes)
    r["resolved_price"] = sell_plant(now, firms, lanes, buyer, price)
    gone = fate == rescue.LIQUIDATION
    if contagion and gone.any():
        estate.wind_up(now, firms[gone], lanes[gone], np.zeros(gone.sum()))
    f.stage[firms, lanes] = np.where(gone, GONE, RESTRUCTURED)
    f.activity[firms, lanes] *= (
        np.where(gone, 0.0, np.where(fate == rescue.ACQUISITION, 0.5, 0.75)) if contagion else 1.0
    )
    f.line[firms, lanes] = 0.0
    e = now.state.economy
    loss = before - claims_of(now, firms, lanes) - r["repaid"][firms, lanes]
    np.add.at(e.lender_losses, lanes, np.maximum(loss, 0.0))
    r["resolved"] = np.stack([firms, lanes, fate, buyer])
    r["resolved_loss"] = loss
    r["resolved_claims"] = before


def repay_lenders(now: Moment, firms: Array, lanes: Array, amount: Array) -> None:
    """Pays lenders pro rata out of the firm's cash, at most what they are owed; adds to `repaid` (firms, paths)."""
    layout, ties, books = now.block.layout, now.state.ties, now.state.books
    owed = claims_of(now, firms, lanes)
    share = np.minimum(1.0, amount / np.maximum(owed, 1e-12))
    pair, tie = failure.ties_of_pairs(firms, *now.block.ties_of["debts_of"])
    paid = ties.debt[tie, lanes[pair]] * share[pair]
    now.handed_over.append(("repayment", layout.lender[tie], firms[pair], lanes[pair], paid, tie))
    failure.repay(firms, lanes, *now.block.ties_of["debts_of"], layout.lender, share, ties.debt, books.cash)
    now.results["repaid"][firms, lanes] += owed * share


def liquidate(now: Moment, firms: Array, lanes: Array) -> None:
    """A restructured firm that cannot pay for a year is wound up."""
    f = now.state.firms
    estate.wind_up(now, firms, lanes, np.full(len(firms), estate.IMPAIRED))
    f.stage[firms, lanes] = GONE
    f.activity[firms, lanes] = 0.0
    now.results["liquidated"] = np.stack([firms, lanes])


def claims_of(now: Moment, firms: Array, lanes: Array) -> Array:
    """Debt of failed pairs, usd_bn."""
    out = np.zeros(len(firms))
    failure.total(firms, lanes, *now.block.ties_of["debts_of"], now.state.ties.debt, out)
    return out


LOST_SALES = 0.15
"""Share of a firm's sales lost to failed customers at which its lenders close for a year (assumption, 0.1 to 0.3).

Project loans carry a debt-service cover of about 1.2: a loss of a sixth of the income breaches it.
"""
RENEGOTIATED = 0.7
"""Share of its contracts that a lab keeps when it first falls short (assumption, 0.5 to 0.9; docs/decisions/0003)."""


def renegotiate(now: Moment) -> None:
    """A lab that misses for the first time cuts its compute contracts once."""
    cache, distress = now.block.cache, now.results["distress_now"]
    mine = distress & cache["lab_mask"] & ~now.results["contained"]
    if mine.any():
        firms, lanes = failure.pairs(mine)
        left = np.full(len(firms), RENEGOTIATED)
        failure.cut(firms, lanes, *now.block.ties_of["contracts_of"], left, now.state.ties.activity)


def frighten_lenders(now: Moment, failed: Array) -> None:
    """Sellers that lose a large part of their sales with a failed customer breach covenants and lose the market."""
    if not failed.any():
        return
    cache, layout, f = now.block.cache, now.block.layout, now.state.firms
    firms, lanes = failure.pairs(failed)
    lost = np.zeros((layout.unit_count, now.block.width))
    failure.lose_sales(
        firms,
        lanes,
        *now.block.ties_of["contracts_of"],
        layout.payee,
        now.block.scratch.flow,
        cache["contract_left"][firms],
        lost,
    )
    rows = np.flatnonzero(lost[: layout.firms].any(axis=1))
    breach = (lost[rows] > LOST_SALES * (f.revenue[rows] + 1e-9)) & (lenders.investment_grade(now)[rows] < 0.5)
    f.no_access[rows] = np.where(breach, np.maximum(f.no_access[rows], 4.0), f.no_access[rows])
    f.covenant[rows] = np.where(breach, lenders.MEMORY_QUARTERS, f.covenant[rows])


def find_buyers(now: Moment, firms: Array, lanes: Array, plant: Array) -> tuple[Array, Array]:
    """The most liquid eligible firm for each failed firm's plant, and the price; -1 where nobody buys."""
    cache, f, layout = now.block.cache, now.state.firms, now.block.layout
    candidates = cache["buyers"]
    market = (f.compute_equipment[: layout.owners] + f.buildings[: layout.owners]).sum(axis=0)[lanes]
    price = plant * rescue.fire_sale_price(plant, market)
    if not now.on("mend") or not len(candidates):
        return np.full(len(firms), -1), np.zeros(len(firms))
    cash = np.where(f.stage[candidates] == 0.0, now.state.books.cash[candidates], -np.inf)
    buyer = rescue.richest_other(cash, candidates, firms, lanes, price)
    eligible = cache["for_sale"][firms] & (plant > now.block.facts.constants["least_plant_for_sale"]) & (buyer >= 0)
    return np.where(eligible, buyer, -1), np.where(eligible, price, 0.0)


def pay_default_cost(now: Moment, firms: Array, lanes: Array) -> None:
    """Lawyers and disruption take a share of the cash that is left (Rogers and Veraart's default cost)."""
    books, th = now.state.books, now.block.theta
    rest = now.block.layout.sector["row_rest"]
    cost = np.maximum(books.cash[firms, lanes], 0.0) * th["default_cost"][lanes]
    nowhere = np.full(len(firms), -1)
    now.handed_over.append(("default_cost", np.full(len(firms), rest), firms, lanes, cost, nowhere))
    books.cash[firms, lanes] -= cost
    books.net_worth[firms, lanes] -= cost
    np.add.at(books.cash[rest], lanes, cost)
    np.add.at(books.net_worth[rest], lanes, cost)


def write_down_claims(now: Moment, firms: Array, lanes: Array) -> None:
    """Debt, unpaid bills and called guarantees fall to their recovery: the debtor's gain is the creditor's loss."""
    layout, th = now.block.layout, now.block.theta
    scale = np.broadcast_to(np.asarray(now.lever("finance.recovery")), (now.block.width,))[lanes]
    other = bounded(th["recovery_unsecured"][lanes] * scale, 0.0, 1.0)
    secured = bounded(th["recovery_secured"][lanes] * scale, 0.0, 1.0)
    on_chips = firms < layout.owners
    chips = th["recovery_compute"][lanes] * scale
    # what stands behind the debt of a fleet owner is its chips
    debt_other = np.where(on_chips, np.minimum(other, chips), other)
    debt_secured = np.where(on_chips, np.minimum(secured, chips + 0.2), secured)
    cut_claims(now, firms, lanes, debt_secured, debt_other, other)


def cut_claims(now: Moment, firms: Array, lanes: Array, debt_secured: Array, debt_other: Array, other: Array) -> None:
    """Cut debt by rank, unpaid bills and called guarantees to the shares that are kept."""
    layout, ties, books, cache = now.block.layout, now.state.ties, now.state.books, now.block.cache
    rows = layout.operating.slice
    guarantors = layout.payer[layout.guarantee.slice]
    claims = (
        ("debts_of", layout.lender, cache["ranks_first"], debt_secured, debt_other, ties.debt),
        ("bills_of", layout.payee[rows], cache["no_security"][rows], other, other, ties.receivable),
        ("called_of", guarantors, cache["no_security"][: len(guarantors)], other, other, ties.called),
    )
    for name, creditor, ranked, kept_secured, kept_other, balance in claims:
        first, by_firm = now.block.ties_of[name]
        count = first[firms + 1] - first[firms]
        tie, claim, lost = np.empty(count.sum(), dtype=np.intp), np.empty(count.sum()), np.empty(count.sum())
        failure.write_down(
            firms,
            lanes,
            first,
            by_firm,
            creditor,
            ranked,
            kept_secured,
            kept_other,
            balance,
            books.net_worth,
            tie,
            claim,
            lost,
        )
        now.written_down.append((name, np.repeat(firms, count), np.repeat(lanes, count), tie, claim, lost))


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
    """Contracts that a failed firm pays (compute, leases, energy) go on in part: 30 % for labs, half for all others."""
    cache = now.block.cache
    failure.cut(
        firms, lanes, *now.block.ties_of["contracts_of"], cache["contract_left"][firms], now.state.ties.activity
    )


def sell_plant(now: Moment, firms: Array, lanes: Array, buyer: Array, price: Array) -> Array:
    """A buyer takes half of the fleet and plant at a low price; the cash goes to the lenders pro rata.

    Returns what was paid for the plant of each pair, usd_bn.
    """
    books, f, fleet, layout = now.state.books, now.state.firms, now.state.fleet, now.block.layout
    plant = f.compute_equipment[firms, lanes] + f.buildings[firms, lanes]
    paid = np.minimum(price, 0.9 * plant)
    sold = (buyer >= 0) & (paid > 1e-6)
    prices = np.where(sold, paid, 0.0)
    if not sold.any():
        return prices
    firms, lanes, buyer, plant, paid = firms[sold], lanes[sold], buyer[sold], plant[sold], paid[sold]
    now.handed_over.append(("plant", buyer, firms, lanes, paid, np.full(len(firms), -1)))
    np.subtract.at(books.cash, (buyer, lanes), paid)
    books.cash[firms, lanes] += paid
    np.add.at(f.buildings, (buyer, lanes), paid)
    left = 1.0 - paid / plant
    for item in (f.compute_equipment, f.buildings, f.equipment_gross):
        item[firms, lanes] *= left
    f.equipment_entries[:, firms, lanes] *= left
    repay_lenders(now, firms, lanes, paid)
    both = firms < layout.owners
    if not both.any():
        return prices
    firms, lanes, buyer = firms[both], lanes[both], buyer[both]
    ages = np.arange(fleet.stock.shape[0])[:, None]
    for array in (fleet.stock, fleet.power):
        half = 0.5 * array[:, firms, lanes]
        np.add.at(array, (ages, buyer[None], lanes[None]), half)
        array[:, firms, lanes] -= half
    for array in (fleet.halls, fleet.firm_power, fleet.delivered, fleet.retired, fleet.failed, fleet.waiting):
        half = 0.5 * array[firms, lanes]
        np.add.at(array, (buyer, lanes), half)
        array[firms, lanes] -= half
    return prices


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
    backing = now.struck("backing")
    if backing is not None:
        able *= backing
    cache["called"] = np.where(failed, np.minimum(0.9 * rent, now.state.ties.guarantee) * able, 0.0)


def fragility(now: Moment) -> None:
    """How much of the build-out hangs on outside money and on debt."""
    e, r, f, layout = now.state.economy, now.results, now.state.firms, now.block.layout
    owners = slice(0, layout.owners)
    earned = np.maximum(4.0 * f.ebitda[owners].sum(axis=0), 1.0)
    spent = 4.0 * r["ai_capex"]
    debt = now.block.cache["debt_owed"][owners].sum(axis=0)
    first = bounded(2.5 * (spent - 0.8 * earned - 0.3 * r["spending"].sum(axis=0)) / earned, 0.0, 3.0)
    e.fragility = first + bounded(debt / earned - 1.0, 0.0, 2.0)
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

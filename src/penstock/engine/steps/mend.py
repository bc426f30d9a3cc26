"""Step 11, break and mend: who fails, what that does to others, and what strikes from outside."""

from __future__ import annotations

from penstock.arrays import np
from penstock.conduct import rescue
from penstock.engine.moment import SWAN_ARRIVAL, SWAN_SIZE, SWAN_TYPE, Moment, by_path
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.engine.steps import estate, failures, fleets, lenders, pairs
from penstock.money import failure
from penstock.money.kernels import _IDX_IN, _INT, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import kernel, void

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
    r, f = now.results, now.state.firms
    r["failed_now"] = failed
    pairs_failed = failure.pairs(failed)
    r["distressed_firms"], r["distressed_paths"] = failure.pairs(r["distress_now"])
    # zero but within this step
    r["repaid"] = now.block.cache["repaid"]
    if len(pairs_failed[0]):
        resolve(now, *pairs_failed)
    again = failures.overdue(f.stage, f.missed)
    if len(again[0]) and now.on("contagion"):
        liquidate(now, *again)
    for firms, lanes in (pairs_failed, again):
        r["repaid"][firms, lanes] = 0.0
    pairs.renegotiate(
        r["distressed_firms"], r["distressed_paths"], now.block.cache["is_lab"], r["contained"], RENEGOTIATED,
        *now.block.ties_of["contracts_of"], now.state.ties.activity,
    )  # fmt: skip
    if now.on("contagion"):
        frighten_lenders(now, *pairs_failed)
    call_guarantees(now)
    calm_down(now)
    if now.on("black_swans") and now.on("mend"):
        strike(now)


def resolve(now: Moment, firms: Array, lanes: Array) -> None:
    """Default of the pairs (firm, path): claims written down, contracts cut, plant sold or kept."""
    f, r, layout, ties, books = now.state.firms, now.results, now.block.layout, now.state.ties, now.state.books
    contagion, debts = now.on("contagion"), now.block.ties_of["debts_of"]
    plant, liabilities, before, market, loss = np.empty((5, len(firms)))
    pairs.weigh(
        firms, lanes, *debts, f.compute_equipment, f.buildings, f.construction, now.block.cache["debt_owed"],
        f.other_liabilities, ties.debt, layout.owners, plant, liabilities, before, market, np.empty(now.block.width),
    )  # fmt: skip
    r["resolved"] = np.empty((4, len(firms)), dtype=np.intp)
    r["resolved"][0], r["resolved"][1] = firms, lanes
    fate, buyer = r["resolved"][2], r["resolved"][3]
    price = find_buyers(now, firms, lanes, plant, liabilities, market, buyer, fate)
    gone = fate == rescue.LIQUIDATION
    ends = bool(gone.any())
    if contagion:
        pay_default_cost(now, firms, lanes)
        stays, on = (firms[~gone], lanes[~gone]) if ends else (firms, lanes)
        write_down_claims(now, stays, on)
        pairs.impair(
            stays, on, estate.IMPAIRED, f.equipment_entries, f.equipment_gross, f.compute_equipment, f.buildings,
            f.construction, f.inventory, f.goodwill, books.net_worth,
        )  # fmt: skip
        left = now.block.cache["contract_left"][firms]
        failure.cut(firms, lanes, *now.block.ties_of["contracts_of"], left, ties.activity)
    r["resolved_price"] = sell_plant(now, firms, lanes, buyer, price)
    if ends:
        estate.wind_up(now, firms[gone], lanes[gone], np.zeros(int(gone.sum())))
    pairs.conclude(
        firms, lanes, fate, *debts, before, ties.debt, r["repaid"], float(contagion), loss,
        now.state.economy.lender_losses, f.stage, f.activity, f.line,
    )  # fmt: skip
    r["resolved_loss"], r["resolved_claims"] = loss, before


def repay_lenders(now: Moment, firms: Array, lanes: Array, amount: Array) -> None:
    """Pays lenders pro rata out of the firm's cash, at most what they are owed; adds to `repaid` (firms, paths)."""
    first, rows = now.block.ties_of["debts_of"]
    count = failure.count_ties(firms, first)
    receiver, debtor, lane, tie = np.empty((4, count), dtype=np.intp)
    paid = np.empty(count)
    failure.repay(
        firms, lanes, first, rows, now.block.layout.lender, amount, now.state.ties.debt, now.state.books.cash,
        now.results["repaid"], receiver, debtor, lane, tie, paid,
    )  # fmt: skip
    now.handed_over.append(("repayment", receiver, debtor, lane, paid, tie))


def liquidate(now: Moment, firms: Array, lanes: Array) -> None:
    """A restructured firm that cannot pay for a year is wound up."""
    f = now.state.firms
    estate.wind_up(now, firms, lanes, np.full(len(firms), estate.IMPAIRED))
    f.stage[firms, lanes] = GONE
    f.activity[firms, lanes] = 0.0
    now.results["liquidated"] = np.stack([firms, lanes])


RENEGOTIATED = 0.7
"""Share of its contracts that a lab keeps when it first falls short (assumption, 0.5 to 0.9; docs/decisions/0003)."""


def frighten_lenders(now: Moment, firms: Array, lanes: Array) -> None:
    """Sellers that lose a large part of their sales with a failed customer breach covenants and lose the market."""
    if not len(firms):
        return
    f, scratch = now.state.firms, now.block.scratch
    pairs.frighten(
        firms, lanes, *now.block.ties_of["contracts_of"], now.block.layout.payee, scratch.flow,
        now.block.cache["contract_left"], f.revenue, f.rating, failures.grades_told(now), lenders.INVESTMENT_GRADE,
        lenders.MEMORY_QUARTERS, scratch.lost, f.no_access, f.covenant,
    )  # fmt: skip


def find_buyers(
    now: Moment,
    firms: Array,
    lanes: Array,
    plant: Array,
    liabilities: Array,
    market: Array,
    buyer: Array,
    fate: Array,
) -> Array:
    """Sets the most liquid eligible firm for each failed firm's plant, -1 where nobody buys, and what becomes of the
    firm; returns the price, usd_bn.

    market: plant of all owners on the path of each pair, usd_bn.
    """
    cache, block = now.block.cache, now.block
    price = plant * rescue.fire_sale_price(plant, market)
    richest, second = np.empty((2, block.width), dtype=np.intp)
    rescue.choose_buyers(
        now.state.books.cash, now.state.firms.stage, cache["buyers"] if now.on("mend") else cache["buyers"][:0], firms,
        lanes, plant, liabilities, cache["for_sale"], block.facts.constants["least_plant_for_sale"],
        now.on("contagion"), price, buyer, fate, richest, second,
    )  # fmt: skip
    return price


def pay_default_cost(now: Moment, firms: Array, lanes: Array) -> None:
    """Lawyers and disruption take a share of the cash that is left (Rogers and Veraart's default cost)."""
    books, cost, rest = now.state.books, np.empty(len(firms)), now.block.layout.sector["row_rest"]
    pairs.pay_costs(firms, lanes, now.block.theta["default_cost"], rest, cost, books.cash, books.net_worth)
    now.handed_over.append(("default_cost", rest, firms, lanes, cost, -1))


def write_down_claims(now: Moment, firms: Array, lanes: Array) -> None:
    """Debt, unpaid bills and called guarantees fall to their recovery: the debtor's gain is the creditor's loss."""
    layout, th = now.block.layout, now.block.theta
    secured, debt, other = np.empty((3, len(firms)))
    pairs.recover(
        firms, lanes, layout.owners, th["recovery_unsecured"], th["recovery_secured"], th["recovery_compute"],
        by_path(now.lever("finance.recovery"), now.block.width), secured, debt, other,
    )  # fmt: skip
    cut_claims(now, firms, lanes, secured, debt, other)


def cut_claims(now: Moment, firms: Array, lanes: Array, debt_secured: Array, debt_other: Array, other: Array) -> None:
    """Cut debt by rank, unpaid bills and called guarantees to the shares that are kept."""
    kept = {"debts_of": (debt_secured, debt_other)}
    for name, creditor, ranked, balance in estate.claims_on(now):
        first, rows = now.block.ties_of[name]
        count = failure.count_ties(firms, first)
        debtor, lane, tie = np.empty((3, count), dtype=np.intp)
        claim, lost = np.empty((2, count))
        failure.write_down(
            firms, lanes, first, rows, creditor, ranked, *kept.get(name, (other, other)), balance,
            now.state.books.net_worth, debtor, lane, tie, claim, lost,
        )  # fmt: skip
        now.written_down.append((name, debtor, lane, tie, claim, lost))


def sell_plant(now: Moment, firms: Array, lanes: Array, buyer: Array, price: Array) -> Array:
    """A buyer takes half of the fleet and plant at a low price; the cash goes to the lenders pro rata.

    Returns what was paid for the plant of each pair, usd_bn.
    """
    f, fleet, r = now.state.firms, now.state.fleet, now.results
    plant, paid, half = np.empty((3, len(firms)))
    pairs.hand_over_plant(
        firms, lanes, buyer, price, f.equipment_entries, f.equipment_gross, f.compute_equipment, f.buildings,
        now.state.books.cash, plant, paid,
    )  # fmt: skip
    if paid.any():
        now.handed_over.append(("plant", buyer, firms, lanes, paid, -1))
        repay_lenders(now, firms, lanes, paid)
        fleets.before_they_move(now, lanes, firms, buyer)
        pairs.hand_over_half(
            firms, lanes, buyer, paid, now.block.layout.owners, fleet.halls, fleet.firm_power, fleet.delivered,
            fleet.retired, fleet.failed, fleet.waiting, fleet.bought, fleet.opening_power, fleet.lasting, fleet.drawn,
            r["stock_after"], r["power_after"], half,
        )  # fmt: skip
    return paid


def call_guarantees(now: Moment) -> None:
    """Dues of guarantors next quarter: 90 % of the rent that a failed beneficiary no longer pays, up to the cap."""
    cache, layout, f = now.block.cache, now.block.layout, now.state.firms
    beneficiary = now.block.facts.guarantee_beneficiary
    if not len(beneficiary):
        return
    called, backing = np.empty_like(now.state.ties.guarantee), now.struck("backing")
    call(
        beneficiary, layout.payer[layout.guarantee.slice], f.stage, f.activity, cache["guaranteed_rent"],
        now.state.ties.guarantee, called,
    )  # fmt: skip
    cache["called"] = called if backing is None else called * backing


@kernel(void(_IDX_IN, _IDX_IN, *[_MAT_IN] * 4, _MAT))
def call(
    beneficiary: Array, guarantor: Array, stage: Array, activity: Array, rent: Array, cap: Array, called: Array
) -> None:
    """Set what is `called` of each guarantee, (guarantees, paths): 90 % of rent no longer paid, up to the `cap`.

    Nothing is, where the beneficiary goes on, or where the guarantor failed itself; `stage` and `activity` (firms,
    paths).
    """
    for t in range(called.shape[0]):
        b, g = beneficiary[t], guarantor[t]
        for n in range(called.shape[1]):
            lost = 0.9 * (rent[t, n] * (1.0 - activity[b, n]))
            sound = g >= stage.shape[0] or stage[g, n] < RESTRUCTURED
            called[t, n] = min(lost, cap[t, n]) if stage[b, n] >= RESTRUCTURED and sound else 0.0


def calm_down(now: Moment) -> None:
    """Shocks fade; how much of the build-out hangs on outside money and on debt."""
    e, r, f, layout = now.state.economy, now.results, now.state.firms, now.block.layout
    left = np.empty((6, now.block.width))
    fade(
        e.freeze, e.chip_cut, e.power_cut, e.rate_shock, e.lender_losses, f.ebitda, now.block.cache["debt_owed"],
        layout.owners, r["ai_capex"], r["spending"], left,
    )  # fmt: skip
    e.freeze, e.chip_cut, e.power_cut, e.rate_shock, e.lender_losses, e.fragility = left
    e.ceiling_shock = e.ceiling_shock**0.99


@kernel(void(*[_VEC_IN] * 5, _MAT_IN, _MAT_IN, _INT, _VEC_IN, _MAT_IN, _MAT))
def fade(
    freeze: Array,
    chip_cut: Array,
    power_cut: Array,
    rate_shock: Array,
    losses: Array,
    ebitda: Array,
    debt: Array,
    owners: int,
    capex: Array,
    spending: Array,
    left: Array,
) -> None:
    """Set what is `left` of each shock and of lenders' losses after a quarter, and the fragility of the build-out.

    Quarters of a freeze or a cut run down; the rest fades. Fragile is a build-out, `capex` (paths,), far beyond what
    owners, the first of the firms, earn and a part of users' `spending` (segments, paths), and one on much debt.
    """
    for n in range(left.shape[1]):
        earned, owed, paid = 0.0, 0.0, 0.0
        for f in range(owners):
            earned += ebitda[f, n]
            owed += debt[f, n]
        for k in range(spending.shape[0]):
            paid += spending[k, n]
        earned = max(4.0 * earned, 1.0)
        left[0, n] = max(freeze[n] - 1.0, 0.0)
        left[1, n] = max(chip_cut[n] - 1.0, 0.0)
        left[2, n] = max(power_cut[n] - 1.0, 0.0)
        left[3, n] = 0.93 * rate_shock[n]
        left[4, n] = 0.75 * losses[n]
        outside = min(max(2.5 * (4.0 * capex[n] - 0.8 * earned - 0.3 * paid) / earned, 0.0), 3.0)
        left[5, n] = outside + min(max(owed / earned - 1.0, 0.0), 2.0)


def strike(now: Moment) -> None:
    """Black swans: a Poisson arrival whose hazard grows with fragility; the type and size are drawn."""
    e, th = now.state.economy, now.block.theta
    base = now.lever("shock.base_rate_per_year", th["swan_base_rate"])
    hazard = base * (1.0 + th["swan_fragility"] * e.fragility) / 4.0
    lanes = np.flatnonzero(now.chance(SWAN_ARRIVAL) < hazard)
    swan = now.results["swan"] = np.zeros(now.block.width)
    if not len(lanes):
        return
    severity = by_path(now.lever("shock.severity"), now.block.width)[lanes]
    # fat tail: a Pareto size with exponent 3 and mean 0.75, cut at 3
    size = np.minimum(0.5 * (1.0 - now.chance(SWAN_SIZE)[lanes]) ** (-1.0 / 3.0), 3.0) * severity
    # values of quarters before stay as they were told
    e.compute_per_token, e.noise, e.mood = e.compute_per_token.copy(), e.noise.copy(), e.mood.copy()
    hit(
        lanes, size, now.chance(SWAN_TYPE), np.asarray(EDGES), np.exp(-0.15 * size), np.exp(-0.25 * size),
        np.exp(-0.5 * size), e.noise, e.freeze, e.chip_cut, e.power_cut, e.compute_per_token, e.rate_shock,
        e.ceiling_shock, e.mood, swan,
    )  # fmt: skip


EDGES = np.cumsum(list(MARKS.values()))
"""Where the numbers drawn for each type end."""
DEMAND, FUNDING, CHIPS, POWER, EFFICIENCY, RATES = range(6)
"""Types in the order of `MARKS`."""


@kernel(void(_IDX_IN, *[_VEC_IN] * 6, *[_VEC] * 9), pairs=("path", "size", "shaken", "sunk", "cheaper"))
def hit(
    path: Array,
    size: Array,
    drawn: Array,
    edges: Array,
    shaken: Array,
    sunk: Array,
    cheaper: Array,
    noise: Array,
    freeze: Array,
    chip_cut: Array,
    power_cut: Array,
    compute_per_token: Array,
    rate_shock: Array,
    ceiling: Array,
    mood: Array,
    swan: Array,
) -> None:
    """A swan of some `size` on each path of the list; its type is `drawn`, (paths,), and told by `edges`.

    What is left of mood (`shaken`), of the ceiling of demand (`sunk`) and of compute for a token (`cheaper`) after it,
    a number a swan. Sets `swan`, (paths,), to the number of the type, from one.
    """
    for k in range(path.shape[0]):
        n = path[k]
        kind = 0
        for number in range(edges.shape[0] - 1):
            kind += edges[number] < drawn[n]
        swan[n] = kind + 1.0
        mood[n] *= shaken[k]
        if kind == DEMAND:
            ceiling[n] *= sunk[k]
            noise[n] -= 0.35 * size[k]
        elif kind == FUNDING:
            freeze[n] = 2.0 + 2.0 * size[k]
        elif kind == CHIPS:
            chip_cut[n] = 4.0 * size[k]
        elif kind == POWER:
            power_cut[n] = 8.0 * size[k]
        elif kind == EFFICIENCY:
            compute_per_token[n] *= cheaper[k]
        else:
            rate_shock[n] += 0.02 * size[k]

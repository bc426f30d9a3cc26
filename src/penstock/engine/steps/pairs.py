"""Step 11, passes over the pairs (firm, path) that default in a quarter: few, each with a handful of numbers.

A pair is given by `firm[k]` and `path[k]`; no pair stands twice. Where pairs of a path touch the same account, each
loop goes through all of them before the next begins, so that sums run in the order of the pairs.
"""

from __future__ import annotations

from penstock.arrays import np
from penstock.conduct.rescue import ACQUISITION, LIQUIDATION
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.money.kernels import _CUBE, _FLAG_IN, _IDX_IN, _INT, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import float64, inner, kernel, void

Array = np.ndarray


@kernel(
    void(*[_IDX_IN] * 4, *[_MAT_IN] * 6, _INT, *[_VEC] * 5),
    pairs=("firm", "path", "plant", "liabilities", "claims", "market"),
)
def weigh(
    firm: Array,
    path: Array,
    first: Array,
    rows: Array,
    equipment: Array,
    buildings: Array,
    construction: Array,
    owed: Array,
    other: Array,
    debt: Array,
    owners: int,
    plant: Array,
    liabilities: Array,
    claims: Array,
    market: Array,
    of_path: Array,
) -> None:
    """Set the plant and the liabilities of each pair, the debt on it, and the plant of all owners on its path; usd_bn.

    Debts of a firm are `rows`, from `first`; `debt` (ties, paths). `of_path`, (paths,), is room to work in: all pairs
    of a path see the same market, so that the cost grows with owners and failures and not with their product.
    """
    for k in range(firm.shape[0]):
        of_path[path[k]] = -1.0
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        plant[k] = equipment[f, n] + buildings[f, n] + construction[f, n]
        liabilities[k] = owed[f, n] + other[f, n]
        claims[k] = 0.0
        for j in range(first[f], first[f + 1]):
            claims[k] += debt[rows[j], n]
        if of_path[n] < 0.0:
            of_path[n] = 0.0
            for o in range(owners):
                of_path[n] += equipment[o, n] + buildings[o, n]
        market[k] = of_path[n]


@kernel(void(_IDX_IN, _IDX_IN, _VEC_IN, _INT, _VEC, _MAT, _MAT), pairs=("firm", "path", "cost"))
def pay_costs(firm: Array, path: Array, share: Array, rest: int, cost: Array, cash: Array, worth: Array) -> None:
    """Set the `cost` of default, a `share` (paths) of the cash that is left; it goes to the unit `rest`."""
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        cost[k] = max(cash[f, n], 0.0) * share[n]
        cash[f, n] -= cost[k]
        worth[f, n] -= cost[k]
        cash[rest, n] += cost[k]
        worth[rest, n] += cost[k]


LIEN_ON_CHIPS = 0.2
"""Recovery of a secured lender to a fleet owner beyond that of its chips at most (assumption, 0.1 to 0.3)."""


@kernel(
    void(_IDX_IN, _IDX_IN, _INT, *[_VEC_IN] * 4, *[_VEC] * 3),
    pairs=("firm", "path", "debt_secured", "debt_other", "other"),
)
def recover(
    firm: Array,
    path: Array,
    owners: int,
    unsecured: Array,
    secured: Array,
    chips: Array,
    scale: Array,
    debt_secured: Array,
    debt_other: Array,
    other: Array,
) -> None:
    """Set the shares that are kept of secured debt, of other debt and of all other claims on each pair.

    Recoveries by path, (paths,): `unsecured`, `secured` and on `chips`, what stands behind the debt of fleet owners,
    who stand first; by the `scale` of a scenario.
    """
    for k in range(firm.shape[0]):
        n = path[k]
        other[k] = min(max(unsecured[n] * scale[n], 0.0), 1.0)
        debt_secured[k] = min(max(secured[n] * scale[n], 0.0), 1.0)
        debt_other[k] = other[k]
        if firm[k] < owners:
            debt_other[k] = min(other[k], chips[n] * scale[n])
            debt_secured[k] = min(debt_secured[k], chips[n] * scale[n] + LIEN_ON_CHIPS)


@kernel(void(_IDX_IN, _IDX_IN, float64, _CUBE, *[_MAT] * 7), pairs=("firm", "path"))
def impair(
    firm: Array,
    path: Array,
    part: float,
    entries: Array,
    gross: Array,
    equipment: Array,
    buildings: Array,
    construction: Array,
    inventory: Array,
    goodwill: Array,
    worth: Array,
) -> None:
    """Write off a `part` of what each pair owns; `entries` (vintages, firms, paths) make up `gross`."""
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        for item in (equipment, buildings, construction, inventory, goodwill):
            loss = item[f, n] * part
            item[f, n] -= loss
            worth[f, n] -= loss
        gross[f, n] *= 1.0 - part
        for vintage in range(entries.shape[0]):
            entries[vintage, f, n] *= 1.0 - part


@kernel(
    void(*[_IDX_IN] * 3, _VEC_IN, _CUBE, *[_MAT] * 4, _VEC, _VEC),
    pairs=("firm", "path", "buyer", "price", "plant", "paid"),
)
def hand_over_plant(
    firm: Array,
    path: Array,
    buyer: Array,
    price: Array,
    entries: Array,
    gross: Array,
    equipment: Array,
    buildings: Array,
    cash: Array,
    plant: Array,
    paid: Array,
) -> None:
    """Each buyer (-1: none) pays the `price` for a part of the `plant` of a pair, and books it as buildings.

    Sets that plant, and what is `paid`: at most nine tenths of it.
    """
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        plant[k] = equipment[f, n] + buildings[f, n]
        paid[k] = min(price[k], 0.9 * plant[k])
        if buyer[k] < 0 or paid[k] <= 1e-6:
            paid[k] = 0.0
    for k in range(firm.shape[0]):
        if paid[k] > 0.0:
            cash[buyer[k], path[k]] -= paid[k]
    for k in range(firm.shape[0]):
        if paid[k] > 0.0:
            cash[firm[k], path[k]] += paid[k]
    for k in range(firm.shape[0]):
        if paid[k] > 0.0:
            buildings[buyer[k], path[k]] += paid[k]
    for k in range(firm.shape[0]):
        if paid[k] > 0.0:
            f, n = firm[k], path[k]
            left = 1.0 - paid[k] / plant[k]
            for item in (equipment, buildings, gross):
                item[f, n] *= left
            for vintage in range(entries.shape[0]):
                entries[vintage, f, n] *= left


@inner(void(_INT, _INT, *[_CUBE] * 2, *[_MAT_IN] * 2, _MAT, _MAT))
def _add_cohorts(
    f: int, n: int, bought: Array, power: Array, lasting: Array, drawn: Array, chips: Array, in_use: Array
) -> None:
    """Set `chips` in service and power `in_use` of an owner on a path to the sums over its cohorts, see `Fleet`."""
    chips[f, n] = 0.0
    in_use[f, n] = 0.0
    for c in range(bought.shape[0]):
        left = bought[c, f, n] * lasting[c, n]
        chips[f, n] += left
        in_use[f, n] += power[c, f, n] * lasting[c, n] + left * drawn[c, n]


@inner(void(_IDX_IN, _IDX_IN, _INT, _MAT, _VEC))
def _move_to_last(firm: Array, path: Array, owners: int, items: Array, sums: Array) -> None:
    """All that pairs have goes to the row after the `owners`, path by path as one sum."""
    for k in range(firm.shape[0]):
        sums[path[k]] = 0.0
    for k in range(firm.shape[0]):
        if firm[k] < owners:
            sums[path[k]] += items[firm[k], path[k]]
    for k in range(firm.shape[0]):
        if firm[k] < owners:
            items[owners, path[k]] += sums[path[k]]
            sums[path[k]] = 0.0
            items[firm[k], path[k]] = 0.0


@inner(void(*[_IDX_IN] * 3, _VEC_IN, _INT, _MAT, _VEC))
def _move_half(firm: Array, path: Array, buyer: Array, paid: Array, owners: int, items: Array, half: Array) -> None:
    """Half of what owners among the pairs have goes to the buyers that `paid`; `items` (owners, paths)."""
    for k in range(firm.shape[0]):
        half[k] = 0.5 * items[firm[k], path[k]] if firm[k] < owners and paid[k] > 0.0 else 0.0
    for k in range(firm.shape[0]):
        if half[k] != 0.0:
            items[buyer[k], path[k]] += half[k]
    for k in range(firm.shape[0]):
        if half[k] != 0.0:
            items[firm[k], path[k]] -= half[k]


@kernel(
    void(*[_IDX_IN] * 3, _VEC_IN, _INT, *[_MAT] * 6, *[_CUBE] * 2, *[_MAT_IN] * 2, *[_MAT] * 2, _VEC),
    pairs=("firm", "path", "buyer", "paid", "half"),
)
def hand_over_half(
    firm: Array,
    path: Array,
    buyer: Array,
    paid: Array,
    owners: int,
    halls: Array,
    firm_power: Array,
    delivered: Array,
    retired: Array,
    failed: Array,
    waiting: Array,
    bought: Array,
    opening_power: Array,
    lasting: Array,
    drawn: Array,
    chips: Array,
    in_use: Array,
    half: Array,
) -> None:
    """Half of the fleets of owners, the first of the firms, goes to buyers that `paid`; (owners, paths).

    `bought`, `opening_power`, `lasting` and `drawn` are those of a `Fleet`; `chips` and power `in_use` follow them.
    `half`, (pairs,), is room to work in.
    """
    for item in (halls, firm_power, delivered, retired, failed, waiting):
        _move_half(firm, path, buyer, paid, owners, item, half)
    for fleet in (bought, opening_power):
        for c in range(fleet.shape[0]):
            _move_half(firm, path, buyer, paid, owners, fleet[c], half)
    for k in range(firm.shape[0]):
        if firm[k] < owners and paid[k] > 0.0:
            _add_cohorts(firm[k], path[k], bought, opening_power, lasting, drawn, chips, in_use)
            _add_cohorts(buyer[k], path[k], bought, opening_power, lasting, drawn, chips, in_use)


@kernel(
    void(_IDX_IN, _IDX_IN, _INT, *[_CUBE] * 4, *[_MAT] * 7, *[_MAT_IN] * 2, *[_MAT] * 2, _VEC),
    pairs=("firm", "path"),
)
def hand_fleet_on(
    firm: Array,
    path: Array,
    owners: int,
    bought: Array,
    opening_power: Array,
    hall_stages: Array,
    power_stages: Array,
    halls: Array,
    firm_power: Array,
    delivered: Array,
    retired: Array,
    failed: Array,
    waiting: Array,
    backlog: Array,
    lasting: Array,
    drawn: Array,
    chips: Array,
    in_use: Array,
    sums: Array,
) -> None:
    """Chips, halls, power and orders of owners that end, the first of the firms, go to owners elsewhere, who stand
    last: path by path as one sum.

    Those by cohort or stage are (cohorts, owners, paths). `chips` and power `in_use` follow. `sums`, (paths,), is room
    to work in.
    """
    for stages in (bought, opening_power, hall_stages, power_stages):
        for a in range(stages.shape[0]):
            _move_to_last(firm, path, owners, stages[a], sums)
    for item in (halls, firm_power, delivered, retired, failed, waiting, backlog):
        _move_to_last(firm, path, owners, item, sums)
    for k in range(firm.shape[0]):
        if firm[k] < owners:
            _add_cohorts(firm[k], path[k], bought, opening_power, lasting, drawn, chips, in_use)
    for k in range(firm.shape[0]):
        if firm[k] < owners:
            _add_cohorts(owners, path[k], bought, opening_power, lasting, drawn, chips, in_use)


KEPT, KEPT_WHEN_BOUGHT = 0.75, 0.5
"""Part of its activity that a firm keeps up after it was restructured, and after it was bought (assumptions, 0.6 to 0.9
and 0.3 to 0.7)."""


@kernel(
    void(*[_IDX_IN] * 5, _VEC_IN, _MAT_IN, _MAT_IN, float64, _VEC, _VEC, *[_MAT] * 3),
    pairs=("firm", "path", "fate", "claims", "loss"),
)
def conclude(
    firm: Array,
    path: Array,
    fate: Array,
    first: Array,
    rows: Array,
    claims: Array,
    debt: Array,
    repaid: Array,
    spreads: float,
    loss: Array,
    losses: Array,
    stage: Array,
    activity: Array,
    line: Array,
) -> None:
    """Set what becomes of each pair, and the `loss` on its debt: of its `claims` before, what is not repaid or left.

    Adds it to `losses` (paths). A failure costs activity where it `spreads` (is 0 where it does not).
    """
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        kept = KEPT
        stage[f, n] = RESTRUCTURED
        if fate[k] == ACQUISITION:
            kept = KEPT_WHEN_BOUGHT
        elif fate[k] == LIQUIDATION:
            kept = 0.0
            stage[f, n] = GONE
        if spreads > 0.0:
            activity[f, n] *= kept
        line[f, n] = 0.0
        left = 0.0
        for j in range(first[f], first[f + 1]):
            left += debt[rows[j], n]
        loss[k] = claims[k] - left - repaid[f, n]
        losses[n] += max(loss[k], 0.0)


@kernel(void(_IDX_IN, _IDX_IN, _FLAG_IN, _FLAG_IN, float64, _IDX_IN, _IDX_IN, _MAT), pairs=("firm", "path"))
def renegotiate(
    firm: Array,
    path: Array,
    lab: Array,
    contained: Array,
    kept: float,
    first: Array,
    rows: Array,
    activity: Array,
) -> None:
    """A lab that misses for the first time cuts its compute contracts once to the share that is `kept`, but on paths
    that are `contained`.

    `lab` (firms,) says who is one; its contracts are `rows`, from `first`.
    """
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        if lab[f] and not contained[n]:
            for j in range(first[f], first[f + 1]):
                activity[rows[j], n] *= kept


LOST_SALES = 0.15
"""Share of a firm's sales lost to failed customers at which its lenders close for a year (assumption, 0.1 to 0.3).

Project loans carry a debt-service cover of about 1.2: a loss of a sixth of the income breaches it.
"""
SHUT_OUT_QUARTERS = 4.0
"""Quarters for which a breach shuts a firm out of the market for debt."""


@kernel(
    void(*[_IDX_IN] * 5, _MAT_IN, _VEC_IN, *[_MAT_IN] * 3, *[float64] * 2, *[_MAT] * 3),
    pairs=("firm", "path"),
)
def frighten(
    firm: Array,
    path: Array,
    first: Array,
    rows: Array,
    payee: Array,
    flow: Array,
    left: Array,
    revenue: Array,
    rating: Array,
    told: Array,
    lowest_grade: float,
    remembered: float,
    lost: Array,
    no_access: Array,
    covenant: Array,
) -> None:
    """Shut out of the market who sold much to failed customers, and note the breach for the quarters `remembered`.

    Contracts that a firm pays are `rows`, from `first`: of their `flow` the part `left`, (firms,), goes on. `lost`
    (units, paths) is room to work in, zero before and after. Firms of investment grade, down to the `lowest_grade`,
    have no such covenants, but where a scenario has `told` otherwise, (firms, 1) or no rows.
    """
    for k in range(firm.shape[0]):
        for j in range(first[firm[k]], first[firm[k] + 1]):
            lost[payee[rows[j]], path[k]] += flow[rows[j], path[k]] * (1.0 - left[firm[k]])
    for k in range(firm.shape[0]):
        n = path[k]
        for j in range(first[firm[k]], first[firm[k] + 1]):
            q = payee[rows[j]]
            if q >= revenue.shape[0] or lost[q, n] <= LOST_SALES * (revenue[q, n] + 1e-9):
                continue
            if rating[q, n] > lowest_grade or (told.shape[0] > 0 and told[q, 0] < 0.5):
                no_access[q, n] = max(no_access[q, n], SHUT_OUT_QUARTERS)
                covenant[q, n] = remembered
    for k in range(firm.shape[0]):
        for j in range(first[firm[k]], first[firm[k] + 1]):
            lost[payee[rows[j]], path[k]] = 0.0

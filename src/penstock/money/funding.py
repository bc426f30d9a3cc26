"""Funding: how a firm covers what its operations do not, in a fixed order.

Cash above a reserve, debt, committed lines, equity, vendor credit, less capital spending, lower costs; the rest is
missed.
All arrays (firms, paths), usd_bn per quarter.
"""

from __future__ import annotations

import numpy as np

from penstock.money import leverage
from penstock.money.kernels import _CUBE, _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN, Floats, Index
from penstock.passes import boolean, inlined, intp, kernel, void

Array = np.ndarray

LEAST_CAPEX = 0.03
"""Share of planned capital spending that cannot be stopped (assumption, 0.02 to 0.1)."""
MORE_FLEXIBLE = 0.5
"""What capital spending for AI is more flexible than ordinary spending of the same firm (assumption, 0.3 to 0.6)."""
CUT_MARGIN = 0.05
"""Share of planned capital spending that is cut beyond the need (assumption, 0.02 to 0.15)."""
SHARES_IN_NEED = 0.03
"""Most of its value that a firm raises in a quarter in which it would miss a payment (assumption, 0.01 to 0.05: rights
issues of firms in trouble bring 5 to 20 % of their value)."""
RUNWAY_QUARTERS = 6.0
"""Quarters of its costs that a firm without sales keeps in cash before it builds (assumption, 4 to 8: what investors
ask of firms before revenue)."""
PROJECT_DEBT = 1.5
"""Debt on plant over what the same income carries without it: project lenders size a loan by the income that serves
it, plant is their security and no income (assumption, 1.2 to 2)."""
EXTENDED = 0.75
"""Share of maturing debt that lenders extend to a borrower shut out of new money whose debt they would still lend on
its earnings or assets (assumption, 0.5 to 0.9: amendment rather than default is the rule where collateral covers)."""
LOWEST_CLASS = 6.0
"""Class CCC: an extension to it is a distressed exchange, which is a default."""
COST_CUT = 0.25
"""Share of other operating cost that a firm can cut at once (assumption, 0.1 to 0.3)."""
ROOM_A_QUARTER = 0.35
"""Share of the debt that lenders would still give which a firm can raise in a quarter (assumption, 0.2 to 0.5)."""

FIRST_FAILED = 2.0
"""First stage of a firm that has defaulted."""

LINE, EQUITY, VENDOR, COST_CUT_BY, UNFUNDED, SURPLUS = range(6)
"""What `cover` finds beside new debt and what goes ahead of plans."""
LEAST_PLANNED = 1e-9
"""Capital spending that a firm plans at the least, usd_bn, so that shares of it stand."""


@inlined
def reserve(quarter_cost: Array, interest: Array, quarters: Array, interest_quarters: Array) -> Array:
    """Cash that a firm wants to keep: some quarters of its costs, and interest until its contracts bring income."""
    return quarters * quarter_cost + interest_quarters * interest


@inlined
def borne(revenue: Array, promised: Array, cost: Array) -> Array:
    """Share of its running costs that a firm's sales and contracted sales to come would bear, at most one."""
    return np.minimum((revenue + promised) / np.maximum(cost, 1e-9), 1.0)


@inlined
def access(mood: Array, freeze: Array, investment_grade: Array, own_loss: Array, losses: Array) -> Array:
    """Share of its debt room that a firm can use this quarter, by the mood of lenders and its own standing.

    In a freeze firms below investment grade get nothing and the others half. Lenders' losses close the rest slowly.
    """
    general = np.minimum(np.maximum(0.35 + 0.9 * mood, 0.2), 1.0) * np.minimum(np.maximum(1.0 - losses, 0.25), 1.0)
    frozen = 1.0 - (freeze > 0.0) * (1.0 - 0.5 * investment_grade)
    return general * frozen * (own_loss <= 0.0)


@inlined
def find_need(
    f: int,
    bought: Floats,
    other_cost: Floats,
    interest: Floats,
    tax: Floats,
    principal: Floats,
    capex: Floats,
    tied_capital: Floats,
    ebitda: Floats,
    revenue: Floats,
    revenue_before: Floats,
    promised: Floats,
    cost_before: Floats,
    bought_before: Floats,
    slow_in: Floats,
    receivable: Floats,
    first: Index,
    rows: Index,
    cash: Floats,
    reserve_quarters: Floats,
    interest_quarters: Floats,
    collected: Floats,
    paid: Floats,
    need: Floats,
    bills: Floats,
) -> None:
    """Set `need` (paths) to what firm `f` lacks this quarter, or has left where it is negative; usd_bn.

    Outflows less earnings, cash that will be tied up, and cash above or below the reserve. A receivable that is
    collected at the share c a quarter grows by (1 - c) (rise of sales + its last growth); bills for plant, old and new,
    fall due beyond the purchases of the quarter: after a fall of spending the old are larger than the new.
    Old bills for plant are what is `receivable` along a firm's `rows`, from `first`, (ties, paths). All else is (firms,
    paths) but `reserve_quarters`, `interest_quarters` and `collected` (of sales), (firms, 1), and `paid` (of purchases;
    of plant), (firms, 2); `cash` and `promised` (contracted sales to come) may have more rows. `bills` (paths) is room
    to work in.
    """
    waiting = 1.0 - collected[f, 0]
    standing = 1.0 - paid[f, 0]
    bills[:] = 0.0
    for k in range(first[f], first[f + 1]):
        t = rows[k]
        for n in range(need.shape[0]):
            bills[n] += receivable[t, n]
    for n in range(need.shape[0]):
        costs = bought[f, n] + other_cost[f, n]
        sales = waiting * (revenue[f, n] - revenue_before[f, n] + slow_in[f, n])
        purchases = standing * min(costs - bought_before[f, n], 0.5 * costs)
        plant = max(paid[f, 1] * (bills[n] + tied_capital[f, n]) - tied_capital[f, n], 0.0)
        kept = np.maximum(costs, 0.0)
        # who has no sales yet keeps a runway before it builds
        runway = RUNWAY_QUARTERS * (1.0 - borne(revenue_before[f, n], promised[f, n], cost_before[f, n]))
        wanted = reserve(kept, interest[f, n], reserve_quarters[f, 0] + runway, interest_quarters[f, 0])
        outflow = max(capex[f, n], 0.0) + interest[f, n] + tax[f, n] + principal[f, n]
        tied_up = sales - purchases + plant
        need[n] = outflow - ebitda[f, n] + tied_up - (cash[f, n] - wanted)


@inlined
def spare_of(cash: float, owed: float, ebitda: float, interest: float, tax: float, rounds: float) -> float:
    """What a year's money leaves a firm after all its debt, usd_bn (`find_spare_means`)."""
    earned = ebitda - interest - tax
    return cash - owed + 4.0 * (earned + rounds)


@kernel(void(*[_MAT_IN] * 6, _MAT))
def find_spare_means(
    cash: Floats, owed: Floats, ebitda: Floats, interest: Floats, tax: Floats, rounds: Floats, spare: Floats
) -> None:
    """Set `spare` to what a year's money leaves after all debt, (firms, paths), usd_bn; below zero a firm is in want.

    Money: cash, and four quarters of earnings after interest and tax and of what investors would put in (`rounds`), all
    as they are today. Capital spending is not in it: it can be stopped. Relative to what a firm owes and loses, since
    the same cash is years for one firm and weeks for another. `cash` may have more rows.
    """
    for f in range(spare.shape[0]):
        for n in range(spare.shape[1]):
            spare[f, n] = spare_of(cash[f, n], owed[f, n], ebitda[f, n], interest[f, n], tax[f, n], rounds[f, n])


SHUT_OUT_QUARTERS = 4.0
"""Quarters for which a firm that loses the market for reasons of its own is shut out (assumption, 2 to 6)."""


@inlined
def find_debt_room(
    f: int,
    headroom: Floats,
    principal: Floats,
    rating: Floats,
    grade: Floats,
    breach: Floats,
    chance: Floats,
    stage: Floats,
    can_borrow: Floats,
    told: Floats,
    loss_rate: Floats,
    mood: Floats,
    freeze: Floats,
    losses: Floats,
    openness: Floats,
    no_access: Floats,
    room: Floats,
) -> None:
    """Set `room` (paths) to what lenders give firm `f` this quarter, usd_bn; count `no_access` (firms, paths) down.

    Some firms below investment grade lose the market for a year, for reasons of their own: those struck by `chance` at
    a `loss_rate` (paths). The quarters left are counted down once lenders have acted on them: a breach found this
    quarter shuts the market this quarter.

    A share of the headroom that they see, and maturing debt of firms in good standing, rolled over beside it.
    `grade`: 1 for investment grade; `openness` (paths): what a scenario leaves of access; `told` (firms, 1): what its
    events leave.
    """
    able = can_borrow[f, 0] * told[f, 0]
    for n in range(room.shape[0]):
        if chance[f, n] < loss_rate[n] and grade[f, n] < 0.5:
            no_access[f, n] = SHUT_OUT_QUARTERS
        own_loss = no_access[f, n] + (1.0 if stage[f, n] >= FIRST_FAILED else 0.0)
        reached = access(mood[n], freeze[n], grade[f, n], own_loss, losses[n])
        reached = np.minimum(np.maximum(reached * openness[n], 0.0), 1.0)
        rolled = np.minimum(1.2 * reached, 1.0)
        if grade[f, n] > 0.5:
            rolled = 0.75 if freeze[n] > 0.0 else 1.0
        rolled = rolled if own_loss <= 0.0 else 0.0
        # who is shut out, but owes no more than lenders would lend and broke no covenant of late (a seller that
        # lost its customers did), has most of what falls due extended
        sound = headroom[f, n] > 0.0 and stage[f, n] < FIRST_FAILED and rating[f, n] < LOWEST_CLASS
        if sound and breach[f, n] <= 0.0:
            rolled = max(rolled, EXTENDED)
        room[n] = (max(headroom[f, n], 0.0) * ROOM_A_QUARTER * reached + principal[f, n] * rolled) * able
        no_access[f, n] = max(no_access[f, n] - 1.0, 0.0)


@inlined
def cover(
    f: int,
    need: Floats,
    debt_room: Floats,
    line_room: Floats,
    equity_room: Floats,
    vendor_share: Floats,
    equipment: Floats,
    stage: Floats,
    capex: Floats,
    core_flexible: Floats,
    ai_share: Floats,
    cost: Floats,
    found: Floats,
    new_debt: Floats,
    let_stand: Floats,
    scale: Floats,
) -> None:
    """Fill what firm `f` needs (negative: surplus) from each source in order, each at most its room; usd_bn.

    Suppliers let a `vendor_share` (paths) of the bill for `equipment` stand for firms that have not failed. Capital
    spending can be stopped as far as it is flexible: ordinary spending by `core_flexible`, (firms, 1), that for AI
    (`ai_share` of it) by a half more.
    Sets `found[k]` for k = LINE, EQUITY, VENDOR, COST_CUT_BY, UNFUNDED and SURPLUS; `new_debt`, all that is borrowed;
    the share of the bill for equipment that is `let_stand`. Of planned spending (`capex`) `scale` goes ahead.
    """
    for n in range(need.shape[0]):
        left = max(need[n], 0.0)
        debt = min(left, max(debt_room[n], 0.0))
        left -= debt
        line = min(left, max(line_room[f, n], 0.0))
        left -= line
        equity = min(left, max(equity_room[f, n], 0.0))
        left -= equity
        offered = vendor_share[n] * equipment[f, n] if stage[f, n] < FIRST_FAILED else 0.0
        vendor = min(left, max(offered, 0.0))
        left -= vendor
        # whoever has to cut cuts a little more than the need, for bills that come sooner than planned
        planned = max(capex[f, n], LEAST_PLANNED)
        margin = left + CUT_MARGIN * planned if left > 0.0 else 0.0
        flexible = max(core_flexible[f, 0] + MORE_FLEXIBLE * ai_share[f, n], 0.0)
        capex_cut = min(margin, planned * min(flexible, 1.0 - LEAST_CAPEX))
        left = max(left - capex_cut, 0.0)
        cost_cut = min(left, COST_CUT * cost[f, n])
        found[LINE, f, n] = line
        found[EQUITY, f, n] = equity
        found[VENDOR, f, n] = vendor
        found[COST_CUT_BY, f, n] = cost_cut
        found[UNFUNDED, f, n] = left - cost_cut
        found[SURPLUS, f, n] = max(-need[n], 0.0)
        new_debt[f, n] = debt + line
        let_stand[f, n] = min(vendor / max(equipment[f, n], 1e-12), 1.0)
        scale[f, n] *= 1.0 - capex_cut / planned


UNLIMITED = 1e9
"""More than any firm asks for, usd_bn."""


@kernel(
    void(
        *[_MAT_IN] * 15, _IDX_IN, _IDX_IN, *[_MAT_IN] * 12, *[_VEC_IN] * 5, *[_MAT_IN] * 2, _VEC_IN, *[_MAT_IN] * 8,
        intp, boolean, _MAT, _CUBE, *[_MAT] * 4,
    )
)  # fmt: skip
def fund_firms(
    bought: Floats,
    other_cost: Floats,
    interest: Floats,
    tax: Floats,
    principal: Floats,
    capex: Floats,
    tied_capital: Floats,
    ebitda: Floats,
    revenue: Floats,
    revenue_before: Floats,
    promised: Floats,
    cost_before: Floats,
    bought_before: Floats,
    slow_in: Floats,
    receivable: Floats,
    first: Index,
    rows: Index,
    cash: Floats,
    reserve_quarters: Floats,
    interest_quarters: Floats,
    collected: Floats,
    paid: Floats,
    headroom: Floats,
    rating: Floats,
    grade: Floats,
    breach: Floats,
    chance: Floats,
    stage: Floats,
    told: Floats,
    loss_rate: Floats,
    mood: Floats,
    freeze: Floats,
    losses: Floats,
    openness: Floats,
    line_room: Floats,
    equity_room: Floats,
    vendor_share: Floats,
    equipment: Floats,
    core_flexible: Floats,
    ai_share: Floats,
    can_borrow: Floats,
    capacity: Floats,
    target: Floats,
    owed: Floats,
    first_income: Floats,
    quarter: int,
    limits: bool,
    no_access: Floats,
    found: Floats,
    new_debt: Floats,
    let_stand: Floats,
    scale: Floats,
    room: Floats,
) -> None:
    """Fund each firm: what it needs, what lenders give, where the rest comes from, and debt up to its target.

    Arguments are those of `find_need`, `find_debt_room`, `cover` and `leverage.borrow_to_target`, which go through a
    firm one after the other while its numbers are at hand. Where nothing `limits`, lenders give what is asked, and
    nobody borrows to a target. `room` (3, paths) is there to work in.
    """
    need, lent, bills = room[0], room[1], room[2]
    for f in range(scale.shape[0]):
        find_need(
            f, bought, other_cost, interest, tax, principal, capex, tied_capital, ebitda, revenue, revenue_before,
            promised, cost_before, bought_before, slow_in, receivable, first, rows, cash, reserve_quarters,
            interest_quarters, collected, paid, need, bills,
        )  # fmt: skip
        find_debt_room(
            f, headroom, principal, rating, grade, breach, chance, stage, can_borrow, told, loss_rate, mood, freeze,
            losses, openness, no_access, lent,
        )  # fmt: skip
        if not limits:
            lent[:] = UNLIMITED * can_borrow[f, 0]
        cover(
            f, need, lent, line_room, equity_room, vendor_share, equipment, stage, capex, core_flexible, ai_share,
            other_cost, found, new_debt, let_stand, scale,
        )  # fmt: skip
        if limits:
            leverage.borrow_to_target(
                f, owed, principal, capacity, target, lent, found[UNFUNDED], stage, first_income, quarter, new_debt,
                found[SURPLUS],
            )  # fmt: skip


RESTING_MOOD = 0.55
"""Mood to which investors return (assumption, 0.5 to 0.6; docs/decisions/0003)."""


@inlined
def appetite(mood: Array) -> Array:
    """Depth of the market for rounds over that at the mood to which investors return."""
    return np.minimum(mood / RESTING_MOOD, 1.1) ** 3


@inlined
def round_room(
    share: Array,
    value: Array,
    value_opening: Array,
    spirits: Array,
    revenue: Array,
    revenue_expected: Array,
    promised: Array,
    patience: Array,
) -> Array:
    """Largest equity round of a quarter.

    A share of value, with value taken half way (in logs) between now and the opening: the money that looks for
    such firms does not grow as fast as their price. It falls with the cube of mood (`spirits`; the firm prototype of
    docs/decisions/0003: 24 S^3 a quarter for OpenAI) and with growth: revenue_expected is revenue smoothed over about
    a year and a half, promised is contracted income to come, patience the part of a round that a firm without growth
    still gets.
    """
    depth = share * np.sqrt(np.maximum(value, 0.0) * value_opening)
    yearly = 4.0 * (revenue / np.maximum(revenue_expected, 1e-9) - 1.0) / 1.5
    coming = promised / np.maximum(revenue + promised, 1e-9)
    growing = np.minimum(np.maximum(patience + 1.5 * (yearly + coming), patience), 1.0)
    return depth * spirits * growing


@kernel(void(*[_MAT_IN] * 9, _VEC_IN, _VEC_IN, _MAT, _VEC))
def find_round_room(
    share: Floats,
    value: Floats,
    value_opening: Floats,
    revenue: Floats,
    revenue_expected: Floats,
    promised: Floats,
    patience: Floats,
    stage: Floats,
    able: Floats,
    mood: Floats,
    openness: Floats,
    room: Floats,
    spirits: Floats,
) -> None:
    """Set `room` to the largest equity round of each firm, (firms, paths), usd_bn; none after a default.

    `share`, `value_opening`, `patience` and `able` (what a firm's standing and events leave) are (firms, 1); `openness`
    (paths) is what a freeze and the scenario leave; `promised` may have more rows. `spirits` (paths) is room to work
    in.
    """
    for n in range(room.shape[1]):
        spirits[n] = appetite(mood[n])
    for f in range(room.shape[0]):
        if share[f, 0] <= 0.0 or able[f, 0] <= 0.0:
            room[f] = 0.0
            continue
        for n in range(room.shape[1]):
            most = round_room(
                share[f, 0], value[f, n], value_opening[f, 0], spirits[n], revenue[f, n], revenue_expected[f, n],
                promised[f, n], patience[f, 0],
            )  # fmt: skip
            room[f, n] = most * able[f, 0] * openness[n] if stage[f, n] < FIRST_FAILED else 0.0

"""Step 7, fund: rounds of equity, who pays for them, and shares sold by those who would miss a payment."""

from __future__ import annotations

import numba

from penstock import arrays
from penstock.arrays import np
from penstock.engine.events import shares_left
from penstock.engine.moment import Moment, by_path
from penstock.engine.state import RESTRUCTURED
from penstock.money import funding
from penstock.money.kernels import _FLAG, _IDX_IN, _MAT, _MAT_IN, _VEC_IN, _kernel

Array = np.ndarray


def sell_equity(now: Moment, raised: Array, paid: Array) -> None:
    """A round of `raised` usd_bn: new shares a / (V + a) go to the holders who pay; all others are diluted.

    Adds to `paid` what each holder pays, (stakes, paths).
    """
    layout, f, ties, books = now.block.layout, now.state.firms, now.state.ties, now.state.books
    share, given, left = now.block.cache["round_share"], now.struck("investing"), now.struck("raising")
    if given is not None and left is not None:
        share = shares_left(share, given, layout.stake_company, left)
    able, whole = np.empty_like(books.cash), np.empty_like(books.cash)
    sell_shares(
        raised, share, layout.stake_holder, layout.stake_company, f.stage, able, whole, ties.stake, paid, books.cash,
        books.net_worth, f.value, arrays.room(len(f.stage), dtype=bool), arrays.room(len(books.cash), dtype=bool),
    )  # fmt: skip


MOST_OF_CASH = 0.2
"""Share of its cash that a firm puts into rounds of others in a quarter (assumption; docs/decisions/0003)."""


@_kernel(numba.void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT_IN, *[_MAT] * 7, _FLAG, _FLAG))
def sell_shares(
    raised: Array,
    share: Array,
    holder: Array,
    company: Array,
    stage: Array,
    able: Array,
    whole: Array,
    stake: Array,
    paid: Array,
    cash: Array,
    worth: Array,
    value: Array,
    raising: Array,
    asked: Array,
) -> None:
    """Add what holders pay for rounds of `raised`, move the cash, mix new shares into the old; raise worth and value.

    `share` (stakes, 1) is a holder's part of a round where all are able; firms pay only out of cash, and the others
    take what they leave. Most firms raise nothing on any path: only stakes in those that do are touched. `able` and
    `whole` (units, paths), `raising` (firms,) and `asked` (units,) are room to work in.
    """
    firms = raised.shape[0]
    asked[:] = False
    for f in range(firms):
        some = False
        for n in range(raised.shape[1]):
            some |= raised[f, n] != 0.0
        raising[f] = some
    for t in range(stake.shape[0]):
        if raising[company[t]]:
            asked[holder[t]] = True
            able[holder[t]] = 0.0
            whole[company[t]] = 0.0
    for t in range(stake.shape[0]):
        h, c = holder[t], company[t]
        if raising[c]:
            for n in range(stake.shape[1]):
                able[h, n] += raised[c, n] * share[t, 0]
    for h in range(cash.shape[0]):
        if asked[h] and h < firms:
            for n in range(stake.shape[1]):
                part = min(max(MOST_OF_CASH * cash[h, n] / max(able[h, n], 1e-12), 0.0), 1.0)
                able[h, n] = part if stage[h, n] < RESTRUCTURED else 0.0
        elif asked[h]:
            able[h] = 1.0
    for t in range(stake.shape[0]):
        h, c = holder[t], company[t]
        if raising[c]:
            for n in range(stake.shape[1]):
                whole[c, n] += share[t, 0] * able[h, n]
    for t in range(stake.shape[0]):
        h, c = holder[t], company[t]
        if raising[c]:
            for n in range(stake.shape[1]):
                taken = share[t, 0] * able[h, n] / max(whole[c, n], 1e-12) if whole[c, n] > 1e-12 else share[t, 0]
                amount = raised[c, n] * taken
                new = raised[c, n] / (max(value[c, n], 1e-6) + raised[c, n])
                paid[t, n] += amount
                stake[t, n] += new * (taken - stake[t, n])
                cash[h, n] -= amount
                cash[c, n] += amount
    for f in range(firms):
        if raising[f]:
            # a share of the company at the old value grows by the cash that came in
            for n in range(raised.shape[1]):
                worth[f, n] += raised[f, n]
                value[f, n] += raised[f, n]


def issue_in_need(now: Moment, gap: Array) -> Array | None:
    """A firm that would miss a payment, and is worth much more than that, sells new shares: what it raises, usd_bn.

    None where nobody does. gap: what is left after all dues, below zero where something is missing, (units, paths). The
    room shrinks with mood and in a freeze as that of any round does, and is nothing after a default; a firm whose
    equity is worth little finds nobody.
    """
    e, f, r, cache = now.state.economy, now.state.firms, now.results, now.block.cache
    spirits = np.minimum(e.mood / funding.RESTING_MOOD, 1.0) ** 3 * np.where(e.freeze > 0, 0.4, 1.0)
    raising = now.struck("raising")
    raised = np.empty_like(f.value)
    some = raise_in_need(
        gap, f.value, spirits, by_path(now.lever("finance.equity_access"), now.block.width), cache["can_issue"],
        f.stage, np.ones_like(cache["can_issue"]) if raising is None else np.ascontiguousarray(raising),
        r["equity_raised"], raised,
    )  # fmt: skip
    if some:
        sell_equity(now, raised, r["stake_paid"])
    return raised if some else None


@_kernel(numba.boolean(_MAT_IN, _MAT_IN, _VEC_IN, _VEC_IN, _MAT_IN, _MAT_IN, _MAT_IN, _MAT, _MAT))
def raise_in_need(
    gap: Array,
    value: Array,
    spirits: Array,
    openness: Array,
    able: Array,
    stage: Array,
    told: Array,
    so_far: Array,
    raised: Array,
) -> bool:
    """Set `raised` to what firms sell that lack something, and add it to what they raised `so_far`; whether any does.

    They lack as much as their `gap` is below zero, (units, paths), firms first. All (firms, paths), usd_bn, but the
    mood of the market (`spirits`) and what a scenario leaves of it (`openness`), (paths,), and what a firm's standing
    and events leave, (firms, 1).
    """
    some = False
    for f in range(raised.shape[0]):
        for n in range(raised.shape[1]):
            raised[f, n] = 0.0
            if gap[f, n] < 0.0:
                room = funding.SHARES_IN_NEED * value[f, n] * spirits[n] * openness[n] * able[f, 0]
                room = room * told[f, 0] if stage[f, n] < RESTRUCTURED else 0.0
                raised[f, n] = min(1.02 * -gap[f, n], max(room - so_far[f, n], 0.0))
                so_far[f, n] += raised[f, n]
                some = some or raised[f, n] > 0.0
    return some

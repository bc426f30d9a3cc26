"""Step 7, fund: rounds of equity, who pays for them, and shares sold by those who would miss a payment."""

from __future__ import annotations

from penstock import arrays
from penstock.arrays import np
from penstock.engine.events import shares_left
from penstock.engine.moment import Moment, by_path
from penstock.engine.state import RESTRUCTURED
from penstock.money import funding
from penstock.money.kernels import _FLAG, _FLAG_IN, _IDX_IN, _MAT, _MAT_IN, _VEC_IN
from penstock.passes import boolean, kernel, void

Array = np.ndarray


def sell_equity(now: Moment, raised: Array, paid: Array, raising: Array | None = None) -> None:
    """A round of `raised` usd_bn: new shares a / (V + a) go to the holders who pay; all others are diluted.

    Adds to `paid` what each holder pays, (stakes, paths). `raising` (firms,): who raises something on some path, and
    the only ones whose `raised` is looked at; without it all are.
    """
    if raising is None:
        raising = arrays.room(len(raised), dtype=bool)
        who_raises(raised, raising)
    layout, f, ties, books = now.block.layout, now.state.firms, now.state.ties, now.state.books
    share, given, left = now.block.cache["round_share"], now.struck("investing"), now.struck("raising")
    if given is not None and left is not None:
        share = shares_left(share, given, layout.stake_company, left)
    able, whole = np.empty_like(books.cash), np.empty_like(books.cash)
    sell_shares(
        raised, raising, share, layout.stake_holder, layout.stake_company, f.stage, able, whole, ties.stake, paid,
        books.cash, books.net_worth, f.value, arrays.room(len(books.cash), dtype=bool),
    )  # fmt: skip


MOST_OF_CASH = 0.2
"""Share of its cash that a firm puts into rounds of others in a quarter (assumption; docs/decisions/0003)."""


@kernel(void(_MAT_IN, _FLAG))
def who_raises(raised: Array, raising: Array) -> None:
    """Set who raises something on some path, (firms,)."""
    for f in range(raised.shape[0]):
        some = False
        for n in range(raised.shape[1]):
            some |= raised[f, n] != 0.0
        raising[f] = some


@kernel(void(_MAT_IN, _FLAG_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT_IN, *[_MAT] * 7, _FLAG))
def sell_shares(
    raised: Array,
    raising: Array,
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
    asked: Array,
) -> None:
    """Add what holders pay for rounds of `raised`, move the cash, mix new shares into the old; raise worth and value.

    `share` (stakes, 1) is a holder's part of a round where all are able; firms pay only out of cash, and the others
    take what they leave. Most firms raise nothing on any path: only stakes in those that are `raising`, (firms,), are
    touched. `able` and `whole` (units, paths) and `asked` (units,) are room to work in.
    """
    firms = raised.shape[0]
    asked[:] = False
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
    """A firm that would miss a payment, and is worth much more than that, sells new shares; who does, (firms,).

    None where nobody does. gap: what is left after all dues, below zero where something is missing, (firms, paths). The
    room shrinks with mood and in a freeze as that of any round does, and is nothing after a default; a firm whose
    equity is worth little finds nobody.
    """
    e, f, r, cache, width = now.state.economy, now.state.firms, now.results, now.block.cache, now.block.width
    spirits = np.minimum(e.mood / funding.RESTING_MOOD, 1.0) ** 3
    told = now.struck("raising")
    raised, raising = np.empty_like(f.value), arrays.room(len(f.value), dtype=bool)
    some = raise_in_need(
        gap, f.value, spirits, e.freeze, by_path(now.lever("finance.equity_access"), width), cache["can_issue"],
        f.stage, cache["can_issue"][:0] if told is None else np.ascontiguousarray(told), r["equity_raised"], raised,
        raising,
    )  # fmt: skip
    if some:
        sell_equity(now, raised, r["stake_paid"], raising)
    return raising if some else None


@kernel(boolean(_MAT_IN, _MAT_IN, *[_VEC_IN] * 3, *[_MAT_IN] * 3, _MAT, _MAT, _FLAG))
def raise_in_need(
    gap: Array,
    value: Array,
    spirits: Array,
    freeze: Array,
    openness: Array,
    able: Array,
    stage: Array,
    told: Array,
    so_far: Array,
    raised: Array,
    raising: Array,
) -> bool:
    """Set `raised` to what firms sell that lack something, and add it to what they raised `so_far`; whether any does.

    They lack as much as their `gap` is below zero. All (firms, paths), usd_bn, but the mood of the market (`spirits`),
    quarters of a `freeze`, what a scenario leaves of the market (`openness`), (paths,), and what a firm's standing and
    events leave (`able`, and `told`, no rows: all), (firms, 1). Sets who is `raising` on some path, (firms,): `raised`
    of others is left as it was.
    """
    anybody = False
    for f in range(raised.shape[0]):
        some = False
        for n in range(raised.shape[1]):
            some |= gap[f, n] < 0.0
        raising[f] = False
        if not some:
            continue
        some = False
        for n in range(raised.shape[1]):
            raised[f, n] = 0.0
            if gap[f, n] < 0.0:
                mood = spirits[n] * (0.4 if freeze[n] > 0.0 else 1.0)
                room = funding.SHARES_IN_NEED * value[f, n] * mood * openness[n] * able[f, 0]
                room = room * (told[f, 0] if told.shape[0] > 0 else 1.0) if stage[f, n] < RESTRUCTURED else 0.0
                raised[f, n] = min(1.02 * -gap[f, n], max(room - so_far[f, n], 0.0))
                so_far[f, n] += raised[f, n]
                some = some or raised[f, n] > 0.0
        raising[f] = some
        anybody = anybody or some
    return anybody

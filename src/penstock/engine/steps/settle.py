"""Step 8, settle: dues clear with limited liability, in order of seniority; who cannot pay misses."""

from __future__ import annotations

from penstock import arrays
from penstock.arrays import np
from penstock.conduct import rescue
from penstock.engine.moment import Moment, by_path
from penstock.engine.steps import rounds
from penstock.money import bills, clearing
from penstock.money.kernels import (
    _CUBE_IN,
    _FLAG_IN,
    _FLAG_MAT_IN,
    _IDX_IN,
    _INT,
    _MAT,
    _MAT_IN,
    _VEC,
    _VEC_IN,
)
from penstock.passes import kernel, void

Array = np.ndarray

MISS, MISSES_TO_DEFAULT, LARGEST_MISS = 0.99, 2.0, 0.35
"""A firm that pays less than 99 % misses; it defaults at the second miss running, or when 35 % stays unpaid."""


def bill(now: Moment) -> None:
    """What falls due of bills and other dues, and its sums, as if everybody paid; dues and gaps of all."""
    layout, r, scratch, cache = now.block.layout, now.results, now.block.scratch, now.block.cache
    scratch.due[layout.guarantee.slice] = cache["called"]
    find_dues(
        now.state.ties.receivable, scratch.flow, r["sales"], r["other_cost"], r["capital_rest"], r["tax"],
        cache["part"], cache["collection"], cache["deferrable"], r["let_stand"], layout.payer, layout.payer_class,
        layout.payee, cache["pairs"], cache["opens"], cache["at_once"], scratch.stood, scratch.due,
        now.state.books.cash, scratch.before, scratch.owed.reshape(-1, now.block.width), scratch.income, scratch.spent,
        scratch.sold, scratch.between[now.quarter // 4], cache["slow_in"], scratch.dues, scratch.gap,
    )  # fmt: skip


@kernel(
    void(
        *[_MAT_IN] * 6, _VEC_IN, _VEC_IN, _FLAG_IN, _MAT_IN, *[_IDX_IN] * 4, _FLAG_MAT_IN, _FLAG_IN, _FLAG_IN,
        _MAT_IN, _MAT_IN, *[_MAT] * 9,
    )
)  # fmt: skip
def find_dues(
    receivable: Array,
    flow: Array,
    sales: Array,
    other_cost: Array,
    capital: Array,
    tax: Array,
    part: Array,
    collection: Array,
    deferred: Array,
    let_stand: Array,
    payer: Array,
    payer_class: Array,
    payee: Array,
    pair: Array,
    opens: Array,
    at_once: Array,
    stood: Array,
    due: Array,
    cash: Array,
    carried: Array,
    owed: Array,
    income: Array,
    spent: Array,
    sold: Array,
    between: Array,
    slow: Array,
    dues: Array,
    gap: Array,
) -> None:
    """Bill all ties kind by kind, as they stand (`engine.bills`), add the dues of debts and guarantees, and weigh all.

    The other cost is billed twice, for wages and for suppliers, each a `part`. See `bills.fall_due`,
    `clearing.add_dues` and `clearing.weigh_dues`.
    """
    start = 0
    for amount in (flow, sales, other_cost, other_cost, capital, tax):
        ties = slice(start, start + amount.shape[0])
        bills.fall_due(
            receivable[ties], amount, part[ties], collection[ties], deferred[ties], let_stand, payer[ties],
            payer_class[ties], payee[ties], pair[ties], opens[ties], at_once[ties], stood, carried[ties], owed,
            income, spent, sold, between,
        )  # fmt: skip
        start += amount.shape[0]
    clearing.add_dues(due, payer_class, payee, opens, start, due.shape[0], owed, income, sold, slow)
    clearing.weigh_dues(cash, income, owed, dues, gap)


def settle(now: Moment) -> None:
    """Sets paid by tie, the share of its dues that each firm paid, and posts cash, bills and receivables."""
    layout, r, scratch, books = now.block.layout, now.results, now.block.scratch, now.state.books
    bill(now)
    dues, gap = scratch.dues, scratch.gap
    raising = rounds.issue_in_need(now, gap) if now.on("fund") else None
    if raising is not None:
        clearing.weigh_again(
            raising, layout.stake_holder, layout.stake_company, books.cash, scratch.income, dues, gap,
            arrays.room(len(dues), dtype=bool),
        )  # fmt: skip
    falls, short = arrays.room(layout.firms, dtype=bool), np.empty(now.block.width, dtype=bool)
    clearing.find_short(gap, layout.firms, falls, short)
    r["granted"] = now.block.cache["no_help"]
    # on a device each path tells by itself
    rescue_before(now, gap, falls if falls.ndim == 1 else np.asarray(falls.any(axis=1)))
    r["contained"] = contain(now, gap, dues, short)
    someone_fell = clear(now, gap, short & ~r["contained"])
    r["dues"] = dues[: layout.firms]
    share = share_paid(now)
    r["paid_share"] = np.minimum(share, r["whole_share"]) if "whole_share" in r else share
    post(now, dues, someone_fell)


def share_paid(now: Moment) -> Array:
    """Share of all its dues that each firm pays, (firms, paths); the same array in each quarter."""
    scratch, share = now.block.scratch, now.block.cache["share_paid"]
    clearing.share_paid(scratch.owed, scratch.paid_share, scratch.fell, scratch.stood, share)
    scratch.stood |= scratch.fell
    return share


def post(now: Moment, dues: Array, someone_fell: bool) -> None:
    """Cash, bills and receivables of operating ties; interest and principal; unpaid interest is added to the loan.

    dues: what each unit owes this quarter, (units, paths).
    """
    layout, r, scratch, ties, books = (
        now.block.layout, now.results, now.block.scratch, now.state.ties, now.state.books,
    )  # fmt: skip
    ties.receivable, scratch.before = scratch.before, ties.receivable
    if someone_fell:
        cache = now.block.cache
        hold_bills_back(
            scratch.before, scratch.flow, r["sales"], r["other_cost"], r["capital_rest"], r["tax"], cache["part"],
            cache["collection"], cache["deferrable"], r["let_stand"], layout.payer, layout.payee, layout.seniority,
            cache["pairs"], scratch.fell, scratch.paid_share, ties.receivable, scratch.kept, scratch.lost,
            scratch.between[now.quarter // 4], cache["slow_in"],
        )  # fmt: skip
    pairs, between = now.block.cache["pairs"], scratch.between[now.quarter // 4]
    interest, principal, backed = layout.interest.slice, layout.principal.slice, layout.guarantee.slice
    bills.serve_debt(
        scratch.due[interest], scratch.due[principal], scratch.paid_share, layout.borrower, layout.lender,
        layout.seniority[interest], layout.seniority[principal], pairs[interest], pairs[principal], scratch.fell,
        ties.debt, scratch.kept, scratch.lost, between,
    )  # fmt: skip
    bills.pay_dues(
        scratch.due[backed], scratch.paid_share, layout.payer[backed], layout.payee[backed], layout.seniority[backed],
        pairs[backed], scratch.fell, scratch.paid[backed], scratch.kept, scratch.lost, between,
    )  # fmt: skip
    bills.book(
        scratch.income, dues, someone_fell, r["tied_capital"], r["capital_rest"], scratch.sold, scratch.spent,
        scratch.kept, scratch.lost, books.cash, books.net_worth,
    )  # fmt: skip


@kernel(
    void(
        *[_MAT_IN] * 6, _VEC_IN, _VEC_IN, _FLAG_IN, _MAT_IN, *[_IDX_IN] * 4, _FLAG_IN, _CUBE_IN, *[_MAT] * 5,
    )
)  # fmt: skip
def hold_bills_back(
    receivable: Array,
    flow: Array,
    sales: Array,
    other_cost: Array,
    capital: Array,
    tax: Array,
    part: Array,
    collection: Array,
    deferred: Array,
    let_stand: Array,
    payer: Array,
    payee: Array,
    seniority: Array,
    pair: Array,
    fell: Array,
    paid_share: Array,
    carried: Array,
    kept: Array,
    lost: Array,
    between: Array,
    slow: Array,
) -> None:
    """Leave owed what units that `fell` short do not pay of their bills, kind by kind (`bills.hold_back`).

    What the first units, (firms, paths), get less for it adds to what their customers are `slow` to pay.
    """
    start = 0
    for amount in (flow, sales, other_cost, other_cost, capital, tax):
        ties = slice(start, start + amount.shape[0])
        bills.hold_back(
            receivable[ties], amount, part[ties], collection[ties], deferred[ties], let_stand, payer[ties],
            payee[ties], seniority[ties], pair[ties], fell, paid_share, carried[ties], kept, lost, between,
        )  # fmt: skip
        start += amount.shape[0]
    for f in range(slow.shape[0]):
        for n in range(slow.shape[1]):
            slow[f, n] += lost[f, n]


def clear(now: Moment, gap: Array, needs: Array) -> bool:
    """The greatest clearing payments of the paths that need it; all others pay in full. Whether anybody falls short.

    gap: what is left of cash and income if everybody pays, (firms, paths).
    """
    layout, scratch, r, cache = now.block.layout, now.block.scratch, now.results, now.block.cache
    first, rows = now.block.ties_of["dues_of"]
    return clearing.clear_short(
        now.state.books.cash, scratch.income, gap, scratch.owed, scratch.due, now.state.ties.receivable, scratch.flow,
        cache["collection"], cache["deferrable"], r["let_stand"], first, rows, layout.payee,
        layout.seniority, layout.unlimited, np.ascontiguousarray(needs), scratch.fell, scratch.paid_share,
        scratch.rounds, *clearing.room_to_clear(layout.unit_count),
    )  # fmt: skip


def contain(now: Moment, gap: Array, dues: Array, short: Array) -> Array:
    """Paths on which the government pays what firms cannot, so that no creditor loses, (paths,).

    Without settlement, all; without contagion, those on which a firm defaults now or has defaulted: until its
    first default a path is the same with and without contagion. Sets `whole_share`, what each firm paid itself.
    """
    f, layout, r = now.state.firms, now.block.layout, now.results
    if now.on("settle") and now.on("contagion"):
        return np.zeros(now.block.width, dtype=bool)
    firms = layout.firms
    if now.on("settle"):
        clear(now, gap, short)
        share = share_paid(now)
        late = (f.missed + (share < MISS) >= MISSES_TO_DEFAULT) & (share < MISS)
        fails = (f.stage < 2.0) & (late | (share < 1.0 - LARGEST_MISS))
        lanes = np.asarray(fails.any(axis=0) | (f.stage >= 2.0).any(axis=0))
    else:
        lanes = np.ones(now.block.width, dtype=bool)
    missing = np.where(lanes & (gap[:firms] < -1e-9), -gap[:firms] + 1e-9, 0.0)
    # without settlement every due is paid and nobody misses; without contagion the firm misses, but no creditor
    missed = missing if now.on("settle") else np.zeros_like(missing)
    r["whole_share"] = 1.0 - np.minimum(missed / np.maximum(dues[:firms], 1e-12), 1.0)
    grant(now, np.arange(firms), missing)
    return lanes


def rescue_before(now: Moment, gap: Array, falls: Array) -> None:
    """A bail-out by rule and budget: the government fills what large firms will lack; `falls` (firms): who will."""
    e, layout, policy, width = now.state.economy, now.block.layout, now.block.program.policy, now.block.width
    budget, systemic = (
        now.lever("policy.rescue_budget_usd_bn", policy.rescue_budget_usd_bn),
        now.block.cache["systemic"],
    )
    now.results["bailed"] = now.block.cache["no_help"]
    if not now.on("mend") or (isinstance(budget, float | int) and not budget):
        return
    rows = np.flatnonzero(falls & now.block.cache["is_systemic"])
    if not len(rows):
        return
    rule = by_path(now.lever("policy.bailout_share", policy.bailout_share), width)
    help_given, e.rescue_spent = np.zeros((layout.firms, width)), e.rescue_spent.copy()
    rescue.bail_out(
        rows, systemic, rule, by_path(budget, width), e.rescue_spent, gap, help_given, np.empty(width)
    )  # fmt: skip
    now.results["bailed"], now.results["helped"] = help_given, rows
    grant(now, rows, help_given)


def grant(now: Moment, rows: Array, amount: Array) -> None:
    """Posts a transfer from the government to the firms of `rows`; `amount` (firms, paths), zero for all others."""
    books, layout, cache, width = now.state.books, now.block.layout, now.block.cache, now.block.width
    before = now.results["granted"]
    now.results["granted"] = amount if before is cache["no_help"] else before + amount
    give(rows, amount, layout.sector["governments"], books.cash, books.net_worth, np.empty(width))


@kernel(void(_IDX_IN, _MAT_IN, _INT, _MAT, _MAT, _VEC))
def give(rows: Array, amount: Array, giver: int, cash: Array, worth: Array, total: Array) -> None:
    """Move `amount` from the unit `giver` to those of `rows`; `total`, (paths,), is room to work in."""
    total[:] = 0.0
    for f in rows:
        for n in range(total.shape[0]):
            cash[f, n] += amount[f, n]
            worth[f, n] += amount[f, n]
            total[n] += amount[f, n]
    for n in range(total.shape[0]):
        cash[giver, n] -= total[n]
        worth[giver, n] -= total[n]

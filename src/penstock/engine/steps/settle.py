"""Step 8, settle: dues clear with limited liability, in order of seniority; who cannot pay misses."""

from __future__ import annotations

import numpy as np

from penstock.engine.moment import Moment
from penstock.engine.steps import fund
from penstock.money import clearing

Array = np.ndarray

MISS, MISSES_TO_DEFAULT, LARGEST_MISS = 0.99, 2.0, 0.35
"""A firm that pays less than 99 % misses; it defaults at the second miss running, or when 35 % stays unpaid."""


def bill(now: Moment) -> Array:
    """Bills of the quarter on operating ties, what falls due of all dues, and its sums; returns income by payee."""
    layout, r, scratch, ties, cache = (
        now.block.layout, now.results, now.block.scratch, now.state.ties, now.block.cache,
    )  # fmt: skip
    billed, due = scratch.billed, scratch.due
    billed[layout.sales.slice] = r["sales"]
    for part in (layout.wages.slice, layout.suppliers.slice):
        np.multiply(r["other_cost"], 0.5, out=billed[part])
    billed[layout.capital.slice] = r["capital_rest"]
    billed[layout.tax.slice] = r["tax"]
    due[layout.guarantee.slice] = cache["called"]
    let_stand = np.minimum(r["vendor_credit"] / np.maximum(r["it_bill"], 1e-12), 1.0)
    owed = scratch.owed.reshape(-1, now.block.width)
    owed[:] = 0.0
    income = np.zeros((layout.unit_count, now.block.width))
    clearing.fall_due(
        ties.receivable, billed, cache["collection"], cache["deferrable"], let_stand, layout.payer,
        layout.payer_class, layout.payee, due, owed, income,
    )  # fmt: skip
    clearing.add_dues(due, layout.payer_class, layout.payee, layout.operating.stop, layout.ties, owed, income)
    return income


def settle(now: Moment) -> None:
    """Sets paid by tie, the share of its dues that each firm paid, and posts cash, bills and receivables."""
    layout, r, scratch, books = now.block.layout, now.results, now.block.scratch, now.state.books
    r["income"] = bill(now)
    dues, gap = (np.empty((layout.unit_count, now.block.width)) for _ in range(2))
    clearing.weigh_dues(books.cash, r["income"], scratch.owed, dues, gap)
    if now.on("fund") and fund.issue_in_need(now, -gap[: layout.firms]):
        clearing.weigh_dues(books.cash, r["income"], scratch.owed, dues, gap)
    short: Array = np.asarray((gap[: layout.firms] < -1e-9).any(axis=0))
    r["granted"] = np.zeros((layout.firms, now.block.width))
    rescue_before(now, gap)
    r["contained"] = contain(now, gap, dues, short)
    clear(now, gap, short & ~r["contained"])
    r["nonconverged"] = scratch.rounds < 0
    r["dues"] = dues[: layout.firms]
    share = share_paid(now)
    r["paid_share"] = np.minimum(share, r["whole_share"]) if "whole_share" in r else share
    post(now)


def share_paid(now: Moment) -> Array:
    """Share of all its dues that each firm pays, (firms, paths)."""
    share = np.empty((now.block.layout.firms, now.block.width))
    clearing.share_paid(now.block.scratch.owed, now.block.scratch.paid_share, share)
    return share


def post(now: Moment) -> None:
    """Cash, bills and receivables of operating ties; interest and principal; unpaid interest is added to the loan."""
    layout, r, scratch, ties, books = (
        now.block.layout, now.results, now.block.scratch, now.state.ties, now.state.books,
    )  # fmt: skip
    rise = np.zeros((layout.unit_count, now.block.width))
    clearing.settle_bills(
        scratch.due, scratch.paid_share, layout.payer, layout.payee, layout.seniority, scratch.billed,
        ties.receivable, scratch.paid, books.cash, books.net_worth, rise,
    )  # fmt: skip
    now.block.cache["slow_in"] = rise[: layout.firms]
    # capital purchases of firms are not an expense
    books.net_worth[: layout.firms] += r["tied_capital"] + r["capital_rest"]
    rest = slice(layout.operating.stop, layout.ties)
    clearing.move_dues(
        scratch.due[rest], scratch.paid_share, layout.payer[rest], layout.payee[rest], layout.seniority[rest],
        scratch.paid[rest], books.cash,
    )  # fmt: skip
    interest, principal = layout.interest.slice, layout.principal.slice
    clearing.carry_debt(scratch.due[interest], scratch.paid[interest], scratch.paid[principal], ties.debt)


def clear(now: Moment, gap: Array, needs: Array) -> None:
    """The greatest clearing payments of the paths that need it; all others pay in full.

    gap: what is left of cash and income if everybody pays, (units, paths).
    """
    layout, scratch = now.block.layout, now.block.scratch
    clearing.clear_short(
        now.state.books.cash, now.results["income"], gap, scratch.owed, scratch.due, *now.block.ties_of["dues_of"],
        layout.payee, layout.seniority, layout.unlimited, np.ascontiguousarray(needs), scratch.paid_share,
        scratch.rounds,
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
    grant(now, missing)
    return lanes


def rescue_before(now: Moment, gap: Array) -> None:
    """A bail-out by rule and budget: the government fills the expected shortfall of large firms."""
    from penstock.conduct.rescue import bail_out

    e, layout, policy = now.state.economy, now.block.layout, now.block.program.policy
    budget = np.asarray(now.lever("policy.rescue_budget_usd_bn", policy.rescue_budget_usd_bn), dtype=float)
    help_given = now.results["bailed"] = np.zeros((layout.firms, now.block.width))
    rows = np.flatnonzero((gap[: layout.firms] < -1e-9).any(axis=1))
    if not (now.on("mend") and budget.any() and len(rows)):
        return
    share = now.lever("policy.bailout_share", policy.bailout_share)
    help_given[rows] = bail_out(-gap[rows], now.block.cache["systemic"][rows] * share, budget - e.rescue_spent)
    if help_given.any():
        grant(now, help_given)
        gap[: layout.firms] += help_given
        e.rescue_spent = e.rescue_spent + help_given.sum(axis=0)


def grant(now: Moment, amount: Array) -> None:
    """Posts a transfer from the government to firms."""
    books, layout = now.state.books, now.block.layout
    now.results["granted"] += amount
    books.cash[: layout.firms] += amount
    books.net_worth[: layout.firms] += amount
    government = layout.sector["governments"]
    total = amount.sum(axis=0)
    books.cash[government] -= total
    books.net_worth[government] -= total

"""Bills of a quarter by kind of tie: whose amounts they are, what was paid of them, and all of them written out.

Flow ties have a row of their own in `scratch.flow`; of the others (sales, wages, suppliers, capital, tax) there is one
a firm, so that their bills are rows of firms as the steps leave them. What falls due and is paid follows from the bill
and from what was owed before, which `scratch.before` keeps until the next quarter: it is not stored by tie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from penstock.arrays import np
from penstock.engine.moment import Block, Moment

Array = np.ndarray


class Kind(NamedTuple):
    """Bills of some ties that stand together."""

    ties: slice
    amount: Array
    """(ties, paths) usd_bn"""
    terms: tuple[Array, Array, Array]
    """(ties,) part of the amount that is billed, speed of collection, whether the supplier may let a bill stand"""
    payer: Array
    seniority: Array


def kinds_of(now: Moment) -> Iterator[Kind]:
    """Bills of the quarter by kind, in the order of the ties."""
    block, r = now.block, now.results
    if not block.bill_terms:
        block.bill_terms = terms_of(block)
    amounts = (block.scratch.flow, r["sales"], r["other_cost"], r["other_cost"], r["capital_rest"], r["tax"])
    for (ties, *rest), amount in zip(block.bill_terms, amounts, strict=True):
        yield Kind(ties, amount, *rest)


def terms_of(block: Block) -> tuple[tuple[Any, ...], ...]:
    """What stays of each kind from quarter to quarter: the fields of `Kind` but the amounts."""
    layout, cache = block.layout, block.cache
    found = []
    for rows in (layout.flow, layout.sales, layout.wages, layout.suppliers, layout.capital, layout.tax):
        ties = rows.slice
        terms = (cache["part"][ties], cache["collection"][ties], cache["deferrable"][ties])
        found.append((ties, terms, layout.payer[ties], layout.seniority[ties]))
    return tuple(found)


def write_out(now: Moment) -> None:
    """Write bills, dues and payments of all ties into `scratch.billed`, `due` and `paid`, (ties, paths).

    For ledgers and audits: in a quarter only dues other than bills are stored by tie.
    """
    block, scratch = now.block, now.block.scratch
    for kind in kinds_of(now):
        part, speed, deferred = (column[:, None] for column in kind.terms)
        billed = kind.amount * part
        due = (scratch.before[kind.ties] + billed) * speed
        late = np.flatnonzero(deferred)
        due[late] *= 1.0 - now.results["let_stand"][kind.payer[late]]
        scratch.billed[kind.ties], scratch.due[kind.ties] = billed, due
        scratch.paid[kind.ties] = due * scratch.paid_share[kind.seniority, kind.payer]
    rest = slice(block.layout.operating.stop, block.layout.ties)
    seniority, payer = block.layout.seniority[rest], block.layout.payer[rest]
    scratch.paid[rest] = scratch.due[rest] * scratch.paid_share[seniority, payer]

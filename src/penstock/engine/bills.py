"""Bills of a quarter by kind of tie: whose amounts they are, what was paid of them, and all of them written out.

Flow ties have a row of their own in `scratch.flow`; of the others (sales, wages, suppliers, capital, tax) there is one
a firm, so that their bills are rows of firms as the steps leave them. What falls due and is paid follows from the bill
and from what was owed before, which `scratch.before` keeps until the next quarter: it is not stored by tie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from penstock.engine.moment import Moment

Array = np.ndarray


class Kind(NamedTuple):
    """Bills of some ties that stand together."""

    ties: slice
    amount: Array
    """(ties, paths) usd_bn"""
    terms: tuple[Array, Array, Array]
    """(ties,) part of the amount that is billed, speed of collection, whether the supplier may let a bill stand"""
    payer: Array
    payer_class: Array
    payee: Array
    seniority: Array
    pair: Array
    """number of its pair of groups"""


def kinds_of(now: Moment) -> Iterator[Kind]:
    """Bills of the quarter by kind, in the order of the ties."""
    layout, r, cache = now.block.layout, now.results, now.block.cache
    for block, amount, part in (
        (layout.flow, now.block.scratch.flow, "whole"),
        (layout.sales, r["sales"], "whole"),
        (layout.wages, r["other_cost"], "half"),
        (layout.suppliers, r["other_cost"], "half"),
        (layout.capital, r["capital_rest"], "whole"),
        (layout.tax, r["tax"], "whole"),
    ):
        ties = block.slice
        terms = (cache[part][: len(block)], cache["collection"][ties], cache["deferrable"][ties])
        ends = (layout.payer[ties], layout.payer_class[ties], layout.payee[ties], layout.seniority[ties])
        yield Kind(ties, amount, terms, *ends, cache["pairs"][ties])


def write_out(now: Moment) -> None:
    """Write bills, dues and payments of all ties into `scratch.billed`, `due` and `paid`, (ties, paths).

    For ledgers and audits: in a quarter only dues other than bills are stored by tie.
    """
    scratch = now.block.scratch
    for kind in kinds_of(now):
        part, speed, deferred = (column[:, None] for column in kind.terms)
        billed = kind.amount * part
        due = (scratch.before[kind.ties] + billed) * speed
        late = np.flatnonzero(deferred)
        due[late] *= 1.0 - now.results["let_stand"][kind.payer[late]]
        scratch.billed[kind.ties], scratch.due[kind.ties] = billed, due
        scratch.paid[kind.ties] = due * scratch.paid_share[kind.seniority, kind.payer]

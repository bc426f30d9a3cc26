"""How lenders and agencies see each firm: its rating, its covenants, what they call back."""

from __future__ import annotations

import numpy as np

from penstock.engine.layout import RATINGS
from penstock.engine.moment import Moment
from penstock.engine.state import RESTRUCTURED
from penstock.money import covenants, rating

Array = np.ndarray

INVESTMENT_GRADE = float(RATINGS.index("BBB"))
"""Worst class of investment grade."""
MEMORY_QUARTERS = 4.0
"""Quarters for which a breach, or a cut out of investment grade, counts as the cause of what follows (assumption, 2 to
6)."""


def rate_anew(now: Moment) -> None:
    """Moves ratings with distance to default, late and in steps; notes who lost investment grade."""
    f = now.state.firms
    f.fallen = np.maximum(f.fallen - 1.0, 0.0)
    if not now.on("value"):
        return
    before = f.rating <= INVESTMENT_GRADE
    f.distance_seen = rating.watch(f.distance_seen, f.distance)
    opening = now.block.layout.rating[:, None]
    then = np.minimum(f.distance_opening, rating.SAFE)
    f.rating = rating.rerate(f.rating, opening, f.distance_seen, then, len(RATINGS) - 1)
    f.fallen = np.where(before & (f.rating > INVESTMENT_GRADE), MEMORY_QUARTERS, f.fallen)


def investment_grade(now: Moment) -> Array:
    """1 for firms of investment grade, after rating cuts that the scenario tells, (firms, paths)."""
    own = (now.state.firms.rating <= INVESTMENT_GRADE).astype(float)
    told = now.struck("investment_grade")
    return own if told is None else np.minimum(own, told)


def by_rating(now: Moment, table: Array) -> Array:
    """The entry of each firm's class in a table by class, (firms, paths)."""
    return np.asarray(table[now.state.firms.rating.astype(np.intp)])


def test_covenants(now: Moment) -> None:
    """Sets `called_debt`: what lenders below investment grade call because earnings or collateral no longer carry it.

    A vehicle under construction is tested once its contracts should pay; a firm that opens above what lenders would
    lend has covenants that allow it.
    """
    f, r, cache = now.state.firms, now.results, now.block.cache
    debt, capacity = cache["debt_owed"], r["debt_capacity"]
    if now.quarter == 0:
        cache["agreed_leverage"] = covenants.agreed_leverage(debt, capacity)
    f.covenant = np.maximum(f.covenant - 1.0, 0.0)
    if not now.on("fund"):
        r["called_debt"] = np.zeros_like(debt)
        return
    tested = (investment_grade(now) < 0.5) & (f.stage < RESTRUCTURED) & (cache["quarters_to_income"] <= now.quarter)
    beyond = np.where(tested, covenants.excess(debt, capacity, cache["agreed_leverage"]), 0.0)
    f.covenant = np.where(beyond > 0.0, MEMORY_QUARTERS, f.covenant)
    f.no_access = np.where(beyond > 0.0, np.maximum(f.no_access, 1.0), f.no_access)
    r["called_debt"] = covenants.called(debt, beyond)

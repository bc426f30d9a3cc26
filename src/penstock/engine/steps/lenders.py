"""How lenders and agencies see each firm: its rating, its covenants, what they call back."""

from __future__ import annotations

from penstock.arrays import np
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
    if not now.on("value"):
        f.fallen = np.maximum(f.fallen - 1.0, 0.0)
        return
    opening = now.block.layout.rating.astype(float)[:, None]
    rating.rate_anew(
        f.distance, f.distance_opening, opening, len(RATINGS) - 1, INVESTMENT_GRADE, MEMORY_QUARTERS,
        f.distance_seen, f.rating, f.fallen,
    )  # fmt: skip
    # what was known of the quarter's ratings is old now
    now.results.pop("investment_grade", None)


def investment_grade(now: Moment) -> Array:
    """1 for firms of investment grade, after rating cuts that the scenario tells, (firms, paths)."""
    known = now.results.get("investment_grade")
    if known is None:
        known = np.empty_like(now.state.firms.rating)
        rating.mark_grade(now.state.firms.rating, INVESTMENT_GRADE, known)
        told = now.struck("investment_grade")
        known = now.results["investment_grade"] = known if told is None else np.minimum(known, told)
    return known


def test_covenants(now: Moment) -> None:
    """Sets `called_debt`: what lenders below investment grade call because earnings or collateral no longer carry it.

    A vehicle under construction is tested once its contracts should pay; a firm that opens above what lenders would
    lend has covenants that allow it.
    """
    f, r, cache = now.state.firms, now.results, now.block.cache
    debt, capacity = cache["debt_owed"], r["debt_capacity"]
    if now.quarter == 0:
        cache["agreed_leverage"] = covenants.agreed_leverage(debt, capacity)
    if not now.on("fund"):
        f.covenant = np.maximum(f.covenant - 1.0, 0.0)
        r["called_debt"] = np.zeros_like(debt)
        return
    r["called_debt"] = np.empty_like(debt)
    covenants.test_debt(
        debt, capacity, cache["agreed_leverage"], investment_grade(now), f.stage, cache["quarters_to_income"],
        now.quarter, RESTRUCTURED, MEMORY_QUARTERS, f.covenant, f.no_access, r["called_debt"],
    )  # fmt: skip

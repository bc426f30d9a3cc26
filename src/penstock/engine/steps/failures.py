"""Step 11, who fails: payments missed, means spent, causes outside the model, and what a scenario orders."""

from __future__ import annotations

import numba

from penstock import arrays
from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.engine.state import DISTRESS, GONE, RESTRUCTURED
from penstock.engine.steps import lenders
from penstock.engine.steps.settle import LARGEST_MISS, MISS, MISSES_TO_DEFAULT
from penstock.money import failure, funding
from penstock.money.kernels import _FLAG_IN, _FLAG_MAT, _IDX, _MAT, _MAT_IN, _VEC, _VEC_IN, _inner, _kernel

Array = np.ndarray


def find_failures(now: Moment) -> Array:
    """Sets stages of distress; true where a firm defaults this quarter, (firms, paths)."""
    f, r, facts, th, cache = now.state.firms, now.results, now.block.facts, now.block.theta, now.block.cache
    r["solvent"], r["own_cause"], r["distress_now"], failed = np.empty((4, *f.stage.shape), dtype=bool)
    weights = r["default_weight_next"] = np.zeros(now.block.width)
    spare = spare_means(now)
    active = now.on("mend") and now.on("noise")
    judge(
        r["paid_share"], spare, lenders.investment_grade(now), f.rating, now.firm_chance(), forced(now),
        facts.own_cause_rate, th["failure_intensity"] * float(active) * credit_cycle(now.state.economy.mood),
        share_in_want(now, spare), float(facts.own_cause_rate[int(lenders.INVESTMENT_GRADE)]),
        now.state.books.net_worth, cache["default_weights"], f.missed, f.stage, r["solvent"], r["own_cause"],
        r["distress_now"], failed, weights,
    )  # fmt: skip
    np.minimum(weights, MOST_WEIGHT, out=weights)
    return failed


MOST_WEIGHT = 6.0
"""Weight of defaults in a quarter beyond which more of them do not frighten investors more."""


def overdue(stage: Array, missed: Array) -> tuple[Array, Array]:
    """Firms and paths of the restructured that have missed payments for a year, firm after firm."""
    if arrays.width_on_device():
        return failure.pairs((stage == RESTRUCTURED) & (missed >= YEAR_OF_MISSES))
    found = np.empty((2, 256), dtype=np.intp)
    count = find_overdue(stage, missed, *found)
    if count > found.shape[1]:
        found = np.empty((2, count), dtype=np.intp)
        find_overdue(stage, missed, *found)
    return found[0, :count], found[1, :count]


YEAR_OF_MISSES = 4.0
"""Payments missed running after which a restructured firm is wound up."""


@_inner(numba.intp(_MAT_IN, _MAT_IN, _IDX, _IDX))
def find_overdue(stage: Array, missed: Array, firm: Array, path: Array) -> int:
    """Write as many pairs as there is room for; returns how many there are."""
    count = 0
    for f in range(stage.shape[0]):
        some = False
        for n in range(stage.shape[1]):
            some |= (stage[f, n] == RESTRUCTURED) & (missed[f, n] >= YEAR_OF_MISSES)
        if not some:
            continue
        for n in range(stage.shape[1]):
            if stage[f, n] == RESTRUCTURED and missed[f, n] >= YEAR_OF_MISSES:
                if count < firm.shape[0]:
                    firm[count], path[count] = f, n
                count += 1
    return count


CYCLE = 5.0
"""Fall of the log of failures from causes outside the model with the mood (3 to 7).

In the worst of 43 years on record 11.02 % of speculative-grade firms failed (`pd_1y_spec_grade_stress`, 1991), 2.7
times the mean of 4.1 % (from memory). One year of this model's baseline in forty-three has a mood 0.2 below the usual:
ln 2.7 / 0.2. Defaults cluster beyond what ratings tell: Das, Duffie, Kapadia and Saita 2007, "Common failings", J.
Finance 62.
"""
USUAL_MOOD = 0.6
"""Mood at which failures have their mean rate: the median over the baseline's years (2026-11-30)."""
LEAST_IN_WANT = 1.0 / 3.0
"""Smallest share of the firms below investment grade that is taken to be in want of money (assumption, 0.2 to 0.5): it
bounds what those that are in want add to their class's rate in a world where few are."""


def credit_cycle(mood: Array) -> Array:
    """Failures from causes outside the model relative to their mean over the cycle, (paths,)."""
    return np.exp(-CYCLE * (mood - USUAL_MOOD))


def spare_means(now: Moment) -> Array:
    """What a year's money leaves each firm after all its debt, (firms, paths), usd_bn."""
    f, r = now.state.firms, now.results
    out = np.empty_like(f.value)
    funding.find_spare_means(
        now.state.books.cash, now.block.cache["debt_owed"], r["ebitda"], r["interest"], r["tax"], r["round_room"], out
    )
    return out


def share_in_want(now: Moment, spare: Array) -> Array:
    """Share of the firms below investment grade that are in want of money in the first quarter, (paths,)."""
    if now.quarter == 0:
        below = lenders.investment_grade(now) < 0.5
        share = (below & (spare <= 0.0)).sum(axis=0) / np.maximum(below.sum(axis=0), 1)
        now.block.cache["share_in_want"] = np.maximum(share, LEAST_IN_WANT)
    return now.block.cache["share_in_want"]


@_kernel(
    numba.void(
        *[_MAT_IN] * 5, _FLAG_IN, *[_VEC_IN] * 3, numba.float64, _MAT_IN, _VEC_IN, _MAT, _MAT, *[_FLAG_MAT] * 4, _VEC
    ),
)
def judge(
    paid: Array,
    spare: Array,
    grade: Array,
    rating: Array,
    chance: Array,
    ordered: Array,
    yearly_rate: Array,
    intensity: Array,
    in_want: Array,
    fraud: float,
    worth: Array,
    weight: Array,
    missed: Array,
    stage: Array,
    solvent: Array,
    own_cause: Array,
    distress: Array,
    failed: Array,
    weights: Array,
) -> None:
    """Count missed payments, move stages of distress, and set who defaults and who misses for the first time.

    Also set is who has more than it owes (`worth` above zero), and added to `weights` (paths) is the `weight` of each
    firm that defaults, (firms,).

    A firm defaults at the second miss running, at a large one, where the scenario `ordered` it, or by a cause of its
    own outside the model: at the `yearly_rate` of its class (by rating class) by `intensity` (paths), in the upper tail
    of the number whose lower tail closes market access. Money does not keep a firm from fraud, but what the rates below
    investment grade add to `fraud`, the rate of the class above them, stands for a want of it. A class's rate is a mean
    over firms in want and others: the share `in_want` (paths), whose year's money does not pay their debt (`spare`,
    usd_bn, below zero), carries all that is added; the others fail at the rate of fraud.
    """
    for f in range(paid.shape[0]):
        for n in range(paid.shape[1]):
            before = stage[f, n]
            alive = before < RESTRUCTURED
            misses = paid[f, n] < MISS
            missed[f, n] = missed[f, n] + 1.0 if misses and before < GONE else 0.0
            yearly = yearly_rate[int(rating[f, n])]
            if grade[f, n] < 0.5:
                added = max(yearly - fraud, 0.0)
                yearly = min(yearly, fraud) + (added / in_want[n] if spare[f, n] <= 0.0 else 0.0)
            own = alive and chance[f, n] > 1.0 - intensity[n] * yearly / 4.0
            large = paid[f, n] < 1.0 - LARGEST_MISS
            fails = (alive and (missed[f, n] >= MISSES_TO_DEFAULT or large)) or own or (ordered[f] and alive)
            first = alive and misses and missed[f, n] == 1.0 and before == 0.0 and not fails
            solvent[f, n] = worth[f, n] > 0.0
            own_cause[f, n] = own
            failed[f, n] = fails
            distress[f, n] = first
            if first:
                stage[f, n] = DISTRESS
            elif alive and not misses and not fails:
                stage[f, n] = 0.0
            weights[n] += weight[f] if fails else 0.0


def forced(now: Moment) -> Array:
    """Firms whose default the scenario orders in this quarter, (firms,)."""
    layout = now.block.layout
    out = np.zeros(layout.firms, dtype=bool)
    for event in now.block.program.events:
        if event.kind == "default" and event.first == now.quarter and event.target in layout.units[: layout.firms]:
            out[layout.units.index(event.target)] = True
    return out

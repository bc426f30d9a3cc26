"""Step 11, who fails: payments missed, means spent, causes outside the model, and what a scenario orders."""

from __future__ import annotations

from penstock import arrays
from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.engine.state import DISTRESS, GONE, RESTRUCTURED
from penstock.engine.steps import lenders
from penstock.engine.steps.settle import LARGEST_MISS, MISS, MISSES_TO_DEFAULT
from penstock.money import failure, funding
from penstock.money.kernels import _FLAG_IN, _FLAG_MAT, _IDX, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import float64, inner, intp, kernel, void

Array = np.ndarray


def find_failures(now: Moment) -> Array:
    """Sets stages of distress; true where a firm defaults this quarter, (firms, paths)."""
    f, r, facts, th, cache = now.state.firms, now.results, now.block.facts, now.block.theta, now.block.cache
    r["solvent"], r["own_cause"], r["distress_now"], failed = np.empty((4, *f.stage.shape), dtype=bool)
    weights, intensity = np.zeros((2, now.block.width))
    r["default_weight_next"] = weights
    if now.on("mend") and now.on("noise"):
        intensity = th["failure_intensity"] * credit_cycle(now.state.economy.mood)
    judge(
        r["paid_share"], f.rating, now.firm_chance(), now.state.books.cash, cache["debt_owed"], r["ebitda"],
        r["interest"], r["tax"], r["round_room"], lenders.INVESTMENT_GRADE, grades_told(now), forced(now),
        facts.own_cause_rate, intensity, share_in_want(now), now.state.books.net_worth, cache["default_weights"],
        f.missed, f.stage, r["solvent"], r["own_cause"], r["distress_now"], failed, weights, np.empty(now.block.width),
    )  # fmt: skip
    return failed


def grades_told(now: Moment) -> Array:
    """Which firms a scenario leaves investment grade, (firms, 1); no rows where it tells of none."""
    told = now.struck("investment_grade")
    return now.block.cache["no_grade_told"] if told is None else np.ascontiguousarray(told)


MOST_WEIGHT = 6.0
"""Weight of defaults in a quarter beyond which more of them do not frighten investors more."""


def overdue(stage: Array, missed: Array) -> tuple[Array, Array]:
    """Firms and paths of the restructured that have missed payments for a year, firm after firm."""
    if arrays.width_on_device():
        return failure.pairs((stage == RESTRUCTURED) & (missed >= YEAR_OF_MISSES))
    return failure.listed(find_overdue, stage, missed)


YEAR_OF_MISSES = 4.0
"""Payments missed running after which a restructured firm is wound up."""


@inner(intp(_MAT_IN, _MAT_IN, _IDX, _IDX))
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


def share_in_want(now: Moment) -> Array:
    """Share of the firms below investment grade that are in want of money in the first quarter, (paths,)."""
    if now.quarter == 0:
        below = lenders.investment_grade(now) < 0.5
        share = (below & (spare_means(now) <= 0.0)).sum(axis=0) / np.maximum(below.sum(axis=0), 1)
        now.block.cache["share_in_want"] = np.maximum(share, LEAST_IN_WANT)
    return now.block.cache["share_in_want"]


@kernel(
    void(
        *[_MAT_IN] * 9, float64, _MAT_IN, _FLAG_IN, *[_VEC_IN] * 3, _MAT_IN, _VEC_IN, _MAT, _MAT,
        *[_FLAG_MAT] * 4, _VEC, _VEC,
    ),
)  # fmt: skip
def judge(
    paid: Array,
    rating: Array,
    chance: Array,
    cash: Array,
    owed: Array,
    ebitda: Array,
    interest: Array,
    tax: Array,
    rounds: Array,
    lowest_grade: float,
    told: Array,
    ordered: Array,
    yearly_rate: Array,
    intensity: Array,
    in_want: Array,
    worth: Array,
    weight: Array,
    missed: Array,
    stage: Array,
    solvent: Array,
    own_cause: Array,
    distress: Array,
    failed: Array,
    weights: Array,
    safe: Array,
) -> None:
    """Count missed payments, move stages of distress, and set who defaults and who misses for the first time.

    Also set is who has more than it owes (`worth` above zero), and added to `weights` (paths) is the `weight` of each
    firm that defaults, (firms,), as far as it counts (`MOST_WEIGHT`).

    A firm defaults at the second miss running, at a large one, where the scenario `ordered` it, or by a cause of its
    own outside the model: at the `yearly_rate` of its class (by rating class) by `intensity` (paths), in the upper tail
    of the number whose lower tail closes market access. Money does not keep a firm from fraud, but what the rates below
    investment grade add to the rate of fraud, that of its `lowest_grade`, stands for a want of it. A class's rate is a
    mean over firms in want and others: the share `in_want` (paths), whose year's money does not pay their debt
    (`spare_of` cash, debt `owed` and the rest, usd_bn, below zero), carries all that is added; the others fail at the
    rate of fraud. A scenario may have `told` who is below investment grade, (firms, 1), or no rows.

    Most firms pay, are sound and draw a number below all rates (`safe`, (paths,), is room for that bound): of their
    numbers only these are looked at.
    """
    firms, paths = stage.shape
    fraud = yearly_rate[int(lowest_grade)]
    for n in range(paths):
        most = 0.0
        for c in range(yearly_rate.shape[0]):
            added = max(yearly_rate[c] - fraud, 0.0)
            most = max(most, yearly_rate[c], min(yearly_rate[c], fraud) + added / in_want[n])
        safe[n] = 1.0 - intensity[n] * most / 4.0
    for f in range(firms):
        for n in range(paths):
            failed[f, n] = (
                (paid[f, n] < MISS)
                | (missed[f, n] != 0.0)
                | (stage[f, n] != 0.0)
                | (chance[f, n] > safe[n])
                | ordered[f]
            )
        for n in range(paths):
            solvent[f, n] = worth[f, n] > 0.0
        own_cause[f] = False
        distress[f] = False
        for n in range(paths):
            # where something may have happened, until it is known what
            if not failed[f, n]:
                continue
            before = stage[f, n]
            misses = paid[f, n] < MISS
            drawn = chance[f, n] > safe[n]
            alive = before < RESTRUCTURED
            missed[f, n] = missed[f, n] + 1.0 if misses and before < GONE else 0.0
            own = False
            if alive and drawn:
                yearly = yearly_rate[int(rating[f, n])]
                if rating[f, n] > lowest_grade or (told.shape[0] > 0 and told[f, 0] < 0.5):
                    added = max(yearly - fraud, 0.0)
                    spare = funding.spare_of(
                        cash[f, n], owed[f, n], ebitda[f, n], interest[f, n], tax[f, n], rounds[f, n]
                    )
                    yearly = min(yearly, fraud) + (added / in_want[n] if spare <= 0.0 else 0.0)
                own = chance[f, n] > 1.0 - intensity[n] * yearly / 4.0
            large = paid[f, n] < 1.0 - LARGEST_MISS
            fails = (alive and (missed[f, n] >= MISSES_TO_DEFAULT or large)) or own or (ordered[f] and alive)
            first = alive and misses and missed[f, n] == 1.0 and before == 0.0 and not fails
            own_cause[f, n] = own
            failed[f, n] = fails
            distress[f, n] = first
            if first:
                stage[f, n] = DISTRESS
            elif alive and not misses and not fails:
                stage[f, n] = 0.0
            weights[n] += weight[f] if fails else 0.0
    for n in range(paths):
        weights[n] = min(weights[n], MOST_WEIGHT)


def forced(now: Moment) -> Array:
    """Firms whose default the scenario orders in this quarter, (firms,)."""
    layout = now.block.layout
    out = np.zeros(layout.firms, dtype=bool)
    for event in now.block.program.events:
        if event.kind == "default" and event.first == now.quarter and event.target in layout.units[: layout.firms]:
            out[layout.units.index(event.target)] = True
    return out

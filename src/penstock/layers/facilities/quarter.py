"""The facilities layer: halls through land, permit, shell and fit-out, as stages of a delay line.

Arrays are (stages, owners, paths), GW of IT power.
"""

from __future__ import annotations

from penstock.arrays import np
from penstock.passes import array, float64, inlined, kernel, void

Array = np.ndarray

STAGES = 3
"""Stages of the delay line of halls: more stages, less spread about the same lead time."""


def advance_stages(pipeline: Array, starts: Array, lead_quarters: Array) -> tuple[Array, Array]:
    """A delay line of equal stages (Erlang) after a quarter: the new pipeline and what was finished.

    The last stage moves first. Needs lead_quarters >= stages, else a stage would empty twice in a quarter.
    """
    moved, done = pipeline.copy(), np.empty_like(starts)
    _move_on(starts, share_moving(pipeline, lead_quarters), moved, done)
    return moved, done


def share_moving(pipeline: Array, lead_quarters: Array) -> Array:
    """Share of a stage that moves on in a quarter, by owner and path or, in one row, by path."""
    return np.atleast_2d(np.minimum(pipeline.shape[0] / lead_quarters, 1.0))


@inlined
def advance_line(pipeline: Array, o: int, starts: Array, rate: Array, done: Array) -> None:
    """Move an owner's delay line on in its place; `starts` and `done` are (owners, paths), `rate` `share_moving`."""
    last, k = pipeline.shape[0] - 1, min(o, rate.shape[0] - 1)
    for n in range(starts.shape[1]):
        done[o, n] = pipeline[last, o, n] * rate[k, n]
    for s in range(last, 0, -1):
        for n in range(starts.shape[1]):
            stays = pipeline[s, o, n] - pipeline[s, o, n] * rate[k, n]
            pipeline[s, o, n] = stays + pipeline[s - 1, o, n] * rate[k, n]
    for n in range(starts.shape[1]):
        stays = pipeline[0, o, n] - pipeline[0, o, n] * rate[k, n]
        pipeline[0, o, n] = stays + starts[o, n]


_READ, _SET = (array(float64, 2, readonly=fixed) for fixed in (True, False))


@kernel(
    void(_READ, _READ, array(float64, 3), _SET),
)  # fmt: skip
def _move_on(starts: Array, rate: Array, pipeline: Array, done: Array) -> None:
    for o in range(starts.shape[0]):
        advance_line(pipeline, o, starts, rate, done)


@inlined
def hold_back(done: Array, on_time: Array, late_gw: Array, rate: Array) -> Array:
    """GW that stay in the last stage of a delay line although they were due, (owners, paths).

    on_time: share of what is due that comes; late_gw: GW of delayed sites that should be there by now, of which the
    line lets out a part `rate` a quarter.
    """
    return np.minimum(done * (1.0 - on_time) + late_gw * rate, done)


HALL_YIELD = 0.13
"""Yearly rent on a dollar of halls that are let on completion (assumption, 0.11 to 0.15: yields on cost of data-centre
developers of 9 to 12 % before interest, and a fifth of rent for running costs)."""
POWER_YIELD = 0.17
"""Yearly sales on a dollar of power plant built for large users (assumption, 0.13 to 0.22: a return of some 11 %, and a
third of sales for running costs)."""


@inlined
def rent_on_free_plant(added: Array, filled: Array, yearly_yield: Array) -> Array:
    """Rent of a quarter that plant built since the opening would bring beyond what it takes in already, usd_bn.

    added: plant beyond the opening's; filled: sales of the quarter beyond the opening's, and contracts to come.
    """
    return np.maximum(0.25 * yearly_yield * np.maximum(added, 0.0) - np.maximum(filled, 0.0), 0.0)


def limit_starts(wanted: Array, limit: Array) -> tuple[Array, Array]:
    """Starts that building trades can take on, pro rata, and the share of what was wanted, (paths,)."""
    taken, share = np.empty_like(wanted), np.zeros(wanted.shape[1])
    _limit(wanted, limit, taken, share)
    return taken, share


@kernel(
    void(_READ, array(float64, 1, readonly=True), _SET, array(float64, 1)),
)  # fmt: skip
def _limit(wanted: Array, limit: Array, taken: Array, share: Array) -> None:
    """`share` (paths) is zero before."""
    for o in range(wanted.shape[0]):
        for n in range(wanted.shape[1]):
            share[n] += wanted[o, n]
    for n in range(wanted.shape[1]):
        share[n] = min(1.0, limit[n] / max(share[n], 1e-12))
    for o in range(wanted.shape[0]):
        for n in range(wanted.shape[1]):
            taken[o, n] = wanted[o, n] * share[n]


def grow_limit(limit: Array, share: Array, growth: Array) -> Array:
    """The limit grows while it binds (at most `growth` a year), and by 3 % a year otherwise."""
    return limit * np.where(share < 0.999, 1.0 + 0.25 * growth, 1.0075)

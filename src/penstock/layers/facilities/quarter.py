"""The facilities layer: halls through land, permit, shell and fit-out, as stages of a delay line.

Arrays are (stages, owners, paths), GW of IT power.
"""

from __future__ import annotations

import numba
from numba.extending import register_jitable

from penstock import arrays
from penstock.arrays import np

Array = np.ndarray

STAGES = 3


def advance_stages(pipeline: Array, starts: Array, lead_quarters: Array) -> tuple[Array, Array]:
    """A delay line of equal stages (Erlang) after a quarter: the new pipeline and what was finished.

    The last stage moves first. Needs lead_quarters >= stages, else a stage would empty twice in a quarter.
    """
    rate = np.atleast_2d(np.minimum(pipeline.shape[0] / lead_quarters, 1.0))
    moved, done = np.empty_like(pipeline), np.empty_like(starts)
    _move_on(pipeline, starts, rate, moved, done)
    return moved, done


@arrays.launched
@numba.njit(
    numba.void(*[numba.types.Array(numba.float64, axes, "C", readonly=True) for axes in (3, 2, 2)],
               numba.float64[:, :, ::1], numba.float64[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _move_on(pipeline: Array, starts: Array, rate: Array, moved: Array, done: Array) -> None:
    """`rate`: share of a stage that moves on, by owner and path or, in one row, by path."""
    last = pipeline.shape[0] - 1
    for o in range(starts.shape[0]):
        k = min(o, rate.shape[0] - 1)
        for s in range(pipeline.shape[0]):
            for n in range(starts.shape[1]):
                stays = pipeline[s, o, n] - pipeline[s, o, n] * rate[k, n]
                enters = starts[o, n] if s == 0 else pipeline[s - 1, o, n] * rate[k, n]
                moved[s, o, n] = stays + enters
        for n in range(starts.shape[1]):
            done[o, n] = pipeline[last, o, n] * rate[k, n]


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


@register_jitable
def rent_on_free_plant(added: Array, filled: Array, yearly_yield: Array) -> Array:
    """Rent of a quarter that plant built since the opening would bring beyond what it takes in already, usd_bn.

    added: plant beyond the opening's; filled: sales of the quarter beyond the opening's, and contracts to come.
    """
    return np.maximum(0.25 * yearly_yield * np.maximum(added, 0.0) - np.maximum(filled, 0.0), 0.0)


def limit_starts(wanted: Array, limit: Array) -> tuple[Array, Array]:
    """Starts that building trades can take on, pro rata, and the share of what was wanted, (paths,)."""
    total = wanted.sum(axis=0)
    share = np.minimum(1.0, limit / np.maximum(total, 1e-12))
    return wanted * share, share


def grow_limit(limit: Array, share: Array, growth: Array) -> Array:
    """The limit grows while it binds (at most `growth` a year), and by 3 % a year otherwise."""
    return limit * np.where(share < 0.999, 1.0 + 0.25 * growth, 1.0075)

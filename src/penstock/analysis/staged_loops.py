"""Loops of a money network stage by stage, firmest money first, with a range where an amount is estimated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.analysis.circulation import (
    Array,
    Indices,
    Loop,
    Mask,
    financed_circulation,
    loops_of,
    whole_circulation,
)

KINDS = ("financed", "trade", "cross_holding")
"""Loops with financing and purchases; of purchases alone; of financing alone."""


@dataclass(frozen=True)
class Network:
    """Ties between units: `payer` and `payee` number `units`; `keys` are the ids of the ties."""

    units: tuple[str, ...]
    payer: Indices
    payee: Indices
    financing: Mask
    keys: tuple[str, ...]


@dataclass(frozen=True)
class StagedLoop:
    """A loop, the stage at which it closes, and its range where the amount of a tie is estimated."""

    stage: int
    kind: str
    loop: Loop
    low: float
    high: float


def staged_loops(
    network: Network, amounts: Array, low: Array | None = None, high: Array | None = None
) -> list[StagedLoop]:
    """Loops of a network whose ties carry dollars at several stages, (stages, ties), firmest first.

    A stage adds its dollars to what is left of the stages before; what loops take is gone. After the last stage what
    is left holds no loop. `low` and `high` are other levels of the same dollars. The range of a loop: each tie's
    dollars are shared among the loops through it as at the centre, and the scarcest tie decides, so that at either end
    no dollar is counted twice.
    """
    low, high = (amounts if level is None else level for level in (low, high))
    left, left_low, left_high = (np.zeros(amounts.shape[1]) for _ in range(3))
    found: list[StagedLoop] = []
    for stage in range(len(amounts)):
        left, left_low, left_high = left + amounts[stage], left_low + low[stage], left_high + high[stage]
        loops = _loops_once(network, left)
        used = np.zeros(len(left))
        for _, loop in loops:
            used[list(loop.ties)] += loop.amount
        busy = np.maximum(used, 1e-300)
        for kind, loop in loops:
            ties = list(loop.ties)
            share = loop.amount / busy[ties]
            least, most = float((left_low[ties] * share).min()), float((left_high[ties] * share).min())
            found.append(StagedLoop(stage, kind, loop, min(least, loop.amount), max(most, loop.amount)))
        taken = np.minimum(used / np.maximum(left, 1e-300), 1.0)
        left, left_low, left_high = (part * (1.0 - taken) for part in (left, left_low, left_high))
    return found


def _loops_once(network: Network, capacity: Array) -> list[tuple[str, Loop]]:
    """Financed loops, then what is left of purchases among themselves."""
    ends, keys = (network.payer, network.payee), network.keys
    financed = financed_circulation(*ends, capacity, network.financing, keys)
    loops = loops_of(*ends, financed, network.financing, keys)
    used = np.zeros(len(capacity))
    for loop in loops:
        used[list(loop.ties)] += loop.amount
    left = capacity - used
    left[left <= 1e-12 * float(capacity.max(initial=0.0))] = 0.0
    rest = whole_circulation(*ends, left, keys)
    loops += loops_of(*ends, rest, np.ones(len(capacity), dtype=bool), keys)
    return [(_kind(network.financing[list(loop.ties)]), loop) for loop in loops]


def _kind(financing: Mask) -> str:
    if not financing.any():
        return "trade"
    return "cross_holding" if financing.all() else "financed"

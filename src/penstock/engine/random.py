"""Counter-based random numbers: the same path is the same future, whatever the block, chunk or worker.

Each path has its own Philox key (seed, path); each purpose its own counter block. Inside a purpose the
numbers stand in order of quarters, so a shorter run sees the first part of a longer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

PARAMETERS = 128
ECONOMY = 16
FIRM_STEP = 256
"""Firm columns are drawn in multiples of this, so that a company added at the end moves no other draw."""

SIDE_BY_SIDE = 8
"""Paths that are drawn before they are put in order: as many numbers as a cache line holds."""

_STREAMS = {
    "parameters": 1,
    "economy_normal": 2,
    "economy_uniform": 3,
    "firm_normal": 4,
    "firm_uniform": 5,
    "changes": 6,
}


@dataclass(frozen=True)
class Draws:
    """Random numbers of a block of paths; the last axis is the path."""

    parameters: np.ndarray
    changes: np.ndarray
    economy_normal: np.ndarray
    economy_uniform: np.ndarray
    firm_normal: np.ndarray
    firm_uniform: np.ndarray


class Streams:
    """One generator that is set to the start of any path's stream: a new one costs more than what it draws."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=np.array([seed, 0], dtype=np.uint64))
        self._start = self._bits.state
        self._generator = np.random.Generator(self._bits)

    def at(self, path: int, purpose: str) -> np.random.Generator:
        """The generator at the start of the stream of a path and purpose."""
        self._start["state"]["key"][1] = path
        self._start["state"]["counter"][:] = (0, 0, 0, _STREAMS[purpose])
        self._bits.state = self._start
        return self._generator


def draw(seed: int, paths: Sequence[int], quarters: int, columns: np.ndarray) -> Draws:
    """All random numbers of `paths`; `columns` is the place of each firm in the list of all companies of the world.

    The place stays when a scenario adds companies (at the end) or takes some out, so the others keep their luck.
    """
    firms = len(columns)
    drawn = -(-(int(columns.max(initial=0)) + 1) // FIRM_STEP) * FIRM_STEP
    count = len(paths)
    parameters, changes = np.empty((count, PARAMETERS)), np.empty((count, PARAMETERS))
    economy_normal, economy_uniform = np.empty((2, count, quarters, ECONOMY))
    firm_normal, firm_uniform = np.empty((2, quarters, firms, count))
    streams, places = Streams(seed), np.ascontiguousarray(columns, dtype=np.intp)
    some = np.empty((2, SIDE_BY_SIDE, quarters, drawn))
    for first in range(0, count, SIDE_BY_SIDE):
        lanes = range(first, min(first + SIDE_BY_SIDE, count))
        for row, lane in enumerate(lanes):
            path = paths[lane]
            streams.at(path, "parameters").random(out=parameters[lane])
            streams.at(path, "changes").random(out=changes[lane])
            streams.at(path, "economy_normal").standard_normal(out=economy_normal[lane])
            streams.at(path, "economy_uniform").random(out=economy_uniform[lane])
            streams.at(path, "firm_normal").standard_normal(out=some[0, row])
            streams.at(path, "firm_uniform").random(out=some[1, row])
        for numbers, out in ((some[0], firm_normal), (some[1], firm_uniform)):
            _set_lanes(numbers[: len(lanes)], places, first, out)
    return Draws(
        parameters=_paths_last(parameters),
        changes=_paths_last(changes),
        economy_normal=_paths_last(economy_normal),
        economy_uniform=_paths_last(economy_uniform),
        firm_normal=firm_normal,
        firm_uniform=firm_uniform,
    )


def _paths_last(drawn: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(drawn, 0, -1))


@numba.njit(
    numba.void(
        numba.float64[:, :, ::1],
        numba.types.Array(numba.intp, 1, "C", readonly=True),
        numba.intp,
        numba.float64[:, :, ::1],
    ),
    cache=True,
    nogil=True,
)
def _set_lanes(drawn: np.ndarray, columns: np.ndarray, first: int, out: np.ndarray) -> None:
    """Set `out[quarter, firm, first + row]` to `drawn[row, quarter, columns[firm]]`."""
    for quarter in range(out.shape[0]):
        for firm in range(out.shape[1]):
            for row in range(drawn.shape[0]):
                out[quarter, firm, first + row] = drawn[row, quarter, columns[firm]]

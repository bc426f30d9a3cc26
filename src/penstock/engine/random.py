"""Counter-based random numbers: the same path is the same future, whatever the block, chunk or worker.

Each path has its own Philox key (seed, path); each purpose its own counter block. Inside a purpose the
numbers stand in order of quarters, so a shorter run sees the first part of a longer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from penstock.arrays import np
from penstock.engine import philox

PARAMETERS = 128
ECONOMY = 16
"""Numbers of a row of the economy."""
ECONOMY_READ = 8
"""The first so many are kept: steps read fewer (`engine.moment`)."""
FIRM_STEP = 256
"""Firm columns are drawn in multiples of this, so that a company added at the end moves no other draw."""

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
    """One generator of NumPy that is set to the start of any path's stream: a new one costs more than what it draws.

    A block takes the same numbers from `philox`, which makes them faster.
    """

    def __init__(self, seed: int) -> None:
        self._bits = numpy.random.Philox(key=numpy.array([seed, 0], dtype=numpy.uint64))
        self._start = self._bits.state
        self._generator = numpy.random.Generator(self._bits)

    def at(self, path: int, purpose: str) -> numpy.random.Generator:
        """The generator at the start of the stream of a path and purpose."""
        self._start["state"]["key"][1] = path
        self._start["state"]["counter"][:] = (0, 0, 0, _STREAMS[purpose])
        self._bits.state = self._start
        return self._generator


def draw(seed: int, paths: Sequence[int], quarters: int, columns: np.ndarray, changes: int = PARAMETERS) -> Draws:
    """All random numbers of `paths`; `columns` is the place of each firm in the list of all companies of the world.

    The place stays when a scenario adds companies (at the end) or takes some out, so the others keep their luck.
    changes: how many changes of the scenario are drawn for.
    """
    longest = int(columns.max()) if len(columns) else 0
    firm_length = -(-(longest + 1) // FIRM_STEP) * FIRM_STEP
    firms = np.ascontiguousarray(columns, dtype=np.intp)
    keys = _keys(paths)

    def stream(purpose: str, rows: int, places: np.ndarray, length: int) -> np.ndarray:
        out = np.empty((rows, len(places), len(keys)))
        if not len(places):
            return out
        told = (np.uint64(seed), keys, np.uint64(_STREAMS[purpose]), places)
        for_uniforms, for_normals = philox.room(length)
        if purpose.endswith("_normal"):
            share, limit, height = (np.asarray(table) for table in philox.ZIGGURAT)
            philox.normals(*told, length, share, limit, height, out, *for_normals)
        else:
            philox.uniforms(*told, _fours(places), length, out, for_uniforms)
        return out

    one, several = np.arange(PARAMETERS), np.arange(ECONOMY_READ)
    return Draws(
        parameters=stream("parameters", 1, one, PARAMETERS)[0],
        changes=stream("changes", 1, one[:changes], PARAMETERS)[0],
        economy_normal=stream("economy_normal", quarters, several, ECONOMY),
        economy_uniform=stream("economy_uniform", quarters, several, ECONOMY),
        firm_normal=stream("firm_normal", quarters, firms, firm_length),
        firm_uniform=stream("firm_uniform", quarters, firms, firm_length),
    )


def _keys(paths: Sequence[int]) -> np.ndarray:
    """The key of each path."""
    if isinstance(paths, range):
        return np.arange(paths.start, paths.stop, dtype=np.uint64)
    return np.array(paths, dtype=np.uint64)


def _fours(places: np.ndarray) -> np.ndarray:
    """Which fours of a row hold numbers that are used."""
    return np.unique(places // philox.FOUR)


def lengths_of(columns: np.ndarray, changes: int) -> set[int]:
    """Lengths of the lists that a block is drawn with."""
    lists = (np.arange(PARAMETERS), np.arange(ECONOMY_READ), np.arange(changes), columns)
    return {len(one) for one in (*philox.ZIGGURAT, *lists, *map(_fours, lists))}

"""Random numbers of many paths at once, compiled: the bits of NumPy's `Philox` and `Generator`.

Philox4x64-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11) turns a counter
and a key into four numbers, so that of a long row of uniform numbers only those that are used need be made. Normal
numbers are NumPy's: the ziggurat of Marsaglia and Tsang 2000 ("The ziggurat method for generating random variables",
J. Statistical Software 5(8)) with 256 strips, which takes the next number where it refuses one; so all numbers of a row
are made, and only the used ones are written. Tests hold both equal to NumPy's.

A path's numbers hang on nothing but its key, so that both run as any pass does: over the paths of a block, or as one
thread a path on a device. What they work in is handed to them (`room`).

What is called for each number takes numbers and tables, no arrays that a loop has made or cut: Numba would count their
owners up and down at each call, which took half the time.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from penstock import arrays
from penstock.passes import array, float64, inlined, intp, intrinsic, kernel, uint64, void

Array = np.ndarray
Raw = np.uint64

_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
ROUNDS = 10
SIDE_BY_SIDE = 8
"""Paths whose numbers are written side by side: as many as a cache line holds."""
FOUR = 4
"""Numbers that one place of a stream holds."""
_ZERO, _ONE, _EIGHT, _NINE, _ELEVEN, _SEVENTEEN = (np.uint64(number) for number in (0, 1, 8, 9, 11, 17))
_STRIP, _SIZE = np.uint64(0xFF), np.uint64(0x000FFFFFFFFFFFFF)
_UNIT = 2.0**-53


def _ziggurat() -> tuple[Array, Array, Array]:
    """NumPy's own strips (NumPy 2.0, 2024-06, `ziggurat_constants.h`: `wi_double`, `ki_double`, `fi_double`)."""
    with (Path(__file__).with_name("ziggurat.csv")).open(encoding="utf-8") as file:
        share, limit, height = zip(*(row.split(",") for row in list(file)[1:]), strict=True)
    return np.array(share, np.float64), np.array(limit, np.uint64), np.array(height, np.float64)


ZIGGURAT = _ziggurat()
"""Of each strip: what turns a size into a number, the size up to which it stands at once, the density at its edge."""
LAST, LAST_INVERSE = 3.654152885361009, 0.2736612373297583
"""Where the last strip begins, and one over it (NumPy 2, `ziggurat_constants.h`)."""


def _halves(context: Any, one: Any, other: Any) -> Any:
    """High and low half of the product of two 64-bit numbers, for the compiler."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        wide, narrow = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(part, wide) for part in arguments))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), narrow)
        return context.make_tuple(builder, signature.return_type, (high, builder.trunc(product, narrow)))

    from numba import types

    pair = types.UniTuple(types.uint64, 2)
    return pair(types.uint64, types.uint64), generate


_multiply: Any = intrinsic(_halves)


_NUMBERS, _TABLE = (array(kind, 1, readonly=True) for kind in (uint64, float64))
_PLACES = array(intp, 1, readonly=True)
_ROWS, _LINE = array(float64, 3), array(float64, 2)
_UNIFORMS = void(uint64, _NUMBERS, uint64, _PLACES, _PLACES, intp, _ROWS, _LINE)
_NORMALS = void(
    uint64, _NUMBERS, uint64, _PLACES, intp, _TABLE, _NUMBERS, _TABLE, _ROWS, _LINE,
    array(uint64, 2), array(float64, 1), array(intp, 2),
)  # fmt: skip


def room(length: int) -> tuple[Array, tuple[Array, ...]]:
    """Room for `uniforms`, and for `normals`, that draw rows of this length."""
    lanes = 1 if arrays.width_on_device() else SIDE_BY_SIDE
    drawn, places = arrays.room(2), arrays.room(3, lanes, dtype=np.int64)
    raw = arrays.room(lanes, FOUR, dtype=np.uint64)
    return arrays.room(length, lanes), (arrays.room(lanes, length + FOUR), raw, drawn, places)


@inlined
def _four(place: Raw, stream: Raw, key_0: Raw, key_1: Raw) -> tuple[Raw, Raw, Raw, Raw]:
    """The four raw numbers at a place of a stream."""
    a, b, c, d = place, _ZERO, _ZERO, stream
    first, second = key_0, key_1
    for _ in range(ROUNDS):
        high_0, low_0 = _multiply(_MULTIPLIER_0, a)
        high_1, low_1 = _multiply(_MULTIPLIER_1, c)
        a, b, c, d = high_1 ^ b ^ first, low_1, high_0 ^ d ^ second, low_0
        first = first + _WEYL_0
        second = second + _WEYL_1
    return a, b, c, d


@inlined
def _unit(number: Raw) -> float:
    """A number as one from 0 up to, not including, 1."""
    return np.float64(number >> _ELEVEN) * _UNIT


@kernel(_UNIFORMS)
def uniforms(
    seed: Raw, paths: Array, stream: Raw, columns: Array, needed: Array, length: int, out: Array, line: Array
) -> None:
    """Set `out[row, k, path]` to the uniform number at `columns[k]` of each row of a stream.

    Rows are `length` long, a multiple of four; `needed` are the places of four in a row that hold a column. `line`
    (length, paths side by side) is room to work in.
    """
    side = line.shape[1]
    for begin in range(0, paths.shape[0], side):
        lanes = min(side, paths.shape[0] - begin)
        for row in range(out.shape[0]):
            # NumPy counts on before it draws
            start = row * (length // FOUR) + 1
            for lane in range(lanes):
                for k in range(needed.shape[0]):
                    place = FOUR * needed[k]
                    a, b, c, d = _four(np.uint64(start + needed[k]), stream, seed, paths[begin + lane])
                    line[place, lane], line[place + 1, lane] = _unit(a), _unit(b)
                    line[place + 2, lane], line[place + 3, lane] = _unit(c), _unit(d)
            for k in range(columns.shape[0]):
                for lane in range(lanes):
                    out[row, k, begin + lane] = line[columns[k], lane]


@inlined
def _stands(number: Raw, limit: Array) -> bool:
    """Whether a raw number is taken for a normal one at once: 988 of 1,000 are."""
    return (number >> _NINE) & _SIZE < limit[number & _STRIP]


@inlined
def _normal(number: Raw, share: Array) -> float:
    """What a raw number stands for."""
    size = np.float64((number >> _NINE) & _SIZE) * share[number & _STRIP]
    return size * (1.0 - 2.0 * np.float64((number >> _EIGHT) & _ONE))


@kernel(_NORMALS)
def normals(
    seed: Raw, paths: Array, stream: Raw, columns: Array, length: int, share: Array, limit: Array, height: Array,
    out: Array, line: Array, raw: Array, drawn: Array, at: Array,
) -> None:  # fmt: skip
    """Set `out[row, k, path]` to the standard normal number at `columns[k]` of each row of a stream.

    Rows are `length` long. Of each strip of the ziggurat: `share` turns a size into a number, sizes below `limit` stand
    at once, and `height` is the density at its edge. One that does not stand at once takes the next raw number, a
    uniform one, to be judged by, in the last strip two; each four are made where they are wanted.

    Room to work in: `line` (paths side by side, length and four more), `raw` (paths side by side, four) the last raw
    numbers of each, `drawn` two numbers, and `at` (3, paths side by side): which of the four is next, where the next
    four stand, normals left over.
    """
    side = line.shape[0]
    nexts, places, over = at[0], at[1], at[2]
    for begin in range(0, paths.shape[0], side):
        lanes = min(side, paths.shape[0] - begin)
        # NumPy counts on before it draws
        nexts[:], places[:], over[:] = FOUR, 1, 0
        for row in range(out.shape[0]):
            for lane in range(lanes):
                path, place, j, k = paths[begin + lane], places[lane], nexts[lane], over[lane]
                for left in range(k):
                    line[lane, left] = line[lane, length + left]
                while k < length:
                    if j == FOUR:
                        a, b, c, d = _four(np.uint64(place), stream, seed, path)
                        place += 1
                        if _stands(a, limit) & _stands(b, limit) & _stands(c, limit) & _stands(d, limit):
                            line[lane, k], line[lane, k + 1] = _normal(a, share), _normal(b, share)
                            line[lane, k + 2], line[lane, k + 3] = _normal(c, share), _normal(d, share)
                            k += FOUR
                            continue
                        raw[lane, 0], raw[lane, 1], raw[lane, 2], raw[lane, 3] = a, b, c, d
                        j = 0
                    number = raw[lane, j]
                    j += 1
                    strip, found, judged = number & _STRIP, _normal(number, share), _stands(number, limit)
                    taken = judged
                    while not judged:
                        for which in range(2 if strip == _ZERO else 1):
                            if j == FOUR:
                                a, b, c, d = _four(np.uint64(place), stream, seed, path)
                                raw[lane, 0], raw[lane, 1], raw[lane, 2], raw[lane, 3] = a, b, c, d
                                place += 1
                                j = 0
                            drawn[which] = _unit(raw[lane, j])
                            j += 1
                        if strip != _ZERO:
                            edge = (height[strip - _ONE] - height[strip]) * drawn[0] + height[strip]
                            judged, taken = True, edge < math.exp(-0.5 * found * found)
                        else:
                            beyond, depth = -LAST_INVERSE * math.log1p(-drawn[0]), -math.log1p(-drawn[1])
                            judged = taken = depth + depth > beyond * beyond
                            found = -(LAST + beyond) if (number >> _SEVENTEEN) & _ONE else LAST + beyond
                    line[lane, k] = found
                    k += taken
                places[lane], nexts[lane], over[lane] = place, j, k - length
            for k in range(columns.shape[0]):
                for lane in range(lanes):
                    out[row, k, begin + lane] = line[lane, columns[k]]

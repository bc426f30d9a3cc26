"""Random numbers of many paths at once, compiled: the bits of NumPy's `Philox` and `Generator`.

Philox4x64-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11) turns a counter
and a key into four numbers, so that of a long row of uniform numbers only those that are used need be made. Normal
numbers are NumPy's: the ziggurat of Marsaglia and Tsang 2000 ("The ziggurat method for generating random variables",
J. Statistical Software 5(8)) with 256 strips, which takes the next number where it refuses one; so all numbers of a row
before the last that is used are looked at, and only the used ones are written. Tests hold both equal to NumPy's.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic, register_jitable

# NumPy's own strips, which Numba carries for its generator
from numba.np.random._constants import fi_double, ki_double, wi_double, ziggurat_nor_inv_r, ziggurat_nor_r

from penstock.money.kernels import _kernel

Array = np.ndarray
Raw = np.uint64

_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
ROUNDS = 10
SIDE_BY_SIDE = 8
"""Paths whose numbers are written side by side: as many as a cache line holds."""
AT_ONCE = 256
"""Raw numbers that are made at once for normal numbers, a multiple of four."""
_ZERO, _ONE, _EIGHT, _NINE, _ELEVEN, _SEVENTEEN = (np.uint64(number) for number in (0, 1, 8, 9, 11, 17))
_STRIP, _SIZE = np.uint64(0xFF), np.uint64(0x000FFFFFFFFFFFFF)
_UNIT = 2.0**-53
ZIGGURAT = tuple(np.ascontiguousarray(table) for table in (wi_double, ki_double, fi_double))
"""Of each strip: what turns a size into a number, the size up to which it stands at once, the density at its edge."""
LAST, LAST_INVERSE = float(ziggurat_nor_r), float(ziggurat_nor_inv_r)


def _halves(context: Any, one: Any, other: Any) -> Any:
    """High and low half of the product of two 64-bit numbers, for the compiler."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        wide, narrow = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(part, wide) for part in arguments))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), narrow)
        return context.make_tuple(builder, signature.return_type, (high, builder.trunc(product, narrow)))

    return _PAIR(numba.uint64, numba.uint64), generate


_PAIR: Any = numba.types.UniTuple(numba.uint64, 2)  # type: ignore[no-untyped-call]
_multiply: Any = intrinsic(_halves)


_NUMBERS, _TABLE = (numba.types.Array(kind, 1, "C", readonly=True) for kind in (numba.uint64, numba.float64))
_PLACES = numba.types.Array(numba.intp, 1, "C", readonly=True)
_DRAW = numba.void(
    numba.uint64, _NUMBERS, numba.uint64, _PLACES, numba.intp, _TABLE, _NUMBERS, _TABLE, numba.float64[:, :, ::1]
)


@register_jitable
def _refill(raw: Array, place: Raw, stream: Raw, key_0: Raw, key_1: Raw) -> None:
    """Set `raw` to the numbers from a place of a stream on, which holds four numbers."""
    for k in range(raw.shape[0] // 4):
        a, b, c, d = place + np.uint64(k), _ZERO, _ZERO, stream
        first, second = key_0, key_1
        for _ in range(ROUNDS):
            high_0, low_0 = _multiply(_MULTIPLIER_0, a)
            high_1, low_1 = _multiply(_MULTIPLIER_1, c)
            a, b, c, d = high_1 ^ b ^ first, low_1, high_0 ^ d ^ second, low_0
            first = first + _WEYL_0
            second = second + _WEYL_1
        raw[4 * k], raw[4 * k + 1], raw[4 * k + 2], raw[4 * k + 3] = a, b, c, d


@register_jitable
def _unit(number: Raw) -> float:
    """A number as one from 0 up to, not including, 1."""
    return np.float64(number >> _ELEVEN) * _UNIT


@_kernel(_DRAW)
def uniforms(
    seed: Raw, paths: Array, stream: Raw, columns: Array, length: int, share: Array, limit: Array, height: Array,
    out: Array,
) -> None:  # fmt: skip
    """Set `out[row, k, path]` to the uniform number at `columns[k]` of each row of a stream, rows being `length` long.

    Of the tables of the ziggurat nothing is read.
    """
    raw = np.empty(4, np.uint64)
    drawn = np.empty((SIDE_BY_SIDE, columns.shape[0]))
    for begin in range(0, paths.shape[0], SIDE_BY_SIDE):
        lanes = min(SIDE_BY_SIDE, paths.shape[0] - begin)
        for row in range(out.shape[0]):
            for lane in range(lanes):
                known = -1
                for k in range(columns.shape[0]):
                    number = row * length + columns[k]
                    if number // 4 != known:
                        known = number // 4
                        # NumPy counts on before it draws
                        _refill(raw, np.uint64(known + 1), stream, seed, paths[begin + lane])
                    drawn[lane, k] = _unit(raw[number - 4 * known])
            for k in range(columns.shape[0]):
                for lane in range(lanes):
                    out[row, k, begin + lane] = drawn[lane, k]


@register_jitable
def _make(raw: Array, tried: Array, falls: Array, at: Array, tables: tuple[Array, ...], key: tuple[Raw, ...]) -> None:
    """Make raw numbers anew, and try each for a normal one; `falls`: the places of those that do not stand at once.

    `at`: the place of the next number, the place in the stream from which the next are made, the next entry of `falls`.
    """
    share, limit, _ = tables
    stream, seed, path = key
    _refill(raw, np.uint64(at[1]), stream, seed, path)
    found = 0
    for k in range(raw.shape[0]):
        number = raw[k]
        strip = number & _STRIP
        tried[k] = (
            np.float64((number >> _NINE) & _SIZE) * share[strip] * (1.0 - 2.0 * np.float64((number >> _EIGHT) & _ONE))
        )
    for k in range(raw.shape[0]):
        falls[found] = k
        found += (raw[k] >> _NINE) & _SIZE >= limit[raw[k] & _STRIP]
    falls[found] = raw.shape[0]
    at[0], at[1], at[2] = 0, at[1] + raw.shape[0] // 4, 0


@register_jitable
def _take(raw: Array, tried: Array, falls: Array, at: Array, tables: tuple[Array, ...], key: tuple[Raw, ...]) -> float:
    """The next uniform number of a stream."""
    if at[0] == raw.shape[0]:
        _make(raw, tried, falls, at, tables, key)
    if falls[at[2]] == at[0]:
        at[2] += 1
    at[0] += 1
    return _unit(raw[at[0] - 1])


@register_jitable
def _judge(raw: Array, tried: Array, falls: Array, at: Array, tables: tuple[Array, ...], key: tuple[Raw, ...]) -> float:
    """A normal number in place of one that does not stand at once; no number where it is refused."""
    height = tables[2]
    number, found = raw[at[0]], tried[at[0]]
    at[0] += 1
    at[2] += 1
    strip = number & _STRIP
    drawn = np.empty(2)
    while True:
        for k in range(2 if strip == _ZERO else 1):
            drawn[k] = _take(raw, tried, falls, at, tables, key)
        if strip != _ZERO:
            edge = (height[strip - _ONE] - height[strip]) * drawn[0] + height[strip]
            return found if edge < math.exp(-0.5 * found * found) else np.nan
        beyond, depth = -LAST_INVERSE * math.log1p(-drawn[0]), -math.log1p(-drawn[1])
        if depth + depth > beyond * beyond:
            return -(LAST + beyond) if (number >> _SEVENTEEN) & _ONE else LAST + beyond


@_kernel(_DRAW)
def normals(
    seed: Raw, paths: Array, stream: Raw, columns: Array, length: int, share: Array, limit: Array, height: Array,
    out: Array,
) -> None:  # fmt: skip
    """Set `out[row, k, path]` to the standard normal number at `columns[k]` of each row of a stream.

    Rows are `length` long. Of each strip of the ziggurat: `share` turns a size into a number, sizes below `limit` stand
    at once, and `height` is the density at its edge.
    """
    tables = (share, limit, height)
    raw, tried = np.empty((SIDE_BY_SIDE, AT_ONCE), np.uint64), np.empty((SIDE_BY_SIDE, AT_ONCE))
    falls, at = np.empty((SIDE_BY_SIDE, AT_ONCE + 1), np.int64), np.empty((SIDE_BY_SIDE, 3), np.int64)
    line = np.empty((SIDE_BY_SIDE, length))
    for begin in range(0, paths.shape[0], SIDE_BY_SIDE):
        lanes = min(SIDE_BY_SIDE, paths.shape[0] - begin)
        for lane in range(lanes):
            # NumPy counts on before it draws
            at[lane, 0], at[lane, 1] = AT_ONCE, 1
        for row in range(out.shape[0]):
            for lane in range(lanes):
                mine, values, fallen, where = raw[lane], tried[lane], falls[lane], at[lane]
                key = (stream, seed, paths[begin + lane])
                k = 0
                while k < length:
                    if where[0] == AT_ONCE:
                        _make(mine, values, fallen, where, tables, key)
                    start = where[0]
                    run = min(fallen[where[2]] - start, length - k)
                    for place in range(run):
                        line[lane, k + place] = values[start + place]
                    k += run
                    where[0] = start + run
                    if k < length and where[0] < AT_ONCE:
                        found = _judge(mine, values, fallen, where, tables, key)
                        if not np.isnan(found):
                            line[lane, k] = found
                            k += 1
            for k in range(columns.shape[0]):
                for lane in range(lanes):
                    out[row, k, begin + lane] = line[lane, columns[k]]

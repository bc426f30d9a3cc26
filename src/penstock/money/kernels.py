"""Operations along ties, compiled: post, sum, spread, follow, mark to market.

A tie joins two units; its flow of a quarter is a row of a `(ties, paths)` array. These kernels carry such
rows to the rows of `(units, paths)` arrays, with the paths (lanes) in the innermost loop. Everything else in
a quarter is element-wise and stays plain NumPy.

Rules that callers keep, for no kernel checks them while it runs:

- values are float64, indices intp (`numpy.intp`), flags bool, all C-contiguous; a slice of rows is
  C-contiguous, a slice of lanes is not. An argument of another type or layout is a TypeError before anything
  is touched;
- every index lies within the rows of the array that it points into: check indices once, with `check_index`,
  when the ties are laid out;
- outputs are added to, not overwritten, unless the docstring says "set";
- lanes never mix, and a lane's sums run in the order of the ties, so that a lane has the same bits in a
  block of any width.

Money units are USD bn throughout. Kernels have a NumPy twin in `oracles.py` that tests hold equal.
Signatures are given, so that machine code is compiled once, at the first import, and read from Numba's cache
by every later process. Import this module inside functions where start-up time matters: it loads Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from numba.core.compiler import CompilerBase, DefaultPassBuilder

from penstock import arrays
from penstock.errors import ModelError

F = TypeVar("F", bound=Callable[..., object])
Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_VEC_IN = numba.types.Array(numba.float64, 1, "C", readonly=True)
_MAT_IN = numba.types.Array(numba.float64, 2, "C", readonly=True)
_IDX_IN = numba.types.Array(numba.intp, 1, "C", readonly=True)
_FLAG_IN = numba.types.Array(numba.boolean, 1, "C", readonly=True)
_VEC = numba.types.Array(numba.float64, 1, "C")
_IDX = numba.types.Array(numba.intp, 1, "C")
_IDX_MAT = numba.types.Array(numba.intp, 2, "C")
_MAT = numba.types.Array(numba.float64, 2, "C")
_FLAG = numba.types.Array(numba.boolean, 1, "C")
_FLAG_MAT = numba.types.Array(numba.boolean, 2, "C")
_FLAG_MAT_IN = numba.types.Array(numba.boolean, 2, "C", readonly=True)
_CUBE = numba.types.Array(numba.float64, 3, "C")
_CUBE_IN = numba.types.Array(numba.float64, 3, "C", readonly=True)
_INT = numba.intp


def _kernel(*signatures: object, pairs: tuple[str, ...] = (), entries: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Compile for these argument types now; keep the machine code on disk and release the GIL while running.

    Divisions follow NumPy: a test for zero in a loop would keep it from using wide registers. No array that a pass
    writes may overlap another argument: a number that was read need not be read again (`tests/engine/test_apart.py`).

    On a device a pass runs path by path. A pass over pairs (firm, path) names the arguments that have a number a pair,
    and those with one for each tie of each pair.
    """

    def compile_now(function: F) -> F:
        compiled = _compile(function, *signatures)
        return cast(F, arrays.launched(compiled, pairs, entries))

    return compile_now


def _inner(*signatures: object) -> Callable[[F], F]:
    """`_kernel` for what only passes call."""

    def compile_now(function: F) -> F:
        return cast(F, _compile(function, *signatures))

    return compile_now


class _Apart(CompilerBase):
    """Compiles what reads no number through one argument that it writes through another: no array overlaps another."""

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]  # type: ignore[no-untyped-call]


def _compile(function: Callable[..., object], *signatures: object) -> Any:
    compiler = numba.njit(list(signatures), cache=True, nogil=True, error_model="numpy", pipeline_class=_Apart)
    return compiler(function)


def check_index(name: str, index: npt.ArrayLike, rows: int) -> Index:
    """Return `index` as the kernels want it, or raise ModelError where it points outside `rows` rows."""
    found = np.ascontiguousarray(index, dtype=np.intp)
    if found.ndim != 1:
        raise ModelError(f"{name}: found {found.ndim} axes; expected one row number a tie")
    if found.size and (found.min() < 0 or found.max() >= rows):
        raise ModelError(f"{name}: found rows {found.min()} to {found.max()}; expected 0 to {rows - 1}")
    return found


@_kernel(numba.void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT))
def post(amount: Floats, payer: Index, payee: Index, account: Floats) -> None:
    """Move `amount[t]` from `account[payer[t]]` to `account[payee[t]]`: one number, two sides."""
    for t in range(amount.shape[0]):
        p = payer[t]
        q = payee[t]
        for n in range(amount.shape[1]):
            account[p, n] -= amount[t, n]
        for n in range(amount.shape[1]):
            account[q, n] += amount[t, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _MAT))
def accumulate(amount: Floats, index: Index, out: Floats) -> None:
    """Add `amount[t]` to `out[index[t]]` over all ties: sums by payer, payee, borrower or lender."""
    for t in range(amount.shape[0]):
        u = index[t]
        for n in range(amount.shape[1]):
            out[u, n] += amount[t, n]


@_kernel(
    numba.void(_MAT_IN, _IDX_IN, _VEC_IN, _INT, _INT, _MAT, _IDX_IN, _MAT),
    numba.void(_MAT_IN, _IDX_IN, _MAT_IN, _INT, _INT, _MAT, _IDX_IN, _MAT),
)
def spread(
    spending: Floats,
    payer: Index,
    share: Floats,
    start: int,
    stop: int,
    flow: Floats,
    payee: Index,
    received: Floats,
) -> None:
    """Spread each payer's spending over its ties `start` to `stop`, one category of the cascade.

    `flow[t] = spending[payer[t]] * share[t]` is set; `received[payee[t]]` is added to. `share` is one number
    a tie or one a tie and path. `spending` is read while `received` grows: pass two arrays.
    """
    for t in range(start, stop):
        p = payer[t]
        q = payee[t]
        if share.ndim == 1:
            part = share[t]
            for n in range(flow.shape[1]):
                flow[t, n] = spending[p, n] * part
        else:
            for n in range(flow.shape[1]):
                flow[t, n] = spending[p, n] * share[t, n]
        for n in range(flow.shape[1]):
            received[q, n] += flow[t, n]


@_kernel(numba.void(_MAT_IN, _IDX_IN, _MAT_IN, numba.float64, _MAT))
def follow(received: Floats, rows: Index, before: Floats, largest: float, driver: Floats) -> None:
    """Set `driver[u] = min(received[u] / before[k], largest)` for each of the units `u = rows[k]`."""
    for k in range(rows.shape[0]):
        u = rows[k]
        opening = before[k, 0]
        for n in range(received.shape[1]):
            driver[u, n] = min(received[u, n] / opening, largest)


@_kernel(numba.void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT))
def mark_to_market(share: Floats, value: Floats, holder: Index, company: Index, out: Floats) -> None:
    """Add to each holder the value of its stakes: `out[holder[e]] += share[e] * value[company[e]]`."""
    for e in range(share.shape[0]):
        h = holder[e]
        c = company[e]
        for n in range(share.shape[1]):
            out[h, n] += share[e, n] * value[c, n]

"""Operations along ties, compiled: post, sum, spread, follow, mark to market.

A tie joins two units; its flow of a quarter is a row of a `(ties, paths)` array. These kernels carry such
rows to the rows of `(units, paths)` arrays, with the paths (lanes) in the innermost loop. Everything else in
a quarter is element-wise and stays plain NumPy.

Rules that callers keep, for no kernel checks them while it runs:

- values are float64, indices intp (`numpy.intp`), flags bool, all C-contiguous; a slice of rows is
  C-contiguous, a slice of lanes is not. An argument of another type or layout is a TypeError before anything
  is touched;
- every index lies within the rows of the array that it points into, as the layout of the ties makes them;
- outputs are added to, not overwritten, unless the docstring says "set";
- lanes never mix, and a lane's sums run in the order of the ties, so that a lane has the same bits in a
  block of any width.

Money units are USD bn throughout. Kernels have a NumPy twin in `tests/money/oracles.py` that tests hold equal.
Signatures are given, so that machine code is compiled once on a machine and stored (`penstock/passes`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock.passes import array, boolean, float64, intp, kernel, void

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_VEC_IN = array(float64, 1, readonly=True)
_MAT_IN = array(float64, 2, readonly=True)
_IDX_IN = array(intp, 1, readonly=True)
_FLAG_IN = array(boolean, 1, readonly=True)
_VEC = array(float64, 1)
_IDX = array(intp, 1)
_IDX_MAT = array(intp, 2)
_MAT = array(float64, 2)
_FLAG = array(boolean, 1)
_FLAG_MAT = array(boolean, 2)
_FLAG_MAT_IN = array(boolean, 2, readonly=True)
_CUBE = array(float64, 3)
_CUBE_IN = array(float64, 3, readonly=True)
_INT = intp


@kernel(void(_MAT_IN, _IDX_IN, _IDX_IN, _MAT))
def post(amount: Floats, payer: Index, payee: Index, account: Floats) -> None:
    """Move `amount[t]` from `account[payer[t]]` to `account[payee[t]]`: one number, two sides."""
    for t in range(amount.shape[0]):
        p = payer[t]
        q = payee[t]
        for n in range(amount.shape[1]):
            account[p, n] -= amount[t, n]
        for n in range(amount.shape[1]):
            account[q, n] += amount[t, n]


@kernel(void(_MAT_IN, _IDX_IN, _MAT))
def accumulate(amount: Floats, index: Index, out: Floats) -> None:
    """Add `amount[t]` to `out[index[t]]` over all ties: sums by payer, payee, borrower or lender."""
    for t in range(amount.shape[0]):
        u = index[t]
        for n in range(amount.shape[1]):
            out[u, n] += amount[t, n]


@kernel(
    void(_MAT_IN, _IDX_IN, _VEC_IN, _INT, _INT, _MAT, _IDX_IN, _MAT),
    void(_MAT_IN, _IDX_IN, _MAT_IN, _INT, _INT, _MAT, _IDX_IN, _MAT),
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


@kernel(void(_MAT_IN, _IDX_IN, _MAT_IN, float64, _MAT))
def follow(received: Floats, rows: Index, before: Floats, largest: float, driver: Floats) -> None:
    """Set `driver[u] = min(received[u] / before[k], largest)` for each of the units `u = rows[k]`."""
    for k in range(rows.shape[0]):
        u = rows[k]
        opening = before[k, 0]
        for n in range(received.shape[1]):
            driver[u, n] = min(received[u, n] / opening, largest)


@kernel(void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT))
def mark_to_market(share: Floats, value: Floats, holder: Index, company: Index, out: Floats) -> None:
    """Add to each holder the value of its stakes: `out[holder[e]] += share[e] * value[company[e]]`."""
    for e in range(share.shape[0]):
        h = holder[e]
        c = company[e]
        for n in range(share.shape[1]):
            out[h, n] += share[e, n] * value[c, n]

"""How long iterations of a batch take, one by one and many at once.

An iteration of a batch of B requests whose contexts hold K tokens takes, in seconds,

    over(B) + max(memory(B) + k K, compute(B) + c(B) K)

(roofline: weights and key-value memory are read, or the arithmetic is done, whichever takes longer). While the batch
stays the same K grows by B each iteration, so both branches are affine in the number of the iteration and cross at
most once: any number of iterations is summed in closed form.
"""

from __future__ import annotations

import numpy as np

from penstock.fleet.compiled.columns import (
    F_MEM_K,
    T_CMP,
    T_CMP_K,
    T_MEM,
    T_OVER,
    State,
)
from penstock.fleet.compiled.compiler import compiled


@compiled
def _series(first: float, growth: float, n: int) -> float:
    return n * first + growth * (0.5 * n * (n - 1.0))


@compiled
def decode_seconds(s: State, p: int, batch: int, context: int, n: int) -> float:
    """Seconds of n iterations at full speed of a batch that starts with `context` tokens in memory."""
    steps = s.steps
    memory = steps[p, batch, T_MEM] + s.pf[p, F_MEM_K] * context
    memory_growth = s.pf[p, F_MEM_K] * batch
    compute = steps[p, batch, T_CMP] + steps[p, batch, T_CMP_K] * context
    compute_growth = steps[p, batch, T_CMP_K] * batch
    gap, closing = memory - compute, memory_growth - compute_growth
    last = gap + closing * (n - 1)
    if gap >= 0.0 and last >= 0.0:
        total = _series(memory, memory_growth, n)
    elif gap <= 0.0 and last <= 0.0:
        total = _series(compute, compute_growth, n)
    else:
        m = np.ceil(-gap / closing)  # iterations before the branches cross
        if gap > 0.0:
            total = _series(memory, memory_growth, m)
            total += _series(compute + compute_growth * m, compute_growth, n - m)
        else:
            total = _series(compute, compute_growth, m)
            total += _series(memory + memory_growth * m, memory_growth, n - m)
    return n * steps[p, batch, T_OVER] + total


@compiled
def iterations_until(s: State, p: int, batch: int, context: int, n: int, seconds: float) -> int:
    """The fewest of n iterations, at least one, that take `seconds` or longer."""
    low, high = 1, n
    while low < high:
        middle = (low + high) // 2
        if decode_seconds(s, p, batch, context, middle) >= seconds:
            high = middle
        else:
            low = middle + 1
    return low

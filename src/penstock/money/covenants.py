"""Covenants: what lenders may ask for when a borrower owes more than they agreed to carry.

Arrays (firms, paths), usd_bn.
"""

from __future__ import annotations

import numpy as np

from penstock.money.kernels import _MAT, _MAT_IN
from penstock.passes import float64, inlined, kernel, void

Array = np.ndarray

HEADROOM = 1.35
"""Debt over what lenders would lend at which a maintenance covenant is breached (assumption, 1.25 to 1.5: covenants are
set with 25 to 50 % of headroom over the plan)."""
OPENING_HEADROOM = 1.25
"""The same over the debt at the opening, where a firm opens with more than lenders would lend (assumption, 1.15 to
1.4)."""
TRACE = 1e-3
"""Part of its debt that counts as capacity where there is none: who opens without any is not in breach at once."""
CALL_SHARE = 0.05
"""Most of its debt that lenders call in a quarter of breach (assumption, 0.02 to 0.1: most breaches end in a waiver
with a partial repayment)."""


def agreed_leverage(debt: Array, capacity: Array) -> Array:
    """Debt over capacity that the covenants of the opening allow."""
    return np.maximum(HEADROOM, OPENING_HEADROOM * debt / np.maximum(capacity, TRACE * debt + 1e-9))


@inlined
def excess(debt: Array, capacity: Array, agreed: Array) -> Array:
    """Debt beyond what the covenants allow; above zero is a breach.

    capacity: what lenders would lend on earnings or on the collateral as it is worth today.
    """
    return np.maximum(debt - agreed * np.maximum(capacity, TRACE * debt), 0.0)


@inlined
def called(debt: Array, beyond: Array) -> Array:
    """Debt that falls due at once because of a breach, at most `CALL_SHARE` of it."""
    return np.minimum(beyond, CALL_SHARE * debt)


@kernel(void(*[_MAT_IN] * 6, *[float64] * 3, *[_MAT] * 3))
def test_debt(
    debt: Array,
    capacity: Array,
    agreed: Array,
    grade: Array,
    stage: Array,
    first: Array,
    quarter: float,
    failed: float,
    memory: float,
    breach: Array,
    no_access: Array,
    due: Array,
) -> None:
    """Set `due` to the debt that lenders call; a breach counts for `memory` quarters and closes markets for one.

    Tested are firms below investment grade (`grade` 0) that have not failed (`stage` below `failed`), from the quarter
    `first`, (firms, 1), on.
    """
    for f in range(due.shape[0]):
        begun = first[f, 0] <= quarter
        for n in range(due.shape[1]):
            tested = begun and grade[f, n] < 0.5 and stage[f, n] < failed
            beyond = excess(debt[f, n], capacity[f, n], agreed[f, n]) * tested
            broken = beyond > 0.0
            breach[f, n] = memory if broken else max(breach[f, n] - 1.0, 0.0)
            no_access[f, n] = max(no_access[f, n], 1.0) if broken else no_access[f, n]
            due[f, n] = called(debt[f, n], beyond)

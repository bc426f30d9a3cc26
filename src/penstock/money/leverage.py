"""Capital structure: the debt that a firm keeps up, the cash that it holds, and what its owners get of the rest.

Firms have a target of debt and move towards it; they do not pay it off because business is good (Flannery and Rangan
2006, "Partial adjustment toward target capital structures", J. Financial Economics 79: a third of the gap a year;
Leary and Roberts 2005, J. Finance 60; both from memory). Cash beyond what the business needs goes to shareholders
(Opler, Pinkowitz, Stulz and Williamson 1999, J. Financial Economics 52, on the target; Jensen 1986 on the rest; from
memory). Arrays (firms, paths), usd_bn.
"""

from __future__ import annotations

import numpy as np

from penstock.money.kernels import Floats
from penstock.passes import inlined

YEARLY_ADJUSTMENT = 0.33
"""Share of the gap to its target debt, and of cash beyond its target, that a firm closes in a year (0.17 to 0.36:
Huang and Ritter 2009 for the lower end, Flannery and Rangan 2006 for the upper; from memory)."""
SOUND = 1.0
"""First stage of a firm in trouble."""
TRACE = 1e-3
"""Part of its debt that counts as capacity where there is none."""


def target_share(owed: Floats, capacity: Floats) -> Floats:
    """Share of what lenders would lend that a firm means to owe: that of the opening, at most all of it."""
    share: Floats = np.minimum(owed / np.maximum(capacity, TRACE * owed + 1e-9), 1.0)
    return share


def cash_target(cash: Floats, revenue: Floats) -> Floats:
    """Cash that a firm means to hold over a quarter's sales: that of the opening."""
    share: Floats = np.maximum(cash, 0.0) / np.maximum(revenue, 1e-9)
    return share


@inlined
def borrow_to_target(
    f: int,
    owed: Floats,
    principal: Floats,
    capacity: Floats,
    target: Floats,
    room: Floats,
    unfunded: Floats,
    stage: Floats,
    first: Floats,
    quarter: float,
    new_debt: Floats,
    surplus: Floats,
) -> None:
    """Add to `new_debt` what brings a sound firm `f` nearer to its target debt; the money adds to its `surplus` cash.

    `target` is a share of `capacity`, what lenders would lend; `room` (paths) is all that they lend this quarter, of
    which `new_debt` is taken already. None does so who lacks money or waits for its first income (`first` quarter,
    (firms, 1)).
    """
    if first[f, 0] > quarter:
        return
    for n in range(owed.shape[1]):
        able = stage[f, n] < SOUND and unfunded[f, n] <= 0.0
        after = owed[f, n] - principal[f, n] + new_debt[f, n]
        gap = 0.25 * YEARLY_ADJUSTMENT * (target[f, n] * capacity[f, n] - after)
        more = max(min(gap, room[n] - new_debt[f, n]), 0.0) if able else 0.0
        new_debt[f, n] += more
        surplus[f, n] += more

"""The published equations of clearing and linear DebtRank, written down in SciPy as they stand, to compare with.

Eisenberg and Noe (2001), equation of the clearing vector: `p = min(pi' p + e, p_bar)`, iterated from `p_bar`.
Bardoscia et al. (2015), equation 7: `h(t + 1) = min(1, h(t) + leverage (h(t) - h(t - 1)))`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]

STEPS = 100_000
STILL = 1e-15


def clearing_vector(L: sparse.csr_array, assets: Floats, outside: Floats) -> Floats:
    """Greatest clearing payments by iteration until nothing moves by more than rounding."""
    owed = np.asarray(L.sum(axis=1)).ravel() + outside
    parts = sparse.csr_array((sparse.diags_array(1.0 / np.where(owed > 0.0, owed, 1.0)) @ L).T)
    paid = owed.copy()
    for _ in range(STEPS):
        following = np.minimum(assets + parts @ paid, owed)
        moved = np.abs(following - paid).max()
        paid = following
        if moved <= STILL * owed.max():
            return paid
    raise RuntimeError("clearing_vector: found no end; expected a network whose losses die out")


def relative_losses(exposures: sparse.csr_array, equity: Floats, shock: Floats) -> Floats:
    """Relative losses of linear DebtRank by iteration until nothing moves by more than rounding."""
    leverage = sparse.csr_array(sparse.diags_array(1.0 / equity) @ exposures)
    before = np.zeros_like(equity)
    now = np.minimum(shock / equity, 1.0)
    for _ in range(STEPS):
        following = np.minimum(now + leverage @ (now - before), 1.0)
        before, now = now, following
        if np.abs(now - before).max() <= STILL:
            return now
    raise RuntimeError("relative_losses: found no end; expected a network whose losses die out")

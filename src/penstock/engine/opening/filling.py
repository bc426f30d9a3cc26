"""Proportional fill of what no page names: sellers' remaining sales over buyers' remaining budgets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SWEEPS = 60
EXHAUSTED = 1e-12


def proportional_fill(sellers: Floats, buyers: Floats, allowed: Floats) -> tuple[Floats, Floats, Floats]:
    """Cells (seller, buyer) with row and column sums within the margins, and both slacks.

    `sellers` and `buyers` are amounts still open (usd_bn per quarter, >= 0), `allowed` holds
    weights >= 0 (0 = this pair may not trade). Returns the cells, what each seller could not
    place (goes to the slack buyer) and what each buyer could not spend (goes to the slack
    supplier). Cells and slacks add up to the margins exactly (to rounding).

    Biproportional fitting never meets margins that come from different books; with the slack
    row and column it does. Here every sweep offers each seller's rest in proportion to the open
    budgets and cuts offers that exceed one, so no margin is ever passed.
    """
    if allowed.shape != (sellers.size, buyers.size):
        raise ValueError(f"allowed has shape {allowed.shape}; expected {(sellers.size, buyers.size)}")
    cells = np.zeros_like(allowed)
    rest_sell, rest_buy = sellers.astype(np.float64).copy(), buyers.astype(np.float64).copy()
    for _ in range(SWEEPS):
        weights = allowed * rest_buy
        row_sums = weights.sum(axis=1)
        offers = np.divide(
            weights * rest_sell[:, None],
            row_sums[:, None],
            out=np.zeros_like(weights),
            where=row_sums[:, None] > 0,
        )
        asked = offers.sum(axis=0)
        most = np.maximum(asked, rest_buy)
        cut = np.divide(rest_buy, most, out=np.ones_like(asked), where=most > 0)
        step = offers * cut
        cells += step
        rest_sell = np.maximum(sellers - cells.sum(axis=1), 0.0)
        rest_buy = np.maximum(buyers - cells.sum(axis=0), 0.0)
        if step.sum() <= EXHAUSTED:
            break
    return cells, rest_sell, rest_buy


def drop_small(
    cells: Floats, rest_sell: Floats, rest_buy: Floats, threshold: float, keep: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Move cells below `threshold` (usd_bn per quarter) to both slacks, except those in `keep`."""
    small = (cells > 0) & (cells < threshold) & ~keep
    moved = np.where(small, cells, 0.0)
    return np.where(small, 0.0, cells), rest_sell + moved.sum(axis=1), rest_buy + moved.sum(axis=0)

"""Step 12, count the payoff: what users gain beyond what they pay, and capacity that a bust leaves behind."""

from __future__ import annotations

import numpy as np

from penstock.bounds import bounded
from penstock.engine.moment import Moment
from penstock.engine.state import RESTRUCTURED

Array = np.ndarray


def payoff(now: Moment) -> None:
    """Sets surplus and stranded capital, usd_bn of the quarter.

    Surplus per dollar rises as the price of a served token falls (area under a constant-elasticity curve between the
    opening and the present price); enterprises' gains spill over.
    """
    r, th, f = now.results, now.block.theta, now.state.firms
    spending = r["spending"] * 0.25 * r["served"]
    cheaper = bounded(now.block.cache["token_price_opening"] / r["token_price"], 0.2, 1e3)
    gain = th["surplus_ratio"] * (1.0 + 0.25 * np.log(cheaper))
    surplus = spending.sum(axis=0) * np.maximum(gain, 0.0) + th["productivity_spillover"] * spending[1:].sum(axis=0)
    r["surplus"] = surplus if now.on("payoff") else np.zeros_like(surplus)
    short = bounded(1.0 - r["price"] / r["full_cost"], 0.0, 1.0)
    idle = bounded(1.0 - r["utilisation"] / r["target"], 0.0, 1.0)
    book = f.compute_equipment.sum(axis=0)
    over = f.stage >= RESTRUCTURED
    rows = np.flatnonzero(over.any(axis=1))
    failed = np.where(over[rows], 0.5 * (f.compute_equipment[rows] + f.buildings[rows]), 0.0).sum(axis=0)
    r["stranded"] = book * np.maximum(short, idle) + failed

"""Step 12, count the payoff: what users gain beyond what they pay, and capacity that a bust leaves behind."""

from __future__ import annotations

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.engine.moment import Moment, by_path
from penstock.engine.state import RESTRUCTURED
from penstock.money.kernels import _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import kernel, void

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
    surplus = np.add.reduce(spending) * np.maximum(gain, 0.0)
    surplus += th["productivity_spillover"] * np.add.reduce(spending[1:])
    r["surplus"] = surplus if now.on("payoff") else np.zeros_like(surplus)
    r["stranded"] = np.empty_like(surplus)
    strand(
        f.compute_equipment, f.buildings, f.stage, r["price"], r["full_cost"], r["utilisation"],
        by_path(r["target"], now.block.width), r["stranded"], np.empty((2, now.block.width)),
    )  # fmt: skip


@kernel(void(*[_MAT_IN] * 3, *[_VEC_IN] * 4, _VEC, _MAT))
def strand(
    equipment: Array,
    buildings: Array,
    stage: Array,
    price: Array,
    full_cost: Array,
    utilisation: Array,
    target: Array,
    stranded: Array,
    room: Array,
) -> None:
    """Set what is `stranded`, (paths,), usd_bn: chips as far as their rent falls short of their cost, or their use of
    the target, and half of the plant of firms that failed. `room` (2, paths) is there to work in.
    """
    book, failed = room[0], room[1]
    room[:] = 0.0
    for f in range(stage.shape[0]):
        for n in range(stranded.shape[0]):
            book[n] += equipment[f, n]
            if stage[f, n] >= RESTRUCTURED:
                failed[n] += 0.5 * (equipment[f, n] + buildings[f, n])
    for n in range(stranded.shape[0]):
        short = min(max(1.0 - price[n] / full_cost[n], 0.0), 1.0)
        idle = min(max(1.0 - utilisation[n] / target[n], 0.0), 1.0)
        stranded[n] = book[n] * max(short, idle) + failed[n]

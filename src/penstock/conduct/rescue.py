"""Rescue: who is bailed out, who buys, and what becomes of a firm that failed."""

from __future__ import annotations

from penstock.arrays import np
from penstock.money.kernels import _FLAG_IN, _IDX, _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import boolean, float64, inlined, kernel, void

Array = np.ndarray

RESTRUCTURING, ACQUISITION, LIQUIDATION = 0, 1, 2

LIQUIDATION_VALUE = 0.15
"""A failed firm whose plant is below this share of its liabilities is liquidated (assumption, 0.1 to 0.3)."""
BUYER_CASH_MULTIPLE = 4.0
"""A buyer needs this many times the price in cash (assumption; docs/decisions/0003)."""
ASSET_PRICE = 0.35
"""Price of a failed firm's plant in a calm market, share of book (assumption, 0.2 to 0.6: recovery_gpu_backed).
"""


@kernel(void(_IDX_IN, _MAT_IN, _VEC_IN, _VEC_IN, _VEC, _MAT, _MAT, _VEC))
def bail_out(
    rows: Array, systemic: Array, rule: Array, budget: Array, spent: Array, gap: Array, given: Array, total: Array
) -> None:
    """Help systemic firms that expect to fall short, pro rata inside what is left of the budget; usd_bn.

    Firms of `rows` are looked at: what they lack below zero in `gap` (units, paths) is made up as far as they are
    `systemic`, (firms, 1), by the share of the `rule`, (paths,). Of the `budget` so much is `spent` already, (paths,).
    Sets what is `given` to each, (firms, paths), and adds it to `gap` and `spent`. `total`, (paths,), is room to work
    in.
    """
    total[:] = 0.0
    for f in rows:
        part = systemic[f, 0]
        for n in range(total.shape[0]):
            lack = -gap[f, n]
            given[f, n] = (max(lack, 0.0) + 1e-6 if lack > 1e-9 else 0.0) * (part * rule[n])
            total[n] += given[f, n]
    for n in range(total.shape[0]):
        total[n] = min(1.0, max(budget[n] - spent[n], 0.0) / max(total[n], 1e-12))
    for f in rows:
        for n in range(total.shape[0]):
            given[f, n] *= total[n]
            gap[f, n] += given[f, n]
    total[:] = 0.0
    for f in rows:
        for n in range(total.shape[0]):
            total[n] += given[f, n]
    for n in range(total.shape[0]):
        spent[n] += total[n]


def fire_sale_price(sold: Array, market: Array) -> Array:
    """Price of plant as a share of book, falling with the amount sold at once relative to the stock of such plant."""
    return ASSET_PRICE * np.exp(-3.0 * np.minimum(sold / np.maximum(market, 1e-9), 1.0))


@inlined
def fate_of(plant: float, liabilities: float, bought: bool, may_end: bool) -> int:
    """What becomes of a failed firm: bought, restructured, or liquidated."""
    if bought:
        return ACQUISITION
    return LIQUIDATION if may_end and plant < LIQUIDATION_VALUE * liabilities else RESTRUCTURING


@kernel(
    void(_MAT_IN, _MAT_IN, *[_IDX_IN] * 3, _VEC_IN, _VEC_IN, _FLAG_IN, float64, boolean, _VEC, *[_IDX] * 4),
    pairs=("firm", "path", "plant", "liabilities", "price", "buyer", "fate"),
)
def choose_buyers(
    cash: Array,
    stage: Array,
    candidates: Array,
    firm: Array,
    path: Array,
    plant: Array,
    liabilities: Array,
    for_sale: Array,
    least_plant: float,
    may_end: bool,
    price: Array,
    buyer: Array,
    fate: Array,
    richest: Array,
    second: Array,
) -> None:
    """Set the `buyer` of each failed pair (firm, path), -1 without one, and what becomes of it (`fate`).

    The buyer is the richest of the `candidates` that is sound, another firm, and can pay the `price`; firms not
    `for_sale`, (firms,), or with less than the `least_plant`, usd_bn, find none, and then the price is nothing. The two
    with the most cash of a path are enough for all that fail on it, so that the cost grows with candidates and failures
    and not with their product. Nobody is liquidated unless firms `may_end`. `cash` (units, paths), `stage` (firms,
    paths); `richest` and `second`, (paths,), are room to work in.
    """
    for k in range(firm.shape[0]):
        richest[path[k]] = -2
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        if richest[n] == -2:
            richest[n], second[n] = -1, -1
            for c in candidates:
                if stage[c, n] == 0.0:
                    if richest[n] < 0 or cash[c, n] > cash[richest[n], n]:
                        richest[n], second[n] = c, richest[n]
                    elif second[n] < 0 or cash[c, n] > cash[second[n], n]:
                        second[n] = c
        best = second[n] if richest[n] == f else richest[n]
        able = best >= 0 and cash[best, n] > BUYER_CASH_MULTIPLE * price[k]
        if not (able and for_sale[f] and plant[k] > least_plant):
            best, price[k] = -1, 0.0
        buyer[k] = best
        fate[k] = fate_of(plant[k], liabilities[k], best >= 0, may_end)

"""Rescue: who is bailed out, who buys, and what becomes of a firm that failed."""

from __future__ import annotations

import numba

from penstock.arrays import np
from penstock.money.kernels import _IDX, _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN, _kernel

Array = np.ndarray

RESTRUCTURING, ACQUISITION, LIQUIDATION = 0, 1, 2

LIQUIDATION_VALUE = 0.15
"""A failed firm whose plant is below this share of its liabilities is liquidated (assumption, 0.1 to 0.3)."""
BUYER_CASH_MULTIPLE = 4.0
"""A buyer needs this many times the price in cash (assumption; docs/decisions/0003)."""
ASSET_PRICE = 0.35
"""Price of a failed firm's plant in a calm market, share of book (assumption, 0.2 to 0.6: recovery_gpu_backed).
"""


@_kernel(numba.void(_IDX_IN, _MAT_IN, _VEC_IN, _VEC_IN, _VEC, _MAT, _MAT, _VEC))
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


def richest_other(cash: Array, candidates: Array, firms: Array, lanes: Array, price: Array) -> Array:
    """The most liquid eligible firm on the path of each failed firm other than itself, or -1; (pairs,).

    cash: (candidates, paths), minus infinity for those who may not buy. The two with the most cash of a path are enough
    for all that fail on it, so that the cost grows with candidates and failures and not with their product.
    """
    buyer, best = np.empty(len(firms), dtype=np.intp), np.full((2, cash.shape[1]), -2)
    able, failed, path = (np.ascontiguousarray(index, dtype=np.intp) for index in (candidates, firms, lanes))
    choose_richest(np.ascontiguousarray(cash), able, failed, path, np.ascontiguousarray(price), buyer, *best)
    return buyer


@_kernel(numba.void(_MAT_IN, *[_IDX_IN] * 3, _VEC_IN, *[_IDX] * 3), pairs=("firm", "path", "price", "buyer"))
def choose_richest(
    cash: Array, candidates: Array, firm: Array, path: Array, price: Array, buyer: Array, first: Array, second: Array
) -> None:
    """Set `buyer` of each pair (firm, path) to the richest candidate that is another firm and can pay; -1 without.

    `first` and `second`, (paths,), are room to work in, -2 before.
    """
    for k in range(firm.shape[0]):
        n = path[k]
        if first[n] == -2:
            first[n], second[n] = -1, -1
            for c in range(cash.shape[0]):
                if cash[c, n] > -np.inf:
                    if first[n] < 0 or cash[c, n] > cash[first[n], n]:
                        first[n], second[n] = c, first[n]
                    elif second[n] < 0 or cash[c, n] > cash[second[n], n]:
                        second[n] = c
        best = first[n]
        if best >= 0 and candidates[best] == firm[k]:
            best = second[n]
        able = best >= 0 and cash[best, n] > BUYER_CASH_MULTIPLE * price[k]
        buyer[k] = candidates[best] if able else -1


def resolution(plant: Array, liabilities: Array, buyer: Array) -> Array:
    """What becomes of each failed firm: bought, restructured, or liquidated."""
    dead = plant < LIQUIDATION_VALUE * liabilities
    return np.where(buyer >= 0, ACQUISITION, np.where(dead, LIQUIDATION, RESTRUCTURING))

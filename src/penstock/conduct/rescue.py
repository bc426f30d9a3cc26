"""Rescue: who is bailed out, who buys, and what becomes of a firm that failed."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

RESTRUCTURING, ACQUISITION, LIQUIDATION = 0, 1, 2

LIQUIDATION_VALUE = 0.15
"""A failed firm whose plant is below this share of its liabilities is liquidated (assumption, 0.1 to 0.3)."""
BUYER_CASH_MULTIPLE = 4.0
"""A buyer needs this many times the price in cash (assumption; docs/decisions/0003)."""
ASSET_PRICE = 0.35
"""Price of a failed firm's plant in a calm market, share of book (assumption, 0.2 to 0.6: recovery_gpu_backed).
"""


def bail_out(shortfall: Array, systemic: Array, budget: Array) -> Array:
    """Help to systemic firms that expect to fall short, pro rata inside what is left of the budget, (firms, paths)."""
    wanted = np.where(shortfall > 1e-9, np.maximum(shortfall, 0.0) + 1e-6, 0.0) * systemic
    total = wanted.sum(axis=0)
    return wanted * np.minimum(1.0, np.maximum(budget, 0.0) / np.maximum(total, 1e-12))


def fire_sale_price(sold: Array, market: Array) -> Array:
    """Price of plant as a share of book, falling with the amount sold at once relative to the stock of such plant."""
    return ASSET_PRICE * np.exp(-3.0 * np.minimum(sold / np.maximum(market, 1e-9), 1.0))


def choose_buyer(cash: Array, eligible: Array, price: Array) -> Array:
    """The most liquid eligible firm for each failed firm, or -1; cash (candidates, pairs), price (pairs,)."""
    able = np.where(eligible[:, None] & (cash > BUYER_CASH_MULTIPLE * price), cash, -np.inf)
    best = np.argmax(able, axis=0)
    return np.where(np.isfinite(able[best, np.arange(len(price))]), best, -1)


def richest_other(cash: Array, candidates: Array, firms: Array, lanes: Array, price: Array) -> Array:
    """The most liquid eligible firm on the path of each failed firm other than itself, or -1; (pairs,).

    cash: (candidates, paths), minus infinity for those who may not buy. The two with the most cash of a path are enough
    for all that fail on it, so that the cost grows with candidates and failures and not with their product.
    """
    paths = np.arange(cash.shape[1])
    first = np.argmax(cash, axis=0)
    others = cash.copy()
    others[first, paths] = -np.inf
    second = np.argmax(others, axis=0)
    means = np.stack([cash[first, paths], others[second, paths]])[:, lanes]
    two = candidates[np.stack([first, second])[:, lanes]]
    best = choose_buyer(np.where(two != firms, means, -np.inf), np.ones(2, dtype=bool), price)
    return np.where(best >= 0, two[np.maximum(best, 0), np.arange(len(firms))], -1)


def resolution(plant: Array, liabilities: Array, buyer: Array) -> Array:
    """What becomes of each failed firm: bought, restructured, or liquidated."""
    dead = plant < LIQUIDATION_VALUE * liabilities
    return np.where(buyer >= 0, ACQUISITION, np.where(dead, LIQUIDATION, RESTRUCTURING))

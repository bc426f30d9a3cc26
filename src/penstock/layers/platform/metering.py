"""Metering: what tokens of each kind bring in, what they cost, and what commitment changes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from penstock.layers.refusing import not_negative, positive, share

Array = np.ndarray
TOKENS_PER_PRICE = 1e6
"""Prices are per million tokens."""


class Bill(NamedTuple):
    """Revenue in usd by kind of token; the kinds add up to the total."""

    input_usd: Any
    cached_usd: Any
    output_usd: Any
    total_usd: Any


def bill(
    input_tokens: Array | float,
    cached_tokens: Array | float,
    output_tokens: Array | float,
    *,
    input_usd_per_mtok: Array | float,
    cached_usd_per_mtok: Array | float,
    output_usd_per_mtok: Array | float,
    batch_share: Array | float = 0.0,
    batch_price: float = 0.5,
) -> Bill:
    """Revenue of metered tokens.

    Args:
        input_tokens: tokens read, without those found in the cache, which are `cached_tokens`.
        batch_share: share of all tokens sold as batch work, at `batch_price` of the usual price.
    """
    amounts = {"input_tokens": input_tokens, "cached_tokens": cached_tokens, "output_tokens": output_tokens}
    prices = {
        "input_usd_per_mtok": input_usd_per_mtok,
        "cached_usd_per_mtok": cached_usd_per_mtok,
        "output_usd_per_mtok": output_usd_per_mtok,
    }
    for name, value in {**amounts, **prices}.items():
        not_negative(name, value)
    share("batch_share", batch_share)
    share("batch_price", batch_price)
    factor = 1.0 - np.asarray(batch_share, dtype=float) * (1.0 - batch_price)
    parts = [
        np.asarray(amount, dtype=float) * np.asarray(price) / TOKENS_PER_PRICE * factor
        for amount, price in zip(amounts.values(), prices.values(), strict=True)
    ]
    return Bill(parts[0][()], parts[1][()], parts[2][()], (parts[0] + parts[1] + parts[2])[()])


def unit_cost_usd_per_mtok(
    chip_hour_usd: Array | float, tokens_per_s_per_chip: Array | float, utilisation: Array | float
) -> Any:
    """Cost of a million tokens from the cost of an installed chip-hour: `c / (3600 R u)`."""
    not_negative("chip_hour_usd", chip_hour_usd)
    positive("tokens_per_s_per_chip", tokens_per_s_per_chip)
    share("utilisation", utilisation)
    positive("utilisation", utilisation)
    rate = np.asarray(tokens_per_s_per_chip, dtype=float) * np.asarray(utilisation)
    return np.asarray(chip_hour_usd, dtype=float) / (3600.0 * rate) * TOKENS_PER_PRICE


def committed_bill(used: Array | float, committed: Array | float, price: Array | float, overage: float = 1.25) -> Any:
    """Payment under a commitment: all that is committed, used or not, and the use beyond it at `overage` of the price.

    Args:
        overage: price beyond the commitment over the committed price; 1.0 to 1.5 in published offers.
    """
    not_negative("used", used)
    not_negative("committed", committed)
    not_negative("price", price)
    not_negative("overage", overage)
    beyond = np.maximum(np.asarray(used, dtype=float) - np.asarray(committed), 0.0)
    return (np.asarray(committed, dtype=float) + overage * beyond) * np.asarray(price)


def gross_margin(revenue_usd: Array | float, cost_usd: Array | float) -> Any:
    """Profit over cost, as hosts report it: 5.45 is 545 %."""
    positive("cost_usd", cost_usd)
    return np.asarray(revenue_usd, dtype=float) / np.asarray(cost_usd, dtype=float) - 1.0

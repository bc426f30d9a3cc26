"""Rents end at the choke price however short compute is, and clouds take in no more than an economy can pay."""

from __future__ import annotations

import numpy as np
from simulated import Array, model_of

from penstock.engine.model import run_block
from penstock.engine.moment import Moment
from penstock.layers.platform.quarter import CHOKE_PRICE

SHORT = (("demand.price_elasticity", "=0.6"), ("demand.ceiling", "*2"), ("energy.power_delay_quarters", "+6"))
WORLD_OUTPUT_USD_BN = 117_000.0
"""Output of the world in a year, 2025 (IMF, World Economic Outlook, October 2025)."""


def test_no_rent_passes_the_choke_price_where_compute_stays_short() -> None:
    """A rent lags the full cost as it falls, so that the largest full cost so far is what bounds it."""
    bound: list[Array] = []
    ratios: list[Array] = []

    def look(now: Moment, name: str) -> None:
        hurdle = now.results["hurdle"]
        bound.append(np.maximum(bound[-1], hurdle) if bound else np.maximum(hurdle, now.block.opening["price"]))
        ratios.append(now.results["price"] / bound[-1])
        short.append(float((now.results["served"] < 0.999).mean()))

    short: list[float] = []
    recorder, _ = run_block(model_of(quarters=28, knobs=SHORT), 0, 64, on_quarter=look)
    assert np.max(ratios) <= CHOKE_PRICE
    # the bound is reached, and what is wanted at it is not there
    assert np.max(ratios) > 0.5 * CHOKE_PRICE
    assert max(short) > 0.2
    assert recorder.layers["revenue_usd_bn"].max() < WORLD_OUTPUT_USD_BN / 4.0

"""What an H100e costs and draws: the chips that were delivered, brought to one unit of 8-bit compute.

An H100e is the dense 8-bit peak of one H100. A chip without 8-bit units counts with its 16-bit peak.
"""

from __future__ import annotations

from collections.abc import Iterable

from penstock.errors import UsageError
from penstock.layers.chips import H100E_TFLOPS, Chip
from penstock.layers.refusing import not_negative, share
from penstock.layers.serving_chain import system_power_w

Delivered = Iterable[tuple[Chip, float]]
"""Chips with the number of each that was delivered."""


def h100e_of(chip: Chip) -> float:
    """H100e of one chip."""
    return chip.peak("fp8" if "fp8" in chip.peak_flop_per_s else "bf16") / (H100E_TFLOPS * 1e12)


def capital_usd_per_h100e(delivered: Delivered, *, network: float, discount: float = 0.0) -> float:
    """Price of an H100e in its system with its part of the network, over all chips that have a market.

    Args:
        network: capital in networks over that in systems. discount: what large buyers pay less than the market.

    Raises:
        UsageError: nothing delivered has a price.
    """
    not_negative("network", network)
    share("discount", discount)
    priced = [(chip, units, chip.price_usd[1]) for chip, units in delivered if chip.price_usd and chip.on_market]
    total = sum(units * h100e_of(chip) for chip, units, _ in priced)
    if not total > 0.0:
        raise UsageError("delivered: found no chip with a market price; expected at least one")
    return sum(units * usd for _, units, usd in priced) * (1.0 - discount) * (1.0 + network) / total


def power_w_per_h100e(delivered: Delivered, *, real_peak: float, network: float) -> float:
    """IT power that a busy H100e takes: real peak of the system, with its part of network and storage.

    Args:
        real_peak: real peak over nameplate. network: power of networks and storage over that of systems.

    Raises:
        UsageError: the nameplate of nothing delivered is known.
    """
    not_negative("network", network)
    known = [(chip, units, chip.system_power_w) for chip, units in delivered if chip.system_power_w]
    total = sum(units * h100e_of(chip) for chip, units, _ in known)
    if not total > 0.0:
        raise UsageError("delivered: found no chip whose system's power is known; expected at least one")
    peak = sum(units * float(system_power_w(watts, 1.0, real_peak=real_peak)) for _, units, watts in known)
    return peak * (1.0 + network) / total

"""What failures leave of a training cluster: checkpoints, restarts, spares, and pods that must be whole.

Daly (2006), Future Generation Computer Systems 22: the exact expected time with exponential failures, which holds
where failures come faster than restarts too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import not_negative, positive, share

Array = np.ndarray


def system_mtbf_s(chips: Array | float, chip_mtbf_h: Array | float) -> Any:
    """Seconds between failures of a job that stops when any of its chips does."""
    positive("chips", chips)
    positive("chip_mtbf_h", chip_mtbf_h)
    return np.asarray(chip_mtbf_h, dtype=float) * 3600.0 / np.asarray(chips, dtype=float)


def checkpoint_interval(chips: Array | float, chip_mtbf_h: Array | float, checkpoint_s: Array | float) -> Any:
    """Seconds of work between checkpoints that lose the least time.

    The exact optimum of Daly's expression, `tau = M (1 + W(-exp(-1 - delta / M)))` with Lambert's W; near
    `sqrt(2 delta M) - delta` where checkpoints are short against failures.
    """
    from scipy.special import lambertw

    positive("checkpoint_s", checkpoint_s)
    between = system_mtbf_s(chips, chip_mtbf_h)
    return between * (1.0 + lambertw(-np.exp(-1.0 - np.asarray(checkpoint_s) / between)).real)


def goodput(
    chips: Array | float,
    chip_mtbf_h: Array | float,
    checkpoint_s: Array | float,
    restart_s: Array | float,
    *,
    interval_s: Array | float | None = None,
) -> Any:
    """Share of time that adds to the model: `tau / (M e^(R/M) (e^((tau + delta)/M) - 1))`, between 0 and 1.

    Args:
        chips: chips of the job; any failure stops all.
        chip_mtbf_h: mean hours between failures of one chip.
        checkpoint_s: seconds to write a checkpoint; `restart_s`: seconds from a failure until work goes on.
        interval_s: work between checkpoints; the best unless given.

    Raises:
        UsageError: numbers that cannot be.
    """
    not_negative("restart_s", restart_s)
    between = system_mtbf_s(chips, chip_mtbf_h)
    work = checkpoint_interval(chips, chip_mtbf_h, checkpoint_s) if interval_s is None else interval_s
    positive("interval_s", work)
    span = (np.asarray(work, dtype=float) + checkpoint_s) / between
    # above 700 the exponential leaves the range of numbers, and no work is ever finished
    lost = np.expm1(np.minimum(span, 700.0))
    return np.asarray(work) / between * np.exp(-np.asarray(restart_s, dtype=float) / between) / lost


def goodput_linear(
    chips: Array | float, chip_mtbf_h: Array | float, checkpoint_s: Array | float, restart_s: Array | float
) -> Any:
    """The form for small losses, `1 - delta/tau - (tau/2 + R)/M`; below zero where failures come faster than restarts.

    Kept for comparison: not to be used where its losses pass a tenth.
    """
    between = system_mtbf_s(chips, chip_mtbf_h)
    work = checkpoint_interval(chips, chip_mtbf_h, checkpoint_s)
    return 1.0 - checkpoint_s / work - (work / 2.0 + np.asarray(restart_s)) / between


def spares_exhausted(
    chips: Array | float, chip_mtbf_h: Array | float, repair_h: Array | float, spares: Array | int
) -> Any:
    """Probability that more chips are away for repair than there are spares: tail of a Poisson number.

    Args:
        repair_h: hours until a failed chip is back. Assumption 24, 6 to 120.
    """
    from scipy.special import pdtrc

    positive("chips", chips)
    positive("chip_mtbf_h", chip_mtbf_h)
    not_negative("repair_h", repair_h)
    not_negative("spares", spares)
    away = np.asarray(chips, dtype=float) * np.asarray(repair_h, dtype=float) / chip_mtbf_h
    return pdtrc(np.floor(np.asarray(spares, dtype=float)), np.maximum(away, 1e-300))


def spares_for(chips: float, chip_mtbf_h: float, repair_h: float, risk: float) -> int:
    """Fewest spares with which the chance of running out is at most `risk`."""
    share("risk", risk)
    positive("risk", risk)
    spares = 0
    while float(spares_exhausted(chips, chip_mtbf_h, repair_h, spares)) > risk:
        spares += 1
    return spares


def pod_availability(chip_availability: Array | float, chips: Array | int, needed: Array | int | None = None) -> Any:
    """Share of time that a pod works: all of its chips (`A^c`), or at least `needed` of them (binomial)."""
    from scipy.special import betainc

    share("chip_availability", chip_availability)
    positive("chips", chips)
    whole = np.asarray(chips, dtype=float)
    if needed is None:
        return np.asarray(chip_availability, dtype=float) ** whole
    not_negative("needed", needed)
    least = np.asarray(needed, dtype=float)
    if np.any(least > whole):
        raise UsageError(f"needed: found {np.max(least):g}; expected at most the {np.min(whole):g} chips of the pod")
    above = betainc(np.maximum(least, 1.0), whole - least + 1.0, np.asarray(chip_availability, dtype=float))
    return np.where(least <= 0.0, 1.0, above)[()]


def under_power_cap(power_fraction: Array | float, elasticity: float) -> Any:
    """Throughput that a cap on power leaves, `phi^elasticity`, for caps from 0.6 to 1.

    Args:
        elasticity: 0.55 for training, 0.25 for decoding, which memory binds; assumptions (grade F), 0.4 to 0.8 and
            0.1 to 0.4.
    """
    share("power_fraction", power_fraction)
    if np.any(np.asarray(power_fraction) < 0.6):
        raise UsageError(f"power_fraction: found {np.min(power_fraction):g}; expected 0.6 to 1, where the law holds")
    return np.asarray(power_fraction, dtype=float) ** elasticity

"""The silicon layer: fleets by age and the supply of chips in the quarter; what a chip does in a second."""

from penstock.layers.silicon.quarter import (
    PERMANENT_FAILURE_PER_QUARTER,
    advance_capacity,
    fill_rate,
    input_availability,
    survival_factor,
)
from penstock.layers.silicon.roofline import batch_for_speed, batch_limit, decode, gemm_time, prefill, replica
from penstock.layers.silicon.serving import busy_chips, throughput

__all__ = [
    "PERMANENT_FAILURE_PER_QUARTER",
    "advance_capacity",
    "batch_for_speed",
    "batch_limit",
    "busy_chips",
    "decode",
    "fill_rate",
    "gemm_time",
    "input_availability",
    "prefill",
    "replica",
    "survival_factor",
    "throughput",
]

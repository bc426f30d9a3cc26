"""The AI layer: demand, training and shares in the quarter; quality, training runs and tokens of requests alone."""

from penstock.layers.ai.goodput import (
    checkpoint_interval,
    goodput,
    goodput_linear,
    pod_availability,
    spares_exhausted,
    spares_for,
    under_power_cap,
)
from penstock.layers.ai.quarter import (
    QUARTER,
    adopt,
    attraction_after,
    attraction_step,
    demand_noise,
    market_shares,
    own_use,
    quality_index,
    training_value,
)
from penstock.layers.ai.requests import request_class, routed_cost, segment_demand, token_quantile, tokens_per_task
from penstock.layers.ai.scaling import best_split, effective_flop, loss, quality
from penstock.layers.ai.training import Training, mfu, programme_flop, training
from penstock.layers.architecture import kv_bytes_per_token, training_flop

__all__ = [
    "QUARTER",
    "Training",
    "adopt",
    "attraction_after",
    "attraction_step",
    "best_split",
    "checkpoint_interval",
    "demand_noise",
    "effective_flop",
    "goodput",
    "goodput_linear",
    "kv_bytes_per_token",
    "loss",
    "market_shares",
    "mfu",
    "own_use",
    "pod_availability",
    "programme_flop",
    "quality",
    "quality_index",
    "request_class",
    "routed_cost",
    "segment_demand",
    "spares_exhausted",
    "spares_for",
    "token_quantile",
    "tokens_per_task",
    "training",
    "training_flop",
    "training_value",
    "under_power_cap",
]

"""The platform layer: price and use of compute in the quarter; queues, pooling, capacity and metering of serving."""

from penstock.layers.platform.capacity import autoscaling_headroom, dedicated_chips, fleet_utilisation, shared_chips
from penstock.layers.platform.metering import bill, committed_bill, unit_cost_usd_per_mtok
from penstock.layers.platform.pooling import Pooled, peak_ratio, pooling
from penstock.layers.platform.quarter import (
    HOURS,
    adjust_price,
    annuity,
    annuity_at,
    clearing_price,
    hurdle_price,
    let_out,
    price_of_capacity,
    rent_of,
    running_cost,
    serve,
    wanted_compute,
)
from penstock.layers.platform.queues import erlang_b, erlang_c, max_utilisation, mean_wait, staffing

__all__ = [
    "HOURS",
    "Pooled",
    "adjust_price",
    "annuity",
    "annuity_at",
    "autoscaling_headroom",
    "bill",
    "clearing_price",
    "committed_bill",
    "dedicated_chips",
    "erlang_b",
    "erlang_c",
    "fleet_utilisation",
    "hurdle_price",
    "let_out",
    "max_utilisation",
    "mean_wait",
    "peak_ratio",
    "pooling",
    "price_of_capacity",
    "rent_of",
    "running_cost",
    "serve",
    "shared_chips",
    "staffing",
    "unit_cost_usd_per_mtok",
    "wanted_compute",
]

"""Isolation on cases that were chosen before the policy was tried on them, and were not used to tune it.

The choice: bursts of another size; tenants of unequal load and weight, the largest or the smallest of which misbehaves;
few tenants, so that each is much of the pool; two that misbehave at once; another model on another chip; bursty arrivals
and heavy-tailed tokens of a published trace; a busier pool. Seeds of their own. All are reported, whatever they show.
"""

from __future__ import annotations

from tools.fleet_validation.isolation import ALL, BURST, KINDS, Neighbours

SEEDS = (101, 102, 103, 104)
UNEQUAL = (12.0, 9.0, 6.0, 4.0, 2.0, 1.0, 1.0, 1.0)
SMALL_MODEL = {
    "model": [{"name": "chat", "shape": "dense_8b"}],
    "pool": {"chip": "h100", "chips": 1, "slots": 128, "chunk_tokens": 1024},
}

CASES: dict[str, tuple[Neighbours, tuple[str, ...]]] = {
    "burst of 30 times": (Neighbours(burst=30.0), (BURST, ALL)),
    "burst of 300 times": (Neighbours(rates=(3.0,) * 8, burst=300.0), (BURST, ALL)),
    "unequal loads, weights alike, the largest": (Neighbours(rates=UNEQUAL, rude=(0,)), KINDS),
    "unequal loads and weights, the fourth": (Neighbours(rates=UNEQUAL, weights=UNEQUAL, rude=(3,)), KINDS),
    "unequal loads, weights alike, the smallest": (Neighbours(rates=UNEQUAL, rude=(7,)), KINDS),
    "three tenants": (Neighbours(rates=(12.0,) * 3, rude=(2,)), KINDS),
    "two of eight misbehave": (Neighbours(rude=(6, 7)), KINDS),
    "8B model on H100, half of capacity": (Neighbours(load=0.5, fleet=SMALL_MODEL), KINDS),
    "Azure conversation trace, 0.4 of capacity": (Neighbours(load=0.4, published="azure_llm_2023_conv"), KINDS),
    "three quarters of capacity": (Neighbours(load=0.75), KINDS),
}

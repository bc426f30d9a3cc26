"""Isolation on cases that were chosen and committed before the policy was tried on them.

The first set: bursts of another size; tenants of unequal load and weight, the largest or the smallest of which
misbehaves; few tenants, so that each is much of the pool; two that misbehave at once; another model on another chip;
bursty arrivals and heavy-tailed tokens of a published trace; a busier pool. Some of it was missed, and the policy was
changed after it was seen: since then it is no longer held out.

The second set was chosen after that change: other numbers of tenants, weights, models, chips, traces, replicas and
seeds. Both are reported, whatever they show.
"""

from __future__ import annotations

from tools.fleet_validation.isolation import ALL, BURST, KINDS, RETRIES, Neighbours

UNEQUAL = (12.0, 9.0, 6.0, 4.0, 2.0, 1.0, 1.0, 1.0)
SMALL_MODEL = {
    "model": [{"name": "chat", "shape": "dense_8b"}],
    "pool": {"chip": "h100", "chips": 1, "slots": 128, "chunk_tokens": 1024},
}
MIXTURE = {
    "model": [{"name": "chat", "shape": "moe_47b"}],
    "pool": {"chip": "mi325x", "chips": 1, "slots": 96, "chunk_tokens": 768, "replicas": 6},
}

Cases = dict[str, tuple[Neighbours, tuple[str, ...]]]
SEEN_SEEDS = (101, 102, 103, 104)
SEEN: Cases = {
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

SEEDS = (201, 202, 203)
HELD_OUT: Cases = {
    "burst of 1,000 times at a third of capacity": (Neighbours(load=0.33, burst=1000.0), (BURST,)),
    "five tenants, weights 5 to 1 as loads, the second": (
        Neighbours(rates=(5.0, 4.0, 3.0, 2.0, 1.0), weights=(5.0, 4.0, 3.0, 2.0, 1.0), load=0.55, rude=(1,)),
        KINDS,
    ),
    "twelve tenants, weights alike, loads 3 to 1, three misbehave": (
        Neighbours(rates=(3.0, 2.0, 1.0) * 4, load=0.45, rude=(0, 4, 8)),
        KINDS,
    ),
    "mixture of experts on six MI325X, half of capacity": (Neighbours(load=0.5, fleet=MIXTURE), KINDS),
    "Azure code trace, six tenants, 0.3 of capacity": (
        Neighbours(rates=(1.0,) * 6, rude=(5,), load=0.3, published="azure_llm_2023_code"),
        KINDS,
    ),
    "burst of 30 times at 0.65 of capacity, eight replicas": (
        Neighbours(load=0.65, burst=30.0, fleet={"pool": {"replicas": 8}}),
        (BURST, RETRIES),
    ),
}

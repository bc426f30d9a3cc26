"""The data layer: readiness in the quarter; context, retrieval and readiness of an enterprise alone."""

from penstock.layers.data.context import agent_tokens, answer_quality, context_tokens, read_tokens, with_retries
from penstock.layers.data.quarter import advance_readiness
from penstock.layers.data.readiness import (
    ceiling_factor,
    opening_readiness,
    platform_spending_usd_bn,
    reach,
    spending_for,
    value_unlocked,
)
from penstock.layers.data.retrieval import ingest_flop, query_flop, store_bytes, vectors_of, yearly_refresh_flop

__all__ = [
    "advance_readiness",
    "agent_tokens",
    "answer_quality",
    "ceiling_factor",
    "context_tokens",
    "ingest_flop",
    "opening_readiness",
    "platform_spending_usd_bn",
    "query_flop",
    "reach",
    "read_tokens",
    "spending_for",
    "store_bytes",
    "value_unlocked",
    "vectors_of",
    "with_retries",
    "yearly_refresh_flop",
]

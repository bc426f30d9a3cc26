"""What retrieval costs: work of a query, bytes of an index, and keeping it fresh."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import not_negative, positive, share

Array = np.ndarray

VISITED_PER_DOUBLING = 40.0
"""Vectors that a search visits per doubling of the store at effort 10; assumption, of the form of arXiv:1603.09320."""

STORE_OVERHEAD = 1.5
"""Bytes on disk and in memory over the plain size of an index; assumption, 1.2 to 2."""

LINK_BYTES = 8.0
"""Bytes of a link of the search graph."""


def query_flop(
    *,
    query_tokens: Array | float,
    embedder_parameters: Array | float,
    vectors: Array | float,
    width: Array | float,
    effort: Array | float = 64.0,
    reranker_parameters: Array | float = 0.0,
    passages: Array | float = 0.0,
    passage_tokens: Array | float = 0.0,
) -> Any:
    """FLOP of a query: embed it, search the store, order the passages anew.

    `2 N_e n_q + 2 d visited + 2 N_r k c`, with `visited = 40 log2(vectors) effort / 10`, at most all of them.

    Args:
        effort: candidates that the search keeps (`ef`).
    """
    for name, value in (("query_tokens", query_tokens), ("passages", passages), ("passage_tokens", passage_tokens)):
        not_negative(name, value)
    for name, value in (("vectors", vectors), ("width", width), ("effort", effort)):
        positive(name, value)
    not_negative("embedder_parameters", embedder_parameters)
    not_negative("reranker_parameters", reranker_parameters)
    store = np.asarray(vectors, dtype=float)
    visited = np.minimum(VISITED_PER_DOUBLING * np.log2(np.maximum(store, 2.0)) * np.asarray(effort) / 10.0, store)
    embed = 2.0 * np.asarray(embedder_parameters, dtype=float) * query_tokens
    order = 2.0 * np.asarray(reranker_parameters, dtype=float) * passages * np.asarray(passage_tokens)
    return embed + 2.0 * np.asarray(width, dtype=float) * visited + order


def store_bytes(
    vectors: Array | float,
    width: Array | float,
    *,
    number_bytes: float = 4.0,
    links: float = 32.0,
    replicas: float = 2.0,
) -> Any:
    """Bytes of an index: `vectors (d b + 8 links) replicas x 1.5`.

    Args:
        number_bytes: bytes of a number of a vector, 4, or 1 when compressed. `links`: links of a vector in the graph.
    """
    not_negative("vectors", vectors)
    for name, value in (("width", width), ("number_bytes", number_bytes), ("links", links), ("replicas", replicas)):
        positive(name, value)
    each = np.asarray(width, dtype=float) * number_bytes + LINK_BYTES * links
    return np.asarray(vectors, dtype=float) * each * replicas * STORE_OVERHEAD


def vectors_of(corpus_tokens: Array | float, passage_tokens: Array | float, overlap: Array | float = 0.1) -> Any:
    """Vectors of a corpus cut into passages that overlap by a share of themselves."""
    not_negative("corpus_tokens", corpus_tokens)
    positive("passage_tokens", passage_tokens)
    share("overlap", overlap)
    if np.any(np.asarray(overlap) >= 1.0):
        raise UsageError(f"overlap: found {np.max(overlap):g}; expected below 1")
    step = np.asarray(passage_tokens, dtype=float) * (1.0 - np.asarray(overlap, dtype=float))
    return np.ceil(np.asarray(corpus_tokens, dtype=float) / step)


def ingest_flop(corpus_tokens: Array | float, embedder_parameters: Array | float) -> Any:
    """FLOP to embed a corpus once: two per parameter and token."""
    not_negative("corpus_tokens", corpus_tokens)
    not_negative("embedder_parameters", embedder_parameters)
    return 2.0 * np.asarray(embedder_parameters, dtype=float) * np.asarray(corpus_tokens)


def yearly_refresh_flop(
    corpus_tokens: Array | float, embedder_parameters: Array | float, monthly_share: Array | float = 0.05
) -> Any:
    """FLOP of a year to embed again what changed.

    Args:
        monthly_share: share of the corpus that changes in a month. Assumption 0.05, 0.01 to 0.30.
    """
    share("monthly_share", monthly_share)
    return 12.0 * np.asarray(monthly_share, dtype=float) * ingest_flop(corpus_tokens, embedder_parameters)

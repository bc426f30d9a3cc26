"""Tokens that context costs: retrieved passages, and agents that read all they have done again at each call."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import not_negative, positive, share

Array = np.ndarray

PASSAGES = (5.0, 10.0, 30.0)
"""Passages that a query retrieves: low, central, high; assumption."""

PASSAGE_TOKENS = (200.0, 500.0, 1000.0)
"""Tokens of a passage: low, central, high; assumption."""


def context_tokens(
    system: Array | float,
    user: Array | float,
    history: Array | float = 0.0,
    tools: Array | float = 0.0,
    *,
    passages: Array | float = PASSAGES[1],
    passage_tokens: Array | float = PASSAGE_TOKENS[1],
) -> Any:
    """Input tokens of a call: instructions, question, history, descriptions of tools, and retrieved passages."""
    parts = {"system": system, "user": user, "history": history, "tools": tools}
    for name, value in {**parts, "passages": passages, "passage_tokens": passage_tokens}.items():
        not_negative(name, value)
    own = sum(np.asarray(value, dtype=float) for value in parts.values())
    return own + np.asarray(passages, dtype=float) * np.asarray(passage_tokens)


def agent_tokens(calls: Array | float, base: Array | float, growth: Array | float) -> Any:
    """Input tokens of a task of `calls` calls whose context starts at `base` and grows by `growth` each call.

    `J b + g J (J - 1) / 2`: quadratic in the calls, which is what makes agents dear.
    """
    not_negative("calls", calls)
    not_negative("base", base)
    not_negative("growth", growth)
    count = np.asarray(calls, dtype=float)
    return count * base + np.asarray(growth, dtype=float) * count * (count - 1.0) / 2.0


def read_tokens(input_tokens: Array | float, cached: Array | float) -> Any:
    """Input tokens that are read in full, the rest being in the prefix cache."""
    not_negative("input_tokens", input_tokens)
    share("cached", cached)
    return np.asarray(input_tokens, dtype=float) * (1.0 - np.asarray(cached, dtype=float))


def best_cache(calls: Array | float, base: Array | float, growth: Array | float) -> Any:
    """Largest share of an agent's input that a prefix cache can hold: all that an earlier call of it has read."""
    positive("calls", calls)
    positive("base", base)
    total = agent_tokens(calls, base, growth)
    fresh = np.asarray(base, dtype=float) + np.asarray(growth, dtype=float) * (np.asarray(calls, dtype=float) - 1.0)
    return 1.0 - fresh / total


def with_retries(calls: Array | float, retry: Array | float) -> Any:
    """Calls when a share `retry` of them must be made again: `calls / (1 - p)`.

    Args:
        retry: 0.10, 0.02 to 0.30; assumption.
    """
    not_negative("calls", calls)
    share("retry", retry)
    if np.any(np.asarray(retry) >= 1.0):
        raise UsageError(f"retry: found {np.max(retry):g}; expected below 1, or no task ever ends")
    return np.asarray(calls, dtype=float) / (1.0 - np.asarray(retry, dtype=float))


def answer_quality(without: Array | float, with_all: Array | float, recall: Array | float) -> Any:
    """Quality of answers at a recall of retrieval: from without context to with all of it, in a straight line."""
    share("recall", recall)
    return np.asarray(without, dtype=float) + (np.asarray(with_all) - without) * np.asarray(recall, dtype=float)

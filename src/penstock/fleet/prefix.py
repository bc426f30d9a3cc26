"""How much of the prompts was seen before: the most that a cache of prefixes could save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.errors import InputError
from penstock.fleet.trace import Floats, Integers, Trace, as_trace


def prefix_hits(trace: Any) -> Floats:
    """Per request, in order of arrival: the share of its blocks in the leading run that an earlier request had.

    The cache has no limit, so this is an upper bound for a real one. Ties in time keep their order.

    Args:
        trace: a trace with blocks, what `load_trace` takes, or a sequence of sequences of hashes.

    Raises:
        InputError: the trace holds no blocks.
    """
    seen: set[int] = set()
    shares = []
    for blocks in _blocks(trace):
        hit = leading_run(blocks, seen)
        shares.append(hit / len(blocks) if len(blocks) else 0.0)
        seen.update(blocks)
    return np.asarray(shares, dtype=float)


def prefix_hit(trace: Any) -> float:
    """Mean over requests, unweighted, of `prefix_hits`."""
    shares = prefix_hits(trace)
    return float(shares.mean()) if len(shares) else 0.0


def leading_run(blocks: Sequence[int], seen: set[int]) -> int:
    """How many blocks from the first on are in `seen`."""
    count = 0
    for block in blocks:
        if block not in seen:
            break
        count += 1
    return count


def shared_beginnings(
    blocks: Sequence[Sequence[int]], tokens: Integers, block_tokens: int
) -> tuple[Integers, Integers]:
    """Identity and tokens of the beginning that each request shares with an earlier one.

    The identity is the last block of the leading run that was seen before, or the first block of a prompt of which
    nothing was: hashes of such traces stand for the whole prefix up to and with their block.
    """
    seen: set[int] = set()
    prefix, shared = np.full(len(blocks), -1, np.int64), np.zeros(len(blocks), np.int64)
    for k, own in enumerate(blocks):
        run = leading_run(own, seen)
        if len(own):
            # conversations keep their first own block: the second block, after what all prompts share
            prefix[k] = own[min(1, len(own) - 1)]
        shared[k] = min(run * block_tokens, int(tokens[k]) - 1)
        seen.update(own)
    return prefix, np.maximum(shared, 0)


def _blocks(trace: Any) -> Sequence[Sequence[int]]:
    if isinstance(trace, list | tuple):
        return trace
    found: Trace = as_trace(trace)
    if found.blocks is None:
        raise InputError(f"{found.name}: hash_ids: found no blocks; expected hashes of prompt blocks (Mooncake format)")
    return found.blocks

"""Serving rates: what a chip sells per second under a promise of latency, and how many chips a demand keeps busy.

Engines read prompts and decode in the same steps (Orca, OSDI 2022; Sarathi, OSDI 2024). A request of `n` prompt and
`m` output tokens brings `n/m` prompt tokens into a step for each token that it decodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.architecture import Architecture, as_architecture, forward_flop, prefill_flop
from penstock.layers.chips import Chip, as_chip
from penstock.layers.refusing import nearest_hint, not_negative, positive, share
from penstock.layers.silicon.roofline import (
    Replica,
    batch_limit,
    half_tokens,
    hop_seconds,
    memory_seconds,
    read_prompt,
    replica,
    traffic_seconds_per_token,
)

Array = np.ndarray

P99 = 2.326
"""Standard normal quantile of 99 %: promises are kept for 99 % of requests."""

REPLICA_SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Chips of a replica that are tried; the best per chip is taken."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Latency that 99 % of requests must meet; None where nothing is promised.

    Attributes:
        seconds_per_token: time of an output token after the first.
        first_token_s: time to the first token.
    """

    seconds_per_token: float | None = None
    first_token_s: float | None = None


PROMISES = {
    "offline": Promise(),
    "server": Promise(0.200, 2.0),
    "interactive": Promise(0.040, 0.450),
}
"""Limits of the scenarios of MLPerf Inference v5.1 for Llama 2 70B (mlcommons.org, rules of the benchmark)."""

PROMPT_TOKENS = 294.45
"""Mean prompt of the benchmark load, taken as long as the mean answer; assumption, 200 to 420."""

OUTPUT_TOKENS = 294.45
"""Mean answer of Llama 2 70B in MLPerf Inference (accuracy target `TOKENS_PER_SAMPLE` of its submission checker)."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Sustained output of one chip.

    Attributes:
        output_tokens_per_s_per_chip: what benchmarks report.
        chips: chips of a replica.
        users: mean users served at once by a replica; `slots` is the most.
        seconds_per_token: mean time of a step.
    """

    output_tokens_per_s_per_chip: float
    chips: int
    users: float
    slots: float
    seconds_per_token: float


def mixed_step_seconds(
    made: Replica, users: Array | float, prompt_tokens: float, output_tokens: float, cached: float = 0.0
) -> Any:
    """Seconds of a step that decodes for all users and reads the prompts of those who come in their place."""
    decoding = np.asarray(users, dtype=float)
    fixed, slope = _affine_compute(made, prompt_tokens, output_tokens, cached)
    context = prompt_tokens + output_tokens / 2.0
    ratio = (1.0 - cached) * prompt_tokens / output_tokens
    memory = memory_seconds(made, decoding * (1.0 + ratio), decoding, context)
    link = hop_seconds(made) + decoding * (1.0 + ratio) * traffic_seconds_per_token(made)
    return made.efficiency.overhead_s + np.maximum(memory, fixed + slope * decoding) + link


def _affine_compute(made: Replica, prompt: float, output: float, cached: float) -> tuple[float, float]:
    """Seconds of work of a mixed step: a part that is always there and a part per user."""
    ratio = (1.0 - cached) * prompt / output
    context = prompt + output / 2.0
    read = (1.0 - cached) * float(prefill_flop(made.model, prompt)) / output
    per_user = float(forward_flop(made.model, context)) + read
    slope = per_user / made.flop_per_s
    return half_tokens(made) * slope / (1.0 + ratio), slope


def slots_within(
    made: Replica, promise: Promise, prompt_tokens: float, output_tokens: float, cached: float = 0.0
) -> float:
    """Most users of a replica at whose number the promise still holds and memory suffices; 0 where none."""
    most = float(batch_limit(made, prompt_tokens + output_tokens / 2.0))
    limit = promise.seconds_per_token
    if promise.first_token_s is not None:
        # a request waits for the step under way, and its prompt goes into the next
        reading = float(read_prompt(made, prompt_tokens * (1.0 - cached) + 1e-9).seconds)
        first = max(promise.first_token_s - reading, 0.0) / 2.0
        limit = first if limit is None else min(limit, first)
    if limit is None or most < 1.0:
        return most
    low, high = 0.0, most + 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        in_time = float(mixed_step_seconds(made, middle, prompt_tokens, output_tokens, cached)) <= limit
        low, high = (middle, high) if in_time else (low, middle)
    return float(min(np.floor(low + 1e-9), most))


def mean_users(slots: Array | float) -> Any:
    """Mean users of a replica whose number stays within `slots` 99 % of the time, arrivals being Poisson.

    Users at once are Poisson where service does not wait; `slots = a + z sqrt(a)` is solved for the mean `a`.
    """
    root = (-P99 + np.sqrt(P99**2 + 4.0 * np.asarray(slots, dtype=float))) / 2.0
    return root**2


def throughput(
    model: str | Architecture,
    chip: str | Chip,
    scenario: str = "offline",
    *,
    chips: int | None = None,
    prompt_tokens: float = PROMPT_TOKENS,
    output_tokens: float = OUTPUT_TOKENS,
    cached: float = 0.0,
    promise: Promise | None = None,
    **run: Any,
) -> Throughput:
    """Output tokens per second and chip of a model on a chip, prompts read on the same chips.

    Args:
        scenario: `offline` fills the batch; `server` and `interactive` keep a promise of latency at Poisson arrivals.
        chips: chips of a replica; the best of 1 to 64 unless given.
        cached: share of the prompt that is in the cache already.
        promise: other limits than the scenario's.
        run: as for `replica`; the precision is the smallest of the chip unless given, as in benchmarks.

    Raises:
        UsageError: unknown names, numbers that cannot be, a model that does not fit, or a promise that cannot be kept.
    """
    if scenario not in PROMISES:
        hint = nearest_hint(scenario, PROMISES)
        raise UsageError(f"scenario: found {scenario!r}; expected offline, server or interactive{hint}")
    not_negative("prompt_tokens", prompt_tokens)
    positive("output_tokens", output_tokens)
    share("cached", cached)
    promised = PROMISES[scenario] if promise is None else promise
    layout, machine = as_architecture(model), as_chip(chip)
    run = {"precision": machine.smallest_precision, **run}
    tried = [
        _rate(replica(layout, machine, size, **run), promised, prompt_tokens, output_tokens, cached)
        for size in ([chips] if chips else _sizes_that_fit(layout, machine, run))
    ]
    best = max(tried, key=lambda rate: rate.output_tokens_per_s_per_chip)
    if best.output_tokens_per_s_per_chip <= 0.0:
        raise UsageError(
            f"scenario {scenario}: found no batch of {layout.id} on {machine.id} that keeps the promise; "
            "expected a faster chip, more chips or a shorter prompt"
        )
    return best


def _sizes_that_fit(layout: Architecture, machine: Chip, run: dict[str, Any]) -> list[int]:
    """Sizes that hold the model: those that the fast links join, or the smallest beyond where none of them does."""
    fitting: list[int] = []
    for size in REPLICA_SIZES:
        try:
            replica(layout, machine, size, **run)
        except UsageError:
            if size == REPLICA_SIZES[-1]:
                raise
            continue
        if size > machine.scale_up_chips and fitting:
            break
        fitting.append(size)
    return fitting


def _rate(made: Replica, promise: Promise, prompt: float, output: float, cached: float) -> Throughput:
    slots = slots_within(made, promise, prompt, output, cached)
    waits = promise != Promise()
    users = float(mean_users(slots)) if waits else slots
    if users <= 0.0:
        return Throughput(0.0, made.chips, 0.0, slots, float("inf"))
    seconds = float(mixed_step_seconds(made, users, prompt, output, cached))
    return Throughput(users / seconds / made.chips, made.chips, users, slots, seconds)


def busy_chips(
    output_tokens_per_s: Array | float,
    input_tokens_per_s: Array | float,
    cached: Array | float,
    decode_tokens_per_s_per_chip: Array | float,
    prefill_tokens_per_s_per_chip: Array | float,
) -> tuple[Any, Any]:
    """Chips that a demand keeps busy, decoding and reading prompts: `out / R_d` and `in (1 - h) / R_p`."""
    not_negative("output_tokens_per_s", output_tokens_per_s)
    not_negative("input_tokens_per_s", input_tokens_per_s)
    share("cached", cached)
    positive("decode_tokens_per_s_per_chip", decode_tokens_per_s_per_chip)
    positive("prefill_tokens_per_s_per_chip", prefill_tokens_per_s_per_chip)
    decoding = np.asarray(output_tokens_per_s, dtype=float) / decode_tokens_per_s_per_chip
    reading = np.asarray(input_tokens_per_s, dtype=float) * (1.0 - np.asarray(cached)) / prefill_tokens_per_s_per_chip
    return decoding, reading

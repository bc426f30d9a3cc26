"""The roofline: how long a matrix product, a decoding step and the reading of a prompt take.

A step takes the longer of moving its bytes and doing its work, plus what neither explains:
`t = t0 + max(bytes / (p eta_m BW), FLOP / (p eta_c(m) F)) + t_comm` with `eta_c(m) = eta m / (m + m_half)`
(Williams, Waterman and Patterson 2009, Communications of the ACM 52). SI units; batch and context may be arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.architecture import (
    BYTES,
    Architecture,
    as_architecture,
    forward_flop,
    kv_bytes_per_token,
    prefill_flop,
    weight_bytes_touched,
)
from penstock.layers.chips import Chip, as_chip
from penstock.layers.refusing import not_negative, positive
from penstock.layers.silicon.efficiency import MATRIX_PRODUCT, Efficiency, efficiency_of

Array = np.ndarray

ACTIVATION_FORMAT_BYTES = 2.0
"""Bytes of a number that passes between the chips of a replica (bf16)."""

SCALE_OUT_BYTES_PER_S = 50e9
"""Bandwidth per chip beyond the fast links: one 400 Gb/s port; assumption, 25 to 100 GB/s by generation."""

EXPERT_TRAFFIC_HIDDEN = 0.5
"""Share of the traffic to experts that runs beside the work; assumption, 0 to 0.8."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One copy of a model on some chips, and how it is run.

    Attributes:
        memory_fraction: share of memory that may be used. Assumption 0.9, 0.88 to 0.95.
        activation_bytes: memory of a replica for what is neither weights nor keys and values.
        communication: whether the links between the chips cost time.
    """

    model: Architecture
    chip: Chip
    chips: int
    precision: str
    weight_bytes: float
    kv_bytes: float
    efficiency: Efficiency
    memory_fraction: float = 0.9
    activation_bytes: float = 2e9
    communication: bool = True

    @property
    def free_bytes(self) -> float:
        """Memory left for keys and values; negative where the model does not fit."""
        usable = self.memory_fraction * self.chips * self.chip.memory_bytes
        return usable - self.model.parameters * self.weight_bytes - self.activation_bytes

    @property
    def token_bytes(self) -> float:
        """Bytes of keys and values per token of context."""
        return kv_bytes_per_token(self.model, kv_bytes=self.kv_bytes)

    @property
    def bytes_per_s(self) -> float:
        """Memory bandwidth reached by the replica."""
        return self.chips * self.efficiency.bandwidth * self.chip.memory_bytes_per_s

    @property
    def flop_per_s(self) -> float:
        """Work rate that large products reach on the replica."""
        return self.chips * self.efficiency.compute * self.chip.peak(self.precision)


@dataclass(frozen=True, slots=True)
class Step:
    """One decoding step of a replica: seconds of each part, and the rates that follow.

    Attributes:
        bound: `memory` or `compute`, whichever is longer.
    """

    seconds: Any
    memory_s: Any
    compute_s: Any
    communication_s: Any
    overhead_s: float
    bound: Any
    tokens_per_s: Any
    tokens_per_s_per_chip: Any
    tokens_per_s_per_user: Any


@dataclass(frozen=True, slots=True)
class Prefill:
    """Reading one prompt: seconds without overhead, and tokens per second of the replica and of a chip."""

    seconds: Any
    tokens_per_s: Any
    tokens_per_s_per_chip: Any


def gemm_time(
    m: Array | float,
    n: Array | float,
    k: Array | float,
    chip: str | Chip,
    bytes: float,
    *,
    efficiency: Efficiency = MATRIX_PRODUCT,
) -> Any:
    """Seconds of a product of an m x k with a k x n matrix, each number `bytes` wide (bf16 2, fp8 1, fp4 0.5)."""
    machine = as_chip(chip)
    for name, value in (("m", m), ("n", n), ("k", k)):
        positive(name, value)
    names = {size: name for name, size in BYTES.items()}
    if bytes not in names:
        raise UsageError(f"bytes: found {bytes!r}; expected 2 (bf16), 1 (fp8) or 0.5 (fp4)")
    rows, columns, inner = (np.asarray(value, dtype=float) for value in (m, n, k))
    reached = efficiency.compute * rows / (rows + efficiency.half_tokens)
    work_s = 2.0 * rows * columns * inner / (reached * machine.peak(names[bytes]))
    moved = (rows * inner + inner * columns + rows * columns) * bytes
    return np.maximum(work_s, moved / (efficiency.bandwidth * machine.memory_bytes_per_s)) + efficiency.overhead_s


def replica(
    model: str | Architecture,
    chip: str | Chip,
    chips: int,
    *,
    precision: str | None = None,
    weight_bytes: float | None = None,
    kv_bytes: float | None = None,
    efficiency: Efficiency | None = None,
    memory_fraction: float = 0.9,
    activation_bytes: float = 2e9,
    communication: bool = True,
) -> Replica:
    """A copy of a model on chips; what is left out is what engines do by default.

    Args:
        precision: number format of the products; fp8 where the chip has it, else bf16. Weights and keys follow it
            (fp4 keeps keys and values in fp8).
        efficiency: the fitted numbers of the chip unless given.

    Raises:
        UsageError: an unknown model or chip, a number that cannot be, or a model that is larger than the memory.
    """
    layout, machine = as_architecture(model), as_chip(chip)
    number = precision or machine.usual_precision
    machine.peak(number)
    positive("chips", chips)
    if chips != int(chips):
        raise UsageError(f"chips: found {chips:g}; expected a whole number")
    positive("memory_fraction", memory_fraction)
    not_negative("activation_bytes", activation_bytes)
    made = Replica(
        model=layout,
        chip=machine,
        chips=int(chips),
        precision=number,
        weight_bytes=BYTES[number] if weight_bytes is None else weight_bytes,
        kv_bytes=max(BYTES[number], 1.0) if kv_bytes is None else kv_bytes,
        efficiency=efficiency_of(machine, number) if efficiency is None else efficiency,
        memory_fraction=memory_fraction,
        activation_bytes=activation_bytes,
        communication=communication,
    )
    positive("weight_bytes", made.weight_bytes)
    positive("kv_bytes", made.kv_bytes)
    if made.free_bytes <= 0.0:
        raise UsageError(_does_not_fit(made))
    return made


def _does_not_fit(made: Replica) -> str:
    weights = made.model.parameters * made.weight_bytes
    usable = made.memory_fraction * made.chip.memory_bytes
    needed = int(np.floor((weights + made.activation_bytes) / usable)) + 1
    return (
        f"memory: found {weights / 1e9:,.0f} GB of weights of {made.model.id} for {made.chips} {made.chip.id} "
        f"with {made.chips * usable / 1e9:,.0f} GB to use; expected at least {needed} chips"
    )


def decode(
    model: str | Architecture, chip: str | Chip, chips: int, batch: Array | float, context: Array | float, **run: Any
) -> Step:
    """One step that gives each of `batch` users a token at a mean context, on `chips` chips.

    Args:
        run: as for `replica`: precision, weight_bytes, kv_bytes, efficiency, memory_fraction, activation_bytes,
            communication.

    Raises:
        UsageError: what does not fit in memory, the batch too, and numbers that cannot be.
    """
    made = replica(model, chip, chips, **run)
    positive("batch", batch)
    not_negative("context", context)
    largest = batch_limit(made, context)
    if np.any(np.asarray(batch) > largest):
        raise UsageError(
            f"batch: found {np.max(batch):g} at a context of {np.max(context):g} tokens; "
            f"expected at most {np.min(largest):g}, which is what the memory holds"
        )
    return step(made, batch, context)


def step(made: Replica, batch: Array | float, context: Array | float) -> Step:
    """A decoding step of a replica; as `decode`, without the checks."""
    users = np.asarray(batch, dtype=float)
    memory = memory_seconds(made, users, users, context)
    compute = compute_seconds(made, users, users * forward_flop(made.model, context))
    communication = communication_seconds(made, users)
    total = made.efficiency.overhead_s + np.maximum(memory, compute) + communication
    rate = users / total
    return Step(
        seconds=total,
        memory_s=memory,
        compute_s=compute,
        communication_s=communication,
        overhead_s=made.efficiency.overhead_s,
        bound=np.where(memory >= compute, "memory", "compute")[()],
        tokens_per_s=rate,
        tokens_per_s_per_chip=rate / made.chips,
        tokens_per_s_per_user=1.0 / total,
    )


def memory_seconds(made: Replica, tokens: Any, users: Any, context: Any) -> Any:
    """Seconds to read the weights that `tokens` touch, and the keys and values of the users."""
    touched = weight_bytes_touched(made.model, tokens, made.weight_bytes)
    return (touched + users * np.asarray(context, dtype=float) * made.token_bytes) / made.bytes_per_s


def compute_seconds(made: Replica, tokens: Any, flop: Any) -> Any:
    """Seconds of work on `tokens` together; small steps use the units badly."""
    return flop / made.flop_per_s * (1.0 + half_tokens(made) / tokens)


def half_tokens(made: Replica) -> float:
    """Tokens in a step at which products reach half their rate; each expert sees only its part of them."""
    experts = made.model.experts
    return made.efficiency.half_tokens * (experts / made.model.experts_per_token if experts else 1.0)


def communication_seconds(made: Replica, tokens: Any) -> Any:
    """Seconds on the links of a replica: two all-reduces a layer, or two exchanges with the experts."""
    count = np.asarray(tokens, dtype=float)
    if made.chips == 1 or not made.communication:
        return np.zeros_like(count)[()]
    return hop_seconds(made) + count * traffic_seconds_per_token(made)


def hop_seconds(made: Replica) -> float:
    """Latency of the links in a step, whatever it carries."""
    if made.chips == 1 or not made.communication:
        return 0.0
    visible = 1.0 - EXPERT_TRAFFIC_HIDDEN if made.model.experts else 1.0
    return 2.0 * made.model.layers * made.efficiency.hop_s * visible


def traffic_seconds_per_token(made: Replica) -> float:
    """Time on the links that each token of a step adds."""
    if made.chips == 1 or not made.communication:
        return 0.0
    fast = made.chip.scale_up_bytes_per_s
    links = fast if fast and made.chips <= made.chip.scale_up_chips else SCALE_OUT_BYTES_PER_S
    width = made.model.hidden_width * ACTIVATION_FORMAT_BYTES
    if made.model.experts:
        sent = made.model.experts_per_token * width / made.chips
        return 2.0 * made.model.expert_layers * sent / links * (1.0 - EXPERT_TRAFFIC_HIDDEN)
    return 2.0 * made.model.layers * 2.0 * (made.chips - 1) / made.chips * width / links


def prefill(model: str | Architecture, chip: str | Chip, chips: int, tokens: Array | float, **run: Any) -> Prefill:
    """Reading a prompt of `tokens` on `chips` chips; `run` as for `decode`. Time without the overhead of a step."""
    made = replica(model, chip, chips, **run)
    positive("tokens", tokens)
    return read_prompt(made, tokens)


def read_prompt(made: Replica, tokens: Array | float) -> Prefill:
    """Reading one prompt on a replica; as `prefill`, without the checks."""
    count = np.asarray(tokens, dtype=float)
    work = compute_seconds(made, count, prefill_flop(made.model, count))
    seconds = np.maximum(work, memory_seconds(made, count, 0.0, 0.0))
    seconds = seconds + communication_seconds(made, count)
    return Prefill(seconds=seconds, tokens_per_s=count / seconds, tokens_per_s_per_chip=count / (seconds * made.chips))


def batch_limit(made: Replica, context: Array | float) -> Any:
    """Most users whose keys and values fit in memory beside the weights, (whole number, 0 where none fits)."""
    needed = np.maximum(np.asarray(context, dtype=float) * made.token_bytes, 1e-9)
    return np.floor(made.free_bytes / needed)


def batch_for_speed(made: Replica, context: Array | float, tokens_per_s_per_user: Array | float) -> Any:
    """Largest batch at which each user still gets the speed asked for and memory suffices; 0 where none does.

    For a dense model both branches of the roofline are affine in the batch, so that the answer is a closed form. A
    mixture of experts reads a concave number of bytes, so that it is found by bisection.
    """
    positive("tokens_per_s_per_user", tokens_per_s_per_user)
    time = 1.0 / np.asarray(tokens_per_s_per_user, dtype=float) - made.efficiency.overhead_s - hop_seconds(made)
    link = traffic_seconds_per_token(made)
    flop = forward_flop(made.model, context) / made.flop_per_s
    by_compute = (time - half_tokens(made) * flop) / (flop + link)
    fits = batch_limit(made, context)
    if made.model.experts:
        by_memory = _bisect_memory(made, context, time, link, fits)
    else:
        weights = made.model.parameters * made.weight_bytes / made.bytes_per_s
        keys = np.asarray(context, dtype=float) * made.token_bytes / made.bytes_per_s
        by_memory = (time - weights) / (keys + link + 1e-300)
    within = np.floor(np.minimum(by_compute, by_memory) + 1e-9)
    return np.clip(np.minimum(within, fits), 0.0, None)


def _bisect_memory(made: Replica, context: Any, time: Any, link: float, most: Any) -> Any:
    """Largest batch whose bytes are moved in time; the time grows with the batch."""
    low, high = np.zeros(np.broadcast(context, time, most).shape), np.asarray(most + 1.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        in_time = memory_seconds(made, middle, middle, context) + middle * link <= time
        low, high = np.where(in_time, middle, low), np.where(in_time, high, middle)
    return low

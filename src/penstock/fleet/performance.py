"""How fast a replica is: the coefficients of the compiled loop, from the roofline of the silicon layer or from timings.

The closed forms are those of `penstock.layers.silicon.roofline`; here they are tabulated by batch, so that an
iteration costs the loop one look-up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from penstock.errors import InputError, UsageError
from penstock.fleet.config import Model, Pool, Timing
from penstock.fleet.trace import Floats


@dataclass(frozen=True)
class Speed:
    """What the loop needs to know of a replica, seconds and tokens.

    Attributes:
        steps: (slots + 1, 4): overhead, reading of weights, work, work per token of context, by batch.
        context_s: memory time per token of context; prompt_s, prompt_squared_s: work of prompts.
        work_s, work_context_s: work per decoded token and per token of its context, at full efficiency.
        half_tokens: tokens in an iteration at which work reaches half its rate.
        traffic_s: time on the links per token. knots: measured prompt iterations (tokens, seconds).
        memory_tokens: tokens of keys and values that fit. token_bytes: bytes of one of them.
        system_w: nameplate power of the replica. chip_usd: price of its chips, None where not known.
    """

    steps: Floats
    context_s: float
    prompt_s: float
    prompt_squared_s: float
    memory_tokens: int
    work_s: float = 0.0
    work_context_s: float = 0.0
    half_tokens: float = 0.0
    traffic_s: float = 0.0
    knots: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    token_bytes: float = 0.0
    system_w: float = 0.0
    chip_usd_per_h: float = 0.0


DEFAULT_CHIP_USD_PER_H = 2.2
"""Central price of an H100-hour in 2025 where a chip has no rental price of its own; assumption, 1.4 to 4.0."""


def speed_of(pool: Pool, model: Model | None) -> Speed:
    """The speed of a pool's replicas.

    Raises InputError: an unknown chip or layout, a model that is larger than the memory.
    """
    if pool.timing is not None:
        return from_timing(pool, pool.timing)
    return from_roofline(pool, model or Model(name=pool.model))


def from_timing(pool: Pool, timing: Timing) -> Speed:
    """Speed from given seconds."""
    batch = np.arange(pool.slots + 1, dtype=float)
    steps = np.zeros((pool.slots + 1, 4))
    steps[:, 0] = timing.overhead_s
    steps[:, 1] = timing.weights_s + timing.request_s * batch
    if timing.decode_batch:
        _paired(pool, "decode_batch", "decode_s", timing.decode_batch, timing.decode_s)
        steps[:, 1] = _beyond(batch, np.asarray(timing.decode_batch), np.asarray(timing.decode_s))
    knots = np.zeros((0, 2))
    if timing.prompt_tokens:
        _paired(pool, "prompt_tokens", "prompt_iteration_s", timing.prompt_tokens, timing.prompt_iteration_s)
        knots = np.column_stack([timing.prompt_tokens, timing.prompt_iteration_s])
    usd = pool.chip_usd_per_h or DEFAULT_CHIP_USD_PER_H
    return Speed(
        steps=steps,
        context_s=timing.context_s,
        prompt_s=timing.prompt_s,
        prompt_squared_s=timing.prompt_squared_s,
        memory_tokens=timing.memory_tokens,
        knots=knots,
        chip_usd_per_h=usd * pool.price_factor,
    )


def from_roofline(pool: Pool, model: Model) -> Speed:
    """Speed from the roofline of the silicon layer (PHYSICS 5.4)."""
    from penstock.layers.architecture import prefill_flop
    from penstock.layers.silicon.roofline import (
        half_tokens,
        hop_seconds,
        memory_seconds,
        replica,
        traffic_seconds_per_token,
    )

    try:
        made = replica(
            model.shape,
            str(pool.chip),
            pool.chips,
            precision=model.precision,
            memory_fraction=pool.memory_fraction,
        )
    except UsageError as error:
        raise InputError(f"pool {pool.name}: {error}") from None
    batch = np.arange(pool.slots + 1, dtype=float)
    layout, rate, half = made.model, made.flop_per_s, half_tokens(made)
    work = 2.0 * layout.active_parameters / rate
    work_context = 4.0 * layout.layers * layout.decode_query_width / rate
    steps = np.zeros((pool.slots + 1, 4))
    steps[:, 0] = made.efficiency.overhead_s + hop_seconds(made) + batch * traffic_seconds_per_token(made)
    steps[:, 1] = memory_seconds(made, np.maximum(batch, 1.0), 0.0, 0.0)
    steps[:, 2] = work * (batch + half)
    steps[1:, 3] = work_context * (1.0 + half / batch[1:])
    linear = float(prefill_flop(layout, 1.0)) - 2.0 * layout.layers * layout.query_width
    usd = pool.chip_usd_per_h
    if usd is None:
        rental = made.chip.rental_usd_per_hour
        usd = rental[1] if rental else DEFAULT_CHIP_USD_PER_H
    return Speed(
        steps=steps,
        context_s=made.token_bytes / made.bytes_per_s,
        prompt_s=linear / rate,
        prompt_squared_s=2.0 * layout.layers * layout.query_width / rate,
        memory_tokens=int(made.free_bytes / made.token_bytes),
        work_s=work,
        work_context_s=work_context,
        half_tokens=half,
        traffic_s=traffic_seconds_per_token(made),
        token_bytes=made.token_bytes,
        system_w=pool.chips * float(made.chip.system_power_w or 0.0),
        chip_usd_per_h=usd * pool.price_factor,
    )


def _beyond(x: Floats, xs: Floats, ys: Floats) -> Floats:
    """Straight lines between points, and the last line beyond them; flat before the first."""
    inside = np.interp(x, xs, ys)
    if len(xs) > 1:
        slope = (ys[-1] - ys[-2]) / (xs[-1] - xs[-2])
        inside = np.where(x > xs[-1], ys[-1] + slope * (x - xs[-1]), inside)
    return np.asarray(inside, dtype=np.float64)


def _paired(pool: Pool, first: str, second: str, xs: tuple[float, ...], ys: tuple[float, ...]) -> None:
    if len(xs) != len(ys) or any(b <= a for a, b in pairwise(xs)):
        raise InputError(
            f"pool {pool.name}: timing.{first}: found {len(xs)} values beside {len(ys)} of {second}; "
            "expected rising values, as many of both"
        )

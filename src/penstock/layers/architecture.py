"""What a language model is to a machine: floating-point operations and bytes per token, and the bundled layouts.

Conventions: a multiply and an add are two operations; `context` is the number of tokens that a token looks back on.
Widths are counts of numbers, sizes in bytes, work in FLOP. Functions take arrays where numbers are asked for.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import nearest_hint, positive

Array = np.ndarray
PRESETS_FILE = Path(__file__).with_name("architectures.csv")

BYTES = {"fp4": 0.5, "fp8": 1.0, "bf16": 2.0}
"""Bytes of a weight by number format."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Layout of a transformer.

    Attributes:
        query_width: heads times width of a head; for latent attention the mean of the two widths that score and mix.
        decode_query_width: the same where the latent is absorbed into the query, as decoding engines do.
        kv_heads, head_width: key and value heads and their width; zero with latent attention.
        latent_width: compressed keys and values plus rotary part of latent attention (MLA); zero without.
        expert_parameters: parameters in routed experts; zero for a dense model.
        experts, experts_per_token, expert_layers: routed experts of a layer, those a token uses, layers that have them.
    """

    id: str
    name: str
    layers: int
    hidden_width: int
    query_width: int
    decode_query_width: int
    kv_heads: int
    head_width: int
    latent_width: int
    parameters: float
    active_parameters: float
    expert_parameters: float = 0.0
    experts: int = 0
    experts_per_token: int = 0
    expert_layers: int = 0
    grade: str = "F"
    source: str = "given by the caller"


@cache
def presets() -> dict[str, Architecture]:
    """The bundled layouts by id, from `architectures.csv`."""
    with PRESETS_FILE.open(encoding="utf-8", newline="") as file:
        return {row["id"]: _from_row(row) for row in csv.DictReader(file)}


def _from_row(row: dict[str, str]) -> Architecture:
    kinds: dict[str, Any] = {"int": int, "float": float, "str": str}
    return Architecture(**{f.name: kinds[str(f.type)](row[f.name]) for f in fields(Architecture)})


def as_architecture(model: str | Architecture) -> Architecture:
    """The layout of this preset, or the layout given. Raises UsageError with the nearest name."""
    if isinstance(model, Architecture):
        return model
    known = presets()
    if model not in known:
        hint = nearest_hint(model, known)
        raise UsageError(f"model: found {model!r}; expected one of {', '.join(known)}{hint}")
    return known[model]


def kv_bytes_per_token(model: str | Architecture, *, kv_bytes: float = 2.0) -> float:
    """Bytes of keys and values that a token of context keeps in memory, at `kv_bytes` a number (bf16: 2).

    Grouped-query attention stores a key and a value per layer and head; latent attention stores its latent.
    """
    layout = as_architecture(model)
    positive("kv_bytes", kv_bytes)
    if layout.latent_width:
        return layout.layers * layout.latent_width * kv_bytes
    return 2.0 * layout.layers * layout.kv_heads * layout.head_width * kv_bytes


def forward_flop(model: str | Architecture, context: Array | float) -> Any:
    """FLOP to decode one token at this context: `2 N_active + 4 L d_q x`."""
    layout = as_architecture(model)
    width = layout.decode_query_width
    return 2.0 * layout.active_parameters + 4.0 * layout.layers * width * np.asarray(context, dtype=float)


def prefill_flop(model: str | Architecture, tokens: Array | float) -> Any:
    """FLOP to read a prompt of `tokens`, causal attention: `2 N_active n + 2 L d_q n^2`."""
    layout = as_architecture(model)
    n = np.asarray(tokens, dtype=float)
    return 2.0 * layout.active_parameters * n + 2.0 * layout.layers * layout.query_width * n * n


def weight_bytes_touched(model: str | Architecture, tokens: Array | float, weight_bytes: float) -> Any:
    """Bytes of weights that a step with this many tokens reads.

    A dense model reads all. Of `E` experts each token picks `k`: with balanced picks a share
    `1 - (1 - k/E)^tokens` is read.
    """
    layout = as_architecture(model)
    rest = layout.parameters - layout.expert_parameters
    if not layout.experts:
        return layout.parameters * weight_bytes * np.ones_like(np.asarray(tokens, dtype=float))
    missed = (1.0 - layout.experts_per_token / layout.experts) ** np.asarray(tokens, dtype=float)
    return weight_bytes * (rest + layout.expert_parameters * (1.0 - missed))


def training_flop(
    parameters: Array | float,
    tokens: Array | float,
    *,
    layers: int = 0,
    query_width: int = 0,
    sequence: Array | float = 0.0,
) -> Any:
    """Model FLOP of a training run: `6 N D (1 + L d_q s / N)`, the second part being causal attention.

    Forward work of a token in a causal sequence `s` is `2 N + 2 L d_q s`; backward is twice forward. With layers,
    width or sequence left out the attention term is left out, which is the usual `6 N D`.
    """
    n = np.asarray(parameters, dtype=float)
    return 3.0 * np.asarray(tokens, dtype=float) * (2.0 * n + 2.0 * layers * query_width * np.asarray(sequence))

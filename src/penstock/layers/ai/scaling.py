"""How good a model gets: loss from parameters and data, the best split of compute, text that runs out, and ideas.

Loss is cross-entropy in nats per token of text, `L = E + A / N^alpha + B / D^beta` (Hoffmann et al. 2022,
arXiv:2203.15556), with the coefficients that Besiroglu et al. (2024, arXiv:2404.10102) fitted again to the same runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from penstock.layers.refusing import not_negative, positive

Array = np.ndarray
FLOP_PER_PARAMETER_AND_TOKEN = 6.0


@dataclass(frozen=True, slots=True)
class ScalingLaw:
    """Coefficients of the loss: what no model gets below, and what parameters and tokens take off."""

    irreducible: float
    parameters_scale: float
    tokens_scale: float
    parameters_exponent: float
    tokens_exponent: float


REFIT_2024 = ScalingLaw(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
"""Besiroglu, Erdil, Barnett and You (2024), arXiv:2404.10102: the third approach of 2022, fitted again."""

FIT_2022 = ScalingLaw(1.69, 406.4, 410.7, 0.34, 0.28)
"""Hoffmann et al. (2022), arXiv:2203.15556, appendix D.3; kept for comparison."""

REPETITION_SCALE = 15.39
"""Repetitions after which a text is worth `1 - 1/e` of what endless fresh text would add.

Muennighoff et al. (2023), arXiv:2305.16264: `R*_D`.
"""

HUMAN_TEXT_TOKENS = (1e14, 3e14, 1e15)
"""Public human text, adjusted for quality and repetition: low, central, high.

Villalobos et al. (2024), arXiv:2211.04325v2: 300 trillion tokens, 90 % interval 100 to 1,000 trillion.
"""

HALVING_MONTHS = (5.0, 8.0, 14.0)
"""Months in which ideas halve the compute of a given loss: low, central, high.

Ho et al. (2024), arXiv:2403.05812: 8 months, 95 % interval 5 to 14, for 2012 to 2023.
"""

TALENT_EXPONENT = 0.5
"""Growth of the pace of ideas with researchers; assumption, 0.2 to 1.0: a doubling of researchers adds 41 %."""


class Split(NamedTuple):
    """Parameters and tokens of the least loss at a compute budget, and that loss."""

    parameters: Any
    tokens: Any
    loss: Any


def loss(parameters: Array | float, tokens: Array | float, law: ScalingLaw = REFIT_2024) -> Any:
    """Loss in nats per token of a dense model of `parameters` trained on `tokens` fresh tokens."""
    positive("parameters", parameters)
    positive("tokens", tokens)
    size, data = np.asarray(parameters, dtype=float), np.asarray(tokens, dtype=float)
    return (
        law.irreducible
        + law.parameters_scale / size**law.parameters_exponent
        + law.tokens_scale / data**law.tokens_exponent
    )


def best_split(flop: Array | float, law: ScalingLaw = REFIT_2024) -> Split:
    """Parameters and tokens of the least loss when `6 N D` is the budget (closed form of Hoffmann et al.)."""
    positive("flop", flop)
    work = np.asarray(flop, dtype=float) / FLOP_PER_PARAMETER_AND_TOKEN
    a, b = law.parameters_exponent, law.tokens_exponent
    balance = (a * law.parameters_scale / (b * law.tokens_scale)) ** (1.0 / (a + b))
    size = balance * work ** (b / (a + b))
    data = work / size
    return Split(size, data, loss(size, data, law))


def data_worth(fresh_tokens: Array | float, epochs: Array | float) -> Any:
    """Fresh tokens that a text read `epochs` times is worth: `U (1 + R* (1 - exp(-(epochs - 1) / R*)))`."""
    not_negative("fresh_tokens", fresh_tokens)
    positive("epochs", epochs)
    repeats = np.asarray(epochs, dtype=float) - 1.0
    more = REPETITION_SCALE * -np.expm1(-np.maximum(repeats, 0.0) / REPETITION_SCALE)
    return np.asarray(fresh_tokens, dtype=float) * (1.0 + more + np.minimum(repeats, 0.0))


def limited_tokens(wanted_tokens: Array | float, stock_tokens: Array | float = HUMAN_TEXT_TOKENS[1]) -> Any:
    """Fresh tokens that a run's tokens are worth when it reads all of a stock before it reads any of it again."""
    positive("wanted_tokens", wanted_tokens)
    positive("stock_tokens", stock_tokens)
    wanted, stock = np.asarray(wanted_tokens, dtype=float), np.asarray(stock_tokens, dtype=float)
    fresh = np.minimum(wanted, stock)
    return data_worth(fresh, wanted / fresh)


def pace_of_ideas(talent: Array | float = 1.0, halving_months: Array | float = HALVING_MONTHS[1]) -> Any:
    """Yearly growth of what compute buys, in logs: `ln 2 / halving x talent^0.5`; talent is relative to today's."""
    not_negative("talent", talent)
    positive("halving_months", halving_months)
    yearly = np.log(2.0) * 12.0 / np.asarray(halving_months, dtype=float)
    return yearly * np.asarray(talent, dtype=float) ** TALENT_EXPONENT


def effective_flop(
    flop: Array | float,
    years: Array | float,
    talent: Array | float = 1.0,
    halving_months: Array | float = HALVING_MONTHS[1],
) -> Any:
    """Compute that today's methods would need for what `flop` buys after `years` of ideas."""
    not_negative("flop", flop)
    return np.asarray(flop, dtype=float) * np.exp(pace_of_ideas(talent, halving_months) * np.asarray(years))


def quality(
    flop: Array | float,
    *,
    years: Array | float = 0.0,
    talent: Array | float = 1.0,
    stock_tokens: Array | float = HUMAN_TEXT_TOKENS[1],
    law: ScalingLaw = REFIT_2024,
) -> Any:
    """Loss of the best model that a budget buys after years of ideas, with text that may run out; less is better.

    Ideas count as more compute; the best split is taken, then tokens beyond the stock are worth less.
    """
    split = best_split(effective_flop(flop, years, talent), law)
    return loss(split.parameters, limited_tokens(split.tokens, stock_tokens), law)

"""Tokens of requests by class, and demand for tokens by segment of users.

Token counts of a class are log-normal with a mean and a coefficient of variation. A demand falls with price at a
constant elasticity and reaches its ceiling with adoption.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.refusing import nearest_hint, not_negative, positive, share

Array = np.ndarray
CLASSES_FILE = Path(__file__).with_name("request_classes.csv")


@dataclass(frozen=True, slots=True)
class RequestClass:
    """One kind of request. Ranges are low, central, high.

    Attributes:
        input_tokens, output_tokens: means of a call; `input_cv`, `output_cv`: their coefficients of variation.
        calls: calls to the model that a task makes.
        cached: share of input tokens that a prefix cache holds already.
    """

    id: str
    name: str
    input_tokens: float
    input_cv: float
    output_tokens: tuple[float, float, float]
    output_cv: float
    calls: tuple[float, float, float]
    cached: tuple[float, float, float]
    grade: str
    source: str


@cache
def request_classes() -> dict[str, RequestClass]:
    """The bundled classes by id, from `request_classes.csv`."""
    with CLASSES_FILE.open(encoding="utf-8", newline="") as file:
        return {row["id"]: _from_row(row) for row in csv.DictReader(file)}


def _from_row(row: dict[str, str]) -> RequestClass:
    def three(low: str, central: str, high: str) -> tuple[float, float, float]:
        return float(row[low]), float(row[central]), float(row[high])

    return RequestClass(
        id=row["id"],
        name=row["name"],
        input_tokens=float(row["input_tokens"]),
        input_cv=float(row["input_cv"]),
        output_tokens=three("output_low", "output_tokens", "output_high"),
        output_cv=float(row["output_cv"]),
        calls=three("calls_low", "calls", "calls_high"),
        cached=three("cached_low", "cached", "cached_high"),
        grade=row["grade"],
        source=row["source"],
    )


def request_class(name: str) -> RequestClass:
    """The class of this id. Raises UsageError with the nearest name."""
    known = request_classes()
    if name not in known:
        hint = nearest_hint(name, known)
        raise UsageError(f"class of requests: found {name!r}; expected one of {', '.join(known)}{hint}")
    return known[name]


def lognormal(mean: Array | float, cv: Array | float) -> tuple[Any, Any]:
    """Mean and standard deviation of the logs: `s^2 = ln(1 + c^2)`, `mu = ln m - s^2 / 2`.

    cv: coefficient of variation `c`, the standard deviation over the mean.
    """
    positive("mean", mean)
    not_negative("cv", cv)
    s_squared = np.log1p(np.asarray(cv, dtype=float) ** 2)
    return np.log(np.asarray(mean, dtype=float)) - 0.5 * s_squared, np.sqrt(s_squared)


def token_quantile(mean: Array | float, cv: Array | float, percentile: Array | float) -> Any:
    """Quantile of a log-normal number of tokens; percentile as a share."""
    from scipy.special import ndtri

    share("percentile", percentile)
    mu, s = lognormal(mean, cv)
    return np.exp(mu + s * ndtri(percentile))


def tokens_per_task(name: str, case: str = "central") -> tuple[float, float, float]:
    """Input tokens to be read, input tokens from the cache, and output tokens of a task of this class.

    Args:
        case: `low`, `central` or `high` numbers of calls and of output tokens.
    """
    cases = {"low": 0, "central": 1, "high": 2}
    if case not in cases:
        raise UsageError(f"case: found {case!r}; expected low, central or high")
    kind, at = request_class(name), cases[case]
    read = kind.calls[at] * kind.input_tokens
    cached = read * kind.cached[1]
    return read - cached, cached, kind.calls[at] * kind.output_tokens[at]


def segment_demand(
    ceiling: Array,
    adoption: Array,
    price: Array | float,
    reference_price: Array | float,
    elasticity: Array | float,
    *,
    tokens_per_task: Array | float = 1.0,
) -> Any:
    """Tokens that segments ask for: `ceiling x adoption x tokens a task x (price / reference)^-elasticity`.

    Args:
        ceiling: tasks that users would do at full adoption and the reference price, (segments, …).
        adoption: share of the ceiling reached; what `adopt` moves from quarter to quarter.
        price: price of a token; elasticity: positive, spending grows as prices fall where it is above 1.
    """
    not_negative("ceiling", ceiling)
    not_negative("adoption", adoption)
    positive("price", price)
    positive("reference_price", reference_price)
    not_negative("elasticity", elasticity)
    not_negative("tokens_per_task", tokens_per_task)
    relative = np.asarray(price, dtype=float) / reference_price
    return np.asarray(ceiling) * np.asarray(adoption) * tokens_per_task * relative ** -np.asarray(elasticity)


def routed_cost(
    large: Array | float, small: Array | float, small_share: Array | float, escalated: Array | float
) -> Any:
    """Mean cost of a request when some go to a small model first and some of those go on to the large one.

    `(1 - s) large + s (small + e large)`.

    Args:
        small_share: s, 0.5, 0.2 to 0.8. `escalated`: e, share of those that the small model does not settle, 0.15, 0.05
            to 0.3. Assumptions.
    """
    not_negative("large", large)
    not_negative("small", small)
    share("small_share", small_share)
    share("escalated", escalated)
    s, e = np.asarray(small_share, dtype=float), np.asarray(escalated, dtype=float)
    return (1.0 - s) * large + s * (small + e * np.asarray(large))

"""A trace: when requests came, how long their prompts and answers were, whose they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penstock.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LARGEST_TOKENS = 2**31 - 1


@dataclass(frozen=True)
class Trace:
    """Requests in order of arrival.

    Attributes:
        arrival_s: seconds from the start, (requests,), not falling.
        input_tokens, output_tokens: of each request, (requests,), at least 1.
        tenant, model: position of each in `tenants` and `models`, (requests,).
        prefix: identity of the shared beginning of the prompt, -1 for none; shareable_tokens: its length.
        blocks: hashes of the blocks of each prompt, where the trace has them (Mooncake).
        name, source: what it is and where it comes from.
    """

    arrival_s: Floats
    input_tokens: Integers
    output_tokens: Integers
    tenant: Integers
    model: Integers
    prefix: Integers
    shareable_tokens: Integers
    tenants: tuple[str, ...] = ("all",)
    models: tuple[str, ...] = ("default",)
    blocks: tuple[tuple[int, ...], ...] | None = None
    name: str = "trace"
    source: str = ""
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def span_s(self) -> float:
        """Seconds from the start to the last arrival."""
        return float(self.arrival_s[-1]) if len(self) else 0.0

    @property
    def tokens(self) -> int:
        """Tokens in and out of all requests."""
        return int(self.input_tokens.sum() + self.output_tokens.sum())

    def window_counts(self, window_s: float) -> Integers:
        """Arrivals in each full window from the start."""
        full = int(self.span_s / window_s)
        return np.bincount((self.arrival_s / window_s).astype(int), minlength=full)[:full].astype(np.int64)

    def dispersion(self, window_s: float = 60.0) -> float:
        """Variance over mean of the counts of windows: 1 for Poisson arrivals, more for bursts."""
        counts = self.window_counts(window_s)
        return float(counts.var() / counts.mean()) if len(counts) > 1 and counts.sum() else float("nan")

    def to_pandas(self) -> pd.DataFrame:
        """One row per request."""
        import pandas as pd

        return pd.DataFrame(
            {
                "arrival_s": self.arrival_s,
                "input_tokens": self.input_tokens,
                "output_tokens": self.output_tokens,
                "tenant": np.asarray(self.tenants, dtype=object)[self.tenant],
                "model": np.asarray(self.models, dtype=object)[self.model],
            }
        )


def make_trace(
    arrival_s: Any,
    input_tokens: Any,
    output_tokens: Any,
    *,
    tenant: Sequence[str] | None = None,
    model: Sequence[str] | None = None,
    prefix: Any = None,
    shareable_tokens: Any = None,
    blocks: Sequence[Sequence[int]] | None = None,
    name: str = "trace",
    source: str = "",
    first_row: int = 1,
    notes: Sequence[str] = (),
) -> Trace:
    """A trace from columns, checked.

    Args:
        arrival_s: seconds, not falling; the first may be any number from 0 on.
        tenant, model: names, one per request; all alike if not given.
        prefix: identity of a shared beginning, -1 for none, with `shareable_tokens` of it.
        first_row: row of the file that holds the first request, for messages.

    Raises:
        InputError: no requests, columns of unequal length, a number that cannot be, times that fall.
    """
    times = _numbers(name, "arrival_s", arrival_s, first_row)
    n = len(times)
    if n == 0:
        raise InputError(f"{name}: found no requests; expected at least one")
    given = {
        "input_tokens": _tokens(name, "input_tokens", input_tokens, first_row),
        "output_tokens": _tokens(name, "output_tokens", output_tokens, first_row),
    }
    for column, values in given.items():
        if len(values) != n:
            raise InputError(f"{name}: {column}: found {len(values)} values; expected {n}, one per arrival")
    if times[0] < 0:
        raise InputError(f"{name}:{first_row}: arrival_s: found {times[0]:g}; expected a time of at least 0")
    falling = np.flatnonzero(np.diff(times) < 0)
    if len(falling):
        row = int(falling[0]) + 1
        raise InputError(
            f"{name}:{first_row + row}: arrival_s: found {times[row]:g} after {times[row - 1]:g}; "
            "expected times in order"
        )
    tenants, tenant_at = _names(name, "tenant", tenant, n, "all")
    models, model_at = _names(name, "model", model, n, "default")
    shared = np.zeros(n, np.int64) if shareable_tokens is None else np.asarray(shareable_tokens, np.int64)
    return Trace(
        arrival_s=times,
        input_tokens=given["input_tokens"],
        output_tokens=given["output_tokens"],
        tenant=tenant_at,
        model=model_at,
        prefix=np.full(n, -1, np.int64) if prefix is None else np.asarray(prefix, np.int64),
        shareable_tokens=shared,
        tenants=tenants,
        models=models,
        blocks=None if blocks is None else tuple(tuple(b) for b in blocks),
        name=name,
        source=source,
        notes=tuple(notes),
    )


def _numbers(name: str, column: str, values: Any, first_row: int) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: {column}: found what is not a number; expected numbers") from None
    if numbers.ndim != 1:
        raise InputError(f"{name}: {column}: found {numbers.ndim} dimensions; expected one number per request")
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise InputError(f"{name}:{first_row + int(bad[0])}: {column}: found no number; expected a number")
    return numbers


def _tokens(name: str, column: str, values: Any, first_row: int) -> Integers:
    numbers = _numbers(name, column, values, first_row)
    bad = np.flatnonzero((numbers < 1) | (numbers > LARGEST_TOKENS) | (numbers != np.floor(numbers)))
    if len(bad):
        row = int(bad[0])
        raise InputError(
            f"{name}:{first_row + row}: {column}: found {numbers[row]:g}; expected a whole number of at least 1"
            + ("" if numbers[row] <= LARGEST_TOKENS else f" and at most {LARGEST_TOKENS}")
        )
    return numbers.astype(np.int64)


def _names(
    name: str, column: str, values: Sequence[str] | None, n: int, default: str
) -> tuple[tuple[str, ...], Integers]:
    if values is None:
        return (default,), np.zeros(n, np.int64)
    if len(values) != n:
        raise InputError(f"{name}: {column}: found {len(values)} values; expected {n}, one per arrival")
    found, at = np.unique(np.asarray(values, dtype=str), return_inverse=True)
    return tuple(str(v) for v in found), at.astype(np.int64)


def as_trace(trace: Any) -> Trace:
    """A trace from a `Trace`, a path, a data frame, or a mapping of columns named as those of `make_trace`.

    Raises InputError for what is none of these or not a valid trace.
    """
    if isinstance(trace, Trace):
        return trace
    if isinstance(trace, str) or hasattr(trace, "__fspath__"):
        from penstock.fleet.loaders import load_trace

        return load_trace(trace)
    if hasattr(trace, "columns") or isinstance(trace, Mapping):
        from penstock.fleet.loaders import from_columns

        return from_columns({str(key): trace[key] for key in trace})
    raise InputError(f"trace: found {type(trace).__name__}; expected a Trace, a path, a data frame or columns")

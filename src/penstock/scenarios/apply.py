"""The `apply` grammar of a change: what it does to a knob once it is fully in force."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({NUMBER})\s+to\s+({NUMBER})")
_SIGNED = re.compile(rf"([*+=-])\s*({NUMBER})")

FORMS = '"*0.6", "+0.02", "-0.02", "=3" or "0.4 to 0.8"'

Kind = Literal["factor", "offset", "set", "range"]


@dataclass(frozen=True)
class Apply:
    """`factor`: multiply by `low`; `offset`: add `low`; `set`: become `low`;
    `range`: multiply by a factor drawn per path, log-normal with 5 % below `low` and 5 % above `high`."""

    kind: Kind
    low: float
    high: float

    def text(self) -> str:
        """Canonical form: parsing it gives this object back."""
        if self.kind == "range":
            return f"{_shortest(self.low)} to {_shortest(self.high)}"
        if self.kind == "offset":
            return f"{'+' if self.low >= 0 else '-'}{_shortest(abs(self.low))}"
        return f"{'*' if self.kind == 'factor' else '='}{_shortest(self.low)}"


class ApplyError(ValueError):
    """Says what was expected; the caller adds the place."""

    def __init__(self, expected: str, nearest: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.nearest = nearest


def parse_apply(source: str) -> Apply:
    """Reads one `apply` text. Raises ApplyError with what was expected and the nearest valid text."""
    text = source.strip()
    if match := _RANGE.fullmatch(text):
        low, high = _finite(match[1]), _finite(match[2])
        if low > high:
            raise ApplyError("a range with low < high", f"{match[2]} to {match[1]}" if high > 0 else "")
        if low <= 0 or low == high:
            raise ApplyError("a range of a factor with 0 < low < high", f"*{match[1]}" if low > 0 else "")
        return Apply("range", low, high)
    if match := _SIGNED.fullmatch(text):
        sign, value = match[1], _finite(match[2])
        if sign == "*":
            if value < 0:
                raise ApplyError("a factor of 0 or more", f"*{_shortest(-value)}")
            return Apply("factor", value, value)
        if sign == "=":
            return Apply("set", value, value)
        value = value if sign == "+" else -value
        return Apply("offset", value, value)
    if re.fullmatch(NUMBER, text):
        raise ApplyError(FORMS, f"={text} or *{text}")
    raise ApplyError(FORMS)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ApplyError("a finite number")
    return value


def _shortest(value: float) -> str:
    """Shortest text that reads back as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)

"""Low, central and high together: products and sums of numbers whose ranges are independent.

`low` to `high` is a 5 to 95 % range. Products add the squares of log distances, sums the squares of distances, each
side by itself. The central value of a result is that of the central values, so that parts add up to their total.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce


@dataclass(frozen=True)
class Range:
    """A number with its 5 to 95 % range; low = central = high where it is taken as exact."""

    low: float
    central: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Range:
        """A number without a range."""
        return cls(value, value, value)

    def __mul__(self, other: Range | float) -> Range:
        b = other if isinstance(other, Range) else Range.exact(float(other))
        return _product(self, b)

    __rmul__ = __mul__

    def __truediv__(self, other: Range | float) -> Range:
        b = other if isinstance(other, Range) else Range.exact(float(other))
        return _product(self, Range(1.0 / b.high, 1.0 / b.central, 1.0 / b.low))

    def __rtruediv__(self, other: float) -> Range:
        return Range.exact(float(other)) / self

    def __add__(self, other: Range | float) -> Range:
        b = other if isinstance(other, Range) else Range.exact(float(other))
        return total([self, b])

    __radd__ = __add__

    def __sub__(self, other: Range) -> Range:
        return total([self, Range(-other.high, -other.central, -other.low)])

    def __neg__(self) -> Range:
        return Range(-self.high, -self.central, -self.low)

    def complement(self) -> Range:
        """One less this share."""
        return Range(1.0 - self.high, 1.0 - self.central, 1.0 - self.low)

    def to_dict(self, name: str) -> dict[str, float]:
        """`name`, `name_low` and `name_high`."""
        return {name: self.central, f"{name}_low": self.low, f"{name}_high": self.high}


def total(parts: Iterable[Range]) -> Range:
    """The sum of independent numbers."""
    held = list(parts)
    centre = sum(part.central for part in held)
    down = math.sqrt(sum((part.central - part.low) ** 2 for part in held))
    up = math.sqrt(sum((part.high - part.central) ** 2 for part in held))
    return Range(centre - down, centre, centre + up)


def product(parts: Iterable[Range]) -> Range:
    """The product of independent positive numbers."""
    return reduce(_product, parts, Range.exact(1.0))


def _product(a: Range, b: Range) -> Range:
    centre = a.central * b.central
    if min(a.low, b.low) <= 0.0:
        # no logs: the distances of one times the centre of the other
        down = math.hypot((a.central - a.low) * b.central, (b.central - b.low) * a.central)
        up = math.hypot((a.high - a.central) * b.central, (b.high - b.central) * a.central)
        return Range(centre - down, centre, centre + up)
    down = math.hypot(math.log(a.central / a.low), math.log(b.central / b.low))
    up = math.hypot(math.log(a.high / a.central), math.log(b.high / b.central))
    return Range(centre * math.exp(-down), centre, centre * math.exp(up))


def spread(
    outputs: Callable[[dict[str, float]], dict[str, float]], inputs: Mapping[str, Range]
) -> tuple[dict[str, Range], dict[str, dict[str, tuple[float, float]]]]:
    """Outputs of a function with ranges: each input moved alone to its low and its high, the effects put together.

    Gives the outputs by name, and for each input that has a range the outputs' changes at its low and its high.
    """
    centre = {name: value.central for name, value in inputs.items()}
    found = outputs(centre)
    moves: dict[str, dict[str, tuple[float, float]]] = {}
    for name, value in inputs.items():
        if value.low < value.high:
            one, other = (outputs({**centre, name: end}) for end in (value.low, value.high))
            moves[name] = {key: (one[key] - found[key], other[key] - found[key]) for key in found}
    return {key: _around(found[key], [moved[key] for moved in moves.values()]) for key in found}, moves


def _around(centre: float, moves: Sequence[tuple[float, float]]) -> Range:
    """A range from what each input does alone: squares of log distances where all is positive, else of distances."""
    ends = [centre + move for pair in moves for move in pair]
    positive = centre > 0.0 and all(end > 0.0 for end in ends)

    def distance(move: float) -> float:
        return math.log((centre + move) / centre) if positive else move

    down = math.hypot(*(min(distance(one), distance(other), 0.0) for one, other in moves)) if moves else 0.0
    up = math.hypot(*(max(distance(one), distance(other), 0.0) for one, other in moves)) if moves else 0.0
    if positive:
        return Range(centre * math.exp(-down), centre, centre * math.exp(up))
    low = centre - down
    return Range(max(low, 0.0) if centre >= 0.0 and min(ends, default=0.0) >= 0.0 else low, centre, centre + up)

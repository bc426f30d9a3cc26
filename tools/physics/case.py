"""One published or exact figure beside what a layer gives, with its tolerance and what it proves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """What agreement proves: mathematics, that published parts add up, or that the model foretold an unseen number."""

    EXACT = "exact"
    CONSISTENCY = "consistency"
    PREDICTION = "prediction"


class Kind(StrEnum):
    """How a tolerance is meant."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"
    AT_LEAST = "at least"
    AT_MOST = "at most"
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class Case:
    """A figure to be met.

    Attributes:
        id: number of the case, as `R8`; several figures of a case share it.
        quantity: what is compared, with its conditions.
        unit: unit of both figures; empty for a ratio.
        source: where the observed figure is from.
        tolerance: largest difference; a share of the observed figure where `kind` is relative. Without meaning where
            the figure is a bound or only shown.
    """

    id: str
    quantity: str
    unit: str
    observed: float
    simulated: float
    tolerance: float
    mark: Mark
    source: str
    kind: Kind = Kind.RELATIVE

    @property
    def difference(self) -> float:
        """Simulated less observed; over the observed figure where the tolerance is relative."""
        gap = self.simulated - self.observed
        return gap / abs(self.observed) if self.kind is Kind.RELATIVE and self.observed else gap

    @property
    def holds(self) -> bool:
        """Whether the figure is met; a figure that is only shown is always met."""
        if not math.isfinite(self.simulated):
            return False
        if self.kind is Kind.SHOWN:
            return True
        if self.kind is Kind.AT_LEAST:
            return self.simulated >= self.observed
        if self.kind is Kind.AT_MOST:
            return self.simulated <= self.observed
        return abs(self.difference) <= self.tolerance

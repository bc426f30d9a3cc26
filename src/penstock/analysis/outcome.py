"""One output of a whole run that variants are compared by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Name and unit of an output: `usd_bn`, `share`, or `per_path` for a count."""

    name: str
    unit: str

    @property
    def key(self) -> str:
        """Name of the column of its changes."""
        return f"{self.name}_{self.unit}"

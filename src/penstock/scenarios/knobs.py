"""The knobs: parameters and exogenous inputs that a scenario may change, never an output.

Rows stand in `knobs.csv`. A `multiplier` is 1 in the baseline and multiplies what the model draws or
reads; a `level` replaces or shifts the quantity itself, in its unit.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

TABLE = Path(__file__).parent / "knobs.csv"

SEGMENTS = ("consumer", "enterprise", "agents")
"""Segments of users, the entities of `demand.ceiling` and `demand.speed`."""

ENTITY_LAYERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"silicon_company": ("silicon",), "builder_company": ("ai", "platform", "facilities")}
)
"""Layers whose companies may follow a knob of that entity kind."""


@dataclass(frozen=True)
class Knob:
    """One row of the registry.

    `low`, `default`, `high`: plausible range and value of the baseline, in `unit` (no unit means a ratio).
    `minimum`, `maximum`: hard bounds; results are clipped to them. `parameter`: row of `parameters.csv`
    or the word assumption. `step`: the step of the quarter that reads it. `entity`: "" or what may follow
    the name after a dot: "segment", "silicon_company", "builder_company".
    """

    name: str
    meaning: str
    unit: str
    default: float
    low: float
    high: float
    minimum: float
    maximum: float
    kind: str
    entity: str
    grade: str
    parameter: str
    step: str
    basis: str

    @property
    def multiplies(self) -> bool:
        """True when the knob is a factor on the baseline's value, False when it is the value itself."""
        return self.kind == "multiplier"

    @property
    def room(self) -> str:
        """First part of its name: what the knob belongs to."""
        return self.name.split(".", 1)[0]


def _number(text: str, empty: float) -> float:
    return float(text) if text else empty


@lru_cache(maxsize=1)
def knobs() -> Mapping[str, Knob]:
    """All knobs by name, in the order of the rooms."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return MappingProxyType(
        {
            row["name"]: Knob(
                name=row["name"],
                meaning=row["meaning"],
                unit=row["unit"],
                default=float(row["default"]),
                low=float(row["low"]),
                high=float(row["high"]),
                minimum=_number(row["minimum"], float("-inf")),
                maximum=_number(row["maximum"], float("inf")),
                kind=row["kind"],
                entity=row["entity"],
                grade=row["grade"],
                parameter=row["parameter"],
                step=row["step"],
                basis=row["basis"],
            )
            for row in rows
        }
    )


def find_knobs(text: str = "") -> list[Knob]:
    """Knobs whose name, meaning, step or parameter row holds `text` (any case); all without a text."""
    wanted = text.casefold()
    return [
        knob
        for knob in knobs().values()
        if wanted in f"{knob.name} {knob.meaning} {knob.step} {knob.parameter}".casefold()
    ]


def split_name(what: str) -> tuple[str, str]:
    """`silicon.capacity.zeiss_smt` -> ("silicon.capacity", "zeiss_smt"); no entity gives ""."""
    parts = what.split(".", 2)
    if len(parts) < 3:
        return what, ""
    return f"{parts[0]}.{parts[1]}", parts[2]

"""The space of shocks that a reverse stress test searches: factors, their standard deviations and correlations.

Rows stand in `shock_space.csv` and `shock_correlations.csv`; most are assumptions, with their ranges. A shock is a
vector z of standard deviations, one a factor; its Mahalanobis distance is sqrt(z' R^-1 z) with correlations R
(Mahalanobis 1936; for scenarios of this kind Breuer, Jandacka, Rheinberger and Summer 2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import InputError
from penstock.scenarios import Program, compile_program, knobs, load_scenario
from penstock.scenarios import quarters as calendar
from penstock.world.rows import read_rows

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.scenarios import Scenario
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

FACTORS = Path(__file__).with_name("shock_space.csv")
CORRELATIONS = Path(__file__).with_name("shock_correlations.csv")


@dataclass(frozen=True)
class Factor:
    """One thing that may go wrong.

    `kind` knob: `what` is a knob, changed by a factor exp(z sd) (`scale` log) or by z sd in its unit (linear).
    `kind` event: `what` is kind and target of an event of size z sd, 0 to 1. `direction` up: below zero nothing
    happens. `sd`: standard deviation of a surprise within a year, with its range. `over`: quarters to phase in;
    `lasts`: quarters in force, 0 for ever.
    """

    name: str
    meaning: str
    kind: str
    what: str
    scale: str
    direction: str
    sd_low: float
    sd: float
    sd_high: float
    over: int
    lasts: int
    grade: str
    source_id: str
    basis: str

    def effect(self, z: float) -> float:
        """Factor on a knob, change of it in its unit, or size of an event."""
        moved = self.sd * (max(z, 0.0) if self.direction == "up" else z)
        if self.scale == "log":
            return math.exp(moved)
        return min(moved, 1.0) if self.scale == "size" else moved

    def told(self, z: float) -> str:
        """The effect in words."""
        effect = self.effect(z)
        if self.scale == "log":
            return f"x {effect:.2f}"
        if self.scale == "size":
            return f"{100.0 * effect:z.0f} % of {self.what.split()[1]}"
        unit = knobs()[self.what].unit
        if unit == "fraction_per_year":
            return f"{1e4 * effect:+z.0f} bp"
        return f"{effect:+z.1f} {unit}".rstrip()


@dataclass(frozen=True)
class Correlation:
    """How two factors move together."""

    first: str
    second: str
    low: float
    correlation: float
    high: float
    grade: str
    basis: str


@dataclass(frozen=True, eq=False)
class ShockSpace:
    """Factors and their correlations (factors, factors)."""

    factors: tuple[Factor, ...]
    correlation: Array

    def __post_init__(self) -> None:
        size = len(self.factors)
        matrix = self.correlation
        if matrix.shape != (size, size) or not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1.0):
            raise InputError(
                f"correlations: found shape {matrix.shape}; expected symmetric {size} x {size}, ones inside"
            )
        if size and float(np.linalg.eigvalsh(matrix)[0]) <= 1e-9:
            raise InputError("correlations: found a matrix with an eigenvalue of 0 or less; expected positive definite")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the factors, in their order."""
        return tuple(factor.name for factor in self.factors)

    @cached_property
    def root(self) -> Array:
        """L with L L' = R: a standard normal u becomes the shock z = L u."""
        return np.asarray(np.linalg.cholesky(self.correlation), dtype=float)

    @cached_property
    def precision(self) -> Array:
        """R^-1."""
        return np.asarray(np.linalg.inv(self.correlation), dtype=float)

    def distance(self, z: Array) -> float:
        """Mahalanobis distance of a shock in standard deviations."""
        return math.sqrt(max(float(z @ self.precision @ z), 0.0))

    def parts(self, z: Array) -> Array:
        """Each factor's part of the squared distance, sum 1: z_i (R^-1 z)_i over it.

        Minus the part is also the elasticity of the distance to the factor's standard deviation, the shock itself
        held fixed.
        """
        squared = self.distance(z) ** 2
        return z * (self.precision @ z) / squared if squared > 0.0 else np.zeros_like(z)

    def at(self, z: Array, sds: Sequence[float] | Array) -> float:
        """Distance of the same shock where the factors have these standard deviations."""
        own = np.array([factor.sd for factor in self.factors])
        return self.distance(z * own / np.asarray(sds, dtype=float))

    def keep(self, names: Sequence[str]) -> ShockSpace:
        """The space of some of its factors."""
        rows = [place for place, name in enumerate(self.names) if name in names]
        return ShockSpace(tuple(self.factors[row] for row in rows), self.correlation[np.ix_(rows, rows)])

    def to_pandas(self) -> pd.DataFrame:
        """A row a factor."""
        import pandas as pd

        return pd.DataFrame([vars(factor) for factor in self.factors])

    def tables(self, z: Array, start: str) -> dict[str, Any]:
        """The shock as tables of a scenario file: changes and events from the quarter `start` on.

        A factor that does not move has no row.
        """
        changes, events = [], []
        for factor, size in zip(self.factors, z, strict=True):
            effect = factor.effect(float(size))
            if size == 0.0 or (factor.kind == "event" and effect == 0.0):
                continue
            why = f"{factor.meaning}: {float(size):+.2f} standard deviations"
            if factor.kind == "event":
                kind, target = factor.what.split()
                lasts = max(factor.lasts, 1)
                events.append(
                    {"kind": kind, "target": target, "size": effect, "from": start, "lasts": lasts, "why": why}
                )
                continue
            sign = "*" if factor.scale == "log" else "+" if effect >= 0 else "-"
            change = {
                "what": factor.what,
                "apply": f"{sign}{abs(effect)!r}",
                "from": start,
                "over": factor.over,
                "why": why,
            }
            if factor.lasts:
                change["until"] = calendar.text(calendar.ordinal(start) + factor.lasts - 1)
            changes.append(change)
        return {"change": changes, "event": events}


def bundled_space() -> ShockSpace:
    """The space that comes with the package, with every factor."""
    factors = read_rows(FACTORS, Factor)
    place = {factor.name: number for number, factor in enumerate(factors)}
    matrix = np.eye(len(factors))
    for pair in read_rows(CORRELATIONS, Correlation):
        first, second = place[pair.first], place[pair.second]
        matrix[first, second] = matrix[second, first] = pair.correlation
    return ShockSpace(factors, matrix)


def space_of(world: World, model: Model) -> ShockSpace:
    """The bundled space without the events whose target this world or model does not have."""
    space = bundled_space()
    units = set(model.layout.units)
    known = set(world.table("companies")["id"]) & units
    return space.keep([f.name for f in space.factors if f.kind == "knob" or f.what.split()[1] in known])


@dataclass(frozen=True)
class ShockedProgram:
    """A program on which any shock of the space can be laid. Picklable."""

    base: Program
    space: ShockSpace
    whole: Program
    """the shock alone, every factor at one standard deviation"""

    def with_shock(self, z: Array) -> Program:
        """The base with a shock; bit for bit the base's results where z is zero."""
        effects = [factor.effect(float(size)) for factor, size in zip(self.space.factors, z, strict=True)]
        kinds = [factor.kind for factor in self.space.factors]
        by_knob = [effect for effect, kind in zip(effects, kinds, strict=True) if kind == "knob"]
        by_event = [effect for effect, kind in zip(effects, kinds, strict=True) if kind == "event"]
        changes = [
            replace(change, low=effect, high=effect) for change, effect in zip(self.whole.changes, by_knob, strict=True)
        ]
        events = [
            replace(event, size=effect)
            for event, effect in zip(self.whole.events, by_event, strict=True)
            if effect > 0.0
        ]
        return replace(self.base, changes=(*self.base.changes, *changes), events=(*self.base.events, *events))


def shocked_program(world: World, model: Model, space: ShockSpace, start: str) -> ShockedProgram:
    """The model's program made ready for shocks that begin in the quarter `start`."""
    ones = np.ones(len(space.factors))
    shock: Scenario = load_scenario({"name": "shock", **space.tables(ones, start)}, world)
    whole = compile_program(shock, model.first_quarter, model.program.quarters)
    return ShockedProgram(model.program, space, whole)

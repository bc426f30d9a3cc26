"""A quick answer while a slider moves: quadratic surfaces through small ensembles, with the error they make.

A preset is simulated at points of the space of seven knobs: its middle, both ends of each knob, and a Latin hypercube.
Every point runs on the same paths (common random numbers). For each output, quarter and quantile a quadratic in the
scaled knobs is fitted to the logarithm of one plus the output by least squares with a small ridge. The error told is
that of leaving each point out in turn, from the hat matrix (Allen 1974, Technometrics 16, 125-127). It is a surrogate:
the page calls it one, and a full run follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.scenarios.knobs import Knob, knobs

Array = np.ndarray[Any, np.dtype[np.float64]]

KNOBS = (
    "demand.ceiling",
    "demand.speed",
    "finance.debt_access",
    "finance.equity_access",
    "silicon.capacity",
    "energy.power_delay_quarters",
    "ai.compute_per_token",
)
"""The sliders: one or two knobs for each of demand, funding, chips, power and efficiency."""

OUTPUTS = ("ai_revenue_usd_bn", "capex_usd_bn", "it_mw", "defaults")
"""Columns of `economy` by quarter, and companies in default so far."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
RIDGE = 1e-3
"""Penalty on a surrogate's terms, per simulated setting: enough that settings side by side do not pull it about."""
HYPERCUBE = 44
"""Settings drawn inside the space of sliders, beside both ends of each."""
START_QUARTERS = 4
"""A knob moves so many quarters after the opening, when plans of the first year are made."""


@dataclass(frozen=True)
class Slider:
    """A knob as a slider. `scale` log: positions are logarithms of a factor."""

    knob: str
    meaning: str
    unit: str
    low: float
    high: float
    default: float
    scale: str
    grade: str
    basis: str

    def position(self, value: Array | float) -> Any:
        """A value of the knob between -1 (low) and 1 (high)."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return 2.0 * (self._scaled(value) - low) / (high - low) - 1.0

    def value(self, position: Array | float) -> Any:
        """The value at a position."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        found = low + (np.asarray(position) + 1.0) / 2.0 * (high - low)
        return np.exp(found) if self.scale == "log" else found

    def _scaled(self, value: Any) -> Any:
        return np.log(value) if self.scale == "log" else np.asarray(value, dtype=float)

    def change(self, value: float, quarter: str) -> dict[str, Any] | None:
        """The change of a scenario that puts the knob there, None at its default."""
        if abs(value - self.default) < 1e-9 * max(1.0, abs(self.default)):
            return None
        apply = f"*{value:.6g}" if self.scale == "log" else f"{value - self.default:+.6g}"
        return {"what": self.knob, "apply": apply, "from": quarter, "why": "set by a slider of the studio"}


def sliders() -> list[Slider]:
    """The sliders, their ranges those of the table of knobs."""
    return [_slider(knobs()[name]) for name in KNOBS]


def _slider(knob: Knob) -> Slider:
    scale = "log" if knob.multiplies and knob.low > 0 else "linear"
    return Slider(
        knob.name,
        knob.meaning.split(";")[0],
        knob.unit,
        knob.low,
        knob.high,
        knob.default,
        scale,
        knob.grade,
        knob.basis,
    )


def design(count: int, extra: int = HYPERCUBE, seed: int = 0) -> Array:
    """(points, count) positions: the defaults are put in front by the caller; ends of each axis, then a hypercube."""
    rng = np.random.default_rng(seed)
    ends = np.concatenate([np.eye(count), -np.eye(count)])
    cube = np.empty((extra, count))
    for column in range(count):
        cube[:, column] = (rng.permutation(extra) + rng.random(extra)) / extra * 2.0 - 1.0
    return np.concatenate([ends, cube])


def features(positions: Array) -> Array:
    """(points, terms) constant, each position, squares and products."""
    count = positions.shape[1]
    columns = [np.ones(len(positions)), *positions.T]
    columns += [positions[:, i] * positions[:, j] for i in range(count) for j in range(i, count)]
    return np.column_stack(columns)


def fit(positions: Array, values: Array) -> tuple[Array, Array]:
    """Coefficients (terms, targets) and error of leaving one out (points, targets) of log(1 + values)."""
    terms = features(positions)
    penalty = RIDGE * len(positions) * np.eye(terms.shape[1])
    penalty[0, 0] = 0.0
    inverse: Any = np.linalg.solve(terms.T @ terms + penalty, terms.T)
    target: Array = np.log1p(values)
    coefficients: Array = inverse @ target
    leverage = np.minimum(np.einsum("ij,ji->i", terms, inverse), 1.0 - 1e-6)
    left_out: Array = (target - terms @ coefficients) / (1.0 - leverage)[:, None]
    return coefficients, left_out


def outputs_of(block: Any, quarters: Sequence[str]) -> Array:
    """(outputs, quarters, quantiles) of one ensemble."""
    place = {name: number for number, name in enumerate(quarters)}
    paths = block.economy[OUTPUTS[0]].shape[1]
    failed = np.zeros((len(quarters), paths))
    events = block.events
    for index in np.flatnonzero(events["stage"] == "standstill"):
        path = int(events["path"][index])
        if path < paths:
            failed[place[str(events["quarter"][index])], path] += 1.0
    series = [block.economy[name] for name in OUTPUTS[:-1]] + [failed.cumsum(axis=0)]
    return np.stack([np.quantile(values, QUANTILES, axis=1).T for values in series])


@dataclass(frozen=True)
class Point:
    """Simulates one point of the design; picklable, so that processes can share it."""

    world: Any
    base: Mapping[str, Any]
    quarter: str
    paths: int
    quarters: int
    seed: int
    names: tuple[str, ...]

    def __call__(self, task: tuple[int, tuple[float, ...]]) -> tuple[int, Array]:
        from penstock.engine.model import prepare, simulate_paths
        from penstock.scenarios import load_scenario

        number, values = task
        table = with_values(self.base, values, self.quarter)
        model = prepare(
            self.world, load_scenario(table, self.world), quarters=self.quarters, seed=self.seed, prior=False
        )
        return number, outputs_of(simulate_paths(model, 0, self.paths), self.names)


def with_values(base: Mapping[str, Any], values: Sequence[float], quarter: str) -> dict[str, Any]:
    """A scenario's table with the sliders at these values, in the order of KNOBS."""
    changes = [slider.change(float(v), quarter) for slider, v in zip(sliders(), values, strict=True)]
    return {**base, "change": [*base.get("change", []), *(change for change in changes if change)]}

"""A scenario compiled for the engine: settings of each knob by quarter and path, events, rules, switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy
from numpy.typing import NDArray

from penstock.arrays import np, width_on_device
from penstock.errors import UsageError
from penstock.passes.normal import ndtri
from penstock.scenarios import quarters as calendar
from penstock.scenarios.apply import Kind, parse_apply
from penstock.scenarios.entries import Switch
from penstock.scenarios.knobs import Knob, knobs, split_name
from penstock.scenarios.scenario import Scenario

FloatArray = NDArray[numpy.float64]
T = TypeVar("T")

Z95 = 1.6448536269514722
"""Standard normal quantile: a range spans 5 to 95 %."""

SMALLEST_UNIFORM = 2.0**-53
"""Uniforms are kept this far from 0 and 1, where the normal quantile is infinite."""


@dataclass(frozen=True)
class Step:
    """A knob's setting in one quarter: value = base x scale + offset, each of shape (paths,).

    A multiplier's offset is folded into its scale, which is clipped to the knob's bounds.
    """

    scale: FloatArray
    offset: FloatArray


@dataclass(frozen=True, eq=False)
class CompiledChange:
    """`weights` (quarters,): 0 out of force, 1 fully in force, between while it is phased in."""

    knob: str
    entity: str
    kind: Kind
    low: float
    high: float
    weights: FloatArray


@dataclass(frozen=True)
class EventSpec:
    """Something that strikes `target` from quarter index `first` to `last`, both in force."""

    kind: str
    target: str
    target_kind: str
    size: float
    first: int
    last: int


@dataclass(frozen=True)
class PolicyRules:
    """Rules for the whole run. A knob of the room `policy` changes them over time."""

    rescue_budget_usd_bn: float
    vendor_finance_cap: float
    bailout_share: float


@dataclass(frozen=True)
class Switches:
    """Steps of the quarter and loops between them; all on in the baseline."""

    want: bool = True
    serve: bool = True
    earn: bool = True
    spend: bool = True
    plan: bool = True
    order: bool = True
    fund: bool = True
    settle: bool = True
    close: bool = True
    value: bool = True
    mend: bool = True
    payoff: bool = True
    contagion: bool = True
    sentiment: bool = True
    valuation_loop: bool = True
    black_swans: bool = True
    vendor_financing: bool = True
    integration: bool = True
    noise: bool = True
    demand_growth: bool = True


class LeverTable:
    """Settings of the touched knobs for one block of paths, all precomputed: it is asked every quarter."""

    def __init__(self, steps: dict[tuple[str, str], tuple[Step | None, ...]], paths: int) -> None:
        self._steps = steps
        self._asked: dict[tuple[str, str], tuple[Step | None, ...] | None] = {}
        """steps of what was asked for, None where no change touches it"""
        self.paths = paths
        self.touched: frozenset[str] = frozenset(knob for knob, _ in steps)
        self.untouched: frozenset[str] = frozenset(knobs()) - self.touched
        self._entities: dict[str, tuple[str, ...]] = {
            knob: tuple(entity for name, entity in steps if name == knob and entity) for knob in self.touched
        }

    def value(self, knob: str, quarter: int, base: T, entity: str = "") -> T | FloatArray:
        """`base` under the scenario in a quarter (index from 0).

        A multiplier knob returns base x setting, a level knob the changed level in the knob's unit, clipped
        to the knob's bounds. `base` is a number or an array with paths as its last axis. Where no change
        is in force the same object comes back. With `entity`, only the changes of that entity act: apply
        the knob as a whole first, then its entities.

        Raises:
            KeyError: no such knob.
        """
        try:
            steps = self._asked[knob, entity]
        except KeyError:
            if knob not in knobs():
                raise
            steps = self._asked[knob, entity] = self._steps.get((knob, entity))
        step = None if steps is None else steps[quarter]
        if step is None:
            return base
        row = knobs()[knob]
        array: FloatArray = np.asarray(base, dtype=np.float64)
        if row.multiplies:
            multiplied: FloatArray = array * step.scale
            return multiplied
        changed: FloatArray = np.clip(array * step.scale + step.offset, row.minimum, row.maximum)
        return changed

    def set_beside(self, settings: Mapping[str, FloatArray], quarters: int) -> LeverTable:
        """This table with further settings (paths,) in force in all quarters, on top of what is here.

        A multiplier knob is multiplied by its setting. A level moves by the setting's distance from the knob's
        default, so that an untouched level becomes the setting.
        """
        steps = dict(self._steps)
        for name, setting in settings.items():
            row = knobs()[name]
            before = steps.get((name, ""), (None,) * quarters)
            steps[name, ""] = tuple(_moved(row, step, np.asarray(setting, dtype=np.float64)) for step in before)
        return LeverTable(steps, self.paths)

    def entities(self, knob: str) -> tuple[str, ...]:
        """Entities of a knob that some change names, in the order in which they first appear."""
        return self._entities.get(knob, ())


@dataclass(frozen=True, eq=False)
class Program:
    """What the engine reads of a scenario. Picklable."""

    name: str
    hash: str
    first_quarter: str
    quarters: int
    changes: tuple[CompiledChange, ...]
    events: tuple[EventSpec, ...]
    policy: PolicyRules
    switches: Switches

    def draw(self, uniforms: FloatArray) -> LeverTable:
        """Settings for one block of paths.

        Args:
            uniforms: shape (changes, paths), in 0..1; row i serves change i and is read only where that is
                a range, so that a path's draw hangs on its own uniform alone.
        """
        if uniforms.ndim != 2 or uniforms.shape[0] != len(self.changes):
            raise ValueError(f"uniforms: shape {uniforms.shape}, expected ({len(self.changes)}, paths)")
        paths = uniforms.shape[1]
        keys = dict.fromkeys((change.knob, change.entity) for change in self.changes)
        steps = {key: self._steps(key, uniforms, paths) for key in keys}
        return LeverTable(steps, paths)

    def _steps(self, key: tuple[str, str], uniforms: FloatArray, paths: int) -> tuple[Step | None, ...]:
        mine = [
            (change, _strength(change, uniforms[row], paths))
            for row, change in enumerate(self.changes)
            if (change.knob, change.entity) == key
        ]
        # quarters with the same weights share one pair of arrays
        made: dict[tuple[float, ...], Step | None] = {}
        steps: list[Step | None] = []
        for quarter in range(self.quarters):
            weights = tuple(float(change.weights[quarter]) for change, _ in mine)
            if weights not in made:
                made[weights] = _step(knobs()[key[0]], mine, weights, paths)
            steps.append(made[weights])
        return tuple(steps)


def _strength(change: CompiledChange, uniform: FloatArray, paths: int) -> FloatArray:
    """What the change amounts to on each path when fully in force."""
    if change.kind != "range":
        return np.full(paths, change.low)
    middle = 0.5 * (np.log(change.low) + np.log(change.high))
    sigma = (np.log(change.high) - np.log(change.low)) / (2.0 * Z95)
    inside = np.clip(uniform, SMALLEST_UNIFORM, 1.0 - SMALLEST_UNIFORM)
    drawn: FloatArray = np.exp(middle + sigma * ndtri(inside))
    return drawn


def _step(
    knob: Knob, changes: list[tuple[CompiledChange, FloatArray]], weights: tuple[float, ...], paths: int
) -> Step | None:
    if not any(weights):
        return None
    scale, offset = np.ones(paths), np.zeros(paths)
    for (change, strength), weight in zip(changes, weights, strict=True):
        if weight == 0.0:
            continue
        if change.kind == "offset":
            offset = offset + weight * strength
        elif change.kind == "set":
            scale = scale * (1.0 - weight)
            offset = offset * (1.0 - weight) + weight * strength
        else:
            # exactly the strength at full weight
            factor = (1.0 - weight) + weight * strength
            scale, offset = scale * factor, offset * factor
    if knob.multiplies:
        scale, offset = np.clip(scale + offset, knob.minimum, knob.maximum), np.zeros(paths)
    if not width_on_device():
        for array in (scale, offset):
            array.flags.writeable = False
    return Step(scale, offset)


def _moved(row: Knob, step: Step | None, setting: FloatArray) -> Step:
    """A step with a further setting on top."""
    before = step or Step(np.ones_like(setting), np.zeros_like(setting))
    if row.multiplies:
        return Step(np.clip(before.scale * setting, row.minimum, row.maximum), before.offset)
    return Step(before.scale, before.offset + (setting - row.default))


def compile_program(scenario: Scenario, first_quarter: str = "2026Q1", quarters: int = 40) -> Program:
    """Compiles a scenario for a run of `quarters` from `first_quarter`.

    A change begins in its `from`, with 1/over of its strength, reaches all of it `over` quarters on
    (`over` 0 and 1: at once), and ends after its `until`. Changes of one knob act one after the other in
    the order of the file. Events that begin after the last quarter are left out.

    Raises:
        UsageError: a change or event begins before the first quarter.
    """
    origin = calendar.ordinal(first_quarter)

    def index(quarter: str) -> int:
        number = calendar.ordinal(quarter) - origin
        if number < 0:
            raise UsageError(
                f"scenario {scenario.name}: from: found {quarter!r}; "
                f"expected a quarter from {first_quarter} on; nearest {first_quarter}"
            )
        return number

    changes = []
    for change in scenario.changes:
        knob, entity = split_name(change.what)
        apply = parse_apply(change.apply)
        first = index(change.start)
        last = index(change.until) if change.until else quarters - 1
        weights = np.zeros(quarters)
        in_force = np.arange(quarters)
        inside = (in_force >= first) & (in_force <= last)
        ramp = np.minimum(1.0, (in_force - first + 1) / max(change.over, 1))
        weights[inside] = ramp[inside]
        weights.flags.writeable = False
        changes.append(CompiledChange(knob, entity, apply.kind, apply.low, apply.high, weights))
    events = []
    for placed in scenario.events:
        event = placed.event
        first = index(event.start)
        if first < quarters:
            last = first + event.lasts - 1
            events.append(EventSpec(event.kind, event.target, placed.target_kind, event.size, first, last))
    return Program(
        name=scenario.name,
        hash=scenario.hash,
        first_quarter=first_quarter,
        quarters=quarters,
        changes=tuple(changes),
        events=tuple(events),
        policy=_policy(scenario),
        switches=_switches(scenario.switch),
    )


def _policy(scenario: Scenario) -> PolicyRules:
    given = scenario.policy.model_dump(exclude_none=True)
    names = ("rescue_budget_usd_bn", "vendor_finance_cap", "bailout_share")
    return PolicyRules(**{name: float(given.get(name, knobs()[f"policy.{name}"].default)) for name in names})


def _switches(switch: Switch) -> Switches:
    return Switches(**switch.model_dump())

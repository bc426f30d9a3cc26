"""Small runs that tests look into quarter by quarter. Each is made once in a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from penstock.engine import model as engine
from penstock.engine.begin import trend_of
from penstock.engine.model import Model, PathBlock, prepare, run_block, simulate_paths
from penstock.engine.moment import Moment
from penstock.engine.record import Recorder
from penstock.scenarios import compile_program, load_scenario
from penstock.world import World, load_world

Array = np.ndarray
Look = Callable[[Moment], None]

LIBRARY = (
    "baseline",
    "demand_disappoints",
    "funding_freeze",
    "chip_supply_cut",
    "power_delay",
    "efficiency_shock",
)


@cache
def bundled() -> World:
    return load_world()


@cache
def prepared() -> Model:
    return prepare(bundled())


@cache
def model_of(
    scenario: str = "baseline",
    quarters: int = 40,
    seed: int = 7,
    off: tuple[str, ...] = (),
    knobs: tuple[tuple[str, str], ...] = (),
) -> Model:
    """The bundled world under a scenario of the library, with steps or loops off and knobs set from 2026Q1."""
    entries: dict[str, object] = {"name": "variant", "extends": scenario}
    if off:
        entries["switch"] = dict.fromkeys(off, False)
    if knobs:
        entries["change"] = [{"what": what, "apply": apply, "from": "2026Q1", "why": "a test"} for what, apply in knobs]
    plan = load_scenario(entries, bundled())
    assert not plan.edits_world
    base = prepared()
    # the opening is the same for all, so it is made once
    return replace(
        base,
        program=compile_program(plan, base.first_quarter, quarters),
        seed=seed,
        trend=trend_of(base.facts, quarters),
    )


_done: dict[tuple[int, int], tuple[Model, PathBlock]] = {}


def simulated(model: Model, count: int) -> PathBlock:
    """The first `count` paths of a model, kept for the session."""
    key = (id(model), count)
    if key not in _done:
        # the model is kept beside its result, so that its id stays its own
        _done[key] = (model, simulate_paths(model, 0, count))
    return _done[key][1]


@contextmanager
def looked_into(before: Look | None = None, after: Look | None = None) -> Iterator[None]:
    """Lets `before` and `after` see each quarter of the runs inside the block."""
    real = engine.quarter

    def watched(now: Moment) -> None:
        if before is not None:
            before(now)
        real(now)
        if after is not None:
            after(now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "quarter", watched)
        yield


def walk(
    model: Model, width: int, *, before: Look | None = None, after: Look | None = None, first_path: int = 0
) -> Recorder:
    """A narrow block of paths through all quarters."""
    with looked_into(before, after):
        return run_block(model, first_path, width)[0]


@contextmanager
def step_wrapped(module: object, name: str, before: Look | None = None, after: Look | None = None) -> Iterator[None]:
    """Runs `before` and `after` around one step of the quarter."""
    real = getattr(module, name)

    def wrapped(now: Moment, *arguments: object, **more: object) -> object:
        if before is not None:
            before(now)
        result = real(now, *arguments, **more)
        if after is not None:
            after(now)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, wrapped)
        yield

"""Hourly dispatch: energy balances, the merit order without a battery, and what never raises or lowers cost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.energy import (
    dispatch,
)
from penstock.layers.energy.hourly import Dispatch

FEW = settings(max_examples=60, deadline=None)


def case(seed: int, hours: int = 96) -> dict[str, Any]:
    """A random small system: a free variable plant, three plants with costs, a battery."""
    random = np.random.default_rng(seed)
    return {
        "load_mw": 50 + 100 * random.random(hours),
        "capacity_mw": 100 * random.random(4),
        "availability": random.random((4, hours)),
        "marginal_usd_per_mwh": np.array([0.0, *(10 + 80 * random.random(3))]),
        "battery_mw": 40 * random.random(),
        "battery_mwh": 160 * random.random(),
        "voll": 5000.0,
    }


def run(given: dict[str, Any]) -> Dispatch:
    return dispatch(**given)


@FEW
@given(st.integers(0, 10_000))
def test_energy_balances_in_every_hour(seed: int) -> None:
    inputs = case(seed)
    found = run(inputs)
    served = found.generation_mw.sum(axis=0) + found.discharge_mw - found.charge_mw + found.shed_mw
    assert np.abs(served - inputs["load_mw"]).max() < 1e-9
    store = np.diff(np.concatenate([[0.0], found.stored_mwh]))
    one_way = math.sqrt(0.87)
    assert np.abs(store - found.charge_mw * one_way + found.discharge_mw / one_way).max() < 1e-9
    limit = inputs["capacity_mw"][:, None] * inputs["availability"]
    assert (found.generation_mw <= limit + 1e-9).all() and (found.generation_mw >= 0).all()
    assert found.stored_mwh.min() >= 0 and found.stored_mwh.max() <= inputs["battery_mwh"] + 1e-9
    assert max(found.charge_mw.max(), found.discharge_mw.max()) <= inputs["battery_mw"] + 1e-9
    cost = (found.generation_mw.sum(axis=1) * inputs["marginal_usd_per_mwh"]).sum() + 5000 * found.shed_mw.sum()
    assert found.cost_usd == pytest.approx(cost, rel=1e-12)


def merit_order(given: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The readable twin without a battery: plants by cost, each as far as it goes."""
    load, capacity = np.asarray(given["load_mw"]), np.asarray(given["capacity_mw"])
    left = load.copy()
    out = np.zeros((len(capacity), len(load)))
    for plant in np.argsort(given["marginal_usd_per_mwh"], kind="stable"):
        out[plant] = np.minimum(left, capacity[plant] * np.asarray(given["availability"])[plant])
        left = left - out[plant]
    return out, left


@FEW
@given(st.integers(0, 10_000))
def test_without_a_battery_it_is_the_merit_order(seed: int) -> None:
    inputs = case(seed) | {"battery_mw": 0.0, "battery_mwh": 0.0}
    found = run(inputs)
    generation, shed = merit_order(inputs)
    assert np.abs(found.generation_mw - generation).max() < 1e-12
    assert np.abs(found.shed_mw - shed).max() < 1e-12


@FEW
@given(st.integers(0, 10_000), st.integers(0, 3), st.floats(1.0, 2.0))
def test_dearer_fuel_and_less_available_plants_never_lower_cost(seed: int, plant: int, factor: float) -> None:
    inputs = case(seed) | {"battery_mw": 0.0, "battery_mwh": 0.0}
    usual = run(inputs).cost_usd
    dearer = np.array(inputs["marginal_usd_per_mwh"])
    dearer[plant] *= factor
    assert run(inputs | {"marginal_usd_per_mwh": dearer}).cost_usd >= usual - 1e-6
    less = np.array(inputs["availability"])
    less[plant] /= factor
    assert run(inputs | {"availability": less}).cost_usd >= usual - 1e-6
    assert run(inputs | {"load_mw": np.asarray(inputs["load_mw"]) * factor}).cost_usd >= usual - 1e-6


@FEW
@given(st.integers(0, 10_000))
def test_a_battery_never_sheds_more(seed: int) -> None:
    inputs = case(seed)
    bare = run(inputs | {"battery_mw": 0.0, "battery_mwh": 0.0})
    assert run(inputs).energy_short_mwh <= bare.energy_short_mwh + 1e-9


def test_price_is_that_of_the_last_plant() -> None:
    found = dispatch([50.0, 120.0, 300.0], [100.0, 100.0], 1.0, [10.0, 40.0], voll=9000.0)
    assert found.price_usd_per_mwh.tolist() == [10.0, 40.0, 9000.0]
    assert found.hours_short == 1
    assert found.energy_short_mwh == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"load_mw": [-1.0]}, "load_mw: found -1; expected 0 or more"),
        ({"capacity_mw": [-5.0]}, "capacity_mw: found -5; expected 0 or more"),
        ({"availability": 1.2}, "availability: found a share outside 0 to 1"),
        ({"availability": np.ones((3, 7))}, "availability: found shape"),
        ({"marginal_usd_per_mwh": [1.0, 2.0]}, "marginal_usd_per_mwh: found 2 values; expected 1"),
        ({"battery_mw": -1.0}, "battery_mw: found -1; expected 0 or more"),
        ({"round_trip": 0.0}, "round_trip: found 0; expected a share above 0 and at most 1"),
    ],
)
def test_what_dispatch_refuses(change: dict[str, Any], message: str) -> None:
    usual = {"load_mw": [10.0], "capacity_mw": [20.0], "availability": 1.0, "marginal_usd_per_mwh": [5.0]}
    with pytest.raises(UsageError, match=message):
        run(usual | change)

"""Chips in service: a generation ages and fails, and what waits goes in as far as power carries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.engine.steps import fleets
from penstock.layers import silicon
from single_path import number, one, properties


@properties
@given(number(3.0, 9.0), st.integers(5, 40), st.integers(0, 2**16))
def test_a_fleet_that_ages_loses_what_retires_and_fails_and_nothing_else(life: float, ages: int, seed: int) -> None:
    fleet = np.random.default_rng(seed).random((ages, 3, 2))
    factor = silicon.survival_factor(ages, np.array([life, life]))
    assert ((factor >= 0.0) & (factor <= 1.0)).all()
    assert (np.diff(factor, axis=0) <= 1e-12).all()
    bought, power, shape = fleet.copy(), fleet.copy(), fleet.shape[1:]
    waiting, retired, failed, halls, stock_after, power_after = np.zeros((6, *shape))
    lasting, drawn = np.ones_like(factor), np.zeros_like(factor)
    by_halls, by_power = np.zeros((2, *shape), dtype=bool)
    fleets.run_fleets(
        factor, np.ones(2), fleet.sum(axis=0), halls, halls, True, 0, waiting, retired, failed, bought, power, lasting,
        drawn, np.ones(shape), by_halls, by_power, stock_after, power_after, np.empty((4, 2)),
    )  # fmt: skip
    # what was of age 0 stays in row 0 and is of age 1; the row of the oldest holds the new ones
    older = np.roll(bought * lasting[:, None], 1, axis=0)
    assert (older >= 0.0).all() and (retired >= -1e-12).all() and (failed >= 0.0).all()
    assert older.sum(axis=0) + retired + failed == pytest.approx(fleet.sum(axis=0), rel=1e-12)
    assert stock_after == pytest.approx(older.sum(axis=0), rel=1e-12)
    assert (power_after == stock_after).all()
    assert (older[0] == 0.0).all()
    kept = (1.0 - silicon.PERMANENT_FAILURE_PER_QUARTER) * factor[:-1, None]
    assert older[1:] == pytest.approx(kept * fleet[:-1], rel=1e-12)


def test_half_of_a_generation_survives_to_a_little_after_its_economic_life() -> None:
    factor = silicon.survival_factor(60, one(5.0))[:, 0]
    alive = np.cumprod(factor)
    assert alive[21] == pytest.approx(0.5, abs=1e-9)


@properties
@given(number(0.0, 50.0), number(-5.0, 50.0), number(0.2, 1.5))
def test_chips_go_into_service_as_far_as_power_carries(waiting: float, headroom: float, kilowatts: float) -> None:
    installed = fleets.install(one(waiting), one(headroom), one(kilowatts))[0]
    assert 0.0 <= installed <= waiting
    assert installed * kilowatts <= max(headroom, 0.0) * (1 + 1e-12)
    assert fleets.install(one(waiting), one(1e9), one(kilowatts))[0] == waiting

"""The world of the end of 2022 opens with balanced books and runs forward with nothing lost."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import Array

from penstock.engine.model import Model, prepare, simulate_paths
from penstock.engine.opening.balance import ASSET_LINES, LIABILITY_LINES
from penstock.world import load_world

QUARTERS = 12
DELIVERED = 0.077 + 0.0125
"""Million H100e of the quarter: NVIDIA by its series, TPUs by the assumption of that world."""


@pytest.fixture(scope="module")
def model() -> Model:
    return prepare(load_world("ai-2022"), quarters=QUARTERS, prior=True)


def test_its_books_balance_without_plugs(model: Model) -> None:
    sheet = model.opening.sheet
    assets = sheet[list(ASSET_LINES)].sum(axis=1)
    claims = sheet[list(LIABILITY_LINES)].sum(axis=1) + sheet["equity"]
    np.testing.assert_allclose(assets, claims, rtol=1e-9, atol=1e-9)
    assert float(sheet["plug"].abs().sum()) < 0.01 * float(assets.sum())


def test_chips_draw_power_though_no_table_tells_their_units(model: Model) -> None:
    physical = model.opening.physical
    assert float(physical["h100e_per_quarter"].sum()) == pytest.approx(DELIVERED, rel=0.01)
    power = physical["it_power_in_use_gw"] / physical["h100e_installed"]
    assert float(power.min()) > 1.5 and float(power.max()) < 3.0


def test_nothing_is_lost_in_twelve_quarters(model: Model) -> None:
    block = simulate_paths(model, 0, 8)
    assert len(block.economy["h100e"]) == QUARTERS
    assert float(np.max(block.checks["conservation_max_rel"])) < 1e-9
    assert int(np.sum(block.checks["nonconverged"])) == 0
    everything: list[Array] = [np.asarray(values, dtype=float) for values in block.economy.values()]
    assert all(np.isfinite(values).all() for values in everything)

"""Who waits for the grid: nobody waits longer than before, parts add up, and sites with power do not stand in it."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.analysis.grid_queue import GridQueue, grid_queue
from penstock.analysis.site import site
from penstock.errors import UsageError
from penstock.world import World, load_world


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


@pytest.fixture(scope="module")
def found(world: World) -> GridQueue:
    return grid_queue(world, draws=400)


def test_megawatts_that_wait_never_grow_and_never_pass_what_is_asked(found: GridQueue) -> None:
    waiting = np.array(found.sites["waiting_mw"].to_list())
    assert waiting.shape == (len(found.sites), len(found.years))
    assert (np.diff(waiting, axis=1) <= 1e-9).all()
    assert (waiting <= found.sites["grid_mw"].to_numpy()[:, None] + 1e-9).all()
    assert (waiting >= 0.0).all()


def test_regions_are_their_sites(found: GridQueue) -> None:
    regions = np.array(found.regions["waiting_mw"].to_list())
    np.testing.assert_allclose(regions.sum(axis=0), np.sum(found.sites["waiting_mw"].to_list(), axis=0))
    assert found.regions["sites"].sum() == len(found.sites)
    assert (np.diff(regions[:, 0]) <= 0.0).all()


def test_sites_with_power_are_connected_and_a_site_waits_as_its_own_page_says(found: GridQueue, world: World) -> None:
    table = world.table("sites")
    on = set(table.loc[table["it_mw_2025"] > 0.0, "id"])
    assert not on & set(found.sites["id"])
    assert len(found.connected) == len(on)
    row = found.sites.set_index("id").loc["qts_cedar_rapids"]
    assert row["grid_mw"] == 1587.0, "a row of the table of power tells it"
    assert row["rule"] == ""
    assert row["last_share"] == pytest.approx(
        site(world, "qts_cedar_rapids", draws=400).summary["waiting_for"]["power: grid"]
    )
    assert row["p10"] <= row["p50"] <= row["p90"]


def test_no_draws_are_refused(world: World) -> None:
    with pytest.raises(UsageError, match="draws: found 0; expected 1 or more"):
        grid_queue(world, draws=0)

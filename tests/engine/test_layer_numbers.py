"""What the quarter takes from the layers when a model is built, and that it moves with the world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.engine.model import Model, prepare
from penstock.engine.opening.layer_numbers import (
    LAYERS,
    delivered_chips,
    owner_cooling,
    parameter_centres,
    with_centres,
)
from penstock.engine.parameters import assumptions
from penstock.engine.parts import part_of_ties
from penstock.errors import UsageError
from penstock.layers import energy
from penstock.layers.chips import as_chip
from penstock.layers.climates import climate
from penstock.layers.facilities import Halls, cooled, pue
from penstock.layers.silicon.equivalents import capital_usd_per_h100e, h100e_of, power_w_per_h100e
from penstock.world import World, load_world
from small_world import write_small_world


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


@pytest.fixture(scope="module")
def model(world: World) -> Model:
    return prepare(world, "baseline", quarters=2)


def test_the_table_tells_what_the_layers_give_for_the_bundled_world(world: World, model: Model) -> None:
    centres = parameter_centres(world)
    rows = {name: row for name, row in assumptions().items() if row.source == LAYERS}
    assert set(rows) == set(centres) == {"chip_cost", "power_per_h100e", "site_cost"}
    for name, row in rows.items():
        assert row.central == pytest.approx(centres[name], rel=0.01), name
        used = model.facts.parameters[name]
        assert used.central == centres[name]
        assert used.high / used.central == pytest.approx(row.high / row.central)


def test_other_rows_and_rows_of_a_world_are_left_alone() -> None:
    table = dict(assumptions())
    table["chip_cost"] = replace(table["chip_cost"], source="s_own", central=50.0)
    moved = with_centres(table, {"chip_cost": 1.0, "site_cost": 28.0})
    assert moved["chip_cost"].central == 50.0
    assert moved["site_cost"].central == 28.0
    assert moved["site_cost"].low == pytest.approx(table["site_cost"].low * 28.0 / table["site_cost"].central)
    assert moved["hall_lead"] == table["hall_lead"]


def test_a_dearer_chip_makes_the_quarter_dearer(world: World) -> None:
    chips = delivered_chips(world)
    cost = capital_usd_per_h100e(chips, network=0.15, discount=0.075)
    assert cost / 1e3 == pytest.approx(parameter_centres(world)["chip_cost"])
    dearer = [
        (replace(chip, price_usd=chip.price_usd and tuple(2.0 * usd for usd in chip.price_usd)), units)
        for chip, units in chips
    ]
    assert capital_usd_per_h100e(dearer, network=0.15, discount=0.075) == pytest.approx(2.0 * cost)


@settings(max_examples=40, deadline=None)
@given(st.floats(1.0, 1e6), st.floats(1.0, 1e6), st.floats(0.0, 0.5))
def test_an_h100e_lies_between_the_chips_that_make_it_up(first: float, second: float, network: float) -> None:
    pair = [(as_chip("h100"), first), (as_chip("b200"), second)]
    prices = [capital_usd_per_h100e([(chip, 1.0)], network=network) for chip, _ in pair]
    powers = [power_w_per_h100e([(chip, 1.0)], real_peak=0.75, network=network) for chip, _ in pair]
    assert min(prices) * (1 - 1e-12) <= capital_usd_per_h100e(pair, network=network) <= max(prices) * (1 + 1e-12)
    assert (
        min(powers) * (1 - 1e-12)
        <= power_w_per_h100e(pair, real_peak=0.75, network=network)
        <= max(powers) * (1 + 1e-12)
    )


def test_one_h100_is_one_h100e_and_takes_its_system_and_network() -> None:
    h100 = as_chip("h100")
    assert h100e_of(h100) == 1.0
    assert power_w_per_h100e([(h100, 5.0)], real_peak=0.75, network=0.13) == pytest.approx(1275.0 * 0.75 * 1.13)
    assert capital_usd_per_h100e([(h100, 5.0)], network=0.15) == pytest.approx(28_000.0 * 1.15)
    # what a firm pays for its own chip is no market price
    own = as_chip("tpu_v7")
    assert capital_usd_per_h100e([(h100, 5.0), (own, 9.0)], network=0.15) == pytest.approx(28_000.0 * 1.15)
    with pytest.raises(UsageError, match="delivered: found no chip with a market price; expected at least one"):
        capital_usd_per_h100e([(own, 1.0)], network=0.15)
    with pytest.raises(UsageError, match="delivered: found no chip whose system's power is known"):
        power_w_per_h100e([], real_peak=0.75, network=0.13)


def test_halls_are_cooled_as_their_design_and_climate_ask() -> None:
    year = climate("phoenix")
    alone = cooled([Halls("liquid_closed_loop", "phoenix", 300.0)])
    assert alone.pue == pytest.approx(float(np.mean(pue("dlc_dry", year.dry_bulb_c, year.wet_bulb_c, 0.8))))
    assert alone.water_l_per_kwh == 0.0
    both = cooled([Halls("dlc_dry", "phoenix", 300.0), Halls("dlc_tower", "dallas", 100.0), Halls("air", "", 0.0)])
    tower = cooled([Halls("dlc_tower", "dallas", 1.0)])
    assert both.pue == pytest.approx(0.75 * alone.pue + 0.25 * tower.pue)
    assert both.water_l_per_kwh == pytest.approx(0.25 * tower.water_l_per_kwh)
    with pytest.raises(UsageError, match="halls: found none with power; expected at least one"):
        cooled([])


def test_owners_without_a_published_figure_take_their_halls(world: World, model: Model) -> None:
    physical = model.opening.physical
    halls = owner_cooling(world, physical.index)
    told = world.table("series")
    told = set(told[told["series"] == "pue_fleet"]["entity"])
    for owner, row in physical.iterrows():
        if owner not in told:
            assert row["pue"] == halls[str(owner)].pue
    assert physical["pue"].min() <= model.facts.layers.pue <= physical["pue"].max()
    assert 0.0 < model.facts.layers.water_l_per_kwh < 1.9
    assert model.facts.layers.supply == energy.opening_supply()


def test_a_world_without_chips_keeps_the_table(tmp_path: Path) -> None:
    bare = load_world(write_small_world(tmp_path / "small"))
    assert delivered_chips(bare) == []
    assert set(parameter_centres(bare)) == {"site_cost"}


def test_parts_of_a_tool_do_not_stand_in_for_each_other(model: Model) -> None:
    layout = model.layout
    rows = layout.category["optics"].slice
    part = part_of_ties(layout, "optics")
    assert len(np.unique(part)) == len(np.unique(layout.payee[rows])) > 1
    tools = part_of_ties(layout, "tools")
    sellers = layout.payee[layout.category["tools"].slice]
    assert (tools == np.isin(sellers, layout.members("lithography"))).all()
    assert set(tools.tolist()) == {0, 1}
    assert not part_of_ties(layout, "memory").any()

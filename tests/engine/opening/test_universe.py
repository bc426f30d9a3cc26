"""Who is simulated, who only holds, who is left out and why; each company in one place."""

from __future__ import annotations

import pytest
from tiny_companies import changed

from penstock.engine.opening.state import GROUPS, LAYERS
from penstock.engine.opening.universe import Universe, build_universe, group_of
from penstock.engine.rules import default_rules
from penstock.world import World

REQUIRED_PRIVATE = (
    "openai",
    "anthropic",
    "xai",
    "crusoe",
    "vantage",
    "stack_infrastructure",
    "lambda",
    "fluidstack",
    "nscale",
    "trumpf",
    "zeiss_smt",
    "hyperion_jv",
    "valor_compute_infrastructure",
)


def test_required_private_firms_are_simulated(universe: Universe) -> None:
    assert set(REQUIRED_PRIVATE) <= set(universe.firms)


def test_banks_and_funds_hold_but_do_not_fail(universe: Universe) -> None:
    assert {"jpmorgan", "blackrock", "brookfield", "digitalbridge", "mbzuai", "spacex"} <= set(universe.holders)
    assert not set(universe.holders) & set(universe.firms)


def test_every_company_is_sorted_once_with_a_reason(world: World, universe: Universe) -> None:
    known = set(world.table("companies")["id"])
    sorted_in = [*universe.firms, *universe.holders, *universe.left_out.index]
    assert len(sorted_in) == len(set(sorted_in))
    unsorted = known - set(sorted_in)
    assert unsorted <= {*universe.sectors, "us_treasury", "texas_energy_fund"}
    assert (universe.left_out["reason"].str.len() > 5).all()
    assert "stargate_llc" in universe.left_out.index


def test_firms_stand_by_layer_group_and_name(world: World, universe: Universe) -> None:
    keys = [(LAYERS.index(universe.layer[f]), GROUPS.index(universe.group[f]), f) for f in universe.firms]
    assert keys == sorted(keys)
    companies = world.table("companies")
    shuffled = changed(world, companies=companies.sample(frac=1.0, random_state=3).reset_index(drop=True))
    assert build_universe(shuffled).firms == universe.firms
    assert build_universe(shuffled).holders == universe.holders


@pytest.mark.parametrize(
    ("roles", "layer", "group"),
    [
        ("lab;hyperscaler", "ai", "hyperscaler"),
        ("lab;end_user", "ai", "device_maker"),
        ("lab", "ai", "lab"),
        ("network", "platform", "internet_network"),
        ("network", "silicon", "network"),
        ("colocation;developer", "facilities", "developer"),
        ("memory;foundry;chip_designer", "silicon", "memory"),
        ("unheard_of", "energy", "holding"),
    ],
)
def test_group_follows_roles(roles: str, layer: str, group: str) -> None:
    assert group_of(roles, layer, default_rules()) == group


def test_a_bought_company_without_revenue_is_inside_its_buyer(universe: Universe) -> None:
    assert "bought by nvidia" in universe.left_out.loc["groq", "reason"]

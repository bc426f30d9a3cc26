"""Edits put on a scenario that has no name to extend."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scenarios import Scenario, build_on, load_scenario
from penstock.world import World, load_world

BASE: dict[str, Any] = {
    "name": "lab_scenario",
    "change": [{"what": "demand.ceiling", "apply": "*0.6", "from": "2027Q1"}],
    "remove": [{"tie": "d_co_orcl_openai"}],
    "tie": [{"id": "own", "kind": "equity", "provider_id": "nvidia", "receiver_id": "newco", "amount_usd_bn": 5.0}],
    "company": [{"id": "newco", "name": "New", "layer": "platform", "roles": "neocloud", "opening": {"revenue": 1.0}}],
    "figure": [{"company": "oracle", "metric": "capex", "value": 20.0}],
    "switch": {"contagion": False},
}


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


@pytest.fixture(scope="module")
def base(world: World) -> Scenario:
    return load_scenario(BASE, world)


def built(world: World, base: Scenario, **edits: Any) -> Scenario:
    return load_scenario(build_on(base, {"name": "edited_world", **edits}), world)


def test_nothing_on_it_gives_the_same_scenario_by_another_name(world: World, base: Scenario) -> None:
    found = built(world, base)
    assert found.tables() == base.tables()
    assert found.name == "edited_world"


def test_an_edit_comes_on_top(world: World, base: Scenario) -> None:
    found = built(world, base, remove=[{"tie": "d_vf_nvda_openai"}])
    assert [gone.tie for gone in found.removals] == ["d_co_orcl_openai", "d_vf_nvda_openai"]
    assert {key: value for key, value in found.tables().items() if key != "remove"} == {
        key: value for key, value in base.tables().items() if key != "remove"
    }


def test_what_it_holds_already_is_not_put_on_it_twice(world: World, base: Scenario) -> None:
    """The tray still holds the edits from which a run was made when the next edit is put on that run's scenario."""
    edits = {key: base.tables()[key] for key in ("change", "remove", "tie", "company", "figure")}
    assert built(world, base, **edits).tables() == base.tables()


def test_a_figure_and_a_tie_of_the_same_name_take_the_place_of_those_before(world: World, base: Scenario) -> None:
    figure = {"company": "oracle", "metric": "capex", "value": 30.0}
    tie = {**BASE["tie"][0], "amount_usd_bn": 7.0}
    found = built(world, base, figure=[figure], tie=[tie])
    assert [one.value for one in found.figures] == [30.0]
    assert [one.amount_usd_bn for one in found.ties] == [7.0]


def test_what_it_had_added_itself_is_taken_back(world: World, base: Scenario) -> None:
    assert built(world, base, remove=[{"tie": "own"}]).ties == ()
    found = built(world, base, remove=[{"company": "newco"}])
    assert (found.companies, found.ties) == ((), ())
    assert [gone.tie or gone.company for gone in found.removals] == ["d_co_orcl_openai"]


@given(st.integers(min_value=1, max_value=6))
def test_names_of_a_scenario_and_its_edits_differ(times: int) -> None:
    plan, names = load_scenario({"name": "edited_world"}), ["edited_world"]
    for _ in range(times):
        plan = load_scenario(build_on(plan, {"name": names[-1]}))
        names.append(plan.name)
    assert len(set(names)) == times + 1
    assert names[-1] == f"edited_world_{times + 1}"

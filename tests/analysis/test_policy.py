"""Policies: none of one changes nothing, part of one lies between, mistakes are told, money is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.analysis.policy import EFFECTS, policy_effects, with_budgets
from penstock.engine.model import Model, PathBlock, prepare, simulate_paths
from penstock.errors import InputError, UsageError
from penstock.scenarios import compile_program, load_scenario
from penstock.scenarios.policy_library import load_policy, policies, with_policy
from penstock.world import World

QUARTERS = 10
PATHS = 96


@pytest.fixture(scope="module")
def world() -> World:
    return ps.load_world()


@pytest.fixture(scope="module")
def model(world: World) -> Model:
    return prepare(world, "funding_freeze", quarters=QUARTERS)


@pytest.fixture(scope="module")
def shock(model: Model) -> PathBlock:
    return simulate_paths(model, 0, PATHS)


def under(model: Model, name: str, strength: float, world: World) -> Model:
    return replace(model, program=with_policy(model.program, load_policy(name, world), strength))


def test_none_of_all_policies_changes_nothing_bit_for_bit(model: Model, shock: PathBlock, world: World) -> None:
    program = model.program
    for name in policies():
        program = with_policy(program, load_policy(name, world), 0.0)
    assert len(program.changes) > len(model.program.changes)
    found = simulate_paths(replace(model, program=program), 0, PATHS)
    for group in ("economy", "layers", "company", "outcomes", "events"):
        for name, values in getattr(shock, group).items():
            assert np.array_equal(values, getattr(found, group)[name], equal_nan=values.dtype.kind == "f"), name


def test_a_whole_policy_is_the_scenario_that_says_both(model: Model, world: World) -> None:
    policy = load_policy("capacity_market", world)
    whole = with_policy(model.program, policy, 1.0)
    tables = policy.tables()
    both = load_scenario({"name": "both", "extends": "funding_freeze", "change": tables["change"]}, world)
    expected = compile_program(both, model.first_quarter, QUARTERS)
    assert len(whole.changes) == len(expected.changes)
    for found, wanted in zip(whole.changes, expected.changes, strict=True):
        assert (found.knob, found.kind, found.low) == (wanted.knob, wanted.kind, wanted.low)
        assert np.array_equal(found.weights, wanted.weights)


def test_half_a_policy_lies_half_way(model: Model, world: World) -> None:
    half = with_policy(model.program, load_policy("rescue_budget", world), 0.5)
    assert half.policy.rescue_budget_usd_bn == 0.5 * (model.program.policy.rescue_budget_usd_bn + 100.0)
    events = with_policy(model.program, load_policy("export_rule", world), 0.5).events
    assert {event.size for event in events} == {0.5}
    uniforms = np.full((len(model.program.changes) + 2, 1), 0.5)
    levers = with_policy(model.program, load_policy("permit_speed", world), 0.5).draw(uniforms)
    assert levers.value("energy.power_delay_quarters", QUARTERS - 1, np.zeros(1)) == [-1.0]
    assert levers.value("facilities.build_time_quarters", QUARTERS - 1, np.full(1, 5.0)) == [4.5]


def test_each_bundled_policy_says_what_it_is_and_does_something(model: Model, world: World) -> None:
    assert len(policies()) >= 6
    for name in policies():
        found = load_policy(name, world)
        assert found.title and found.date and len(found.story) > 100 and len(found.evidence) > 50, name
        assert "epresented" in found.story, name
        changed = with_policy(model.program, found, 1.0)
        assert (changed.changes, changed.events, changed.policy) != (
            model.program.changes,
            model.program.events,
            model.program.policy,
        ), name


def test_without_a_budget_no_public_money_flows(model: Model, shock: PathBlock, world: World) -> None:
    assert policy_effects(shock)["public_money"].sum() > 0.0
    none = with_budgets(load_policy("rescue_budget", world), [0.0])[0]
    program = with_policy(model.program, none, 1.0)
    found = policy_effects(simulate_paths(replace(model, program=program), 0, PATHS))
    assert not found["public_money"].any()


def test_public_money_never_exceeds_the_budget(model: Model, world: World) -> None:
    small = with_budgets(load_policy("rescue_budget", world), [2.0])[0]
    program = with_policy(model.program, small, 1.0)
    found = policy_effects(simulate_paths(replace(model, program=program), 0, PATHS))
    assert (found["public_money"] <= 2.0 + 1e-9).all()


def test_a_study_ranks_by_loss_avoided(world: World) -> None:
    study = ps.policy(
        world, scenario="funding_freeze", policies=["rescue_budget", "permit_speed"], paths=8, quarters=8,
        budgets=[0.0, 50.0],
    )  # fmt: skip
    changes = study.changes
    assert list(changes["rank"]) == [1, 2, 3]
    assert set(changes["policy"]) == {"rescue_budget_0", "rescue_budget_50", "permit_speed"}
    avoided = changes["loss_avoided_usd_bn"].to_numpy()
    assert (np.diff(avoided) <= 0.0).all()
    assert avoided == pytest.approx(-changes["loss_usd_bn"].to_numpy())
    for item in EFFECTS:
        low, high = changes[f"{item.name}_low90"], changes[f"{item.name}_high90"]
        assert ((low <= changes[item.key]) & (changes[item.key] <= high)).all()
    none = changes.set_index("policy").loc["rescue_budget_0"]
    spent = study.levels.set_index("effect").loc["public_money", "mean"]
    assert none["public_money_usd_bn"] == pytest.approx(-spent)
    assert set(study.to_dict()) == {"levels", "changes", "policies", "left_out"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"policies": ["permit_sped"]},
            "policy: found 'permit_sped'; expected rescue_budget, permit_speed, vendor_finance_cap, disclosure, "
            "capacity_market, export_rule or a file; nearest permit_speed",
        ),
        ({"budgets": [10.0, -1.0]}, "budget: found -1; expected usd_bn of 0 or more"),
        ({"budgets": [float("nan")]}, "budget: found nan; expected usd_bn of 0 or more"),
        ({"strength": 1.5}, "strength: found 1.5; expected a number from 0 (none of it) to 1 (as written)"),
        ({"policies": []}, "policy: found none; expected at least one"),
    ],
)
def test_mistakes_are_told(world: World, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ps.policy(world, paths=2, quarters=2, **wrong)
    assert str(caught.value) == message


def test_a_policy_of_ones_own_and_one_that_is_none(world: World, tmp_path: Path) -> None:
    own = tmp_path / "tax.toml"
    own.write_text('name = "tax"\n[[change]]\nwhat = "silicon.price"\napply = "*1.1"\nfrom = "2026Q1"\n')
    assert list(ps.policy(world, policies=[own], paths=2, quarters=2).changes["policy"]) == ["tax"]
    none = tmp_path / "dark.toml"
    none.write_text('name = "dark"\n[switch]\nmend = false\n')
    with pytest.raises(InputError) as caught:
        ps.policy(world, policies=[none], paths=2, quarters=2)
    assert str(caught.value) == f"{none}: switch: found a table of it in a policy; expected change, event or policy"

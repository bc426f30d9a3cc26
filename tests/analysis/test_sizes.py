"""The same shock at several sizes: nothing at zero, itself at one; losses grow with it on the same random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.analysis.losses import losses_by_company, losses_of, parts_of_change
from penstock.analysis.sizes import sized, sized_name
from penstock.engine.model import Model, PathBlock, prepare, simulate_paths
from penstock.errors import UsageError
from penstock.scenarios import load_scenario
from penstock.world import World

PATHS = 128


@pytest.fixture(scope="module")
def world() -> World:
    return ps.load_world()


def shock(changes: list[tuple[str, str]], events: Sequence[tuple[str, str, float]] = (), **more: Any) -> dict[str, Any]:
    tables: dict[str, Any] = {"name": "shock", **more}
    tables["change"] = [{"what": what, "apply": apply, "from": "2026Q3"} for what, apply in changes]
    tables["event"] = [
        {"kind": kind, "target": target, "size": size, "from": "2026Q3", "lasts": 4} for kind, target, size in events
    ]
    return tables


WIDE = shock(
    [("finance.debt_access", "*0.3"), ("finance.risk_free_rate", "+0.03"), ("demand.ceiling", "0.4 to 0.8")],
    [("outage", "tsmc", 0.7), ("withdrawal", "openai", 1.0), ("rating_cut", "oracle", 1.0)],
)


def equal(one: PathBlock, other: PathBlock) -> bool:
    """Whether all numbers of two blocks are the same bits."""
    for name in ("economy", "layers", "company", "losses", "events", "outcomes"):
        for key, values in getattr(one, name).items():
            theirs = getattr(other, name)[key]
            same = np.array_equal(values, theirs, equal_nan=values.dtype.kind == "f")
            if not same:
                return False
    return np.array_equal(one.flows, other.flows) and np.array_equal(one.chain, other.chain)


def test_a_shock_of_no_size_changes_nothing_bit_for_bit(world: World) -> None:
    base = simulate_paths(prepare(world, quarters=6), 0, 32)
    for tables in (shock([("demand.ceiling", "*1.0"), ("silicon.capacity", "*1")]), sized(load_scenario(WIDE), 0.0)):
        none = simulate_paths(prepare(world, load_scenario(tables, world), quarters=6), 0, 32)
        assert equal(base, none)
    whole = simulate_paths(prepare(world, load_scenario(WIDE, world), quarters=6), 0, 32)
    assert not equal(base, whole)


def test_one_is_the_scenario_itself(world: World) -> None:
    plain, at_one = load_scenario(WIDE, world), load_scenario(sized(load_scenario(WIDE), 1.0), world)
    assert at_one.changes == plain.changes
    assert at_one.events == plain.events
    assert at_one.name == "shock_x1"


def test_sizes_between_and_beyond(world: World) -> None:
    half = sized(load_scenario(WIDE, world), 0.5)
    assert [change["apply"] for change in half["change"]] == ["*0.65", "+0.015", "0.7 to 0.9"]
    assert [event["size"] for event in half["event"]] == [0.35, 0.5, 0.5]
    twice = sized(load_scenario(shock([("silicon.capacity", "*0.4")], [("outage", "tsmc", 0.7)]), world), 2.0)
    assert twice["change"][0]["apply"] == "*0"
    assert twice["event"][0]["size"] == 1.0
    assert sized_name("a", 0.5) == "a_x0_5"
    load_scenario(half, world)


@pytest.mark.parametrize(
    ("tables", "size", "message"),
    [
        (WIDE, -1.0, "size: found -1; expected a number of 0 or more"),
        (WIDE, float("nan"), "size: found nan; expected a number of 0 or more"),
        (WIDE, 3.0, "shock: demand.ceiling: found a size of 3; expected one that keeps the range above 0"),
        (
            shock([("demand.price_elasticity", "=1")]),
            0.5,
            "shock: demand.price_elasticity: found '=1'; expected a factor or an addition, which have a size",
        ),
        (shock([], [("default", "openai", 1.0)]), 0.5, "shock: found a default of openai; expected events with a size"),
        (
            {"name": "shock", "switch": {"noise": False}},
            0.5,
            "shock: found [switch]; expected changes and events, which have a size",
        ),
    ],
)
def test_what_has_no_size(tables: dict[str, Any], size: float, message: str) -> None:
    with pytest.raises(UsageError) as error:
        sized(load_scenario(tables), size)
    assert str(error.value) == message


FREEZE = shock([("finance.debt_access", "*0.4"), ("finance.equity_access", "*0.4")])


@pytest.fixture(scope="module")
def freezes(world: World) -> list[PathBlock]:
    """A funding freeze from 2026Q3 on at sizes 0, 0.5, 1 and 1.5."""
    plan = load_scenario(FREEZE, world)
    models: list[Model] = [
        prepare(world, load_scenario(sized(plan, size), world), quarters=8) for size in (0.0, 0.5, 1.0, 1.5)
    ]
    return [simulate_paths(model, 0, PATHS) for model in models]


def test_mean_losses_grow_with_the_shock_on_the_same_random_numbers(freezes: list[PathBlock]) -> None:
    losses = [losses_of(block) for block in freezes]
    means = [found.loss_usd_bn.mean() for found in losses]
    claims = [(found.loss_usd_bn - found.by_bearer["equity"]).mean() for found in losses]
    assert means == sorted(means)
    assert claims == sorted(claims)
    assert means[-1] > 1.5 * means[0]
    assert [len(block.losses["path"]) for block in freezes] == sorted(len(block.losses["path"]) for block in freezes)


def test_the_parts_of_a_change_add_up_to_it(freezes: list[PathBlock]) -> None:
    before, after = freezes[0], freezes[-1]
    parts = parts_of_change(losses_by_company(before), losses_by_company(after))
    change = losses_of(after).loss_usd_bn - losses_of(before).loss_usd_bn
    np.testing.assert_allclose(sum(parts.values()), change, rtol=1e-9, atol=1e-9)
    assert (parts["added"] >= 0.0).all() and (parts["avoided"] <= 0.0).all()
    assert parts["added"].sum() > 0.0 and np.abs(parts["same"]).sum() > 0.0


def test_parts_by_hand() -> None:
    base = ("a", "b", "c"), np.array([[1.0], [2.0], [0.0]])
    other = ("b", "c", "d"), np.array([[5.0], [4.0], [8.0]])
    parts = parts_of_change(base, other)
    assert {name: float(values[0]) for name, values in parts.items()} == {"added": 12.0, "avoided": -1.0, "same": 3.0}

"""Whatever world a person brings, it opens, runs, and conserves."""

from __future__ import annotations

import pytest
from faults import find_faults
from hypothesis import HealthCheck, given, settings

from penstock.engine.model import prepare
from penstock.engine.opening.state import LAYERS
from penstock.errors import InputError
from worlds import TRADES, Plan, plans

QUARTERS, PATHS = 8, 4


def gate(max_examples: int) -> settings:
    """Few worlds, always the same ones; `python -m tools.campaign random_worlds` looks wider."""
    return settings(
        max_examples=max_examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def assert_conserves(plan: Plan) -> None:
    assert find_faults(prepare(plan.world(), quarters=QUARTERS), PATHS) == []


@gate(max_examples=10)
@given(plans(2, 12))
def test_small_worlds_conserve(plan: Plan) -> None:
    assert_conserves(plan)


@gate(max_examples=2)
@given(plans(40, 60))
def test_larger_worlds_conserve(plan: Plan) -> None:
    assert_conserves(plan)


FIRM_TRADES = [trade for trade in TRADES if trade[0] in LAYERS]


@pytest.mark.parametrize("first", range(0, len(FIRM_TRADES), 3))
def test_each_trade_runs_beside_one_cloud(first: int) -> None:
    """A hyperscaler and three companies of different trades, without ties or chips on record."""
    trades = (("platform", "hyperscaler"), *FIRM_TRADES[first : first + 3])
    assert_conserves(Plan(trades, (100.0, 10.0, 5.0, 1.0)[: len(trades)]))


def test_a_world_without_compute_says_what_is_missing() -> None:
    plan = Plan((("silicon", "foundry"), ("energy", "utility")), (50.0, 5.0))
    with pytest.raises(InputError, match="found no company that runs compute"):
        prepare(plan.world())

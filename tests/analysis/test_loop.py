"""The loop of valuations: gains of planted loops in closed form, the loop cut, and what the model must obey."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

import penstock as ps
from penstock.analysis import loop_runs
from penstock.analysis.loop import deepest_fall
from penstock.analysis.loop_gain import Gain, Turn, amplification, loop_gain
from penstock.engine.model import LANES, Model, prepare, run_block
from penstock.engine.moment import Moment
from penstock.engine.seen import CHANNELS, Seen
from penstock.errors import UsageError

QUARTERS = loop_runs.Quarters(first=1, turn=3)


@pytest.fixture(scope="module")
def model() -> Model:
    return prepare(ps.load_world(), "baseline", quarters=QUARTERS.all)


def gain(model: Model, *channels: str) -> Gain:
    up, base, down = loop_runs.turned(model, QUARTERS, 16, 0.05, frozenset(channels or CHANNELS))
    weight = np.full(model.layout.firms, 1.0 / model.layout.firms)
    return loop_gain(up.turn, base.turn, down.turn, weight)


# ------------------------------------------------------------------ planted loops

SEEN = np.array([[100.0, 120.0, 90.0], [50.0, 40.0, 60.0]])
WEIGHT = np.array([0.75, 0.25])


def gain_of(turn: Callable[[np.ndarray], Turn], seen: np.ndarray, size: float, weight: np.ndarray) -> Gain:
    """Gain of a loop given as a function: from valuations that are seen (firms, paths) to the turn that follows.

    size: relative push to all valuations, up and down.
    """
    return loop_gain(turn(seen * (1.0 + size)), turn(seen), turn(seen * (1.0 - size)), weight)


def planted(seen: np.ndarray) -> Turn:
    """Two firms: x the relative push to each; cost 0.10 - 0.2 x, investment 10 (1 - 4 (cost - 0.10)), and so on."""
    x = seen / SEEN - 1.0
    cost = 0.10 - np.array([[0.2], [0.1]]) * x
    investment = np.array([[10.0], [4.0]]) * (1.0 - 4.0 * (cost - 0.10))
    revenue = np.array([[20.0], [5.0]]) * (1.0 + 0.5 * (investment / np.array([[10.0], [4.0]]) - 1.0))
    value = SEEN * (1.0 + np.array([[1.5], [2.0]]) * (revenue / np.array([[20.0], [5.0]]) - 1.0))
    return Turn(seen, cost, investment, revenue, value)


def test_a_planted_loop_of_two_firms_has_its_closed_form_gain() -> None:
    found = gain_of(planted, SEEN, 0.05, WEIGHT)
    first, second = 0.2 * 4.0 * 0.5 * 1.5, 0.1 * 4.0 * 0.5 * 2.0
    share = SEEN.mean(axis=1) / SEEN.mean(axis=1).sum()
    assert found.firm == pytest.approx([first, second], rel=1e-12)
    assert found.total == pytest.approx(share @ [first, second], rel=1e-12)
    assert found.part == pytest.approx(share * [first, second], rel=1e-12)
    assert found.cost_points == pytest.approx([-0.2, -0.1], rel=1e-12)
    assert found.investment_percent == pytest.approx([0.8, 0.4], rel=1e-12)
    assert found.revenue_percent == pytest.approx([0.4, 0.2], rel=1e-12)
    cost = -(0.75 * 0.2 + 0.25 * 0.1)
    invested = (10.0 * 0.8 + 4.0 * 0.4) / 14.0
    earned = (20.0 * 0.4 + 5.0 * 0.2) / 25.0
    links = [cost, invested / cost, earned / invested, found.total / earned]
    assert [value for value, _ in found.links] == pytest.approx(links, rel=1e-12)


def test_the_gain_of_a_bent_loop_is_that_of_its_tangent() -> None:
    def bent(seen: np.ndarray) -> Turn:
        x = seen / SEEN - 1.0
        return dataclasses.replace(planted(seen), value=SEEN * (1.0 + 0.3 * x + 7.0 * x**2))

    assert gain_of(bent, SEEN, 0.05, WEIGHT).total == pytest.approx(0.3, rel=1e-12)


def test_a_loop_that_nothing_passes_has_no_gain_and_no_links_behind_the_first() -> None:
    def cut(seen: np.ndarray) -> Turn:
        return dataclasses.replace(planted(SEEN), seen=seen)

    found = gain_of(cut, SEEN, 0.05, WEIGHT)
    assert (found.total, found.error) == (0.0, 0.0)
    assert found.links[0] == (0.0, 0.0)
    assert all(math.isnan(value) for value, _ in found.links[1:])
    assert not found.part.any()


@pytest.mark.parametrize(("gain", "end"), [(0.0, 1.0), (0.5, 2.0), (-1.0, 0.5), (1.0, np.inf), (1.3, np.inf)])
def test_a_lasting_push_ends_as_the_sum_of_its_turns(gain: float, end: float) -> None:
    assert amplification(gain) == end


# ------------------------------------------------------------------ the model


def test_who_sees_the_markets_own_valuations_does_as_ever_bit_for_bit(model: Model) -> None:
    short = loop_runs.shortened(model, 3)
    seen = Seen(lambda now: (now.results["market_mood"], now.results["market_value"]))
    plain, _ = run_block(short, 0, LANES)
    with_seen, _ = run_block(short, 0, LANES, seen=seen)
    for group in ("economy", "layers", "company"):
        for name, values in getattr(plain, group).items():
            assert np.array_equal(values, getattr(with_seen, group)[name]), name


def test_with_the_loop_cut_the_gain_is_zero(model: Model) -> None:
    found = gain(loop_runs.switched_off(model, "valuation_loop"))
    assert found.total == 0.0
    assert found.error == 0.0
    assert not found.firm.any()
    assert gain(model).total != 0.0


def test_with_the_loop_cut_valuations_move_and_are_not_seen(model: Model) -> None:
    moved: list[float] = []

    def watch(now: Moment, _: str) -> None:
        opening, theta = now.block.theta["opening_mood"], now.block.theta
        moved.append(float(np.abs(now.state.economy.mood - opening).max()))
        calm = now.state.economy.rate_shock == 0.0
        expected = theta["cost_of_capital"] + 0.05 * (0.5 - opening)
        assert now.results["rate_seen"][calm] == pytest.approx(expected[calm], rel=1e-12)

    run_block(loop_runs.switched_off(model, "valuation_loop"), 0, LANES, on_quarter=watch)
    assert min(moved) > 0.0


def test_the_links_multiply_and_the_parts_add_up_to_the_gain(model: Model) -> None:
    found = gain(model)
    assert np.prod([value for value, _ in found.links]) == pytest.approx(found.total, rel=1e-9)
    assert found.part.sum() == pytest.approx(found.total, rel=1e-9)
    assert found.error > 0.0


def test_dearer_valuations_lower_the_cost_of_capital_and_raise_investment(model: Model) -> None:
    found = gain(model)
    cost, invest = found.links[0][0], found.links[1][0]
    assert cost < 0.0 and invest < 0.0
    # the cost of capital is moved by its own channel alone
    assert gain(model, "cost_of_capital").links[0][0] < 0.8 * cost
    assert abs(gain(model, "demand").links[0][0]) < 0.1 * abs(cost)


def test_a_push_of_spirits_moves_all_values_together_by_its_size(model: Model) -> None:
    up, base, down = loop_runs.turned(model, QUARTERS, 8, 0.05)
    for pushed, size in ((up, 0.05), (down, -0.05)):
        moved = pushed.turn.seen.sum() / base.turn.seen.sum() - 1.0
        assert moved == pytest.approx(size, rel=0.15)


def test_debt_as_it_is_changes_nothing_and_terms_move_with_their_multiple(model: Model) -> None:
    same = loop_runs.with_debt(model).facts
    for name in ("amortisation", "bullet"):
        assert np.array_equal(getattr(same, name), getattr(model.facts, name))
    other = loop_runs.with_debt(model, multiple=2.0, maturity=0.5).facts
    assert np.array_equal(other.conduct["debt_multiple"], 2.0 * model.facts.conduct["debt_multiple"])
    assert np.array_equal(other.amortisation, np.minimum(2.0 * model.facts.amortisation, 1.0))
    dated = model.facts.bullet >= 0
    assert dated.any()
    assert (other.bullet[dated] <= model.facts.bullet[dated]).all() and (other.bullet[dated] >= 0).all()
    assert np.array_equal(other.bullet[~dated], model.facts.bullet[~dated])


def test_a_short_run_is_the_first_part_of_a_long_one(model: Model) -> None:
    long, _ = run_block(model, 0, LANES)
    short, _ = run_block(loop_runs.shortened(model, 2), 0, LANES)
    assert np.array_equal(long.company["revenue_usd_bn"][:2], short.company["revenue_usd_bn"])


def test_the_deepest_fall_of_a_year() -> None:
    series = np.array([1.0, 1.0, 1.0, 1.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0])[:, None]
    assert deepest_fall(series) == pytest.approx([0.5])
    assert deepest_fall(series[:4]) == [0.0]
    assert deepest_fall(np.arange(1.0, 9.0)[:, None]) == [0.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0.0}, "size: found 0; expected a push above 0 and at most 0.5"),
        ({"first": 0}, "first: found 0; expected a quarter after the first one: 1 or more"),
        ({"turn": 9}, "turn: found 9 quarters from quarter 4 on; expected at least 1 and an end within the 12"),
        ({"paths": 0}, "paths: found 0; expected a whole number of 1 or more"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ps.loop(ps.load_world(), **{"paths": 2, "quarters": 12, **wrong})
    assert str(caught.value).startswith(message)

"""Loops of a money network: hand-computed figures, and what must hold on any network."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components

from penstock.analysis.circularity_tables import netted_values
from penstock.analysis.circulation import financed_circulation, loops_of, whole_circulation
from penstock.analysis.staged_loops import Network, StagedLoop, staged_loops
from penstock.errors import ModelError

Tie = tuple[str, str, float, bool]


def network(*ties: Tie) -> tuple[Network, np.ndarray]:
    """Ties (payer, payee, usd_bn, whether financing) with ids t00, t01, ..."""
    units = tuple(sorted({name for tie in ties for name in tie[:2]}))
    made = Network(
        units=units,
        payer=np.array([units.index(tie[0]) for tie in ties], dtype=np.intp),
        payee=np.array([units.index(tie[1]) for tie in ties], dtype=np.intp),
        financing=np.array([tie[3] for tie in ties], dtype=bool),
        keys=tuple(f"t{number:02d}" for number in range(len(ties))),
    )
    return made, np.array([[tie[2] for tie in ties]])


def as_list(made: Network, loops: list[StagedLoop]) -> list[tuple[str, str, float]]:
    return [(one.kind, " ".join(made.keys[tie] for tie in one.loop.ties), one.loop.amount) for one in loops]


# ------------------------------------------------------------------ by hand


def test_three_firms_by_hand() -> None:
    """a puts 10 into b, b buys for 8 of c, c buys for 6 of a: 6 go round."""
    made, amounts = network(("a", "b", 10.0, True), ("b", "c", 8.0, False), ("c", "a", 6.0, False))
    assert as_list(made, staged_loops(made, amounts)) == [("financed", "t00 t01 t02", 6.0)]


def test_a_dollar_that_could_go_two_ways_is_told_once() -> None:
    """b buys for 5 of its investor and for 8 of c, who buys for 6 of the investor: 10 were invested, 10 come back."""
    made, amounts = network(
        ("a", "b", 10.0, True), ("b", "c", 8.0, False), ("c", "a", 6.0, False), ("b", "a", 5.0, False)
    )
    assert as_list(made, staged_loops(made, amounts)) == [
        ("financed", "t00 t03", 5.0),
        ("financed", "t00 t01 t02", 5.0),
    ]


def test_a_choice_of_loops_does_not_lose_one() -> None:
    """Taking the short loop first would block two long ones: the largest circulation does not."""
    made, amounts = network(
        ("a", "b", 1.0, True), ("b", "c", 1.0, False), ("c", "a", 1.0, False),
        ("c", "d", 1.0, True), ("d", "b", 1.0, False), ("b", "e", 1.0, False), ("e", "c", 1.0, False),
    )  # fmt: skip
    financed = [one for one in staged_loops(made, amounts) if one.kind == "financed"]
    used = np.zeros(7)
    for one in financed:
        used[list(one.loop.ties)] += one.loop.amount
    assert used[0] == used[3] == 1.0


def test_purchases_alone_and_financing_alone_are_told_apart() -> None:
    made, amounts = network(
        ("a", "b", 3.0, False), ("b", "a", 2.0, False), ("c", "d", 4.0, True), ("d", "c", 1.0, True)
    )
    assert sorted(as_list(made, staged_loops(made, amounts))) == [
        ("cross_holding", "t02 t03", 1.0),
        ("trade", "t00 t01", 2.0),
    ]


def test_paid_money_goes_round_before_committed_money() -> None:
    """Invested 10; bought 4 so far, 3 more under contract: 4 paid, 3 committed, and 3 do not come back."""
    made, _ = network(("a", "b", 0.0, True), ("b", "a", 0.0, False))
    loops = staged_loops(made, np.array([[10.0, 4.0], [0.0, 3.0]]))
    assert [(one.stage, one.loop.amount) for one in loops] == [(0, 4.0), (1, 3.0)]


def test_a_range_is_that_of_the_scarcest_tie() -> None:
    """Invested 10 exactly; bought 6, of which a rule says 3 to 12: between 3 and all that was invested."""
    made, amounts = network(("a", "b", 10.0, True), ("b", "a", 6.0, False))
    (one,) = staged_loops(made, amounts, np.array([[10.0, 3.0]]), np.array([[10.0, 12.0]]))
    assert (one.loop.amount, one.low, one.high) == (6.0, 3.0, 10.0)


def test_two_loops_share_the_range_of_their_tie() -> None:
    """Two customers of one investor's money: at the low end no dollar is counted twice either."""
    made, amounts = network(
        ("a", "b", 10.0, True), ("b", "a", 4.0, False), ("b", "c", 6.0, False), ("c", "a", 6.0, False)
    )
    low = np.array([[5.0, 4.0, 6.0, 6.0]])
    loops = staged_loops(made, amounts, low, amounts)
    assert sum(one.loop.amount for one in loops) == pytest.approx(10.0)
    assert sum(one.low for one in loops) == pytest.approx(5.0)


def test_a_chain_has_no_loop() -> None:
    made, amounts = network(("a", "b", 1.0, True), ("b", "c", 1.0, False))
    assert staged_loops(made, amounts) == []


# ------------------------------------------------------------------ on any network


@st.composite
def networks(draw: st.DrawFn, units: int = 7, most: int = 24) -> tuple[Network, np.ndarray]:
    names = [chr(97 + number) for number in range(units)]
    tie = st.tuples(
        st.sampled_from(names), st.sampled_from(names), st.integers(0, 400).map(lambda n: n / 8), st.booleans()
    ).filter(lambda one: one[0] != one[1])
    return network(*draw(st.lists(tie, min_size=2, max_size=most)))


def has_loop(payer: np.ndarray, payee: np.ndarray, amount: np.ndarray, smallest: float) -> bool:
    """Whether ties that carry more than `smallest` form a loop: units that reach each other."""
    kept = amount > smallest
    if (payer[kept] == payee[kept]).any():
        return True
    units = int(max(payer.max(), payee.max(), 0)) + 1 if len(payer) else 1
    graph = sparse.coo_array((np.ones(kept.sum()), (payer[kept], payee[kept])), shape=(units, units))
    parts, _ = connected_components(graph.tocsr(), directed=True, connection="strong")
    return bool(parts < units)


def used_by(loops: list[StagedLoop], ties: int) -> np.ndarray:
    used = np.zeros(ties)
    for one in loops:
        used[list(one.loop.ties)] += one.loop.amount
    return used


@settings(max_examples=60, deadline=None)
@given(networks())
def test_no_dollar_is_told_twice_and_without_loops_none_is_left(case: tuple[Network, np.ndarray]) -> None:
    made, amounts = case
    loops = staged_loops(made, amounts)
    used = used_by(loops, amounts.shape[1])
    assert (used <= amounts[0] + 1e-9).all()
    assert not has_loop(made.payer, made.payee, amounts[0] - used, 1e-7)
    for one in loops:
        ties = list(one.loop.ties)
        # money goes on where it came to, and passes each company once
        assert [int(made.payee[tie]) for tie in ties] == [int(made.payer[tie]) for tie in ties[1:] + ties[:1]]
        assert len({int(made.payer[tie]) for tie in ties}) == len(ties)
        assert one.loop.amount > 0.0 and one.low <= one.loop.amount <= one.high


@settings(max_examples=40, deadline=None)
@given(networks(), st.randoms(use_true_random=False))
def test_the_order_of_ties_does_not_matter(case: tuple[Network, np.ndarray], shuffle: random.Random) -> None:
    made, amounts = case
    order = list(range(amounts.shape[1]))
    shuffle.shuffle(order)
    other = Network(
        made.units, made.payer[order], made.payee[order], made.financing[order], tuple(made.keys[i] for i in order)
    )
    first = as_list(made, staged_loops(made, amounts))
    second = as_list(other, staged_loops(other, amounts[:, order]))
    assert [(kind, ties) for kind, ties, _ in first] == [(kind, ties) for kind, ties, _ in second]
    assert np.allclose([amount for *_, amount in first], [amount for *_, amount in second], atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(networks(units=5, most=10))
def test_no_way_to_take_loops_brings_more_financing_back(case: tuple[Network, np.ndarray]) -> None:
    """Against a programme over all simple loops, listed one by one: another method, the same dollars."""
    made, amounts = case
    flow = financed_circulation(made.payer, made.payee, amounts[0], made.financing, made.keys)
    loops = simple_loops(made)
    if not loops:
        assert not flow.any()
        return
    through = np.array([[float(tie in loop) for loop in loops] for tie in range(amounts.shape[1])])
    gain = made.financing.astype(float) @ through
    best = linprog(-gain, A_ub=through, b_ub=amounts[0], method="highs")
    assert flow[made.financing].sum() == pytest.approx(-best.fun, abs=1e-8)


def simple_loops(made: Network) -> list[tuple[int, ...]]:
    """All loops that pass each unit once, each told from its first tie on."""
    found: list[tuple[int, ...]] = []

    def walk(way: tuple[int, ...], seen: tuple[int, ...]) -> None:
        for tie in np.flatnonzero(made.payer == made.payee[way[-1]]).tolist():
            end = int(made.payee[tie])
            if end == seen[0] and tie > way[0]:
                found.append((*way, tie))
            elif end not in seen and tie > way[0]:
                walk((*way, tie), (*seen, end))

    for tie in range(len(made.keys)):
        walk((tie,), (int(made.payer[tie]), int(made.payee[tie])))
    return found


@settings(max_examples=30, deadline=None)
@given(networks(), st.floats(0.1, 10.0))
def test_twice_the_money_is_twice_the_loops(case: tuple[Network, np.ndarray], factor: float) -> None:
    made, amounts = case
    flow, more = (
        financed_circulation(made.payer, made.payee, level, made.financing, made.keys)
        for level in (amounts[0], factor * amounts[0])
    )
    assert np.allclose(more, factor * flow, atol=1e-7 * max(1.0, factor))


def test_loops_use_a_circulation_up() -> None:
    made, amounts = network(*[(a, b, 1.0 + ord(a) / ord(b), a < b) for a, b in itertools.permutations("abcde", 2)])
    flow = whole_circulation(made.payer, made.payee, amounts[0], made.keys)
    loops = loops_of(made.payer, made.payee, flow, np.ones(len(flow), dtype=bool), made.keys)
    used = np.zeros(len(flow))
    for loop in loops:
        used[list(loop.ties)] += loop.amount
    assert np.allclose(used, flow, atol=1e-9)
    assert len(loops) <= len(flow)


# ------------------------------------------------------------------ values


def test_value_without_loops_by_hand() -> None:
    """i is worth 100 and owns half of j, worth 40, so its own business is worth 80; j loses a tenth of its business."""
    value = np.array([100.0, 40.0])
    stakes = np.array([[0.0, 0.5], [0.0, 0.0]])
    assert netted_values(value, np.array([0.0, 0.1]), stakes) == pytest.approx([98.0, 36.0], abs=1e-12)
    assert netted_values(value, np.array([0.25, 0.1]), stakes) == pytest.approx([78.0, 36.0], abs=1e-12)
    assert netted_values(value, np.zeros(2), stakes) == pytest.approx(value, abs=1e-12)


def test_companies_that_own_each_other_whole_have_no_value() -> None:
    with pytest.raises(ModelError, match="own each other whole"):
        netted_values(np.array([1.0, 1.0]), np.array([0.1, 0.1]), np.array([[0.0, 1.0], [1.0, 0.0]]))

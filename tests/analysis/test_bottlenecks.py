"""Bottlenecks: shares, transitions and relief, by hand and on the bundled world."""

from __future__ import annotations

import numpy as np
import pytest
from hand_made_run import hand_made_run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import penstock as ps
from penstock.analysis.bottlenecks import (
    END,
    RELIEFS,
    Relief,
    binding_codes,
    binding_shares,
    bottlenecks,
    ratio,
    relieved,
    transitions,
)
from penstock.analysis.shadow_prices import offered_by, price_row
from penstock.engine.chunks import BINDING
from penstock.engine.model import prepare
from penstock.errors import UsageError
from penstock.scenarios import load_scenario

CHIPS, HALLS, POWER, FUNDING, DEMAND = range(5)
CODES = np.array([[CHIPS, POWER], [CHIPS, POWER], [HALLS, POWER], [CHIPS, POWER], [POWER, DEMAND]])
"""(quarters, paths): two spells of chips, one of halls and power on path 0; power, then demand on path 1."""


def test_shares_by_hand() -> None:
    table = binding_shares(CODES, ("a", "b", "c", "d", "e")).set_index(["quarter", "binding"])
    assert table["share"]["a", "chips"] == 0.5
    assert table["se"]["a", "chips"] == pytest.approx(np.sqrt(0.25 / 2))
    assert table["share"]["c", "halls"] == 0.5 and table["share"]["c", "demand"] == 0.0
    assert (table["share"].groupby("quarter").sum() == 1.0).all()


def test_transitions_by_hand() -> None:
    table = transitions(CODES).set_index(["of", "binding", "next"])
    assert table["share"]["now", "chips", "halls"] == 1.0
    assert table["median_quarters"]["now", "chips", "halls"] == 2.0
    assert table["share"]["all", "chips", "halls"] == 0.5
    assert table["median_quarters"]["all", "chips", "power"] == 1.0
    assert table["share"]["all", "power", "demand"] == 0.5
    assert table["median_quarters"]["all", "power", "demand"] == 4.0
    assert table["share"]["all", "power", END] == 0.5
    assert table["spells"]["all", "halls", "chips"] == 1


@settings(max_examples=25)
@given(arrays.arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(2, 6)), elements=st.integers(0, 4)))
def test_each_spell_is_counted_once(codes: np.ndarray) -> None:
    table = transitions(codes)
    changes = (codes[1:] != codes[:-1]).sum() + codes.shape[1]
    assert table.loc[table["of"] == "all", "spells"].sum() == changes
    assert table.loc[table["of"] == "now", "spells"].sum() == codes.shape[1]
    np.testing.assert_allclose(table.groupby(["of", "binding"])["share"].sum(), 1.0, rtol=1e-12)
    assert (table.loc[table["next"] != END, "binding"] != table.loc[table["next"] != END, "next"]).all()


def test_the_error_of_a_ratio_by_hand() -> None:
    share, error = ratio(np.array([1.0, 0.0, 2.0]), np.array([2.0, 1.0, 3.0]))
    assert share == 0.5
    # residuals 0, -1/2, 1/2
    assert error == pytest.approx(np.sqrt(0.5 * 3 / 2) / 6)


def test_each_limit_has_a_relief_that_the_language_knows() -> None:
    world = ps.load_world()
    plan = load_scenario("power_delay", world)
    assert {relief.limit for relief in RELIEFS} == set(BINDING)
    for relief in RELIEFS:
        loosened = load_scenario(relieved(plan, relief, world), world)
        assert [c.what for c in loosened.changes] == [*(c.what for c in plan.changes), relief.knob]
        assert loosened.changes[-1].start == "2026Q1"


def test_codes_of_a_run() -> None:
    codes = binding_codes(hand_made_run(), "calm")
    assert (codes == np.array([CHIPS, CHIPS, POWER, DEMAND])[:, None]).all()


def test_a_scenario_that_the_run_lacks() -> None:
    with pytest.raises(UsageError, match="found no scenario 'soft' in it; expected one of calm, hard"):
        bottlenecks(hand_made_run(), "soft")


def test_relief_of_nothing_is_worth_nothing_and_of_power_something() -> None:
    world = ps.load_world()
    nothing = Relief("nothing", "chips", "silicon.capacity", "*1.0", "as it is")
    power = Relief("power", "power", "energy.power_delay_quarters", "-2", "two quarters sooner")
    found = bottlenecks(world, paths=64, quarters=6, reliefs=(nothing, power))
    table = found.relief.set_index(["relief", "output"])
    assert (table.loc["nothing", ["difference", "se", "low95", "high95"]] == 0.0).all(axis=None)
    assert table["low95"]["power", "tokens"] > 0.0
    assert table["percent_of_base"]["power", "tokens"] == pytest.approx(
        100 * table["difference"]["power", "tokens"] / table["base"]["power", "tokens"]
    )
    assert len(found.shares) == 6 * len(BINDING)
    # a run tells the same as the world that it is a run of
    again = bottlenecks(found.run, "baseline", reliefs=(power,)).relief.set_index("output")
    assert again["difference"]["tokens"] == table["difference"]["power", "tokens"]


def test_a_shadow_price_by_hand() -> None:
    # two paths: $3bn and $1bn more for 1,000 and 1,000 thousand H100e: 2e9 / 1000 dollars a thousand
    row = price_row("silicon.capacity", np.array([3.0, 1.0]), np.array([1000.0, 1000.0]))
    assert row["per"] == "thousand_h100e"
    assert row["offered"] == 1000.0
    assert row["price_usd"] == pytest.approx(2e6)
    # residuals +1 and -1 $bn: sqrt(2 * 2 / 1) / 2000 $bn
    assert row["price_se"] == pytest.approx(1e9 * 2.0 / 2000.0)
    assert row["price_high95"] - row["price_usd"] == pytest.approx(1.96 * row["price_se"])
    assert np.isnan(price_row("silicon.capacity", np.array([3.0]), np.array([0.0]))["price_usd"]), "nothing is offered"
    assert price_row("silicon.capacity.tsmc", np.array([3.0]), None)["per"] == ""


@settings(max_examples=25)
@given(
    arrays.arrays(np.float64, 6, elements=st.floats(-100, 100)),
    arrays.arrays(np.float64, 6, elements=st.floats(0.1, 100)),
    st.floats(0.01, 100),
)
def test_a_price_scales_with_worth_and_against_what_is_offered(
    worth: np.ndarray, offered: np.ndarray, factor: float
) -> None:
    price = price_row("demand.ceiling", worth, offered)["price_usd"]
    assert price_row("demand.ceiling", factor * worth, offered)["price_usd"] == pytest.approx(factor * price)
    assert price_row("demand.ceiling", worth, factor * offered)["price_usd"] == pytest.approx(price / factor)
    assert price_row("demand.ceiling", 7.0 * offered, offered)["price_se"] == pytest.approx(0.0, abs=1e-3)


def test_what_a_relief_offers_is_proportional_to_its_size_and_known_for_each() -> None:
    model = prepare(ps.load_world(), quarters=4)
    asked = {relief.name: (relief.knob, relief.apply) for relief in RELIEFS}
    found = offered_by(
        model, {**asked, "double": ("silicon.capacity", "*1.2"), "two": ("silicon.capacity.asml", "*2")}, 8
    )
    assert set(found) == {*asked, "double"}, "a knob without a thing has no price"
    for name, offered in found.items():
        assert offered.shape == (4, 8), name
        assert (offered.sum(axis=0) > 0.0).all(), name
    np.testing.assert_allclose(found["double"], 2.0 * found["chips"], rtol=1e-12)


def test_prices_stand_beside_relief_and_a_relief_of_nothing_has_none() -> None:
    power = Relief("power", "power", "energy.power_delay_quarters", "-1", "a quarter sooner")
    nothing = Relief("nothing", "chips", "silicon.capacity", "*1.0", "as it is")
    table = bottlenecks(ps.load_world(), paths=16, quarters=4, reliefs=(power, nothing)).relief
    priced = table[table["per"] != ""].set_index(["relief", "output"])
    assert set(priced.loc["power"].index) == {"spending", "surplus", "capex"}
    row = priced.loc[("power", "surplus")]
    assert row["price_usd"] == pytest.approx(1e9 * row["difference"] / row["offered"])
    assert row["price_low95"] < row["price_usd"] < row["price_high95"]
    assert priced.loc["nothing", "price_usd"].isna().all()
    assert table.loc[table["output"] == "tokens", "price_usd"].isna().all()

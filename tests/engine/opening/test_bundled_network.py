"""The network of the bundled world: its size, its dues, and the cited figures that it meets."""

from __future__ import annotations

import pytest

from penstock.engine.opening.network import Network, build_network
from penstock.engine.opening.schedules import yearly_dues
from penstock.engine.opening.state import CATEGORIES


@pytest.fixture(scope="module")
def bundled() -> Network:
    from penstock.engine.opening.assemble import sheet_inputs
    from penstock.engine.opening.figures import opening_figures
    from penstock.engine.opening.flows import opening_flows
    from penstock.engine.opening.universe import build_universe
    from penstock.world import load_world

    world = load_world()
    universe = build_universe(world)
    figures = opening_figures(world, universe)
    flows, grades = opening_flows(world, universe, figures)
    return build_network(world, universe, sheet_inputs(world, universe, figures, flows, grades))


def test_the_bundled_network_is_small_and_named_where_it_matters(bundled: Network) -> None:
    ties = bundled.flow_ties
    assert 700 <= len(ties) <= 1000
    assert set(ties["category"]) == set(CATEGORIES)
    chips = ties[ties["category"] == "accelerators"]
    assert chips.loc[chips["contract_id"] != "", "base"].sum() > 0.5 * chips["base"].sum()
    for frame in (ties, bundled.schedules, bundled.debt_ties, bundled.stakes, bundled.physical):
        assert not frame.isna().any().any()


def test_the_bundled_dues_are_of_the_size_found_in_the_prototype(bundled: Network) -> None:
    openai = yearly_dues(bundled.schedules, bundled.flow_ties, "openai", "compute")
    # 21, 55, 106, 128, 127 bn there; the first year falls short here and is only held to its order of size
    assert openai[1:5] == pytest.approx([55.0, 106.0, 128.0, 127.0], rel=0.1)
    assert 8.0 < openai[0] < 25.0
    oracle = yearly_dues(bundled.schedules, bundled.flow_ties, "oracle", "lease", beyond_base=False)
    assert oracle[:5] == pytest.approx([3.0, 6.0, 6.0, 9.0, 10.0], abs=1.0)


def test_the_opening_meets_the_cited_figures() -> None:
    from penstock.engine.opening.check import CHECK_COLUMNS, check_table
    from penstock.world import load_world

    table, ok = check_table(load_world())
    assert list(table.columns) == CHECK_COLUMNS
    assert ok, table[~table["ok"]].to_string()
    assert {"capex of 5 hyperscalers, year", "debt by borrower = claims by lender, usd_bn"} <= set(table["quantity"])

"""Ties of money: none counted twice, named ones kept, shares whole, within what firms earn and spend."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_network import base, tiny_inputs, tiny_universe, tiny_world

from penstock.engine.opening.contracts import chosen_contracts
from penstock.engine.opening.named import named_ties
from penstock.engine.opening.network import Network, build_network
from penstock.engine.opening.state import CATEGORIES
from penstock.engine.rules import default_rules

assumed = default_rules().assumed


def test_no_tie_is_counted_twice(network: Network) -> None:
    # 8 a year by the frame; neither its part nor the deal of the same pair comes on top
    world = tiny_world()
    named, notes = named_ties(world, tiny_universe(), tiny_inputs(), chosen_contracts(world))
    tie = named["cloud", "chips", "accelerators"]
    assert tie.base == pytest.approx(2.0)
    assert sorted(tie.contract_ids) == ["deal", "frame"]
    assert any(note.startswith("deal: overlaps") for note in notes)
    ids = [i for text in network.flow_ties["contract_id"] for i in text.split(";") if i]
    assert len(ids) == len(set(ids))


def test_every_tie_has_a_known_category_and_ids_are_unique(network: Network) -> None:
    ties = network.flow_ties
    assert set(ties["category"]) <= set(CATEGORIES)
    assert ties["tie_id"].is_unique
    assert (ties["base"] >= 0).all()
    order = [CATEGORIES.index(c) for c in ties["category"]]
    assert order == sorted(order)
    assert set(ties.loc[ties["category"] == "models", "segment"]) == {"consumer", "enterprise", "agents"}
    assert (ties.loc[ties["category"] != "models", "segment"] == "").all()


def test_shares_of_a_payer_in_a_category_add_to_one(network: Network) -> None:
    sums = network.flow_ties.groupby(["payer", "category"])["share"].sum()
    assert sums.to_numpy() == pytest.approx(np.ones(len(sums)), abs=1e-12)


def test_ties_stay_within_revenue_capex_and_cost(network: Network) -> None:
    flows = tiny_inputs().flows
    assert (network.tie_in <= flows["revenue"] + 1e-9).all()
    assert (network.tie_capex <= flows["capex"] + 1e-9).all()
    assert (network.tie_cost <= flows["other_cost"] + 1e-9).all()


def test_a_named_tie_is_cut_only_by_its_own_limit_and_the_cut_is_reported() -> None:
    small = build_network(tiny_world(), tiny_universe(), tiny_inputs(cloud=0.1))
    assert base(small, "cloud", "chips", "accelerators") == pytest.approx(0.98 * 1.0)
    assert any("frame" in note and "cut to" in note for note in small.notes)
    wide = build_network(tiny_world(), tiny_universe(), tiny_inputs())
    assert base(wide, "cloud", "chips", "accelerators") >= 2.0
    assert not any("frame" in note and "cut to" in note for note in wide.notes)


def test_a_removed_pair_is_never_filled_again_and_its_flow_goes_to_the_slacks(network: Network) -> None:
    without = build_network(tiny_world(), tiny_universe(), tiny_inputs(), removed_pairs=[("chips", "cloud", "supply")])
    assert base(network, "cloud", "chips", "accelerators") >= 2.0
    assert base(without, "cloud", "chips", "accelerators") == 0.0
    gained = base(without, "cloud", "row_suppliers", "accelerators")
    assert gained >= base(network, "cloud", "row_suppliers", "accelerators") + 2.0 - 1e-9
    assert base(without, "other_ai_buyers", "chips", "accelerators") >= 2.0
    rival = base(network, "cloud", "rival", "accelerators")
    assert base(without, "cloud", "rival", "accelerators") <= rival + 2.0


def test_a_tie_without_money_gets_a_filled_flow_of_grade_f(network: Network) -> None:
    ties = network.flow_ties.set_index("tie_id")
    tie = ties.loc["servers:builder>boxes"]
    assert tie["contract_id"] == "boxes_untold" and tie["grade"] == "F" and tie["base"] > 0


def test_the_chip_inside_a_server_is_paid_once(network: Network) -> None:
    sold = network.flow_ties
    assert not ((sold["payer"] == "boxes") & (sold["category"] == "accelerators")).any()
    boxes = float(sold.loc[(sold["payee"] == "boxes"), "base"].sum())
    assert boxes <= 10.0 * assumed("ai_revenue_share", "boxes", "server") * assumed("server_value_added") + 1e-9

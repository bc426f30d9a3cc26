"""Chips shipped are installed, waiting or retired, and halls and power carry them."""

from __future__ import annotations

import pytest

from penstock.engine.opening.network import Network
from penstock.engine.opening.state import PHYSICAL_COLUMNS
from penstock.engine.rules import default_rules

assumed = default_rules().assumed


def test_chips_shipped_are_installed_waiting_or_retired(network: Network) -> None:
    state, bridge = network.physical, network.bridge
    assert list(state.columns) == list(PHYSICAL_COLUMNS)
    held = float(state["h100e_installed"].sum() + state["h100e_waiting"].sum())
    assert held + float(bridge.retired.sum()) == pytest.approx(13.0, rel=1e-9)
    assert state["h100e_per_quarter"].sum() == pytest.approx(3.5)
    assert (state >= 0).all().all()
    assert (state["halls_gw"] >= state["it_power_in_use_gw"]).all()
    assert (state["power_gw"] >= state["halls_gw"]).all()
    assert state["it_power_in_use_gw"].sum() == pytest.approx(bridge.in_use_gw.sum())
    assert state.index[-1] == "other_ai_buyers"


def test_a_site_counts_for_its_operator_when_full_within_two_years(network: Network) -> None:
    state = network.physical
    extra = 0.4 * (assumed("pipeline_scale_up") - 1.0)
    weight = state["h100e_per_quarter"] / state["h100e_per_quarter"].sum()
    assert state.loc["cloud", "halls_pipeline_gw"] == pytest.approx(0.4 + extra * weight["cloud"])

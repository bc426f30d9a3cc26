"""The ranking of firms and ties: a planted hub, cases by hand, and networks of scenarios and runs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import penstock as ps
from penstock.analysis.contagion import METHODS, contagion
from penstock.analysis.firm_network import FirmNetwork, network_of
from penstock.analysis.systemic import systemic
from penstock.errors import UsageError
from penstock.world import World
from worlds import Plan, Tie, build


def own(equity: list[float], debts: list[tuple[int, int, float]]) -> FirmNetwork:
    """A network of debts with these equities."""
    n = len(equity)
    claims = np.zeros(n)
    for debtor, creditor, amount in debts:
        claims[creditor] += amount
        claims[debtor] -= amount
    ties = pd.DataFrame(
        [(f"tie{k}", "debt", *debt, 0, "F") for k, debt in enumerate(debts)],
        columns=["tie_id", "kind", "debtor", "creditor", "amount", "seniority", "grade"],
    )
    base = np.array(equity) - claims
    return FirmNetwork(
        "a test", "usd_bn", tuple(f"firm{k}" for k in range(n)), np.maximum(base, 0.0) + 10.0,
        np.maximum(-base, 0.0) + 10.0, None, ties,
    )  # fmt: skip


def test_damage_by_hand() -> None:
    # firm 0 owes 1 to firm 1 (equity 2), firm 1 owes 4 to firm 2 (equity 10)
    network = own([5.0, 2.0, 10.0], [(0, 1, 1.0), (1, 2, 4.0)])
    assert network.equity == pytest.approx([5.0, 2.0, 10.0])
    found = systemic(network)
    firms = found.firms.set_index("company_id")
    assert firms["damage"].to_dict() == pytest.approx({"firm0": 1.0 + 4.0 * 0.5, "firm1": 4.0, "firm2": 0.0})
    assert found.firms["company_id"].tolist() == ["firm1", "firm0", "firm2"]
    assert firms["suffered"].to_dict() == pytest.approx({"firm0": 0.0, "firm1": 0.5, "firm2": 3.0})
    assert firms.loc["firm2", "suffers_most_from"] == "firm1"
    ties = found.ties.set_index("tie_id")
    # without the second tie nothing of 4 + 2 is lost; without the first nothing of 1 + 2
    assert ties["carried"].to_dict() == pytest.approx({"tie1": 6.0, "tie0": 3.0})
    assert ties.loc["tie1", "worst_failure"] == "firm1"
    threshold = systemic(network, method="debtrank-threshold").firms.set_index("company_id")
    assert threshold["damage"].to_dict() == pytest.approx({"firm0": 1.0, "firm1": 4.0, "firm2": 0.0})


def test_a_planted_hub_in_a_network_is_ranked_first() -> None:
    random = np.random.default_rng(3)
    n, hub = 60, 37
    debts = [(int(a), int(b), 0.2) for a, b in random.integers(0, n, (150, 2)) if a != b and hub not in (a, b)]
    debts += [(hub, k, 1.0) for k in range(n) if k != hub]
    found = systemic(own([3.0] * n, debts))
    assert found.firms["company_id"].iloc[0] == f"firm{hub}"
    assert found.firms["damage"].iloc[0] > 2 * found.firms["damage"].iloc[1]
    assert (found.ties["debtor"].head(20) == f"firm{hub}").all()


@cache
def hub_world() -> World:
    """Twelve companies that sell to each other; all of them hold a stake in one, which is worth most."""
    trades = (("platform", "hyperscaler"), ("ai", "lab"), *(("silicon", "server"),) * 5, *(("silicon", "network"),) * 5)
    hub = 1
    ties = tuple(Tie("equity", k, hub, 1.0, None, 0.08, 2024, 10, "firm") for k in range(12) if k != hub) + tuple(
        Tie("supply", k, (k + 1) % 12, 2.0, 1.0, None, 2025, 5, "firm") for k in range(12)
    )
    figures = {"total_assets": 0.6, "total_equity": 0.5, "market_cap": 0.4}
    return build(Plan(trades, (20.0,) * 12, (figures,) * 12, ties))


def test_a_planted_hub_in_a_world_is_ranked_first() -> None:
    found = ps.systemic(hub_world())
    assert found.firms["company_id"].iloc[0] == "company_01"
    assert found.firms["damage"].iloc[0] > 2 * found.firms["damage"].iloc[1]
    assert (found.firms["damage_low"] <= found.firms["damage"]).all()
    assert (found.firms["damage"] <= found.firms["damage_high"]).all()
    assert found.to_dict()["firms"][0]["company_id"] == "company_01"


def test_the_opening_network_is_that_of_the_sheets() -> None:
    from penstock.engine.opening.assemble import open_world

    world = ps.load_world()
    network = network_of(world)
    sheet = open_world(world).sheet
    positive = sheet["equity"].to_numpy() > 0.0
    assert network.equity[positive] == pytest.approx(sheet["equity"].to_numpy()[positive], abs=1e-9)
    assert (network.equity > 0.0).all()
    assert (network.external_assets >= 0.0).all()
    stakes = network.ties[network.ties["kind"] == "stake"]
    held = np.bincount(stakes["creditor"].to_numpy(int), stakes["amount"], minlength=network.size)
    assert held == pytest.approx(sheet["stakes"].to_numpy(), abs=1e-4)
    for method in METHODS:
        calm = contagion(network, method=method)
        assert calm.converged
        assert not calm.firms["loss"].any(), method
        assert calm.totals["failed"] == 0, method


def test_a_scenario_and_a_run_are_looked_into_at_a_quarter() -> None:
    world = hub_world()
    opening = network_of(world)
    later = network_of(world, scenario="baseline", quarter="2026Q2", paths=3, quarters=2)
    assert later.where == "baseline of random, end of 2026Q2, mean of 3 paths"
    assert not np.array_equal(later.equity, opening.equity)
    run = ps.simulate(world, paths=3, quarters=2)
    again = network_of(run, quarter="2026Q2")
    assert np.array_equal(again.equity, later.equity)
    assert again.ties.equals(later.ties)
    found = ps.contagion(run, shock={"company_01": 5.0}, quarter="2026Q2")
    assert found.totals["shock"] == 5.0
    assert found.totals["loss_by_contagion"] > 0.0
    with pytest.raises(UsageError, match="--quarter: found '2031Q1'; expected a quarter from 2026Q1 to 2026Q2"):
        network_of(run, quarter="2031Q1")


def test_losses_grow_with_the_shock_on_the_opening_network() -> None:
    network = network_of(hub_world())
    for method in ("en", "rv", "debtrank", "debtrank-threshold", "neva-en", "neva-merton"):
        last = 0.0
        for loss in (1.0, 4.0, 20.0):
            total = contagion(network, method=method, shock={"company_01": loss}).totals["loss"]
            assert total >= last - 1e-9, method
            last = total

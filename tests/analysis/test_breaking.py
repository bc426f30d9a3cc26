"""Which scenario brings a company into trouble, and what would have prevented it."""

from __future__ import annotations

import pytest

from penstock.analysis.breaking import TROUBLE, breaking, contracts_behind, prevention
from penstock.engine.ensemble import simulate
from penstock.errors import UsageError
from penstock.scenarios import load_scenario
from penstock.world import World, load_world

PATHS, QUARTERS = 16, 12


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


def test_scenarios_are_ranked_by_trouble_and_paired_with_the_first(world: World) -> None:
    names = ["baseline", "foundry_outage", "funding_freeze"]
    found = breaking(world, "Oracle", names, paths=PATHS, quarters=QUARTERS)
    table = found.table.set_index("scenario")
    assert found.company_id == "oracle"
    assert list(found.table["trouble"]) == sorted(found.table["trouble"], reverse=True)
    base = table.loc["baseline"]
    assert (base["change"], base["change_se"]) == (0.0, 0.0)
    for name in names:
        row = table.loc[name]
        assert row["change"] == pytest.approx(row["trouble"] - base["trouble"])
        assert max(row["default"], row["rescued"]) <= row["trouble"] <= 1.0
        assert (row["path"] >= 0) == (row["trouble"] > 0.0) == bool(row["cause_kind"])
    hit = table.loc["foundry_outage"]
    assert hit["trouble"] > base["trouble"]
    # what the table tells is what a run of the same paths tells
    run = simulate(world, "foundry_outage", paths=PATHS, quarters=QUARTERS)
    events = run.events[(run.events["company_id"] == "oracle") & run.events["stage"].isin(TROUBLE)]
    assert events["path"].nunique() / PATHS == hit["trouble"]


def test_without_its_largest_contract_the_trouble_is_gone(world: World) -> None:
    found = prevention(world, "oracle", "foundry_outage", policies=["rescue_budget"], paths=PATHS, quarters=QUARTERS)
    assert found.trouble > 0.0
    assert found.table.iloc[0]["prevented"] == found.table["prevented"].max()
    assert (found.table["prevented"] - (found.trouble - found.table["trouble"])).abs().max() < 1e-12
    without = found.table[found.table["what"] == "d_co_orcl_openai"].iloc[0]
    assert without["prevented"] > 0.5 * found.trouble
    assert list(found.table.loc[found.table["kind"] == "policy", "what"]) == ["rescue_budget"]
    events = load_scenario("foundry_outage", world).events
    assert (found.table["kind"] == "part").sum() == len(events) + len(load_scenario("foundry_outage", world).changes)


def test_a_company_that_is_never_in_trouble_has_no_cause(world: World) -> None:
    found = breaking(world, "microsoft", ["baseline"], paths=8, quarters=4)
    row = found.table.iloc[0]
    assert row["trouble"] == 0.0
    assert (row["cause_kind"], row["tie_id"], row["path"]) == ("", "", -1)


def test_a_company_that_is_not_simulated_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="expected a company with a balance sheet that is simulated"):
        breaking(world, "bond_market", ["baseline"], paths=8, quarters=2)


def test_a_tie_by_its_own_id_stands_for_itself(world: World) -> None:
    assert contracts_behind(world, "d_co_orcl_openai") == ["d_co_orcl_openai"]
    assert contracts_behind(world, "compute:openai>oracle") == ["d_co_orcl_openai"]
    assert contracts_behind(world, "wages:oracle") == []
    assert contracts_behind(world, "") == []

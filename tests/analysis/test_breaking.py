"""Which scenario brings a company into trouble, and what would have prevented it."""

from __future__ import annotations

import pytest

from penstock.analysis.breaking import TROUBLE, Breaking, breaking, contracts_behind, prevention
from penstock.engine.ensemble import simulate
from penstock.errors import UsageError
from penstock.world import World, load_world

PATHS, QUARTERS = 16, 10
STRUCK = {
    "name": "struck",
    "event": [{"kind": "default", "target": "coreweave", "from": "2026Q3"}],
}
"""A scenario with one part, which brings CoreWeave into trouble on every path."""


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


@pytest.fixture(scope="module")
def found(world: World) -> Breaking:
    return breaking(world, "CoreWeave", ["baseline", STRUCK, "funding_freeze"], paths=PATHS, quarters=QUARTERS)


def test_scenarios_are_ranked_by_trouble_and_paired_with_the_first(found: Breaking) -> None:
    assert found.company_id == "coreweave"
    assert list(found.table["trouble"]) == sorted(found.table["trouble"], reverse=True)
    table = found.table.set_index("scenario")
    base = table.loc["baseline"]
    assert (base["change"], base["change_se"]) == (0.0, 0.0)
    for _, row in table.iterrows():
        assert row["change"] == pytest.approx(row["trouble"] - base["trouble"])
        assert max(row["default"], row["rescued"]) <= row["trouble"] <= 1.0
        assert (row["path"] >= 0) == (row["trouble"] > 0.0) == bool(row["cause_kind"])


def test_a_company_that_is_struck_is_in_trouble_on_every_path(found: Breaking) -> None:
    struck = found.table.iloc[0]
    assert struck["scenario"] == "struck"
    assert (struck["trouble"], struck["trouble_se"]) == (1.0, 0.0)
    assert struck["default"] == 1.0
    assert struck["median_quarter"] <= "2026Q3"


def test_the_table_tells_what_a_run_of_the_same_paths_tells(found: Breaking, world: World) -> None:
    run = simulate(world, "funding_freeze", paths=PATHS, quarters=QUARTERS)
    events = run.events[(run.events["company_id"] == "coreweave") & run.events["stage"].isin(TROUBLE)]
    told = found.table.set_index("scenario").loc["funding_freeze", "trouble"]
    assert events["path"].nunique() / PATHS == told


def test_without_its_only_part_a_shock_is_the_baseline(found: Breaking, world: World) -> None:
    cure = prevention(world, "coreweave", STRUCK, policies=["rescue_budget"], paths=PATHS, quarters=QUARTERS)
    assert cure.trouble == 1.0
    parts = cure.table[cure.table["kind"] == "part"]
    assert list(parts["what"]) == ["default at coreweave"]
    assert parts.iloc[0]["trouble"] == found.table.set_index("scenario").loc["baseline", "trouble"]
    assert (cure.table["prevented"] - (1.0 - cure.table["trouble"])).abs().max() < 1e-12
    assert list(cure.table["prevented"]) == sorted(cure.table["prevented"], reverse=True)
    assert list(cure.table.loc[cure.table["kind"] == "policy", "what"]) == ["rescue_budget"]
    ties = cure.table.loc[cure.table["kind"] == "tie", "what"]
    mine = world.active_contracts()
    mine = mine[(mine["provider_id"] == "coreweave") | (mine["receiver_id"] == "coreweave")]
    assert set(ties) <= set(mine["id"])
    assert len(ties) == min(6, len(mine))


def test_a_company_that_is_never_in_trouble_has_no_cause(world: World) -> None:
    row = breaking(world, "microsoft", ["baseline"], paths=8, quarters=2).table.iloc[0]
    assert row["trouble"] == 0.0
    assert (row["cause_kind"], row["tie_id"], row["path"]) == ("", "", -1)


def test_a_company_that_is_not_simulated_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="expected a company with a balance sheet that is simulated"):
        breaking(world, "bond_market", ["baseline"], paths=8, quarters=2)


def test_the_contracts_behind_a_tie_of_the_model(world: World) -> None:
    assert contracts_behind(world, "d_co_orcl_openai") == ["d_co_orcl_openai"]
    assert contracts_behind(world, "compute:openai>oracle") == ["d_co_orcl_openai"]
    assert contracts_behind(world, "wages:oracle") == []
    assert contracts_behind(world, "") == []

"""Structural edits of a world by a scenario."""

from __future__ import annotations

import pandas as pd
import pytest

from penstock.scenarios import RemovedPair, RemovedPairs, edit_world, load_scenario
from penstock.scenarios.names import with_parts
from penstock.world import World, load_world
from penstock.world.schema import SCHEMA


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


NEWCO = {
    "id": "newco",
    "name": "New Cloud",
    "layer": "platform",
    "roles": "neocloud",
    "opening": {"revenue": 3.0, "employees": 200.0},
}


def edited(world: World, **tables: object) -> tuple[World, RemovedPairs]:
    return edit_world(world, load_scenario({"name": "x", **tables}, world))


def tie_rows(world: World) -> list[dict[str, str]]:
    """Ties of a world, missing text as ""."""
    frame = world.every_row("contracts")[["id", "provider_id", "receiver_id", "kind", "included_in"]]
    return [{str(k): str(v) for k, v in row.items()} for row in frame.fillna("").to_dict(orient="records")]


def test_without_edits_the_same_world_comes_back(world: World) -> None:
    assert edit_world(world, load_scenario("funding_freeze", world)) == (world, ())
    assert edit_world(world, load_scenario("baseline", world))[0] is world


def test_a_removed_tie_is_gone_with_its_parts_and_its_pair_is_told(world: World) -> None:
    rows = tie_rows(world)
    part = next(row for row in rows if row["included_in"])
    new, _ = edited(world, remove=[{"tie": part["included_in"]}])
    gone = with_parts([part["included_in"]], {row["id"]: row["included_in"] for row in rows})
    assert part["id"] in gone
    assert {row["id"] for row in rows} - {row["id"] for row in tie_rows(new)} == gone
    assert new.hash != world.hash

    _, removed = edited(world, remove=[{"tie": "d_vf_nvda_openai"}])
    assert RemovedPair("nvidia", "openai", "vendor_financing") in removed


def test_a_pair_with_another_tie_of_that_kind_is_not_told(world: World) -> None:
    rows = tie_rows(world)
    wholes = {row["included_in"] for row in rows}
    free = [row for row in rows if not row["included_in"] and row["id"] not in wholes]
    pairs = [RemovedPair(row["provider_id"], row["receiver_id"], row["kind"]) for row in free]
    twice = next(n for n, pair in enumerate(pairs) if pairs.count(pair) > 1)
    new, removed = edited(world, remove=[{"tie": free[twice]["id"]}])
    assert free[twice]["id"] not in {row["id"] for row in tie_rows(new)}
    assert removed == ()


def test_a_removed_company_leaves_no_row_that_names_it(world: World) -> None:
    new, removed = edited(world, remove=[{"company": "xai"}])
    for name, table in SCHEMA.items():
        frame = new.every_row(name)
        for column in table.columns:
            if column.references == "companies" or (name == "series" and column.name == "entity"):
                assert not (frame[column.name] == "xai").any(), (name, column.name)
    assert "xai" not in set(new.every_row("companies")["id"])
    assert RemovedPair("nvidia", "xai", "supply") in removed
    # sites that it only rents stay
    sites = world.every_row("sites")
    rented = sites[(sites["tenant_id"] == "xai")]
    assert set(rented["id"]) <= set(new.every_row("sites")["id"])


def test_what_has_no_source_is_graded_f(world: World) -> None:
    tie = {"id": "t1", "kind": "supply", "provider_id": "nvidia", "receiver_id": "newco", "annual_usd_bn": 2}
    new, removed = edited(world, company=[NEWCO], tie=[tie])
    assert removed == ()
    companies, contracts = new.every_row("companies"), new.every_row("contracts")
    assert companies.iloc[-1][["id", "grade"]].tolist() == ["newco", "F"]
    assert contracts.iloc[-1][["id", "grade", "binding"]].tolist() == ["t1", "F", "firm"]
    revenue = new.figures().reset_index().set_index("company_id").loc[["newco"]]
    assert revenue.loc[revenue["metric"] == "revenue", ["value", "grade", "basis"]].to_numpy().tolist() == [
        [3.0, "F", "estimate"]
    ]
    assert "t1" in set(new.active_contracts()["id"])
    figures = new.every_row("financials").tail(2)
    assert dict(zip(figures["metric"], figures["unit"], strict=True)) == {
        "revenue": "usd_bn",
        "employees": "count",
    }
    # the world handed in did not change, and old rows keep their place and type
    assert "newco" not in set(world.every_row("companies")["id"])
    pd.testing.assert_frame_equal(contracts.iloc[:-1], world.every_row("contracts"))


def test_a_source_keeps_its_grade(world: World) -> None:
    sources = world.every_row("sources")
    filing = sources.loc[sources["kind"] == "filing", "id"].iloc[0]
    tie = {"kind": "supply", "provider_id": "nvidia", "receiver_id": "coreweave", "source_id": filing}
    ties = [tie | {"id": "t1", "evidence": "page"}, tie | {"id": "t2"}]
    new, _ = edited(world, tie=ties)
    assert new.every_row("contracts").tail(2)["grade"].tolist() == ["A", "E"]

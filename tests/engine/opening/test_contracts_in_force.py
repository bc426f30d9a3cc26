"""Which contracts count, by date, status and frame, and how they are entered."""

from __future__ import annotations

from tiny_network import CONTRACTS, tiny_world

from penstock.engine.opening.contracts import chosen_contracts, is_capex, weakest
from penstock.engine.opening.network_assumptions import assumptions


def test_rows_in_force_leave_out_the_ended_the_future_and_the_contained() -> None:
    chosen = set(chosen_contracts(tiny_world())["id"])
    assert {"frame", "deal", "line", "promise"} <= chosen
    assert chosen.isdisjoint({"part", "over", "later"})


def test_a_contained_row_counts_when_its_frame_is_not_chosen() -> None:
    rows = tuple(r | {"status": "terminated"} if r["id"] == "frame" else r for r in CONTRACTS)
    assert "part" in set(chosen_contracts(tiny_world(rows))["id"])


def test_tools_are_capex_and_components_are_cost() -> None:
    assert is_capex("tools", "foundry") and is_capex("accelerators", "hyperscaler")
    assert not is_capex("network", "chip_designer") and not is_capex("compute", "lab")
    assert weakest("A", "D", "C") == "D" and weakest() == "F"


def test_every_assumption_has_an_ordered_range_a_reason_and_grade_below_page() -> None:
    for row in assumptions().values():
        assert row.low <= row.central <= row.high, row
        assert row.unit and row.why and row.grade in ("D", "E", "F")

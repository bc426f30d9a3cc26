"""Debt, stakes and guarantees: debt adds to what each firm owes, shares to one."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_network import FIRMS, contract, tiny_inputs, tiny_universe, tiny_world

from penstock.engine.opening.claims import build_credit, build_guarantees, build_stakes
from penstock.engine.opening.contracts import chosen_contracts
from penstock.engine.opening.state import SECTORS


def test_debt_ties_add_to_what_each_firm_owes() -> None:
    inputs = tiny_inputs()
    ties, lines, notes = build_credit(tiny_world(), tiny_universe(), inputs, chosen_contracts(tiny_world()))
    loans = ties[ties["instrument"] != "lease"].groupby("borrower")["balance"].sum()
    assert loans.to_numpy() == pytest.approx(inputs.debt.reindex(loans.index).to_numpy(), abs=1e-12)
    draws = ties.groupby("borrower")["draw_share"].sum()
    assert draws.to_numpy() == pytest.approx(np.ones(len(draws)))
    assert lines["halls"] == pytest.approx(15.0 - 6.0) and lines["lab"] == pytest.approx(2.0)
    assert any(note.startswith("halls") for note in notes)
    assert set(ties["lender"]) <= {*FIRMS, "bank", *SECTORS}


def test_bullets_stand_only_where_the_end_is_known() -> None:
    ties, _, _ = build_credit(tiny_world(), tiny_universe(), tiny_inputs(), chosen_contracts(tiny_world()))
    named = ties.set_index("contract_id")
    assert named.loc["facility", "bullet_quarter"] == 15  # 2029Q4 counted from 2026Q1
    assert named.loc["bond", "amortisation"] == 0.0
    assert (ties.loc[ties["contract_id"] == "", "bullet_quarter"] == -1).all()


def test_shares_of_every_firm_add_to_one_and_so_do_its_rounds() -> None:
    stakes, _ = build_stakes(tiny_universe(), tiny_inputs(), chosen_contracts(tiny_world()))
    sums = stakes.groupby("company")[["share", "round_share"]].sum()
    assert set(sums.index) == set(FIRMS)
    assert sums.to_numpy() == pytest.approx(np.ones(sums.shape), abs=1e-12)
    lab = stakes[stakes["company"] == "lab"].set_index("holder")
    assert lab.loc["cloud", "share"] == 0.27 and lab.loc["cloud", "strategic"]
    assert lab.loc["chips", "share"] == 0.0 and lab.loc["chips", "round_share"] > 0.0
    assert lab.loc["bank", "share"] == pytest.approx(4.0 / 20.0)  # fair value over the firm's value, not cost
    assert "private_investors" in lab.index


def test_holdings_above_the_whole_are_scaled() -> None:
    rows = (
        contract("a", "equity", "cloud", "lab", share=0.8),
        contract("b", "equity", "chips", "lab", share=0.6),
    )
    stakes, notes = build_stakes(tiny_universe(), tiny_inputs(), chosen_contracts(tiny_world(rows)))
    lab = stakes[stakes["company"] == "lab"]
    assert lab["share"].sum() == pytest.approx(1.0, abs=1e-12) and (lab["share"] >= 0).all()
    assert notes


def test_a_guarantee_names_the_landlord_of_its_note() -> None:
    frame = build_guarantees(tiny_world(), tiny_universe(), chosen_contracts(tiny_world()))
    assert frame.loc[0, ["guarantor", "beneficiary", "landlord", "cap"]].to_list() == [
        "cloud",
        "builder",
        "halls",
        1.5,
    ]

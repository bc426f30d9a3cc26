"""The ledger carries stock-flow consistent models to the digit and refuses books that do not add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock.errors import InputError, ModelError, UsageError
from penstock.money.ledger import Ledger

EXACT = 1e-9


def sim_period(ledger: Ledger, a1: float = 0.6, a2: float = 0.4, theta: float = 0.2, G: Any = 20.0) -> dict[str, Any]:
    """One period of model SIM (Godley and Lavoie 2007, chapter 3), posted payment by payment."""
    wealth = ledger.position("households", "money")
    Y = (G + a2 * wealth) / (1.0 - a1 * (1.0 - theta))
    YD = (1.0 - theta) * Y
    C = a1 * YD + a2 * wealth
    ledger.post("production", "government", "money", G, flow="government spending")
    ledger.post("households", "production", "money", Y, flow="wages")
    ledger.post("government", "households", "money", theta * Y, flow="taxes")
    ledger.post("production", "households", "money", C, flow="consumption")
    return {"Y": Y, "YD": YD, "C": C, "H": ledger.position("households", "money")}


def sim_ledger() -> Ledger:
    return Ledger(["households", "production", "government"], ["money"])


def test_sim_first_periods_and_steady_state() -> None:
    ledger = sim_ledger()
    first = sim_period(ledger)
    assert first == pytest.approx({"Y": 500 / 13, "YD": 400 / 13, "C": 240 / 13, "H": 160 / 13}, abs=EXACT)
    flows = ledger.flows()
    assert flows.loc["wages", "households"] == pytest.approx(500 / 13, abs=EXACT)
    assert flows.loc["change in money", "households"] == pytest.approx(-160 / 13, abs=EXACT)
    assert np.abs(flows.sum(axis=0)).max() < 1e-12
    assert np.abs(flows["sum"]).max() < 1e-12
    ledger.close()
    assert sim_period(ledger)["Y"] == pytest.approx(8100 / 169, abs=EXACT)
    for _ in range(300):
        ledger.close()
        steady = sim_period(ledger)
    assert steady == pytest.approx({"Y": 100.0, "YD": 80.0, "C": 80.0, "H": 80.0}, abs=EXACT)
    sheet = ledger.balance_sheet()
    assert sheet.loc["money"].to_numpy() == pytest.approx([80.0, 0.0, -80.0, 0.0], abs=EXACT)
    assert sheet.loc["net_worth", "households"] == pytest.approx(-80.0, abs=EXACT)
    assert ledger.net_worth("households") == pytest.approx(80.0, abs=EXACT)
    assert np.abs(sheet.sum(axis=0)).max() < 1e-12
    assert ledger.check()


def test_pc_steady_state() -> None:
    r, a1, a2, theta, G = 0.025, 0.6, 0.4, 0.2, 20.0
    ledger = Ledger(["households", "production", "government", "central bank"], ["money", "bills"])
    for _ in range(600):
        ledger.close()
        V, B = ledger.net_worth("households"), ledger.position("households", "bills")
        B_cb = ledger.position("central bank", "bills")
        Y = (G + a1 * (1.0 - theta) * r * B + a2 * V) / (1.0 - a1 * (1.0 - theta))
        T = theta * (Y + r * B)
        YD = Y + r * B - T
        C = a1 * YD + a2 * V
        wealth = V + YD - C
        bills = wealth * (0.635 + 5.0 * r - 0.01 * YD / wealth)
        deficit = G + r * (B + B_cb) - T - r * B_cb
        # the government sells bills to the central bank for the money that it spends
        ledger.exchange("central bank", "government", "bills", deficit, against="money")
        ledger.post("production", "government", "money", G, flow="government spending")
        ledger.post("households", "government", "money", r * B, flow="interest")
        ledger.post("central bank", "government", "money", r * B_cb, flow="interest")
        ledger.post("government", "central bank", "money", r * B_cb, flow="central bank profit")
        ledger.post("households", "production", "money", Y, flow="income")
        ledger.post("government", "households", "money", T, flow="taxes")
        ledger.post("production", "households", "money", C, flow="consumption")
        ledger.exchange("households", "central bank", "bills", bills - B, against="money")
    assert pytest.approx(3940 / 37, abs=EXACT) == Y
    assert [YD, ledger.net_worth("households"), C] == pytest.approx([3200 / 37] * 3, abs=EXACT)
    assert ledger.position("households", "bills") == pytest.approx(2400 / 37, abs=EXACT)
    assert ledger.position("households", "money") == pytest.approx(800 / 37, abs=EXACT)
    assert ledger.position("government", "money") == pytest.approx(0.0, abs=EXACT)
    assert ledger.net_worth("central bank") == pytest.approx(0.0, abs=EXACT)
    assert ledger.check()


def test_loans_and_capital_do_not_drift_over_5000_periods() -> None:
    """Model BMW (Godley and Lavoie 2007, chapter 7): loans, deposits, capital, on three paths."""
    r, depreciation, kappa, gamma = 0.04, 0.1, 1.0, 0.15
    a0, a1, a2 = np.array([25.0, 24.0, 30.0]), 0.75, 0.1
    ledger = Ledger(["households", "firms", "banks"], ["deposits", "loans", "capital"], real=["capital"])
    output = np.zeros(3)
    for _ in range(5_000):
        ledger.close()
        loans = ledger.position("banks", "loans")
        deposits = ledger.position("households", "deposits")
        capital = ledger.position("firms", "capital")
        wear = depreciation * capital
        investment = gamma * (kappa * output - capital) + wear
        interest = r * loans
        base = a0 + a2 * deposits + investment
        output = (base - a1 * wear) / (1.0 - a1)
        wages = output - interest - wear
        consumption = a0 + a1 * (wages + interest) + a2 * deposits
        ledger.exchange("banks", "firms", "loans", investment - wear, against="deposits")
        ledger.post("firms", "households", "deposits", consumption, flow="consumption")
        ledger.post("households", "firms", "deposits", wages, flow="wages")
        ledger.post("banks", "firms", "deposits", interest, flow="interest on loans")
        # what the bank earns it pays on, from one number: r * deposits differs by rounding, which would
        # stay in the bank's net worth and earn interest there, a gap that grows as (1 + r) ** t
        ledger.post("households", "banks", "deposits", interest, flow="interest on deposits")
        ledger.post("firms", None, "capital", investment, flow="investment")
        ledger.post(None, "firms", "capital", wear, flow="depreciation")
    # steady state by hand: K = kappa Y, L = M = K, C = wages + r M
    share = a1 * (1.0 - depreciation) + a2 * kappa
    assert output == pytest.approx(a0 / (1.0 - depreciation - share), rel=1e-9)
    assert ledger.position("households", "deposits") == pytest.approx(output, rel=1e-9)
    assert ledger.position("firms", "loans") == pytest.approx(-output, rel=1e-9)
    assert ledger.position("firms", "deposits") == pytest.approx(0.0, abs=1e-9)
    assert ledger.check().largest_gap < 1e-12
    sheet = ledger.balance_sheet(path=1)
    assert sheet.loc["capital", "sum"] == pytest.approx(output[1], rel=1e-9)
    assert np.abs(sheet.sum(axis=0)).max() < 1e-9
    assert np.abs(ledger.flows(path=1).sum(axis=0)).max() < 1e-9


def test_compounding_debt_keeps_its_two_sides_together() -> None:
    ledger = Ledger(["bank", "firm"], ["loan", "money"])
    ledger.exchange("bank", "firm", "loan", 1.0, against="money")
    for _ in range(5_000):
        ledger.post("bank", "firm", "loan", 0.02 * ledger.position("bank", "loan"), flow="interest")
        ledger.close()
    assert ledger.position("bank", "loan") == pytest.approx(1.02**5000, rel=1e-9)
    assert ledger.position("firm", "loan") == -ledger.position("bank", "loan")
    assert ledger.check().largest_gap < 1e-12


def test_paths_are_books_of_their_own() -> None:
    together = sim_ledger()
    spending = np.array([10.0, 20.0, 40.0])
    for _ in range(10):
        together.close()
        sim_period(together, G=spending)
    for path, G in enumerate(spending):
        alone = sim_ledger()
        for _ in range(10):
            alone.close()
            sim_period(alone, G=G)
        assert together.position("households", "money")[path] == alone.position("households", "money")
        assert together.balance_sheet(path).equals(alone.balance_sheet())
        assert together.flows(path).equals(alone.flows())
        assert np.array_equal(together.flows().loc[path], alone.flows())
    assert together.check()


def test_books_tampered_with_are_caught() -> None:
    def broken(change: str) -> Ledger:
        ledger = sim_ledger()
        sim_period(ledger)
        ledger.close()
        sim_period(ledger)
        if change == "payment once":
            ledger._position[0, 0] += 1e-3
        elif change == "opening":
            ledger._opening[0, 2] += 1e-3
        elif change == "flow":
            ledger._flow["wages"][0] += 1e-3
        elif change == "not a number":
            ledger._position[0, 0] = np.nan
        return ledger

    assert broken("nothing").check()
    for change in ("payment once", "opening", "flow", "not a number"):
        with pytest.raises(ModelError, match="ledger"):
            broken(change).check()


def test_an_exchange_changes_nobodys_net_worth() -> None:
    ledger = Ledger(["bank", "firm"], ["loan", "money"])
    ledger.exchange("bank", "firm", "loan", 7.0, against="money")
    assert (ledger.net_worth("bank"), ledger.net_worth("firm")) == (0.0, 0.0)
    assert ledger.position("firm", "money") == 7.0
    ledger.post("firm", "bank", "loan", 2.0, flow="write-down")
    assert (ledger.net_worth("bank"), ledger.net_worth("firm")) == (-2.0, 2.0)
    assert list(ledger.flows().index) == ["write-down", "change in loan", "change in money"]
    assert ledger.check()


def test_mistakes_are_named() -> None:
    ledger = sim_ledger()
    with pytest.raises(UsageError, match="nearest households"):
        ledger.post("household", "government", "money", 1.0)
    with pytest.raises(UsageError, match="nearest money"):
        ledger.post("households", "government", "monye", 1.0)
    with pytest.raises(InputError, match="finite"):
        ledger.post("households", "government", "money", np.nan)
    with pytest.raises(InputError, match="both sides"):
        ledger.post("households", "households", "money", 1.0)
    with pytest.raises(InputError, match="one side"):
        ledger.post("households", None, "money", 1.0)
    with pytest.raises(InputError, match="another instrument"):
        ledger.exchange("households", "government", "money", 1.0, against="money")
    with pytest.raises(InputError, match="a number"):
        ledger.post("households", "government", "money", "much")
    with pytest.raises(InputError, match="twice"):
        Ledger(["a", "a"], ["money"])
    with pytest.raises(InputError, match="no names"):
        Ledger([], ["money"])
    with pytest.raises(UsageError, match="nearest money"):
        Ledger(["a", "b"], ["money"], real=["moneys"])
    assert np.array_equal(ledger.balance_sheet().to_numpy(), np.zeros((2, 4)))
    ledger.post("households", "government", "money", [1.0, 2.0])
    with pytest.raises(InputError, match="3 paths; expected 2"):
        ledger.post("households", "government", "money", [1.0, 2.0, 3.0])
    with pytest.raises(UsageError, match="path"):
        ledger.balance_sheet(path=2)

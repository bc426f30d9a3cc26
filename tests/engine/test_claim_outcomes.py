"""Rows of `outcomes` beside equity: what a holder of each kind of claim loses at and after a default."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated import model_of, prepared, simulated

from penstock.engine.model import PathBlock

PATHS = 96
KEYS = ["path", "company_id"]


@pytest.fixture(scope="module")
def block() -> PathBlock:
    return simulated(model_of("funding_freeze", quarters=24), PATHS)


@pytest.fixture(scope="module")
def outcomes(block: PathBlock) -> pd.DataFrame:
    return pd.DataFrame(block.outcomes)


def failed(outcomes: pd.DataFrame) -> pd.DataFrame:
    equity = outcomes[outcomes["instrument"] == "equity"]
    return equity[equity["default_quarter"] != ""]


def test_each_company_has_one_row_an_instrument(outcomes: pd.DataFrame) -> None:
    assert not outcomes.duplicated([*KEYS, "instrument"]).any()
    kinds = {"equity", "bond", "loan", "lease", "receivable", "supply"}
    assert set(outcomes["instrument"]) == kinds
    assert (outcomes["instrument"] == "equity").sum() == PATHS * len(prepared().firms)
    assert outcomes["loss_fraction"].between(0.0, 1.0).all()


def test_every_failed_company_tells_its_contracts_and_its_bills(outcomes: pd.DataFrame) -> None:
    broke = set(map(tuple, failed(outcomes)[KEYS].to_numpy().tolist()))
    assert len(broke) > 100
    for kind in ("lease", "supply"):
        told = outcomes[outcomes["instrument"] == kind]
        assert broke <= set(map(tuple, told[KEYS].to_numpy().tolist()))
    for kind in ("bond", "loan", "receivable"):
        told = outcomes[outcomes["instrument"] == kind]
        assert set(map(tuple, told[KEYS].to_numpy().tolist())) <= broke


def test_what_a_claim_loses_is_what_the_losses_of_its_default_say(block: PathBlock, outcomes: pd.DataFrame) -> None:
    """Companies that were not wound up: losses over claims at the default, from the table of losses."""
    losses = pd.DataFrame(block.losses)
    alive = outcomes[outcomes["stage_end"].isin(["restructuring", "acquisition"])]
    for kind in ("bond", "loan", "receivable"):
        mine = losses[losses["instrument"].isin([kind, "lease"] if kind == "receivable" else [kind])]
        if kind == "receivable":
            # unpaid rent is told apart in the losses; finance leases are debts
            mine = mine[~mine["tie_id"].str.startswith("debt:")]
        sums = mine.groupby([*KEYS, "quarter"], as_index=False)[["claim_usd_bn", "loss_usd_bn"]].sum()
        both = alive[alive["instrument"] == kind].merge(sums, on=KEYS)
        both = both[both["quarter"] == both["default_quarter"]]
        assert len(both) > 50
        expected = both["loss_usd_bn"] / both["claim_usd_bn"]
        np.testing.assert_allclose(both["loss_fraction"], expected, rtol=1e-5)


def test_who_is_wound_up_pays_by_rank_and_owes_nothing_more(outcomes: pd.DataFrame) -> None:
    """Contracts end whole; what the estate brings goes to lenders first and to bills with bonds."""
    gone = outcomes[outcomes["stage_end"] == "liquidation"]
    assert len(gone) > 50
    ended = gone[gone["instrument"].isin(["lease", "supply"])]
    assert (ended["loss_fraction"] > 1.0 - 1e-6).all()
    bonds, loans = (gone[gone["instrument"] == name] for name in ("bond", "loan"))
    both = bonds.merge(loans, on=KEYS, suffixes=("", "_loan"))
    assert len(both) > 30
    assert (both["loss_fraction_loan"] <= both["loss_fraction"] + 1e-6).all()
    assert loans["loss_fraction"].median() < 0.8
    # a forced sale brings less than a firm that goes on
    debts = gone[gone["instrument"].isin(["bond", "loan"])]
    kept = failed(outcomes).merge(outcomes[outcomes["instrument"] == "loan"], on=KEYS, suffixes=("", "_loan"))
    assert debts["loss_fraction"].mean() > kept["loss_fraction_loan"].mean()


def test_contracts_end_as_far_as_the_rules_say(outcomes: pd.DataFrame) -> None:
    firms, labs = prepared().firms, set()
    group = prepared().opening.profile.loc[list(firms), "group"]
    labs = {firm for firm in firms if group[firm] == "lab"}
    supply = outcomes[(outcomes["instrument"] == "supply") & (outcomes["stage_end"] == "restructuring")]
    others = supply[~supply["company_id"].isin(labs)]
    assert len(others) > 20
    # half at the default, again half where it happens twice
    assert others["loss_fraction"].min() >= 0.5 - 1e-6
    shy = outcomes[(outcomes["instrument"] == "supply") & (outcomes["default_quarter"] == "")]
    assert set(shy["company_id"]) <= labs
    np.testing.assert_allclose(shy["loss_fraction"].min(), 0.3, rtol=1e-6)


def test_without_contagion_no_claim_loses() -> None:
    calm = pd.DataFrame(simulated(model_of("funding_freeze", quarters=24, off=("contagion",)), PATHS).outcomes)
    broke = calm[calm["default_quarter"] != ""]
    assert {"loan", "lease", "supply"} <= set(broke["instrument"])
    # a lab that falls short renegotiates its contracts before anybody defaults: that is no contagion
    claims = broke[~broke["instrument"].isin(["equity", "lease", "supply"])]
    assert (claims["loss_fraction"] == 0.0).all()
    contracts = broke[broke["instrument"].isin(["lease", "supply"])]
    assert contracts["loss_fraction"].max() <= 0.3 + 1e-6


def test_a_winding_up_tells_what_its_lenders_lose(block: PathBlock) -> None:
    events, losses = pd.DataFrame(block.events), pd.DataFrame(block.losses)
    later = events[(events["stage"] == "liquidation")].merge(
        events[events["stage"] == "standstill"][[*KEYS, "quarter"]], on=KEYS, suffixes=("", "_default")
    )
    later = later[later["quarter"] != later["quarter_default"]]
    debts = losses[losses["tie_id"].str.startswith("debt:")]
    sums = debts.groupby([*KEYS, "quarter"], as_index=False)["loss_usd_bn"].sum()
    both = later.merge(sums, on=[*KEYS, "quarter"], how="left").fillna({"loss_usd_bn": 0.0})
    assert len(both) > 20
    np.testing.assert_allclose(both["amount_usd_bn"], both["loss_usd_bn"], rtol=1e-9, atol=1e-12)

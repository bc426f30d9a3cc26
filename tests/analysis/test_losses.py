"""What defaults cost: recorded claim by claim, defined in one place, split without a rest."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import penstock as ps
from penstock.analysis.losses import BEARERS, PathLosses, bearers_of, losses_of
from penstock.engine import model as engine
from penstock.engine.model import Model, PathBlock, prepare, replay, simulate_paths
from penstock.engine.moment import Moment
from penstock.engine.state import SOUND

PATHS, QUARTERS = 128, 16


@pytest.fixture(scope="module")
def model() -> Model:
    return prepare(ps.load_world(), "funding_freeze", quarters=QUARTERS)


@pytest.fixture(scope="module")
def watched(model: Model) -> Iterator[tuple[PathBlock, list[dict[str, np.ndarray]]]]:
    """A block with what each quarter left: values, stages, debt and bills of the firms."""
    seen: list[dict[str, np.ndarray]] = []
    real = engine.quarter

    def look(now: Moment) -> None:
        real(now)
        f = now.state.firms
        resolved = now.results.get("resolved", np.zeros((4, 0), dtype=np.int64))
        seen.append({"value": f.value.copy(), "stage": f.stage.copy(), "resolved": resolved.copy()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "quarter", look)
        yield simulate_paths(model, 0, PATHS), seen


def test_equity_is_lost_at_its_last_value_before_distress(
    model: Model, watched: tuple[PathBlock, list[dict[str, np.ndarray]]]
) -> None:
    block, seen = watched
    expected = []
    for quarter, now in enumerate(seen):
        for firm, path in zip(*now["resolved"][:2], strict=True):
            earlier = [q for q in range(quarter) if seen[q]["stage"][firm, path] == SOUND]
            opening = float(model.facts.market_value[firm, 0])
            value = seen[earlier[-1]]["value"][firm, path] if earlier else opening
            expected.append((path, model.firms[firm], value))
    rows = pd.DataFrame(block.losses).query("instrument == 'equity'")
    assert len(expected) > 100
    found = {(row.path, row.company_id): row.loss_usd_bn for row in rows.itertuples()}
    assert found == {(path, firm): value for path, firm, value in expected}
    # some were in distress for a quarter first, so that their last value is not the one of the quarter before
    late = sum(now["stage"][f, n] == 1.0 for now, later in pairwise(seen)
               for f, n in zip(*later["resolved"][:2], strict=True))  # fmt: skip
    assert late > 10


def test_each_claim_cut_is_a_posting_of_the_ledger(model: Model, watched: tuple[PathBlock, object]) -> None:
    block, _ = watched
    path = losses_of(block).worst_path
    rows = pd.DataFrame(block.losses).query("path == @path and instrument != 'equity'")
    ledger = replay(model, path).ledger.query("instrument == 'write_down'")
    assert len(rows) > 20
    ours = rows.groupby(["company_id", "creditor_id"])["loss_usd_bn"].sum()
    theirs = ledger.groupby(["debit", "credit"])["amount_usd_bn"].sum()
    np.testing.assert_allclose(ours.to_numpy(), theirs.to_numpy(), rtol=1e-12)
    assert (rows["loss_usd_bn"] <= rows["claim_usd_bn"]).all()


def test_the_debt_of_the_losses_is_the_loss_of_the_events(model: Model, watched: tuple[PathBlock, object]) -> None:
    events, losses = pd.DataFrame(watched[0].events), pd.DataFrame(watched[0].losses)
    # of an acquisition the event tells the price
    resolved = events[events["stage"].isin(["restructuring", "liquidation"])]
    resolved = resolved.groupby(["path", "company_id", "quarter"]).agg(told=("amount_usd_bn", "sum"))
    debt = losses[losses["tie_id"].isin(model.layout.debt_id)]
    # a later winding-up cuts what was left
    ours = debt.groupby(["path", "company_id", "quarter"])["loss_usd_bn"].sum().rename("ours").reset_index()
    both = resolved.reset_index().merge(ours, how="left").fillna({"ours": 0.0})
    assert len(both) > 100
    np.testing.assert_allclose(both["ours"], both["told"], rtol=1e-9, atol=1e-9)


def test_the_split_sums_to_the_total(watched: tuple[PathBlock, object]) -> None:
    losses = losses_of(watched[0])
    for parts in (losses.by_bearer, losses.by_instrument):
        np.testing.assert_allclose(sum(parts.values()), losses.loss_usd_bn, rtol=1e-12)
    assert tuple(losses.by_bearer) == BEARERS
    np.testing.assert_allclose(losses.loss_usd_bn.sum(), watched[0].losses["loss_usd_bn"].sum(), rtol=1e-12)
    assert losses.loss_usd_bn[losses.worst_path] == losses.loss_usd_bn.max() > 0.0
    assert all((part >= 0.0).all() for part in losses.by_bearer.values())


def test_a_run_tells_the_same_as_its_block() -> None:
    world = ps.load_world()
    run = ps.simulate(world, "funding_freeze", paths=64, quarters=QUARTERS)
    block = simulate_paths(prepare(world, "funding_freeze", quarters=QUARTERS), 0, 64)
    ours, theirs = losses_of(run), losses_of(block)
    pd.testing.assert_frame_equal(ours.to_pandas(), theirs.to_pandas())
    assert ours.worst_path == theirs.worst_path


def test_who_bears_a_loss_hangs_on_who_holds_the_claim() -> None:
    creditors = ["", "jpmorgan", "nvidia", "row_suppliers", "tax_office", "workers", "bond_market", "enterprises"]
    kinds = ["equity", "loan", "loan", "receivable", "receivable", "receivable", "bond", "receivable"]
    expected = ["equity", "lenders", "suppliers", "suppliers", "state", "users", "lenders", "users"]
    assert list(bearers_of(creditors, kinds, {"nvidia"})) == expected
    # where nothing but equity is lost, no loss has a creditor
    assert list(bearers_of([None, None], ["equity", "equity"], {"nvidia"})) == ["equity", "equity"]


def test_the_worst_path_is_the_first_of_the_largest() -> None:
    loss = np.array([1.0, 5.0, 5.0])
    part = {name: loss if name == "equity" else 0.0 * loss for name in BEARERS}
    assert PathLosses(np.array([7, 8, 9]), loss, part, part, 0.0 * loss).worst_path == 8

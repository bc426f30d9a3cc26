"""Stress: differences, who breaks and follows, who pays and buys, held against a run written by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hand_made_run import hand_made_run

import penstock as ps
from penstock.analysis import breaks
from penstock.analysis.breaks import breaks_of, order_table
from penstock.analysis.paired import difference_row
from penstock.analysis.stress import RESCUE, TOTAL, Stress, stress
from penstock.engine.run import Run
from penstock.errors import ModelError, UsageError


@pytest.fixture(scope="module")
def run() -> Run:
    return hand_made_run()


@pytest.fixture(scope="module")
def found(run: Run) -> Stress:
    return stress(run)


def row(frame: pd.DataFrame, **keys: str) -> pd.Series:
    for name, value in keys.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_a_run_is_read_with_its_first_scenario_as_base(found: Stress) -> None:
    assert (found.base, found.scenarios) == ("calm", ("hard",))
    assert found.sizes.empty


def test_differences_by_hand(found: Stress) -> None:
    spending = row(found.differences, output="spending")
    assert (spending["base"], spending["level"], spending["difference"]) == (48.0, 52.0, 4.0)
    assert spending["se"] == 0.0  # each path moves alike
    compute = row(found.differences, output="h100e")
    assert (compute["base"], compute["unit"]) == (8.0, "million")
    defaults = row(found.differences, output="defaults")
    counts = np.array([3.0, 2.0, 2.0, 1.0, 0.0]) - np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    assert defaults["difference"] == pytest.approx(counts.mean())
    error = counts.std(ddof=1) / np.sqrt(5)
    assert defaults["se"] == pytest.approx(error)
    assert defaults["high95"] - defaults["low95"] == pytest.approx(2 * 1.96 * error)
    assert row(found.differences, output="losses")["difference"] == pytest.approx(11.0 * counts.mean())


def test_who_breaks_by_hand(found: Stress) -> None:
    ada, bob, dee = (row(found.defaults, company_id=name) for name in ("ada", "bob", "dee"))
    assert (ada["paths"], ada["share"], ada["base_share"], ada["first_share"]) == (3, 0.6, 0.0, 0.6)
    assert (bob["share"], bob["first_share"], bob["median_quarter"]) == (0.8, 0.4, "2026Q2")
    assert (dee["share"], dee["difference"], dee["median_quarter"]) == (0.0, -0.2, "")
    assert list(found.defaults["company_id"]) == ["bob", "ada", "cyd", "dee"]


def test_who_follows_by_hand(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaks, "LEAST_PATHS", 1)
    table = order_table(breaks_of(run, "hard"))
    pair = row(table, leader_id="ada", follower_id="bob")
    # on path 2 both fail in the same quarter: that is not following
    assert pair["follows"] == pytest.approx(2 / 3)
    assert pair["by_tie"] == pytest.approx(2 / 3)
    assert pair["otherwise"] == pytest.approx(0.5)
    assert pair["median_lag_quarters"] == 1.5
    assert pair["leader_paths"] == 3
    assert table["leader_id"].iloc[0] == "ada"
    assert "cyd" not in set(table["leader_id"])


def test_few_paths_tell_no_order(found: Stress) -> None:
    assert found.order.empty


def test_causes_by_hand(found: Stress) -> None:
    by_kind = found.causes.set_index("cause_kind")
    assert dict(by_kind["level"]) == {"tie": 0.4, "shock": 0.2, "market": 0.8, "rollover": 0.2}
    assert by_kind["base"]["market"] == 0.2
    assert by_kind["share"].sum() == pytest.approx(1.0)


def test_who_pays_sums_to_the_total(found: Stress) -> None:
    table = found.payers.set_index("bearer")
    bearers = table.drop(index=[TOTAL, RESCUE])
    for name in ("base", "level", "difference"):
        assert bearers[name].sum() == pytest.approx(table[name][TOTAL], rel=1e-12)
    assert table["level"]["equity"] == 16.0
    assert table["level"]["lenders"] == pytest.approx(1.6)
    assert found.parts["difference"].sum() == pytest.approx(table["difference"][TOTAL], rel=1e-12)
    assert dict(zip(found.parts["part"], found.parts["difference"], strict=True)) == {
        "added": pytest.approx(17.6), "avoided": pytest.approx(-2.2), "same": 0.0,
    }  # fmt: skip


def test_who_buys_by_hand(found: Stress) -> None:
    dee = row(found.buyers, company_id="dee")
    assert (dee["deals_per_path"], dee["paths"], dee["bought"]) == (0.4, 2, ["ada"])
    assert list(found.buyers["company_id"]) == ["dee", "cyd"]


def test_the_worst_path(found: Stress) -> None:
    worst = found.worst.iloc[0]
    assert (worst["path"], worst["loss_usd_bn"], worst["equity_usd_bn"]) == (0, 33.0, 30.0)


def test_plain_values(found: Stress) -> None:
    told = found.to_dict()
    assert told["base"] == "calm" and told["scenarios"] == ["hard"]
    assert len(told["differences"]) == 7 and told["worst"][0]["path"] == 0
    pd.testing.assert_frame_equal(found.to_pandas(), found.differences)


def test_a_scenario_that_the_run_lacks(run: Run) -> None:
    with pytest.raises(UsageError, match="found no scenario 'soft' in it; expected one of calm, hard"):
        stress(run, "soft", scenario="calm")
    with pytest.raises(UsageError, match="expected a world, where they can be simulated"):
        stress(run, "hard", scenario="calm", sizes=[1.0])


def test_a_run_whose_checks_failed_is_not_compared() -> None:
    broken = hand_made_run()
    broken.manifest["checks"]["nan"] = 3
    with pytest.raises(ModelError, match="found 3 that are not finite"):
        stress(broken)


def test_one_path_has_no_interval() -> None:
    found = difference_row(np.array([1.0]), np.array([3.0]))
    assert found["difference"] == 2.0
    assert np.isnan(found["se"]) and np.isnan(found["low95"])


def test_a_world_is_simulated_in_pairs() -> None:
    world = ps.load_world()
    same = {"name": "same", "change": [{"what": "demand.ceiling", "apply": "*1.0", "from": "2026Q1"}]}
    found = ps.stress(world, [same, "funding_freeze"], paths=32, quarters=6)
    quiet = found.differences[found.differences["scenario"] == "same"]
    assert (quiet[["difference", "se", "low95", "high95", "p05", "p95"]] == 0.0).all(axis=None)
    assert (found.parts.loc[found.parts["scenario"] == "same", "difference"] == 0.0).all()
    hard = found.differences[found.differences["scenario"] == "funding_freeze"].set_index("output")
    assert hard["difference"]["capex"] < 0.0
    assert set(found.scenarios) == {"same", "funding_freeze"}
    with pytest.raises(UsageError, match="stress: found no scenario"):
        ps.stress(world, [])
